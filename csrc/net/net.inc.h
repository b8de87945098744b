/* net.inc.h: forward, deltas, update: backpropagation over a batch. Template on `real`.
 *
 * (a) Everything runs SPMD: each thread of a team runs the same function on its share, and waits at a
 *     barrier before it reads the others' results. A single thread has the whole, and no barriers.
 * (b) Shares are tiles of a layer's output matrix (z, dW or δ'), never parts of a sum, so the bits
 *     do not depend on the number of threads.
 * (c) Step by step: the deltas of all layers first, from the old weights; then all updates. For
 *     plain SGD the update happens inside the product dW = aᵀδ and no gradient is ever stored.
 * (d) Where batches are long and layers narrow, a tile has too little work: each thread then computes
 *     whole blocks of rows, with scratch and gradient of its own, and the gradients are added in
 *     the order of the blocks, as one thread would add them: the same bits again.
 * (e) The loss is checked before the update: a batch whose loss is not finite changes nothing.
 */
#ifndef FNN_TABLE
#error "net.inc.h is included by net_f32.c and net_f64.c"
#endif

#include "net/block.inc.h"
#include "net/product.inc.h"

/* ---- forward ------------------------------------------------------------------------------ */

/* slope and a times mask / (1 − p): element e = row · n + column of hidden layer l is kept if word
 * e % 4 of Philox(counter = (e / 4, l, step), key = seed) ≥ p · 2^32 */
typedef struct { int on; int64_t first_row, step; uint64_t seed; } dropping;

static void drop(const fnn_net *net, block *b, int l, region r, const dropping *d, int64_t lane)
{
    int64_t n = net->sizes[l], lanes = b->lanes, c0 = r.c0 / lanes, c1 = r.c1 / lanes;
    double p = net->dropout[l - 1];
    uint32_t least = (uint32_t)(p * 4294967296.0), word[4];
    real kept = (real)(1 / (1 - p));
    for (int64_t i = r.r0; i < r.r1; i++) {
        int64_t at = i * b->ld[l] + lane;
        real *a = b->a[l] + at, *slope = b->slope[l] ? b->slope[l] + at : NULL;
        uint64_t e = (uint64_t)(d->first_row + i) * (uint64_t)n + (uint64_t)c0;
        for (int64_t j = c0; j < c1; j++, e++) {
            if (j == c0 || e % 4 == 0) {
                uint32_t counter[4] = {(uint32_t)(e / 4), (uint32_t)l, (uint32_t)d->step,
                                       (uint32_t)((uint64_t)d->step >> 32)};
                fnn_philox(counter, d->seed, word);
            }
            real mask = word[e % 4] >= least ? kept : 0;
            a[j * lanes] *= mask;
            if (slope) slope[j * lanes] *= mask;
        }
    }
}

/* a[l+1] = f_l(a[l] W[l] + b[l]), (m, n_l) → (m, n_l+1), l = 0 … L − 1; a[L] stays z if keep_z: then
 * the loss kernel activates, as it needs both; `drops`: of each network, where b is of a group */
static void forward(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, int keep_z,
                    const dropping *drops)
{
    int L = net->n_layers;
    for (int l = 0; l < L && !fnn_given_up(me); l++) {
        region r = share_of(me, m, net->sizes[l + 1] * b->lanes);
        weighted_sums(net, b, me, l, r); /* z[l+1] = a[l] W[l] + b[l] */
        for (int64_t i = r.r0; l == 0 && b->finite && i < r.r1; i++) *b->finite &= isfinite(b->a[1][i * b->ld[1]]) != 0;
        if (l + 1 < L) {
            activate_region(net, b, l + 1, r); /* a[l+1] = f_l(z[l+1]) */
            for (int64_t g = 0; g < b->lanes && drops[g].on && net->dropout[l] > 0; g++)
                drop(net, b, l + 1, r, drops + g, g);
        }
        fnn_barrier(me);
    }
    if (!keep_z) { /* softmax needs whole rows */
        region r = {0, m, 0, net->sizes[L]};
        fnn_share(me, m, 1, &r.r0, &r.r1);
        FNN_TABLE->activate(net->activation[L - 1], r.r1 - r.r0, r.c1, b->a[L] + r.r0 * r.c1, NULL, r.c1);
        fnn_barrier(me);
    }
}

