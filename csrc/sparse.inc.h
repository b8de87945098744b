/* sparse.inc.h: the first layer walked by the non-zeros of its input.
 *
 * A pixel that is zero adds nothing to z = a W + b, and its weights take no part in dW = aᵀ δ. Rows
 * are listed as indices and values while they are fetched, from the dense rows, from the user's CSR,
 * or from lists that fnn_list_rows made once: a third of the bytes, where a shuffled row is a walk
 * to memory.
 *
 * nn adds the dense kernel's products in the dense kernel's order, leaving out exact zeros: the
 * same bits. tn adds each row's share to dW in turn, where the dense kernel sums a tile in
 * registers first: the same sum, rounded in another order.
 */

/* constant widths let the compiler use vectors */
FNN_INLINE void columns_of(const void *indices, const int bytes, int64_t begin, int64_t n,
                           uint32_t *restrict out)
{
    for (int64_t q = 0; q < n; q++) out[q] = (uint32_t)index_at(indices, bytes, begin + q);
}

static int64_t csr_list(const fnn_matrix *X, int64_t row, uint32_t *index, real *value)
{
    int64_t begin = row_at(X, row), n = row_at(X, row + 1) - begin;
    const char *values = X->data + begin * size_of(X->dtype);
    switch (X->index_bytes) {
    case 2: columns_of(X->indices, 2, begin, n, index); break;
    case 4: columns_of(X->indices, 4, begin, n, index); break;
    default: columns_of(X->indices, 8, begin, n, index);
    }
    switch (X->dtype) {
    case FNN_U8: bytes((const uint8_t *)values, n, value); break;
    case FNN_F32: elements(FNN_F32, values, sizeof(float), n, value); break;
    default: elements(FNN_F64, values, sizeof(double), n, value);
    }
    return n;
}

/* A shuffled row's list comes from far memory: asked for a batch ahead, W1 gained a fifth. (Dense
 * rows gained nothing.) */
static void ask_for_rows(const fnn_matrix *X, const int64_t *rows, int64_t m)
{
    int64_t size = size_of(X->dtype), width = X->index_bytes;
    for (int64_t i = 0; i < m; i++) {
        int64_t begin = row_at(X, rows[i]), end = row_at(X, rows[i] + 1);
        const char *columns = X->indices;
        for (int64_t at = begin * width; at < end * width; at += 64) FNN_PREFETCH(columns + at);
        for (int64_t at = begin * size; at < end * size; at += 64) FNN_PREFETCH(X->data + at);
    }
}

static void list(const fnn_matrix *X, int64_t n, const int64_t *rows, int64_t first, int64_t m,
                 int64_t next, real *row, const FNN_T(lists) * out, int64_t at)
{
    if (X->indptr && rows) ask_for_rows(X, rows + m, next);
    for (int64_t i = 0; i < m; i++) {
        int64_t number = rows ? rows[i] : first + i, to = (at + i) * out->stride, found = 0;
        uint32_t *index = out->index + to;
        real *value = out->value + to;
        if (X->indptr) found = csr_list(X, number, index, value);
        else {
            const real *a = own_row(X, number);
            if (!a) dense_row(X, n, number, row), a = row;
            for (int64_t j = 0; j < n; j += V) {
                vec x = n - j < V ? v_load_n(a + j, (int)(n - j)) : v_load(a + j);
                found += v_append(x, (uint32_t)j, value + found, index + found);
            }
        }
        out->count[at + i] = found;
    }
}

/* R rows of C, NV vectors wide, the rows side by side so that their sums do not wait for each
 * other; what a longer row has left follows alone */
FNN_INLINE void walk(const int R, const int NV, int tail, const FNN_T(lists) * A, int64_t row,
                     const real *B, int64_t ldb, const real *bias, real *C, int64_t ldc)
{
#define PART(p, j) ((j) == NV - 1 ? v_load_n((p) + (j) * V, tail) : v_load((p) + (j) * V))
    vec sum[4][8];
    const uint32_t *index[4];
    const real *value[4];
    int64_t common = A->count[row];
    FNN_UNROLL
    for (int r = 0; r < R; r++) {
        index[r] = A->index + (row + r) * A->stride;
        value[r] = A->value + (row + r) * A->stride;
        if (A->count[row + r] < common) common = A->count[row + r];
        FNN_UNROLL
        for (int j = 0; j < NV; j++) sum[r][j] = PART(bias, j);
    }
    for (int64_t q = 0; q < common; q++) {
        FNN_UNROLL
        for (int r = 0; r < R; r++) {
            const real *b = B + (int64_t)index[r][q] * ldb;
            vec x = v_set1(value[r][q]);
            FNN_UNROLL
            for (int j = 0; j < NV; j++) sum[r][j] = v_fma(x, PART(b, j), sum[r][j]);
        }
    }
    FNN_UNROLL
    for (int r = 0; r < R; r++) {
        for (int64_t q = common; q < A->count[row + r]; q++) {
            const real *b = B + (int64_t)index[r][q] * ldb;
            vec x = v_set1(value[r][q]);
            FNN_UNROLL
            for (int j = 0; j < NV; j++) sum[r][j] = v_fma(x, PART(b, j), sum[r][j]);
        }
        FNN_UNROLL
        for (int j = 0; j < NV; j++) {
            real *c = C + r * ldc + j * V;
            if (j == NV - 1) v_store_n(c, sum[r][j], tail);
            else v_store(c, sum[r][j]);
        }
    }
#undef PART
}

