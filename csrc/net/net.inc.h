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
static void drop(const fnn_net *net, block *b, int l, region r, int64_t first_row, int64_t step,
                 uint64_t seed)
{
    int64_t n = net->sizes[l];
    double p = net->dropout[l - 1];
    uint32_t least = (uint32_t)(p * 4294967296.0), word[4];
    real kept = (real)(1 / (1 - p));
    for (int64_t i = r.r0; i < r.r1; i++) {
        real *a = b->a[l] + i * b->ld[l], *slope = b->slope[l] + i * b->ld[l];
        uint64_t e = (uint64_t)(first_row + i) * (uint64_t)n + (uint64_t)r.c0;
        for (int64_t j = r.c0; j < r.c1; j++, e++) {
            if (j == r.c0 || e % 4 == 0) {
                uint32_t counter[4] = {(uint32_t)(e / 4), (uint32_t)l, (uint32_t)step,
                                       (uint32_t)((uint64_t)step >> 32)};
                fnn_philox(counter, seed, word);
            }
            real mask = word[e % 4] >= least ? kept : 0;
            a[j] *= mask;
            slope[j] *= mask;
        }
    }
}

typedef struct { int on; int64_t first_row, step; uint64_t seed; } dropping;

/* a[l+1] = f_l(a[l] W[l] + b[l]), (m, n_l) → (m, n_l+1), l = 0 … L − 1; a[L] stays z if keep_z: then
 * the loss kernel activates, as it needs both */