/* ---- costs and deltas --------------------------------------------------------------------- */

static int64_t first_largest(int64_t n, const real *x)
{
    int64_t best = 0;
    for (int64_t j = 1; j < n; j++) best = x[j] > x[best] ? j : best;
    return best;
}

/* Whether the cost is linear in y, Σ y_j c_j, so that weights of the terms are weights of y: then the
 * loss kernel knows none */
static int y_is_factor(const fnn_net *net, const fnn_targets *y)
{
    return net->loss == FNN_CROSS_ENTROPY && !y->linear;
}

/* The target of a row, and its share w / total of the cost, into place `at` of the block; `share`: 1 / total */
static inline void fetch_target(const fnn_net *net, block *b, const fnn_targets *y, int64_t row, int64_t at,
                                double total, real share)
{
    int64_t n = net->sizes[net->n_layers];
    real *yi = b->y + at * n;
    if (y->values && n == 1) {
        yi[0] = ((const real *)y->values)[row]; /* too short for a call */
        b->label[at] = 0;
    } else if (y->values) {
        memcpy(yi, (const real *)y->values + row * n, (size_t)n * sizeof *yi);
        if (y->metric == FNN_ARGMAX) b->label[at] = first_largest(n, yi);
    } else if (n == 1) yi[0] = (real)y->labels[row];
    else {
        for (int64_t j = 0; j < n; j++) yi[j] = 0; /* as above */
        yi[b->label[at] = y->labels[row]] = 1;
    }
    if (y->output_weight) {
        real *r = b->output_weight + at * n;
        memcpy(r, (const real *)y->output_weight + row * n, (size_t)n * sizeof *r);
        for (int64_t j = 0; y_is_factor(net, y) && j < n; j++) yi[j] *= r[j];
    }
    b->weight[at] = y->weight ? (real)(y->weight[row] / total) : share;
}

/* The same for rows [r0, r1) of the block, which are classes: what is cleared and asked at once takes a tenth less of an
 * epoch of 8-8-2 */
static void fetch_labels(const fnn_net *net, block *b, const fnn_targets *y, const int64_t *order, int64_t begin,
                         int64_t r0, int64_t r1, double total)
{
    int64_t n = net->sizes[net->n_layers];
    real share = (real)(1 / total);
    memset(b->y + r0 * n, 0, (size_t)((r1 - r0) * n) * sizeof *b->y);
    for (int64_t i = r0; i < r1; i++) {
        int64_t row = order ? order[begin + i] : begin + i, label = y->labels[row];
        b->y[i * n + label] = 1;
        b->label[i] = label;
        b->weight[i] = y->weight ? (real)(y->weight[row] / total) : share;
    }
}

/* Rows [begin, begin + m) of the order into the block: x, y and, if weighted, w / total; `next` rows
 * follow in the order */
static void fetch(const fnn_net *net, block *b, const fnn_worker *me, const fnn_matrix *X,
                  const fnn_targets *y, const int64_t *order, int64_t begin, int64_t m, int64_t next,
                  double total)
{
    int64_t r0, r1;
    fnn_share(me, m, 1, &r0, &r1);
    fnn_selection rows = {order ? order + begin + r0 : NULL, begin + r0, r1 - r0, me->rank ? 0 : next};
    matrix a = {b->a[0] + r0 * b->ld[0], b->ld[0]};
    if (b->input) FNN_TABLE->find_nonzeros(X, net->sizes[0], rows, a.at, b->input, r0);
    else FNN_TABLE->gather(X, net->sizes[0], rows, a);
    int classes = y && y->labels && !y->values && net->sizes[net->n_layers] > 1 && !y->output_weight;
    if (classes) fetch_labels(net, b, y, order, begin, r0, r1, total);
    for (int64_t i = r0; y && !classes && i < r1; i++)
        fetch_target(net, b, y, order ? order[begin + i] : begin + i, i, total, (real)(1 / total));
    fnn_barrier(me);
    /* one thread sorts by column while the others go on; barriers follow before the result is read */
    if (b->columns && me->rank == me->size - 1) FNN_TABLE->to_columns(net->sizes[0], m, b->input, b->columns);
}

