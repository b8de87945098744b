/* guard_products.inc.h: the products of one dtype, dense and by non-zeros, on guarded operands.
 * Template, included by guard.inc.h.
 *
 * They are compared with plain loops: the error of a sum of k products must be at most 4 √k EPS Σ |a b|.
 * The proven bound is k EPS / 2 Σ |a b|, which is smaller up to k = 64; for larger k, an error beyond
 * 4 √k EPS would need nearly all roundings in the same direction. */

typedef FNN_T(kernels) FNN_T(table);
#define table FNN_T(table)
#define nonzeros FNN_T(nonzeros)
#define by_column FNN_T(by_column)
#define constants FNN_T(constants)

/* A matrix (m, n) of row stride n + gap: numbers, and NaN in the gaps */
typedef struct {
    real *at;
    int64_t m, n, ld;
} FNN_T(operand);
#define operand FNN_T(operand)
#define matrix FNN_T(matrix)
#define const_matrix FNN_T(const_matrix)
#define weights FNN_T(weights)
#define outputs FNN_T(outputs)

static real *FNN_T(numbers)(int64_t n)
{
    real *p = guarded((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++) p[i] = (real)uniform(-1, 1);
    return p;
}
#define numbers FNN_T(numbers)

static operand FNN_T(new_operand)(int64_t m, int64_t n, int64_t gap)
{
    operand M = {NULL, m, n, n + gap};
    M.at = guarded((size_t)((m - 1) * M.ld + n) * sizeof(real));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) M.at[i * M.ld + j] = (real)uniform(-1, 1);
    return M;
}
#define new_operand FNN_T(new_operand)

/* The operand as a kernel gets it, to read or to write */
static const_matrix FNN_T(to_read)(operand M) { return (const_matrix){M.at, M.ld}; }
static matrix FNN_T(to_write)(operand M) { return (matrix){M.at, M.ld}; }
#define to_read FNN_T(to_read)
#define to_write FNN_T(to_write)

/* Hash of the numbers; checks that the gaps are still NaN */
static uint64_t FNN_T(hash_operand)(uint64_t h, operand M)
{
    for (int64_t i = 0; i < M.m; i++) {
        h = hash(h, M.at + i * M.ld, (size_t)M.n * sizeof(real));
        for (int64_t j = M.n; j < M.ld && i < M.m - 1; j++)
            if (M.at[i * M.ld + j] == M.at[i * M.ld + j]) wrong("a gap between rows was written");
    }
    return h;
}
#define hash_operand FNN_T(hash_operand)

/* ---- products -------------------------------------------------------------------------------- */

/* C against first + alpha Σ_p A[i,p] B[p,j]; elements of A are ri, pi apart, those of B pj, jj */
static void FNN_T(compare)(operand C, const real *first, int64_t first_ld, wide scale, wide alpha,
                           int64_t k, const real *A, int64_t ri, int64_t pi, const real *B,
                           int64_t pj, int64_t jj)
{
    const wide root = 4 * (wide)sqrt((double)k + 1) * EPS;
    for (int64_t i = 0; i < C.m; i++)
        for (int64_t j = 0; j < C.n; j++) {
            wide sum = first ? scale * first[i * first_ld + j] : 0, size = sum < 0 ? -sum : sum;
            for (int64_t p = 0; p < k; p++) {
                wide x = alpha * A[i * ri + p * pi] * B[p * pj + j * jj];
                sum += x;
                size += x < 0 ? -x : x;
            }
            wide error = C.at[i * C.ld + j] - sum;
            if (!((error < 0 ? -error : error) <= root * size)) { /* NaN, too */
                wrong("a product errs by more than 4 √k eps Σ |a b|");
                return;
            }
        }
}
#define compare FNN_T(compare)

/* Scratch of a product, as large as kernels.h says */
static real *FNN_T(pack_for)(int64_t n, int64_t k)
{
    int64_t most = (n + 32) * (k + 32);
    return guarded((size_t)(most < FNN_PACK_REALS ? most : FNN_PACK_REALS) * sizeof(real));
}

static real *FNN_T(copied)(operand M)
{
    real *copy = guarded((size_t)(M.m * M.ld) * sizeof(real));
    return memcpy(copy, M.at, ((size_t)((M.m - 1) * M.ld + M.n)) * sizeof(real));
}

static uint64_t FNN_T(product_nn)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap,
                                  int biased)
{
    operand A = new_operand(m, k, gap), B = new_operand(k, n, gap), C = new_operand(m, n, gap);
    const real *bias = biased ? numbers(n) : NULL, *before = biased ? bias : FNN_T(copied)(C);
    t->nn(m, n, k, to_read(A), to_read(B), bias, to_write(C), FNN_T(pack_for)(n, k));
    compare(C, before, biased ? 0 : C.ld, 1, 1, k, A.at, A.ld, 1, B.at, B.ld, 1);
    return hash_operand(HASH_SEED, C);
}

