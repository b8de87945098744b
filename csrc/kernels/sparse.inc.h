/* sparse.inc.h: the products of the first layer, over the non-zeros of its input alone.
 *
 * An input that is zero adds nothing to z = a W + b, and nothing to its row of dW = aᵀ δ. The
 * non-zeros of a row are found when it is read: in the dense row, in the user's CSR, or in the
 * compressed copy that fnn_list_rows made. That copy has a third of the bytes, which helps where
 * reading a shuffled row waits for memory.
 *
 * sparse_nn adds the products of the dense kernel in the same order, without those that are zero: its
 * bits are the dense kernel's. dW has two forms. sparse_tn, for layers of a few vectors and batches of one row, adds the
 * products of one example after another to dW: the dense kernel's sums, rounded in another order.
 * columns_tn, for wider layers, takes the non-zeros by column, so that each sum over the batch stays
 * in registers: the dense kernel's bits. columns_update does so for optimisers that need the gradient,
 * and takes the step row by row, without dW in memory. (W2: a fifth faster than with it; up to 64
 * columns, sorting costs more than it saves.)
 */

/* n column numbers from entry `begin` on; a constant number of bytes lets the compiler use vectors */
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

/* Prefetches the entries of the next batch: W1 gained a fifth */
static void prefetch_rows(const fnn_matrix *X, const int64_t *rows, int64_t m)
{
    int64_t size = size_of(X->dtype), width = X->index_bytes;
    for (int64_t i = 0; i < m; i++) {
        int64_t begin = row_at(X, rows[i]), end = row_at(X, rows[i] + 1);
        const char *columns = X->indices;
        for (int64_t at = begin * width; at < end * width; at += 64) FNN_PREFETCH(columns + at);
        for (int64_t at = begin * size; at < end * size; at += 64) FNN_PREFETCH(X->data + at);
    }
}

static void find_nonzeros(const fnn_matrix *X, int64_t n, fnn_selection rows, real *dense, const nonzeros *out,
                          int64_t at)
{
    if (X->indptr && rows.row) prefetch_rows(X, rows.row + rows.m, rows.next);
    for (int64_t i = 0; i < rows.m; i++) {
        int64_t row = chosen(rows, i), to = (at + i) * out->stride, found = 0;
        uint32_t *index = out->index + to;
        real *value = out->value + to;
        if (X->indptr) found = csr_nonzeros(X, row, index, value);
        else {
            const real *a = own_row(X, row);
            prefetch_row_after(X, n, rows, i);
            if (!a) dense_row(X, n, row, dense), a = dense;
            for (int64_t j = 0; j < n; j += V) {
                vec x = n - j < V ? v_load_n(a + j, (int)(n - j)) : v_load(a + j);
                found += v_append(x, (uint32_t)j, value + found, index + found);
            }
        }
        out->count[at + i] = found;
    }
}

/* ---- panels of columns: up to 8 vectors, by a constant number, so that they stay in registers ---- */

enum { WIDEST = 8 * V };

/* The width of the next panel where `rest` columns are left */
FNN_INLINE int64_t panel_width(int64_t rest) { return rest < WIDEST ? rest : WIDEST; }

/* Vectors in n columns, and the lanes of the last */
FNN_INLINE int vectors_in(int64_t n) { return (int)((n + V - 1) / V); }
FNN_INLINE int lanes_of_last(int64_t n) { return (int)(n - (vectors_in(n) - 1) * V); }

/* Vector j of the NV that begin at p */
FNN_INLINE vec load_part(const int NV, int tail, const real *p, int j)
{
    return j == NV - 1 ? v_load_n(p + j * V, tail) : v_load(p + j * V);
}

/* R rows of C = bias + A B, NV vectors wide, from the rows of B at A's non-zeros. The R rows advance
 * together, so that their sums do not wait for each other; the rest of a longer row follows alone. */
FNN_INLINE void gather_rows(const int R, const int NV, int tail, const nonzeros *A, int64_t row,
                            const_matrix B, const real *bias, matrix C)
{
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
        for (int j = 0; j < NV; j++) sum[r][j] = load_part(NV, tail, bias, j);
    }
    for (int64_t q = 0; q < common; q++) {
        FNN_UNROLL
        for (int r = 0; r < R; r++) {
            const real *b = B.at + (int64_t)index[r][q] * B.ld;
            vec x = v_set1(value[r][q]);
            FNN_UNROLL
            for (int j = 0; j < NV; j++) sum[r][j] = v_fma(x, load_part(NV, tail, b, j), sum[r][j]);
        }
    }
    FNN_UNROLL
    for (int r = 0; r < R; r++) {
        for (int64_t q = common; q < A->count[row + r]; q++) {
            const real *b = B.at + (int64_t)index[r][q] * B.ld;
            vec x = v_set1(value[r][q]);
            FNN_UNROLL
            for (int j = 0; j < NV; j++) sum[r][j] = v_fma(x, load_part(NV, tail, b, j), sum[r][j]);
        }
        FNN_UNROLL
        for (int j = 0; j < NV; j++) {
            real *c = C.at + (row + r) * C.ld + j * V;
            if (j == NV - 1) v_store_n(c, sum[r][j], tail);
            else v_store(c, sum[r][j]);
        }
    }
}