/* Whether a[label] is the first of the largest */
static int is_largest(int64_t n, const real *a, int64_t label)
{
    int beaten = 0;
    for (int64_t j = 0; j < label; j++) beaten |= a[j] >= a[label];
    for (int64_t j = label + 1; j < n; j++) beaten |= a[j] > a[label];
    return !beaten;
}

/* 1 if the prediction is correct, 0 if not; by FNN_THRESHOLD the share of outputs that are, each
 * counting r (NULL: 1) */
static double score_of_row(fnn_metric metric, int64_t n, const real *a, const real *y, const real *r,
                           int64_t label)
{
    if (metric == FNN_ARGMAX && n > 1) return is_largest(n, a, label);
    double same = 0;
    for (int64_t j = 0; j < n; j++)
        if ((a[j] >= (real)0.5) == (y[j] >= (real)0.5)) same += r ? (double)r[j] : 1;
    return same / (double)n;
}

/* z in a[L] becomes costs and, if wanted, the output layer's delta */
static void output_costs(const fnn_net *net, block *b, const fnn_worker *me, int64_t m,
                         const fnn_targets *y, int deltas)
{
    int L = net->n_layers;
    int64_t r0, r1, n = net->sizes[L];
    fnn_share(me, m, 1, &r0, &r1);
    FNN_T(outputs) o = {.z = b->a[L] + r0 * n, .y = b->y + r0 * n, .weight = b->weight + r0,
                        .a = b->output + r0 * n, .cost = b->cost + r0};
    if (deltas) o.delta = b->delta[L] + r0 * n, o.slope = b->slope[L] + r0 * n;
    if (y->output_weight && !y_is_factor(net, y)) o.term_weight = b->output_weight + r0 * n;
    FNN_TABLE->loss(y->linear ? FNN_LINEAR : net->loss, net->loss_param, net->activation[L - 1], r1 - r0, n, &o);
    const real *r = o.term_weight;
    for (int64_t i = r0; i < r1 && y->metric; i++, r += r ? n : 0)
        b->correct[i] = score_of_row(y->metric, n, b->output + i * n, b->y + i * n, r, b->label[i]);
    fnn_barrier(me);
}

/* δ[l] = δ[l+1] W[l]ᵀ · f'(z[l]), (m, n_l+1) → (m, n_l), l = L − 1 … lowest ≥ 1; into `layers`, if
 * given, what stands before the dot: ∂C/∂a[l], with its first row in row `at` */
static void deltas(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, int lowest,
                   void *const *layers, int64_t at)
{
    for (int l = net->n_layers - 1; l >= lowest && !fnn_given_up(me); l--) {
        int64_t n = net->sizes[l] * b->lanes;
        region r = share_of(me, m, n);
        real *to = layers && layers[l] ? (real *)layers[l] + at * n : NULL;
        pass_back(net, b, me, l, r, b->delta[l], b->ld[l]); /* δ[l] = δ[l+1] W[l]ᵀ */
        for (int64_t i = r.r0; to && i < r.r1; i++)
            memcpy(to + i * n + r.c0, b->delta[l] + i * b->ld[l] + r.c0, (size_t)(r.c1 - r.c0) * sizeof *to);
        times_slope_region(net, b, l, r); /* δ[l] = δ[l] · f'(z[l]) */
        fnn_barrier(me);
    }
}

/* The first layer that is trained; L: none is */
static int first_trained(const fnn_net *net, const int *trainable)
{
    int l = 0;
    while (trainable && l < net->n_layers && !trainable[l]) l++;
    return l;
}

/* ---- gradients and updates ---------------------------------------------------------------- */