static uint64_t FNN_T(product_tn)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap,
                                  real alpha, real beta)
{
    operand A = new_operand(k, m, gap), B = new_operand(k, n, gap), C = new_operand(m, n, gap);
    const real *before = FNN_T(copied)(C);
    for (int64_t i = 0; i < m && beta == 0; i++) /* may hold anything */
        memset(C.at + i * C.ld, 0xff, (size_t)n * sizeof(real));
    t->tn(m, n, k, to_read(A), to_read(B), alpha, beta, to_write(C));
    compare(C, before, C.ld, beta, alpha, k, A.at, 1, A.ld, B.at, B.ld, 1);
    return hash_operand(HASH_SEED, C);
}

static uint64_t FNN_T(product_nt)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap)
{
    operand A = new_operand(m, k, gap), B = new_operand(n, k, gap), C = new_operand(m, n, gap);
    t->nt(m, n, k, to_read(A), to_read(B), to_write(C), FNN_T(pack_for)(n, k));
    compare(C, NULL, 0, 0, 1, k, A.at, A.ld, 1, B.at, 1, B.ld);
    return hash_operand(HASH_SEED, C);
}

/* Compares tn_nn with tn and nn of a single row: the same bits */
static uint64_t FNN_T(product_tn_nn)(const table *t, int64_t n, int64_t k, int64_t gap, real alpha, real beta)
{
    real *a = numbers(k), *b = numbers(n), *x = numbers(k), *bias = numbers(n);
    operand W = new_operand(k, n, gap), z = {numbers(n), 1, n, n}, same = {numbers(n), 1, n, n}, V = W;
    V.at = FNN_T(copied)(W);
    t->tn_nn(n, k, a, b, alpha, beta, x, bias, to_write(W), z.at);
    t->tn(k, n, 1, (const_matrix){a, k}, (const_matrix){b, n}, alpha, beta, to_write(V));
    t->nn(1, n, k, (const_matrix){x, k}, to_read(V), bias, to_write(same), FNN_T(pack_for)(n, k));
    uint64_t h = hash_operand(hash_operand(HASH_SEED, W), z);
    if (h != hash_operand(hash_operand(HASH_SEED, V), same)) wrong("tn_nn and tn with nn differ");
    return h;
}

static uint64_t FNN_T(sums)(const table *t, int64_t m, int64_t n, int64_t gap, real beta)
{
    operand A = new_operand(m, n, gap);
    operand c = {numbers(n), 1, n, n};
    const real *before = FNN_T(copied)(c);
    real one = 1;
    if (beta == 0) memset(c.at, 0xff, (size_t)n * sizeof(real));
    t->column_sums(m, n, to_read(A), 0.5f, beta, c.at);
    compare(c, before, 0, beta, 0.5f, m, &one, 0, 0, A.at, A.ld, 1);
    return hash_operand(HASH_SEED, c);
}

static void FNN_T(products)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap)
{
    now.m = m, now.n = n, now.k = k, now.variant = 0;
    now.what = "nn";
    for (int biased = 0; biased < 2; biased++)
        IN_BOTH_PLACES(FNN_T(product_nn)(t, m, n, k, gap, biased));
    now.what = "tn";
    IN_BOTH_PLACES(FNN_T(product_tn)(t, m, n, k, gap, 1, 0));
    IN_BOTH_PLACES(FNN_T(product_tn)(t, m, n, k, gap, -0.25f, 0.75f));
    now.what = "nt";
    IN_BOTH_PLACES(FNN_T(product_nt)(t, m, n, k, gap));
    now.what = "tn_nn";
    IN_BOTH_PLACES(FNN_T(product_tn_nn)(t, n, k, gap, -0.25f, 1));
    IN_BOTH_PLACES(FNN_T(product_tn_nn)(t, n, k, gap, -0.25f, 0.75f));
}

/* ---- products by non-zeros --------------------------------------------------------------------- */

/* Rows of A by their non-zeros; the memory ends with the last entry. The first row of A is made all
 * zeros, the last has none. */
static nonzeros FNN_T(new_nonzeros)(operand A)
{
    nonzeros out = {A.n + FNN_GAP, guarded((size_t)A.m * sizeof(int64_t)), NULL, NULL};
    size_t entries = (size_t)((A.m - 1) * out.stride + A.n);
    out.index = guarded(entries * sizeof *out.index);
    out.value = guarded(entries * sizeof *out.value);
    for (int64_t i = 0; i < A.m; i++) {
        out.count[i] = 0;
        for (int64_t j = 0; j < A.n; j++) {
            real *a = A.at + i * A.ld + j;
            if (i < A.m - 1 && (i == 0 || uniform(0, 1) < 0.5)) *a = 0;
            int64_t to = i * out.stride + out.count[i];
            if (*a != 0) out.index[to] = (uint32_t)j, out.value[to] = *a, out.count[i]++;
        }
    }
    return out;
}

