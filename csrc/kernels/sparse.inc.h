/* sparse.inc.h: the products of the first layer, over the non-zeros of its input alone.
 *
 * A pixel that is zero adds nothing to z = a W + b, and its weights take no part in dW = aᵀ δ. The
 * indices and values of a row are found while it is fetched: from the dense row, from the user's CSR,
 * or from the copy that fnn_list_rows made once, a third of the bytes, where fetching a shuffled row
 * waits for memory.
 *
 * nn adds the dense kernel's products in the dense kernel's order, leaving out exact zeros: the
 * same bits. tn has two ways. Layers of a few vectors add each row's share to dW in turn: the same
 * sum as the dense kernel's, rounded in another order. For wider ones the entries are sorted by
 * column, so that a weight's sum over the batch stays in registers: the dense kernel's bits again,
 * and with an optimiser that needs the gradient a row of it goes straight into the step. (W2: a fifth
 * faster than dW in memory; for 64 columns and fewer sorting costs more than it saves.)
 */

/* constant widths let the compiler use vectors */
FNN_INLINE void columns_of(const void *indices, const int bytes, int64_t begin, int64_t n,
                           uint32_t *restrict out)
{
    for (int64_t q = 0; q < n; q++) out[q] = (uint32_t)index_at(indices, bytes, begin + q);
}

static int64_t csr_nonzeros(const fnn_matrix *X, int64_t row, uint32_t *index, real *value)
{
    int64_t begin = row_at(X, row), n = row_at(X, row + 1) - begin;
    const char *values = X->data + begin * size_of(X->dtype);
    switch (X->index_bytes) {
    case 2: columns_of(X->indices, 2, begin, n, index); break;
    case 4: columns_of(X->indices, 4, begin, n, index); break;
    default: columns_of(X->indices, 8, begin, n, index);
    }
    read_row(X, values, size_of(X->dtype), n, value);
    return n;
}

/* Prefetches the next batch's entries, as shuffled rows come from far memory: W1 gained a fifth. (Dense
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

static void find_nonzeros(const fnn_matrix *X, int64_t n, const int64_t *rows, int64_t first, int64_t m,
                          int64_t next, real *row, const FNN_T(nonzeros) * out, int64_t at)
{
    if (X->indptr && rows) ask_for_rows(X, rows + m, next);
    for (int64_t i = 0; i < m; i++) {
        int64_t number = rows ? rows[i] : first + i, to = (at + i) * out->stride, found = 0;
        uint32_t *index = out->index + to;
        real *value = out->value + to;
        if (X->indptr) found = csr_nonzeros(X, number, index, value);
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

/* R rows of C = bias + A B, NV vectors wide, from the rows of B at A's non-zeros. R rows run side by
 * side, so that their sums do not wait for each other; a longer row's rest follows alone. */
FNN_INLINE void gather_rows(const int R, const int NV, int tail, const FNN_T(nonzeros) * A,
                            int64_t row, const real *B, int64_t ldb, const real *bias, real *C,
                            int64_t ldc)
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

static void sparse_nn(int64_t m, int64_t n, const FNN_T(nonzeros) * A, const real *B, int64_t ldb,
                      const real *bias, real *C, int64_t ldc)
{
#define GATHER(R, NV) gather_rows(R, NV, tail, A, i, B + j, ldb, bias + j, C + i * ldc + j, ldc)
    for (int64_t j = 0, width; j < n; j += width) {
        int64_t rest = n - j, i = 0;
        width = rest > 4 * V ? (rest < 8 * V ? rest : 8 * V) : rest;
        int vectors = (int)((width + V - 1) / V), tail = (int)(width - (vectors - 1) * V);
        for (; vectors <= 2 && i + 4 <= m; i += 4)
            if (vectors == 1) GATHER(4, 1);
            else GATHER(4, 2);
        for (; i < m; i++)
            switch (vectors) {
            case 1: GATHER(1, 1); break;
            case 2: GATHER(1, 2); break;
            case 3: GATHER(1, 3); break;
            case 4: GATHER(1, 4); break;
            case 5: GATHER(1, 5); break;
            case 6: GATHER(1, 6); break;
            case 7: GATHER(1, 7); break;
            default: GATHER(1, 8);
            }
    }
#undef GATHER
}

