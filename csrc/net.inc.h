/* net.inc.h: forward, deltas, update: backpropagation over a batch. Template on `real`.
 *
 * (a) Everything runs SPMD: each thread of a team runs the same function on its share and meets the
 *     others at a barrier where it needs what they made. Alone, shares are whole and barriers free.
 * (b) Shares are tiles of a layer's output matrix (z, dW or δ'), never parts of a sum, so the bits
 *     do not depend on the number of threads.
 * (c) Step by step: the deltas of all layers first, from the old weights; then all updates. For
 *     plain SGD the update happens inside the product dW = aᵀδ and no gradient is ever stored.
 * (d) Where batches are long and layers narrow there is too little in a tile: each thread then takes
 *     whole blocks of rows, with scratch and gradient of its own, and the gradients are added in
 *     the order of the blocks, as one thread would: the same bits again.
 * (e) A batch's last loss is looked at before its update: a batch whose loss is not finite changes
 *     nothing.
 */
#ifndef FNN_TABLE
#error "net.inc.h is included by net_f32.c and net_f64.c"
#endif

#include "block.inc.h"

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

/* How many rows or columns of a product, each of so many multiply-adds, to make between two questions */
static int64_t stretch(double each, int64_t unit)
{
    double units = FNN_ASK_EVERY / (each * (double)unit);
    return units < 1 ? unit : units > INT32_MAX ? (int64_t)INT32_MAX * unit : (int64_t)units * unit;
}

typedef struct { int on; int64_t first_row, step; uint64_t seed; } dropping;

/* a[l+1] = f_l(a[l] W[l] + b[l]) for m rows; the last stays z if keep_z */
static void forward(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, int keep_z,
                    dropping drops)
{
    const real *params = net->params;
    int L = net->n_layers;
    for (int l = 0; l < L && !fnn_given_up(me); l++) {
        int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1], ld = b->ld[l + 1];
        const real *W = params + net->weights_at[l], *bias = params + net->biases_at[l];
        region r = share_of(me, m, n_out);
        real *z = b->a[l + 1] + r.r0 * ld + r.c0;
        real *slope = l + 1 < L && b->slope[l + 1] ? b->slope[l + 1] + r.r0 * ld + r.c0 : NULL;
        if (l == 0 && b->input) {
            lists mine = rows_from(b->input, r.r0);
            FNN_TABLE->sparse_nn(r.r1 - r.r0, r.c1 - r.c0, &mine, W + r.c0, n_out, bias + r.c0, z, ld);
        } else {
            int64_t n = r.c1 - r.c0, step = stretch((double)(r.r1 - r.r0) * (double)n_in, FNN_TABLE->panel);
            for (int64_t j = 0; j < n && !(j && fnn_ask(me)); j += step)
                FNN_TABLE->nn(r.r1 - r.r0, n - j < step ? n - j : step, n_in, b->a[l] + r.r0 * b->ld[l],
                              b->ld[l], W + r.c0 + j, n_out, FNN_FROM_BIAS, bias + r.c0 + j, z + j, ld,
                              my_pack(b, me));
        }
        if (l + 1 < L) {
            FNN_TABLE->activate(net->activation[l], r.r1 - r.r0, r.c1 - r.c0, z, slope, ld);
            if (drops.on && net->dropout[l] > 0)
                drop(net, b, l + 1, r, drops.first_row, drops.step, drops.seed);
        }
        fnn_barrier(me);
    }
    if (!keep_z) { /* softmax needs whole rows */
        int64_t r0, r1, n = net->sizes[L];
        fnn_share(me, m, 1, &r0, &r1);
        FNN_TABLE->activate(net->activation[L - 1], r1 - r0, n, b->a[L] + r0 * n, NULL, n);
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
    const int64_t *rows = order ? order + begin + r0 : NULL;
    real *a = b->a[0] + r0 * b->ld[0];
    if (b->input)
        FNN_TABLE->list(X, net->sizes[0], rows, begin + r0, r1 - r0, me->rank ? 0 : next, a, b->input, r0);
    else FNN_TABLE->gather(X, net->sizes[0], rows, begin + r0, r1 - r0, a, b->ld[0]);
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
        b->scale[i] = (real)((y->weight ? y->weight[row] : 1) / total);
    }
    fnn_barrier(me);
    /* one thread turns all, while the others begin: they meet again before it is needed */
    if (b->columns && me->rank == me->size - 1) FNN_TABLE->turn(net->sizes[0], m, b->input, b->columns);
}

/* Whether a[label] is the first of the largest */
static int is_largest(int64_t n, const real *a, int64_t label)
{
    int beaten = 0;
    for (int64_t j = 0; j < label; j++) beaten |= a[j] >= a[label];
    for (int64_t j = label + 1; j < n; j++) beaten |= a[j] > a[label];
    return !beaten;
}

static double rightness(fnn_metric metric, int64_t n, const real *a, const real *y, int64_t label)
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
    FNN_TABLE->loss(net->loss, (real)net->loss_param, net->activation[L - 1], r1 - r0, n,
                    b->a[L] + r0 * n, b->y + r0 * n, b->scale + r0, b->output + r0 * n,
                    deltas ? b->slope[L] + r0 * n : NULL, b->cost + r0,
                    deltas ? b->delta[L] + r0 * n : NULL);
    for (int64_t i = r0; i < r1; i++)
        b->right[i] =
            metric ? rightness(metric, n, b->output + i * n, b->y + i * n, b->label[i]) : 0;
    fnn_barrier(me);
}

