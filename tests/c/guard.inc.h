/* guard.inc.h: calls every kernel of one dtype with each operand directly beside a page that faults.
 * Template: guard.c defines `real`, FNN_T, EPS, BITS and `wide`, the type in which plain loops sum.
 *
 * Products are compared with plain loops, and rows that are read with their numbers. Other tests compare
 * the other kernels with the NumPy twin (tests/core/test_kernels.py); here they must give the same bits
 * wherever their operands lie, at any alignment. */
#include "guard_products.inc.h"

/* ---- element by element ------------------------------------------------------------------------ */

static uint64_t FNN_T(activate)(const table *t, fnn_activation f, int64_t m, int64_t n, int64_t gap,
                                int slopes)
{
    operand z = new_operand(m, n, gap), slope = new_operand(m, n, gap);
    t->activate(f, m, n, z.at, slopes ? slope.at : NULL, z.ld);
    uint64_t h = hash_operand(hash_operand(HASH_SEED, z), slope);
    t->times_slope(f, m, n, z.at, slope.at, z.ld);
    t->multiply(m, n, z.at, slope.at, z.ld);
    return hash_operand(hash_operand(h, z), slope);
}

static uint64_t FNN_T(loss)(const table *t, fnn_loss loss, fnn_activation f, int64_t m, int64_t n,
                            int weighted, int deltas)
{
    size_t bytes = (size_t)(m * n) * sizeof(real);
    const real *z = numbers(m * n), *weight = weighted ? numbers(m) : NULL;
    real *param = numbers(n), *term_weight = weighted ? numbers(m * n) : NULL;
    real *y = numbers(m * n), *a = guarded(bytes), *slope = guarded(bytes), *delta = guarded(bytes);
    double *cost = guarded((size_t)m * sizeof *cost);
    for (int64_t i = 0; i < m * n; i++) y[i] = y[i] < 0 ? -y[i] : y[i];
    for (int64_t j = 0; j < n; j++) param[j] = (real)0.5;
    outputs o = {z, y, weight, term_weight, a, cost, deltas ? delta : NULL, deltas ? slope : NULL};
    t->loss(loss, param, f, m, n, &o);
    for (int64_t i = 0; i < m; i++)
        if (!(cost[i] - cost[i] == 0)) wrong("the cost of finite numbers is not finite");
    return hash(hash(hash(HASH_SEED, a, bytes), delta, bytes), cost, (size_t)m * sizeof *cost);
}

static void FNN_T(losses)(const table *t, int64_t m, int64_t n)
{
    now.what = "loss", now.m = m, now.n = n, now.k = 0;
    for (int loss = 0; loss < FNN_N_LOSSES; loss++)
        for (int f = 0; f < FNN_N_ACTIVATIONS; f++) {
            if (loss == FNN_CROSS_ENTROPY && f != FNN_SOFTMAX) continue;
            if (loss == FNN_BINARY_CROSS_ENTROPY && f != FNN_SIGMOID) continue;
            if (loss == FNN_POISSON && f != FNN_EXP && f != FNN_SOFTPLUS) continue;
            if (loss == FNN_GAUSSIAN_NLL && (f != FNN_IDENTITY || n % 2)) continue; /* pairs of outputs */
            now.variant = loss * 100 + f;
            for (int way = 0; way < 3; way++) /* no weights, weights, costs alone */
                IN_BOTH_PLACES(FNN_T(loss)(t, (fnn_loss)loss, (fnn_activation)f, m, n, way == 1, way < 2));
        }
}

static uint64_t FNN_T(update)(const table *t, fnn_optimiser_kind kind, int64_t n, int variant)
{
    constants s = FNN_T(some_constants)(variant & 1, variant >> 1 & 1);
    operand w = {numbers(n), 1, n, n}, m = {numbers(n), 1, n, n}, v = {numbers(n), 1, n, n};
    const real *g = numbers(n);
    for (int64_t i = 0; i < n; i++) v.at[i] += 1;
    real *first = kind == FNN_ADAM || variant >> 2 & 1 ? m.at : NULL;
    t->update(kind, &s, variant >> 3 & 1, n, w.at, g, first, v.at);
    return hash_operand(hash_operand(hash_operand(HASH_SEED, w), m), v);
}

/* ---- reading rows ------------------------------------------------------------------------------ */