/* A panel of n ≤ WIDEST columns of C = bias + A B */
static void sparse_nn_panel(int64_t m, int64_t n, const nonzeros *A, const_matrix B, const real *bias,
                            matrix C)
{
    int tail = lanes_of_last(n), vectors = vectors_in(n);
    int64_t i = 0;
    if (vectors == 1) {
        for (; i + 4 <= m; i += 4) gather_rows(4, 1, tail, A, i, B, bias, C);
    } else if (vectors == 2) {
        for (; i + 4 <= m; i += 4) gather_rows(4, 2, tail, A, i, B, bias, C);
    }
    for (; i < m; i++)
        switch (vectors) {
        case 1: gather_rows(1, 1, tail, A, i, B, bias, C); break;
        case 2: gather_rows(1, 2, tail, A, i, B, bias, C); break;
        case 3: gather_rows(1, 3, tail, A, i, B, bias, C); break;
        case 4: gather_rows(1, 4, tail, A, i, B, bias, C); break;
        case 5: gather_rows(1, 5, tail, A, i, B, bias, C); break;
        case 6: gather_rows(1, 6, tail, A, i, B, bias, C); break;
        case 7: gather_rows(1, 7, tail, A, i, B, bias, C); break;
        default: gather_rows(1, 8, tail, A, i, B, bias, C);
        }
}

static void sparse_nn(int64_t m, int64_t n, const nonzeros *A, const_matrix B, const real *bias, matrix C)
{
    for (int64_t width; n > 0; n -= width, B.at += width, bias += width, C.at += width) {
        width = panel_width(n);
        sparse_nn_panel(m, width, A, B, bias, C);
    }
}

/* C[index] += alpha x · b for the entries of one row, NV vectors of b held in registers */
FNN_INLINE void scatter(const int NV, int tail, const nonzeros *A, int64_t row, real alpha, const real *b,
                        matrix C)
{
    vec part[8];
    const uint32_t *index = A->index + row * A->stride;
    const real *value = A->value + row * A->stride;
    FNN_UNROLL
    for (int j = 0; j < NV; j++) part[j] = v_mul(v_set1(alpha), load_part(NV, tail, b, j));
    for (int64_t q = 0; q < A->count[row]; q++) {
        real *c = C.at + (int64_t)index[q] * C.ld;
        vec x = v_set1(value[q]);
        FNN_UNROLL
        for (int j = 0; j < NV - 1; j++) v_store(c + j * V, v_fma(x, part[j], v_load(c + j * V)));
        c += (NV - 1) * V;
        if (tail == V) v_store(c, v_fma(x, part[NV - 1], v_load(c)));
        else v_store_n(c, v_fma(x, part[NV - 1], v_load_n(c, tail)), tail);
    }
}

/* C += alpha Aᵀ B for k rows of A, NV vectors of columns */
FNN_INLINE void scatter_rows(const int NV, int64_t k, int tail, const nonzeros *A, const_matrix B, real alpha,
                             matrix C)
{
    for (int64_t i = 0; i < k; i++) scatter(NV, tail, A, i, alpha, B.at + i * B.ld, C);
}

static void sparse_tn(int64_t m, int64_t n, int64_t k, const nonzeros *A, const_matrix B, real alpha, real beta,
                      matrix C)
{
    for (int64_t i = 0; i < m && beta != 1; i++)
        for (int64_t j = 0; j < n; j += V) {
            int lanes = n - j < V ? (int)(n - j) : V;
            real *c = C.at + i * C.ld + j; /* beta 0 must not read: C may hold anything */
            v_store_n(c, beta == 0 ? v_zero() : v_mul(v_set1(beta), v_load_n(c, lanes)), lanes);
        }
    for (int64_t width; n > 0; n -= width, B.at += width, C.at += width) {
        width = panel_width(n);
        int tail = lanes_of_last(width);
        switch (vectors_in(width)) {
        case 1: scatter_rows(1, k, tail, A, B, alpha, C); break;
        case 2: scatter_rows(2, k, tail, A, B, alpha, C); break;
        case 3: scatter_rows(3, k, tail, A, B, alpha, C); break;
        case 4: scatter_rows(4, k, tail, A, B, alpha, C); break;
        case 5: scatter_rows(5, k, tail, A, B, alpha, C); break;
        case 6: scatter_rows(6, k, tail, A, B, alpha, C); break;
        case 7: scatter_rows(7, k, tail, A, B, alpha, C); break;
        default: scatter_rows(8, k, tail, A, B, alpha, C);
        }
    }
}

/* ---- by columns --------------------------------------------------------------------------- */