static uint64_t FNN_T(sparse_nn)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap)
{
    operand A = new_operand(m, k, gap), B = new_operand(k, n, gap), C = new_operand(m, n, gap);
    nonzeros in = FNN_T(new_nonzeros)(A);
    const real *bias = numbers(n);
    t->sparse_nn(m, n, &in, to_read(B), bias, to_write(C));
    compare(C, bias, 0, 1, 1, k, A.at, A.ld, 1, B.at, B.ld, 1);
    return hash_operand(HASH_SEED, C);
}

static by_column FNN_T(to_columns)(const table *t, const nonzeros *in, int64_t m, int64_t k)
{
    int64_t entries = 0;
    for (int64_t i = 0; i < k; i++) entries += in->count[i];
    by_column out = {guarded((size_t)(m + 2) * sizeof *out.start),
                  guarded((size_t)entries * sizeof *out.row),
                  guarded((size_t)entries * sizeof *out.value)};
    t->to_columns(m, k, in, &out);
    return out;
}

/* dW from the non-zeros by row or by column */
static uint64_t FNN_T(sparse_tn)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap,
                                 int by_columns, real alpha, real beta)
{
    operand A = new_operand(k, m, gap), B = new_operand(k, n, gap), C = new_operand(m, n, gap);
    nonzeros in = FNN_T(new_nonzeros)(A);
    const real *before = FNN_T(copied)(C);
    for (int64_t i = 0; i < m && beta == 0; i++)
        memset(C.at + i * C.ld, 0xff, (size_t)n * sizeof(real));
    if (by_columns) {
        by_column sorted = FNN_T(to_columns)(t, &in, m, k);
        t->columns_tn(m, n, &sorted, to_read(B), alpha, beta, to_write(C));
    } else
        t->sparse_tn(m, n, k, &in, to_read(B), alpha, beta, to_write(C));
    compare(C, before, C.ld, beta, alpha, k, A.at, 1, A.ld, B.at, B.ld, 1);
    return hash_operand(HASH_SEED, C);
}

static constants FNN_T(some_constants)(int nesterov, int decoupled)
{
    return (constants){0.1f, 0.5f, 0.75f, 0.875f, 0.01f, 0.25f, 2, 3, nesterov, decoupled};
}

/* Compares columns_update with columns_tn and update: the same bits */
static uint64_t FNN_T(columns_update)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap,
                                      fnn_optimiser_kind kind, int moments)
{
    operand A = new_operand(k, m, 0), B = new_operand(k, n, gap), w = new_operand(m, n, gap);
    operand m1 = new_operand(m, n, gap), m2 = new_operand(m, n, gap), same[3];
    nonzeros in = FNN_T(new_nonzeros)(A);
    by_column sorted = FNN_T(to_columns)(t, &in, m, k);
    constants s = FNN_T(some_constants)(1, 0);
    real *first = kind == FNN_ADAM || moments ? m1.at : NULL, *g = guarded((size_t)n * sizeof *g);
    operand all[3] = {w, m1, m2};
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) m2.at[i * m2.ld + j] += 1; /* a mean of squares */
    for (int i = 0; i < 3; i++) {
        same[i] = new_operand(m, n, gap);
        memcpy(same[i].at, all[i].at, (size_t)((m - 1) * w.ld + n) * sizeof(real));
    }
    t->columns_update(m, n, &sorted, to_read(B), kind, &s, (weights){w.at, first, m2.at, w.ld});
    for (int64_t i = 0; i < m; i++) {
        by_column column = {sorted.start + i, sorted.row, sorted.value};
        t->columns_tn(1, n, &column, to_read(B), 1, 0, (matrix){g, n});
        t->update(kind, &s, 1, n, same[0].at + i * w.ld, g, first ? same[1].at + i * w.ld : NULL,
                  same[2].at + i * w.ld);
    }
    uint64_t h = HASH_SEED, plain = HASH_SEED;
    for (int i = 0; i < 3; i++) h = hash_operand(h, all[i]), plain = hash_operand(plain, same[i]);
    if (h != plain) wrong("columns_update and columns_tn with update differ");
    return h;
}

static void FNN_T(sparse_products)(const table *t, int64_t m, int64_t n, int64_t k, int64_t gap)
{
    now.m = m, now.n = n, now.k = k, now.variant = 0;
    now.what = "sparse_nn";
    IN_BOTH_PLACES(FNN_T(sparse_nn)(t, m, n, k, gap));
    for (int by_columns = 0; by_columns < 2; by_columns++) {
        now.what = by_columns ? "columns_tn" : "sparse_tn";
        IN_BOTH_PLACES(FNN_T(sparse_tn)(t, m, n, k, gap, by_columns, 1, 0));
        IN_BOTH_PLACES(FNN_T(sparse_tn)(t, m, n, k, gap, by_columns, 1, 1));
        IN_BOTH_PLACES(FNN_T(sparse_tn)(t, m, n, k, gap, by_columns, -0.25f, 0.75f));
    }
    now.what = "columns_update";
    for (int kind = 0; kind < FNN_N_OPTIMISERS; kind++)
        for (int moments = 0; moments < 2; moments++)
            IN_BOTH_PLACES(FNN_T(columns_update)(t, m, n, k, gap, (fnn_optimiser_kind)kind, moments));
}