/* δ[l] = δ[l+1] W[l]ᵀ · f'(z[l]),  l = L − 1 … 1 */
static void deltas(const fnn_net *net, block *b, const fnn_worker *me, int64_t m)
{
    const real *params = net->params;
    for (int l = net->n_layers - 1; l >= 1 && !fnn_given_up(me); l--) {
        int64_t n = net->sizes[l], n_next = net->sizes[l + 1], ld = b->ld[l];
        region r = share_of(me, m, n);
        int64_t rows = r.r1 - r.r0, columns = r.c1 - r.c0, at = r.r0 * ld + r.c0;
        int64_t step = stretch((double)rows * (double)n_next, FNN_TABLE->panel);
        for (int64_t j = 0; j < columns && !(j && fnn_ask(me)); j += step)
            FNN_TABLE->nt(rows, columns - j < step ? columns - j : step, n_next,
                          b->delta[l + 1] + r.r0 * b->ld[l + 1], b->ld[l + 1],
                          params + net->weights_at[l] + (r.c0 + j) * n_next, n_next,
                          b->delta[l] + at + j, ld, my_pack(b, me));
        if (b->slope[l]) FNN_TABLE->multiply(rows, columns, b->delta[l] + at, b->slope[l] + at, ld);
        else FNN_TABLE->times_slope(net->activation[l - 1], rows, columns, b->a[l] + at,
                                    b->delta[l] + at, ld);
        fnn_barrier(me);
    }
}

/* ---- gradients and updates ---------------------------------------------------------------- */

/* This worker's part of dW[l]; lists of non-zeros can be cut along the columns only */
static region gradient_share(const block *b, const fnn_worker *me, int l, int64_t n_in, int64_t n_out)
{
    if (l > 0 || !b->input) return share_of(me, n_in, n_out);
    region r = {0, n_in, 0, n_out};
    fnn_share(me, n_out, FNN_TABLE->panel, &r.c0, &r.c1);
    return r;
}

/* For each layer  W = beta W + alpha a[l]ᵀ δ[l+1],  b = b + alpha Σ δ[l+1]  (bias_beta for b) on
 * `out`, laid out like the parameters: a gradient (alpha 1, beta 0 or 1), or the parameters
 * themselves (alpha −eta, beta 1 − eta lambda), which is a step of plain SGD. `direct`: without dW[0],
 * which update() makes as it goes. */
static void products(const fnn_net *net, block *b, const fnn_worker *me, int64_t m, real alpha,
                     real beta, real bias_beta, int direct, real *out)
{
    for (int l = 0; l < net->n_layers; l++) {
        int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1], c0, c1;
        region r = gradient_share(b, me, l, n_in, n_out);
        real *dW = out + net->weights_at[l] + r.r0 * n_out + r.c0;
        const real *delta = b->delta[l + 1] + r.c0;
        if (l > 0 || !b->input) {
            int64_t rows = r.r1 - r.r0, step = stretch((double)(r.c1 - r.c0) * (double)m, FNN_TABLE->strip);
            for (int64_t i = 0; i < rows && !(i && fnn_ask(me)); i += step)
                FNN_TABLE->tn(rows - i < step ? rows - i : step, r.c1 - r.c0, m, b->a[l] + r.r0 + i,
                              b->ld[l], delta, b->ld[l + 1], alpha, beta, dW + i * n_out, n_out);
        } else if (!b->columns)
            FNN_TABLE->sparse_tn(n_in, r.c1 - r.c0, m, b->input, delta, b->ld[l + 1], alpha, beta,
                                 dW, n_out);
        else if (!direct)
            FNN_TABLE->turned_tn(n_in, r.c1 - r.c0, b->columns, delta, b->ld[l + 1], alpha, beta, dW,
                                 n_out);
        fnn_share(me, n_out, FNN_TABLE->panel, &c0, &c1);
        FNN_TABLE->column_sums(m, c1 - c0, b->delta[l + 1] + c0, b->ld[l + 1], alpha, bias_beta,
                               out + net->biases_at[l] + c0);
    }
}

/* The optimiser's step for the same shares as in products(), so that no barrier is due between */
static void update(const fnn_net *net, block *b, const fnn_worker *me, const fnn_optimiser *o,
                   const FNN_T(step) * step, int direct)
{
    real *w = net->params, *g = b->gradient, *m = o->m, *v = o->v;
#define AT(p, i) ((p) ? (p) + (i) : NULL)
    for (int l = 0; l < net->n_layers; l++) {
        int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1], c0, c1;
        region r = gradient_share(b, me, l, n_in, n_out);
        int64_t at = net->weights_at[l] + r.r0 * n_out + r.c0, rows = r.r1 - r.r0, n = r.c1 - r.c0;
        if (l == 0 && direct) {
            FNN_TABLE->turned_step(n_in, n, b->columns, b->delta[1] + r.c0, b->ld[1], o->kind, step,
                                   w + at, AT(m, at), AT(v, at), n_out);
            rows = 0;
        } else if (n == n_out) n *= rows, rows = 1;
        for (int64_t i = 0; i < rows; i++, at += n_out)
            FNN_TABLE->update(o->kind, step, 1, n, w + at, g + at, AT(m, at), AT(v, at));
        fnn_share(me, n_out, FNN_TABLE->panel, &c0, &c1);
        at = net->biases_at[l] + c0;
        FNN_TABLE->update(o->kind, step, 0, c1 - c0, w + at, g + at, AT(m, at), AT(v, at));
    }
#undef AT
}

/* The sums over a block's m rows, by themselves */
static fnn_sums sums_of(const block *b, int64_t m, const fnn_targets *y, const int64_t *order,
                        int64_t begin)
{
    fnn_sums sums = {.rows = m};
    for (int64_t i = 0; i < m; i++) {
        double w = y->weight ? y->weight[order ? order[begin + i] : begin + i] : 1;
        sums.loss += w * b->cost[i];
        sums.correct += w * b->right[i];
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

#include "train.inc.h"
#include "read.inc.h"