/* When dW is computed: in products(); in update(), some rows at a time; in the next batch's forward() */
typedef enum { AT_ONCE, IN_UPDATE, IN_FORWARD } dW_when;

/* Numbers of the shortest dense gradient that is computed in update(): shorter ones are still in the cache when the step
 * reads them */
enum { LONG_GRADIENT = 1 << 19 };

/* Whether dW[l] is not for products(); a first layer's, by non-zeros, waits only if they are stored by column */
static int is_later(const fnn_net *net, const block *b, int l, dW_when when)
{
    if (when == AT_ONCE) return 0;
    if (l == 0 && b->input) return when == IN_UPDATE && b->columns;
    return when == IN_FORWARD || net->sizes[l] * net->sizes[l + 1] >= LONG_GRADIENT;
}

/* For each layer  dW = beta dW + alpha a[l]ᵀ δ[l+1],  db = beta db + alpha Σ δ[l+1],  with alpha and beta
 * `of_W` and `of_b`, laid out in `out` like the parameters. The gradient: alpha 1, beta 0, or 1 to add a block's to it. Second form,
 * plain SGD fused with the product: `out` is the parameters, alpha −eta, beta 1 − eta lambda for W and
 * 1 for b. Layers that are not trainable are left out. */
static void products(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, const int *trainable,
                     mix of_W, mix of_b, dW_when when, real *out)
{
    for (int l = first_trained(net, trainable); l < net->n_layers; l++) {
        if (trainable && !trainable[l]) continue;
        if (!is_later(net, b, l, when))
            outer_sums(net, b, me, l, m, of_W, out + net->weights_at[l] * b->lanes); /* dW = a[l]ᵀ δ[l+1] */
        bias_sums(net, b, me, l, m, of_b, out + net->biases_at[l] * b->lanes);  /* db = Σ δ[l+1] */
    }
}

/* What is done to a sum of gradients g before a step: g · factor, then each value within ± limit */
typedef struct { int on; real factor, limit; } clipping;

static int clips(const fnn_optimiser *o) { return o->clip_norm > 0 || o->clip_value > 0; }