static void to_columns(int64_t m, int64_t k, const nonzeros *A, by_column *out)
{
    uint32_t *next = out->start + 1; /* next[j]: where the next entry of column j goes */
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
FNN_INLINE void columns_dot(const int NV, int tail, const by_column *A, int64_t j, const_matrix B, vec *sum)
{
    FNN_UNROLL
    for (int c = 0; c < NV; c++) sum[c] = v_zero();
    for (uint32_t e = A->start[j]; e < A->start[j + 1]; e++) {
        const real *b = B.at + A->row[e] * B.ld;
        vec x = v_set1(A->value[e]);
        FNN_UNROLL
        for (int c = 0; c < NV; c++) sum[c] = v_fma(x, load_part(NV, tail, b, c), sum[c]);
    }
}

FNN_INLINE void columns_tn_panel(const int NV, int64_t m, int tail, const by_column *A, const_matrix B,
                                 real alpha, real beta, matrix C)
{
    vec sum[8];
    for (int64_t j = 0; j < m; j++, C.at += C.ld) {
        if (beta == 1 && alpha < 0 && A->start[j] == A->start[j + 1]) continue; /* C − 0 is C */
        columns_dot(NV, tail, A, j, B, sum);
        FNN_UNROLL
        for (int c = 0; c < NV; c++) {
            int lanes = c == NV - 1 ? tail : V;
            vec x = v_mul(v_set1(alpha), sum[c]);
            if (beta != 0) x = v_fma(v_set1(beta), v_load_n(C.at + c * V, lanes), x);
            v_store_n(C.at + c * V, x, lanes);
        }
    }
}

static void columns_tn(int64_t m, int64_t n, const by_column *A, const_matrix B, real alpha, real beta,
                       matrix C)
{
    for (int64_t width; n > 0; n -= width, B.at += width, C.at += width) {
        width = panel_width(n);
        int tail = lanes_of_last(width);
        switch (vectors_in(width)) {
        case 1: columns_tn_panel(1, m, tail, A, B, alpha, beta, C); break;
        case 2: columns_tn_panel(2, m, tail, A, B, alpha, beta, C); break;
        case 3: columns_tn_panel(3, m, tail, A, B, alpha, beta, C); break;
        case 4: columns_tn_panel(4, m, tail, A, B, alpha, beta, C); break;
        case 5: columns_tn_panel(5, m, tail, A, B, alpha, beta, C); break;
        case 6: columns_tn_panel(6, m, tail, A, B, alpha, beta, C); break;
        case 7: columns_tn_panel(7, m, tail, A, B, alpha, beta, C); break;
        default: columns_tn_panel(8, m, tail, A, B, alpha, beta, C);
        }
    }
}

/* The weights from element i on */
FNN_INLINE weights weights_from(weights w, int64_t i)
{
    return (weights){w.w + i, w.m ? w.m + i : NULL, w.v ? w.v + i : NULL, w.ld};
}

FNN_INLINE void gradient_panel(const int NV, int tail, const by_column *A, int64_t j, const_matrix B, real *to)
{
    vec sum[8];
    columns_dot(NV, tail, A, j, B, sum);
    FNN_UNROLL
    for (int c = 0; c < NV; c++) v_store(to + c * V, sum[c]);
}

/* Row j of the gradient, n columns; writes whole vectors */
static void gradient_row(int64_t n, const by_column *A, int64_t j, const_matrix B, real *to)
{
    for (int64_t width; n > 0; n -= width, B.at += width, to += width) {
        width = panel_width(n);
        int tail = lanes_of_last(width);
        switch (vectors_in(width)) {
        case 1: gradient_panel(1, tail, A, j, B, to); break;
        case 2: gradient_panel(2, tail, A, j, B, to); break;
        case 3: gradient_panel(3, tail, A, j, B, to); break;
        case 4: gradient_panel(4, tail, A, j, B, to); break;
        case 5: gradient_panel(5, tail, A, j, B, to); break;
        case 6: gradient_panel(6, tail, A, j, B, to); break;
        case 7: gradient_panel(7, tail, A, j, B, to); break;
        default: gradient_panel(8, tail, A, j, B, to);
        }
    }
}

/* Row by row, so that w, m and v are read as they lie in memory; rows of narrow layers several at once */
static void columns_update(int64_t m, int64_t n, const by_column *A, const_matrix B, fnn_optimiser_kind kind,
                           const constants *s, weights w)
{
    enum { MOST = 32 * V };
    real gradient[MOST + V];
    for (int64_t columns; n > 0; n -= columns, B.at += columns, w = weights_from(w, columns)) {
        columns = n < MOST ? n : MOST;
        weights row = w;
        int64_t most = columns == w.ld ? MOST / columns : 1;
        for (int64_t j = 0, rows; j < m; j += rows, row = weights_from(row, rows * w.ld)) {
            rows = m - j < most ? m - j : most;
            for (int64_t r = 0; r < rows; r++) gradient_row(columns, A, j + r, B, gradient + r * columns);
            update(kind, s, 1, rows * columns, row.w, gradient, row.m, row.v);
        }
    }
}