/* gather and find_nonzeros, of successive rows or in a given order */
static uint64_t FNN_T(reading)(const table *t, fnn_dtype dtype, rows_layout layout, int64_t m,
                               int64_t n, int ordered, int shifted)
{
    enum { ROWS = 5 };
    static double dense[ROWS * 200];
    fnn_matrix X = guarded_rows(dtype, layout, ROWS, n, dense);
    int64_t next = ordered ? 2 : 0, *rows = ordered ? guarded((size_t)(m + next) * sizeof *rows) : NULL;
    for (int64_t i = 0; rows && i < m + next; i++) rows[i] = (3 * i + 4) % ROWS;
    operand out = new_operand(m, n, 3);
    if (shifted) X.shift = reals(FNN_F64, n, -1, 1), X.scale = reals(FNN_F64, n, -1, 1);
    else if (ordered && dtype != FNN_U8) X.factor = 0.7;
    fnn_selection selection = {rows, ROWS - m, m, next};
    t->gather(&X, n, selection, to_write(out));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double x = dense[(rows ? rows[i] : ROWS - m + i) * n + j];
            x = shifted ? (x - X.shift[j]) * X.scale[j] : x * X.factor;
            if (out.at[i * out.ld + j] != (real)x) wrong("a number was read wrongly");
        }
    uint64_t h = hash_operand(HASH_SEED, out);
    if (shifted) return h;
    X.sparse = 1;
    int64_t vectors = (n + t->lanes - 1) / t->lanes; /* v_append writes whole ones */
    nonzeros found = {n + FNN_GAP, guarded((size_t)m * sizeof(int64_t)), NULL, NULL};
    size_t entries = (size_t)((m - 1) * found.stride + (X.indptr ? n : vectors * t->lanes));
    found.index = guarded(entries * sizeof *found.index);
    found.value = guarded(entries * sizeof *found.value);
    t->find_nonzeros(&X, n, selection, guarded((size_t)n * sizeof(real)), &found, 0);
    for (int64_t i = 0; i < m; i++) {
        const uint32_t *index = found.index + i * found.stride;
        const real *value = found.value + i * found.stride;
        int64_t q = 0, count = found.count[i];
        for (int64_t j = 0; j < n; j++) {
            real x = out.at[i * out.ld + j];
            if (x == 0) continue;
            if (q >= count || index[q] != j || value[q] != x) wrong("a non-zero is missing");
            q++;
        }
        if (q != count) wrong("a row has more entries than non-zeros");
        h = hash(h, index, (size_t)count * sizeof *index);
        h = hash(h, value, (size_t)count * sizeof *value);
    }
    return h;
}

/* ---- all of them ------------------------------------------------------------------------------- */

void FNN_T(guard_kernels)(extent how_many)
{
    const table *t = FNN_T(fnn_kernels);
    int64_t V = t->lanes, sizes[64], n_sizes = 0;
    now.bits = BITS;
    for (int64_t n = 1; n <= 2 * V + 1; n++)
        if (how_many > FEW || n < 3 || (n + 1) % V < 3) sizes[n_sizes++] = n;
    static const int64_t primes[] = {37, 67, 131}; /* more than a tile, several, gather_rows' eight vectors */
    for (int i = 0; i < (how_many > FEW ? 3 : 1); i++) sizes[n_sizes++] = primes[i];
    /* every pair of sizes with a third; or every triple up to 2V + 1 */
    for (int64_t i = 0; i < n_sizes; i++)
        for (int64_t j = 0; j < n_sizes; j++) {
            int64_t a = sizes[i], b = sizes[j], c = sizes[(i + j) % n_sizes], gap = (i + j) % 2 * 3;
            FNN_T(products)(t, a, b, c, gap);
            FNN_T(sparse_products)(t, a, b, c, gap);
            for (int64_t k = 1; how_many == TRIPLES && k <= 2 * V + 1 && a <= 2 * V + 1 && b <= 2 * V + 1; k++)
                if (k != c) FNN_T(products)(t, a, b, k, gap);
            now.m = a, now.n = b, now.k = 0, now.variant = 0, now.what = "column_sums";
            for (int beta = 0; beta < 2; beta++) IN_BOTH_PLACES(FNN_T(sums)(t, a, b, gap, (real)beta));
            if (a > V + 1) continue;
            now.what = "activate, times_slope, multiply";
            for (int f = 0; f < FNN_N_ACTIVATIONS; f++)
                for (int slopes = 0; slopes < (f == FNN_SOFTMAX ? 1 : 2); slopes++) {
                    now.variant = f;
                    IN_BOTH_PLACES(FNN_T(activate)(t, (fnn_activation)f, a, b, gap, slopes));
                }
            FNN_T(losses)(t, a, b);
        }
    /* sums in several blocks; then rows of B far apart and used by so many rows of C that B is copied */
    static const int64_t longer[][3] = {{13, 19, 513}, {3, 131, 1030}, {7, 5, 600}};
    for (int i = 0; i < 3; i++) FNN_T(products)(t, longer[i][0], longer[i][1], longer[i][2], i);
    for (int i = 0; i < 3; i++)
        FNN_T(products)(t, 23 + i, 6144 / (int64_t)sizeof(real) + i, how_many == TRIPLES ? 511 + i : 3 + i, i);
    FNN_T(products)(t, 243, 3, 7, 1); /* tn's blocks of rows */
    for (int64_t i = 0; i < n_sizes; i++) {
        now.m = 1, now.n = sizes[i], now.k = 0;
        now.what = "update";
        for (int kind = 0; kind < FNN_N_OPTIMISERS; kind++)
            for (int v = 0; v < 16; v++) {
                now.variant = kind * 100 + v;
                IN_BOTH_PLACES(FNN_T(update)(t, (fnn_optimiser_kind)kind, sizes[i], v));
            }
        now.what = "gather, find_nonzeros";
        for (int dtype = FNN_F32; dtype <= FNN_U8; dtype++)
            for (int layout = 0; layout < N_LAYOUTS; layout++)
                for (int v = 0; v < 4; v++) {
                    now.variant = dtype * 100 + layout, now.m = 1 + v;
                    IN_BOTH_PLACES(FNN_T(reading)(t, (fnn_dtype)dtype, (rows_layout)layout, 1 + v,
                                                  sizes[i], v & 1, v >> 1));
                }
    }
}

#undef table
#undef nonzeros
#undef by_column
#undef constants
#undef weights
#undef outputs
#undef operand
#undef matrix
#undef const_matrix
#undef to_read
#undef to_write
#undef numbers
#undef new_operand
#undef hash_operand
#undef compare