static void sparse_nn(int64_t m, int64_t n, const FNN_T(lists) * A, const real *B, int64_t ldb,
                      const real *bias, real *C, int64_t ldc)
{
#define WALK(R, NV) walk(R, NV, tail, A, i, B + j, ldb, bias + j, C + i * ldc + j, ldc)
    for (int64_t j = 0, width; j < n; j += width) {
        int64_t rest = n - j, i = 0;
        width = rest > 4 * V ? (rest < 8 * V ? rest : 8 * V) : rest;
        int vectors = (int)((width + V - 1) / V), tail = (int)(width - (vectors - 1) * V);
        for (; vectors <= 2 && i + 4 <= m; i += 4)
            if (vectors == 1) WALK(4, 1);
            else WALK(4, 2);
        for (; i < m; i++)
            switch (vectors) {
            case 1: WALK(1, 1); break;
            case 2: WALK(1, 2); break;
            case 3: WALK(1, 3); break;
            case 4: WALK(1, 4); break;
            case 5: WALK(1, 5); break;
            case 6: WALK(1, 6); break;
            case 7: WALK(1, 7); break;
            default: WALK(1, 8);
            }
    }
#undef WALK
}

/* C[index] += alpha x · b for the entries of one row, NV vectors of b held in registers */
FNN_INLINE void scatter(const int NV, int tail, const FNN_T(lists) * A, int64_t row, real alpha,
                        const real *b, real *C, int64_t ldc)
{
    vec part[8];
    const uint32_t *index = A->index + row * A->stride;
    const real *value = A->value + row * A->stride;
    FNN_UNROLL
    for (int j = 0; j < NV; j++)
        part[j] = v_mul(v_set1(alpha), j == NV - 1 ? v_load_n(b + j * V, tail) : v_load(b + j * V));
    for (int64_t q = 0; q < A->count[row]; q++) {
        real *c = C + (int64_t)index[q] * ldc;
        vec x = v_set1(value[q]);
        FNN_UNROLL
        for (int j = 0; j < NV - 1; j++) v_store(c + j * V, v_fma(x, part[j], v_load(c + j * V)));
        c += (NV - 1) * V;
        if (tail == V) v_store(c, v_fma(x, part[NV - 1], v_load(c)));
        else v_store_n(c, v_fma(x, part[NV - 1], v_load_n(c, tail)), tail);
    }
}

static void sparse_tn(int64_t m, int64_t n, int64_t k, const FNN_T(lists) * A, const real *B,
                      int64_t ldb, real alpha, real beta, real *C, int64_t ldc)
{
    for (int64_t i = 0; i < m && beta != 1; i++)
        for (int64_t j = 0; j < n; j += V) {
            int lanes = n - j < V ? (int)(n - j) : V;
            real *c = C + i * ldc + j; /* beta 0 must not read: C may hold anything */
            v_store_n(c, beta == 0 ? v_zero() : v_mul(v_set1(beta), v_load_n(c, lanes)), lanes);
        }
    for (int64_t j = 0, width; j < n; j += width) {
        width = n - j < 8 * V ? n - j : 8 * V;
        int vectors = (int)((width + V - 1) / V), tail = (int)(width - (vectors - 1) * V);
#define SCATTER(NV) case NV: for (int64_t i = 0; i < k; i++) scatter(NV, tail, A, i, alpha, B + i * ldb + j, C + j, ldc); break;
        switch (vectors) {
            SCATTER(1)
            SCATTER(2)
            SCATTER(3)
            SCATTER(4)
            SCATTER(5)
            SCATTER(6)
            SCATTER(7)
            SCATTER(8)
        }
#undef SCATTER
    }
}