/* Σ g² in double, eight sums apart */
static double sum_of_squares(int64_t n, const real *g)
{
    double sum[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sum[k] += (double)g[i + k] * (double)g[i + k];
    for (; i < n; i++) sum[0] += (double)g[i] * (double)g[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* How the whole gradient, `total` times its mean, which all threads have written, is clipped: the same in
 * every thread, and whatever their number, as sums of pieces are added in order. `partial`: (n_params / PIECE + 1,) */
static clipping clipping_of(const fnn_net *net, const fnn_worker *me, const fnn_optimiser *o, const real *g,
                            double total, double *partial)
{
    clipping clip = {clips(o) || total != 1, (real)(1 / total), o->clip_value > 0 ? (real)o->clip_value : (real)INFINITY};
    if (!(o->clip_norm > 0)) return clip;
    int64_t p0, p1, pieces = (net->n_params + PIECE - 1) / PIECE;
    fnn_share(me, pieces, 1, &p0, &p1);
    for (int64_t p = p0; p < p1; p++) {
        int64_t left = net->n_params - p * PIECE;
        partial[p] = sum_of_squares(left < PIECE ? left : PIECE, g + p * PIECE);
    }
    fnn_barrier(me);
    double squares = 0;
    for (int64_t p = 0; p < pieces; p++) squares += partial[p];
    double norm = sqrt(squares);
    if (norm > o->clip_norm * total) clip.factor = (real)(o->clip_norm / norm);
    return clip;
}

static inline real clipped_number(clipping clip, real g)
{
    real x = g * clip.factor;
    x = x > clip.limit ? clip.limit : x;
    return x < -clip.limit ? -clip.limit : x;
}

/* The optimiser's step on n parameters with gradient g, clipped on the way */
static void update_piece(const fnn_optimiser *o, const FNN_T(constants) * constants, clipping clip, int decay,
                         int64_t n, real *w, const real *g, real *m, real *v)
{
    real clipped[512];
    int64_t most = clip.on ? 512 : n;
    for (int64_t i = 0, k; i < n; i += k) {
        k = n - i < most ? n - i : most;
        for (int64_t j = 0; clip.on && j < k; j++) clipped[j] = clipped_number(clip, g[i + j]);
        FNN_TABLE->update(o->kind, constants, decay, k, w + i, clip.on ? clipped : g + i, m ? m + i : NULL,
                          v ? v + i : NULL);
    }
}

/* Rows of a dense gradient of n columns that are computed at a time: whole tiles, which the second cache holds */
static int64_t rows_at_once(int64_t n)
{
    int64_t reals = 32768, strips = reals / (FNN_TABLE->strip * n);
    return FNN_TABLE->strip * (strips > 1 ? strips : 1);
}

/* The optimiser's step on the same shares as in products(), so no barrier is needed between them. IN_UPDATE: the
 * gradient of the m rows in b is computed here, some rows of W at a time, in the place of the share's first ones: the
 * step finds it in the cache. */
static void update(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, const fnn_optimiser *o,
                   const FNN_T(constants) * constants, const int *trainable, clipping clip, dW_when when)
{
    real *w = net->params, *moment = o->m, *v = o->v, *g = b->gradient;
#define AT(p, i) ((p) ? (p) + (i) : NULL)
    for (int l = first_trained(net, trainable); l < net->n_layers; l++) {
        if (trainable && !trainable[l]) continue;
        int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1], c0, c1;
        region r = gradient_share(b, me, l, n_in, n_out);
        int64_t at = net->weights_at[l] + r.r0 * n_out + r.c0, rows = r.r1 - r.r0, n = r.c1 - r.c0, some = rows;
        int computed = is_later(net, b, l, when);
        real *first = g + at;
        const_matrix a = {0}, delta = {0};
        if (computed) {
            a = (const_matrix){b->a[l] + r.r0, b->ld[l]};
            delta = (const_matrix){b->delta[l + 1] + r.c0, b->ld[l + 1]};
        }
        if (computed && l == 0 && b->columns) {
            FNN_TABLE->columns_update(n_in, n, b->columns, delta, o->kind, constants,
                                      (FNN_T(weights)){w + at, AT(moment, at), AT(v, at), n_out});
            rows = 0;
        } else if (computed) some = rows_at_once(n);
        for (int64_t i = 0; i < rows; i += some) {
            if (some > rows - i) some = rows - i;
            if (computed) FNN_TABLE->tn(some, n, m, (const_matrix){a.at + i, a.ld}, delta, 1, 0, (matrix){first, n_out});
            int64_t lines = n == n_out ? some : 1; /* that follow one another in memory */
            const real *dW = computed ? first : g + at;
            for (int64_t q = 0; q < some; q += lines, at += lines * n_out, dW += lines * n_out)
                update_piece(o, constants, clip, 1, lines * n, w + at, dW, AT(moment, at), AT(v, at));
        }
        fnn_share(me, n_out, FNN_TABLE->panel, &c0, &c1);
        at = net->biases_at[l] + c0;
        update_piece(o, constants, clip, 0, c1 - c0, w + at, g + at, AT(moment, at), AT(v, at));
    }
#undef AT
}

/* The sums over m examples of one block, which stand at `at`, at + step, … */
static fnn_sums sums_of(const block *b, int64_t m, const fnn_targets *y, const int64_t *order,
                        int64_t begin, int64_t at, int64_t step)
{
    fnn_sums sums = {.rows = m};
    for (int64_t i = 0; i < m; i++, at += step) {
        double w = y->weight ? y->weight[order ? order[begin + i] : begin + i] : 1;
        sums.loss += w * b->cost[at];
        if (y->metric) sums.correct += w * b->correct[at];
        sums.weight += w;
    }
    return sums;
}

static void add_sums(fnn_sums *to, const fnn_sums *more)
{
    to->loss += more->loss;
    to->correct += more->correct;
    to->weight += more->weight;
    to->rows += more->rows;
}