/* C[index] += alpha x · b for the entries of one row, NV vectors of b held in registers */
FNN_INLINE void scatter(const int NV, int tail, const FNN_T(nonzeros) * A, int64_t row, real alpha,
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

static void sparse_tn(int64_t m, int64_t n, int64_t k, const FNN_T(nonzeros) * A, const real *B,
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

/* ---- by columns --------------------------------------------------------------------------- */

static void to_columns(int64_t m, int64_t k, const FNN_T(nonzeros) * A, FNN_T(by_column) * out)
{
    uint32_t *next = out->start + 1; /* where the next entry of a column goes */
    memset(out->start, 0, (size_t)(m + 2) * sizeof *out->start);
    for (int64_t i = 0; i < k; i++) {
        const uint32_t *index = A->index + i * A->stride;
        for (int64_t q = 0; q < A->count[i]; q++) next[index[q] + 1]++;
    }
    for (int64_t j = 1; j <= m; j++) next[j] += next[j - 1];
    for (int64_t i = 0; i < k; i++) {
        const uint32_t *index = A->index + i * A->stride;
        const real *value = A->value + i * A->stride;
        for (int64_t q = 0; q < A->count[i]; q++) {
            uint32_t e = next[index[q]]++;
            out->row[e] = (uint16_t)i;
            out->value[e] = value[q];
        }
    }
}

/* sum = Σ_i A[i,j] B[i] over the entries of column j, NV vectors wide */
FNN_INLINE void columns_dot(const int NV, int tail, const FNN_T(by_column) * A, int64_t j, const real *B,
                           int64_t ldb, vec *sum)
{
    FNN_UNROLL
    for (int c = 0; c < NV; c++) sum[c] = v_zero();
    for (uint32_t e = A->start[j]; e < A->start[j + 1]; e++) {
        const real *b = B + A->row[e] * ldb;
        vec x = v_set1(A->value[e]);
        FNN_UNROLL
        for (int c = 0; c < NV; c++)
            sum[c] = v_fma(x, c == NV - 1 ? v_load_n(b + c * V, tail) : v_load(b + c * V), sum[c]);
    }
}

FNN_INLINE void columns_panel(const int NV, int64_t m, int tail, const FNN_T(by_column) * A,
                             const real *B, int64_t ldb, real alpha, real beta, real *C, int64_t ldc)
{
    vec sum[8];
    for (int64_t j = 0; j < m; j++, C += ldc) {
        columns_dot(NV, tail, A, j, B, ldb, sum);
        FNN_UNROLL
        for (int c = 0; c < NV; c++) {
            int lanes = c == NV - 1 ? tail : V;
            vec x = v_mul(v_set1(alpha), sum[c]);
            if (beta != 0) x = v_fma(v_set1(beta), v_load_n(C + c * V, lanes), x);
            v_store_n(C + c * V, x, lanes);
        }
    }
}

FNN_INLINE void columns_panel_update(const int NV, int64_t m, int tail, const FNN_T(by_column) * A,
                                  const real *B, int64_t ldb, fnn_optimiser_kind kind,
                                  const FNN_T(constants) * constants, real *w, real *m1, real *m2, int64_t ldc)
{
    vec sum[8];
    real gradient[8 * V];
    for (int64_t j = 0; j < m; j++) {
        columns_dot(NV, tail, A, j, B, ldb, sum);
        FNN_UNROLL
        for (int c = 0; c < NV; c++) v_store(gradient + c * V, sum[c]);
        update(kind, constants, 1, (NV - 1) * V + tail, w + j * ldc, gradient, m1 ? m1 + j * ldc : NULL,
               m2 ? m2 + j * ldc : NULL);
    }
}

#define BY_PANELS(CALL)                                                                           \
    for (int64_t j = 0, width; j < n; j += width) {                                               \
        width = n - j < 8 * V ? n - j : 8 * V;                                                    \
        int vectors = (int)((width + V - 1) / V), tail = (int)(width - (vectors - 1) * V);        \
        switch (vectors) {                                                                        \
        case 1: CALL(1); break;                                                                   \
        case 2: CALL(2); break;                                                                   \
        case 3: CALL(3); break;                                                                   \
        case 4: CALL(4); break;                                                                   \
        case 5: CALL(5); break;                                                                   \
        case 6: CALL(6); break;                                                                   \
        case 7: CALL(7); break;                                                                   \
        default: CALL(8);                                                                         \
        }                                                                                         \
    }

static void columns_tn(int64_t m, int64_t n, const FNN_T(by_column) * A, const real *B, int64_t ldb,
                      real alpha, real beta, real *C, int64_t ldc)
{
#define CALL(NV) columns_panel(NV, m, tail, A, B + j, ldb, alpha, beta, C + j, ldc)
    BY_PANELS(CALL)
#undef CALL
}

static void columns_update(int64_t m, int64_t n, const FNN_T(by_column) * A, const real *B, int64_t ldb,
                        fnn_optimiser_kind kind, const FNN_T(constants) * constants, real *w, real *moment_1,
                        real *moment_2, int64_t ldc)
{
#define AT(p) ((p) ? (p) + j : NULL)
#define CALL(NV)                                                                                  \
    columns_panel_update(NV, m, tail, A, B + j, ldb, kind, constants, w + j, AT(moment_1), AT(moment_2), ldc)
    BY_PANELS(CALL)
#undef CALL
#undef AT
}