static void forward(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, int keep_z,
                    dropping drops)
{
    int L = net->n_layers;
    for (int l = 0; l < L && !fnn_given_up(me); l++) {
        region r = share_of(me, m, net->sizes[l + 1]);
        weighted_sums(net, b, me, l, r); /* z[l+1] = a[l] W[l] + b[l] */
        if (l + 1 < L) {
            activate_region(net, b, l + 1, r); /* a[l+1] = f_l(z[l+1]) */
            if (drops.on && net->dropout[l] > 0)
                drop(net, b, l + 1, r, drops.first_row, drops.step, drops.seed);
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

/* Rows [begin, begin + m) of the order into the block: x, y and, if weighted, w / total; `next` rows
 * follow in the order */
static void fetch(const fnn_net *net, block *b, const fnn_worker *me, const fnn_matrix *X,
                  const fnn_targets *y, const int64_t *order, int64_t begin, int64_t m, int64_t next,
                  double total)
{
    int64_t r0, r1, n = net->sizes[net->n_layers];
    fnn_share(me, m, 1, &r0, &r1);
    fnn_selection rows = {order ? order + begin + r0 : NULL, begin + r0, r1 - r0, me->rank ? 0 : next};
    matrix a = {b->a[0] + r0 * b->ld[0], b->ld[0]};
    if (b->input) FNN_TABLE->find_nonzeros(X, net->sizes[0], rows, a.at, b->input, r0);
    else FNN_TABLE->gather(X, net->sizes[0], rows, a);
    for (int64_t i = r0; y && i < r1; i++) {
        int64_t row = order ? order[begin + i] : begin + i;
        real *yi = b->y + i * n;
        if (y->values) {
            memcpy(yi, (const real *)y->values + row * n, (size_t)n * sizeof *yi);
            if (y->metric == FNN_ARGMAX) b->label[i] = first_largest(n, yi);
        } else if (n == 1) yi[0] = (real)y->labels[row];
        else {
            for (int64_t j = 0; j < n; j++) yi[j] = 0; /* too short for a call */
            yi[b->label[i] = y->labels[row]] = 1;
        }
        b->weight[i] = (real)((y->weight ? y->weight[row] : 1) / total);
    }
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

/* 1 if the prediction is correct, 0 if not; by FNN_THRESHOLD the share of outputs that are */
static double score_of_row(fnn_metric metric, int64_t n, const real *a, const real *y, int64_t label)
{
    if (metric == FNN_ARGMAX && n > 1) return is_largest(n, a, label);
    int64_t same = 0;
    for (int64_t j = 0; j < n; j++) same += (a[j] >= (real)0.5) == (y[j] >= (real)0.5);
    return (double)same / (double)n;
}

/* z in a[L] becomes costs and, if wanted, the output layer's delta */
static void output_costs(const fnn_net *net, block *b, const fnn_worker *me, int64_t m,
                         fnn_metric metric, int deltas)
{
    int L = net->n_layers;
    int64_t r0, r1, n = net->sizes[L];
    fnn_share(me, m, 1, &r0, &r1);
    FNN_T(outputs) o = {.z = b->a[L] + r0 * n, .y = b->y + r0 * n, .weight = b->weight + r0,
                        .a = b->output + r0 * n, .cost = b->cost + r0};
    if (deltas) o.delta = b->delta[L] + r0 * n, o.slope = b->slope[L] + r0 * n;
    FNN_TABLE->loss(net->loss, (real)net->loss_param, net->activation[L - 1], r1 - r0, n, &o);
    for (int64_t i = r0; i < r1; i++)
        b->correct[i] =
            metric ? score_of_row(metric, n, b->output + i * n, b->y + i * n, b->label[i]) : 0;
    fnn_barrier(me);
}

/* δ[l] = δ[l+1] W[l]ᵀ · f'(z[l]), (m, n_l+1) → (m, n_l), l = L − 1 … 1 */
static void deltas(const fnn_net *net, block *b, const fnn_worker *me, int64_t m)
{
    for (int l = net->n_layers - 1; l >= 1 && !fnn_given_up(me); l--) {
        region r = share_of(me, m, net->sizes[l]);
        pass_back(net, b, me, l, r);          /* δ[l] = δ[l+1] W[l]ᵀ */
        times_slope_region(net, b, l, r);     /* δ[l] = δ[l] · f'(z[l]) */
        fnn_barrier(me);
    }
}

/* ---- gradients and updates ---------------------------------------------------------------- */

/* For each layer  dW = beta dW + alpha a[l]ᵀ δ[l+1],  db = bias_beta db + alpha Σ δ[l+1],  laid out in
 * `out` like the parameters. The gradient: alpha 1, beta 0, or 1 to add a block's to it. Second form,
 * plain SGD fused with the product: `out` is the parameters, alpha −eta, beta 1 − eta lambda,
 * bias_beta 1. `direct`: without dW[0], which update() computes as it goes (columns_update). */
static void products(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, real alpha,
                     real beta, real bias_beta, int direct, real *out)
{
    for (int l = 0; l < net->n_layers; l++) {
        if (l > 0 || !direct)
            outer_sums(net, b, me, l, m, alpha, beta, out + net->weights_at[l]); /* dW = a[l]ᵀ δ[l+1] */
        bias_sums(net, b, me, l, m, alpha, bias_beta, out + net->biases_at[l]);  /* db = Σ δ[l+1] */
    }
}

/* The optimiser's step on the same shares as in products(), so no barrier is needed between them */
static void update(const fnn_net *net, block *b, const fnn_worker *me, const fnn_optimiser *o,
                   const FNN_T(constants) * constants, int direct)
{
    real *w = net->params, *g = b->gradient, *m = o->m, *v = o->v;
#define AT(p, i) ((p) ? (p) + (i) : NULL)
    for (int l = 0; l < net->n_layers; l++) {
        int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1], c0, c1;
        region r = gradient_share(b, me, l, n_in, n_out);
        int64_t at = net->weights_at[l] + r.r0 * n_out + r.c0, rows = r.r1 - r.r0, n = r.c1 - r.c0;
        if (l == 0 && direct) {
            FNN_TABLE->columns_update(n_in, n, b->columns, (const_matrix){b->delta[1] + r.c0, b->ld[1]}, o->kind,
                                      constants, (FNN_T(weights)){w + at, AT(m, at), AT(v, at), n_out});
            rows = 0;
        } else if (n == n_out) n *= rows, rows = 1;
        for (int64_t i = 0; i < rows; i++, at += n_out)
            FNN_TABLE->update(o->kind, constants, 1, n, w + at, g + at, AT(m, at), AT(v, at));
        fnn_share(me, n_out, FNN_TABLE->panel, &c0, &c1);
        at = net->biases_at[l] + c0;
        FNN_TABLE->update(o->kind, constants, 0, c1 - c0, w + at, g + at, AT(m, at), AT(v, at));
    }
#undef AT
}

/* The sums over the m rows of one block */
static fnn_sums sums_of(const block *b, int64_t m, const fnn_targets *y, const int64_t *order,
                        int64_t begin)
{
    fnn_sums sums = {.rows = m};
    for (int64_t i = 0; i < m; i++) {
        double w = y->weight ? y->weight[order ? order[begin + i] : begin + i] : 1;
        sums.loss += w * b->cost[i];
        sums.correct += w * b->correct[i];
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
