/* rows.inc.h: compresses dense rows to their non-zeros, once for all passes; knows no network.
 * Template on `real`. */
/* The non-zeros of one row, from X; a constant size lets the compiler do without calls */
static inline void pick(const size_t size, const char *from, ptrdiff_t stride, const nonzeros *row, char *to)
{
    for (int64_t q = 0; q < *row->count; q++)
        memcpy(to + (size_t)q * size, from + (ptrdiff_t)row->index[q] * stride, size);
}

int64_t FNN_T(list_rows)(const fnn_matrix *X, int64_t n_cols, int64_t begin, int64_t end,
                         int64_t capacity, int64_t *indptr, uint16_t *columns, void *values)
{
    fnn_arena arena = {NULL, 0};
    nonzeros row = {n_cols + FNN_LINE / 4, NULL, NULL, NULL};
    real *dense;
    for (int pass = 0; pass < 2; pass++) { /* measure, then lay out */
        row.count = fnn_take(&arena, 1, sizeof *row.count);
        row.index = fnn_take(&arena, (size_t)row.stride, sizeof *row.index);
        row.value = fnn_take(&arena, (size_t)row.stride, sizeof *row.value);
        dense = fnn_take(&arena, (size_t)n_cols, sizeof *dense);
        if (pass == 0) arena = (fnn_arena){fnn_acquire(arena.used), 0};
        if (!arena.base) return -1;
    }
    size_t size = X->dtype == FNN_U8 ? 1 : X->dtype == FNN_F32 ? sizeof(float) : sizeof(double);
    char *to = (char *)values + (size_t)indptr[begin] * size;
    for (; begin < end && indptr[begin] + n_cols <= capacity; begin++) {
        const char *from = X->data + begin * X->row_stride;
        FNN_TABLE->find_nonzeros(X, n_cols, (fnn_selection){NULL, begin, 1, 0}, dense, &row, 0);
        uint16_t *column = columns + indptr[begin];
        for (int64_t q = 0; q < *row.count; q++) column[q] = (uint16_t)row.index[q];
        if (size == 1) pick(1, from, X->col_stride, &row, to);
        else if (size == sizeof(float)) pick(sizeof(float), from, X->col_stride, &row, to);
        else pick(sizeof(double), from, X->col_stride, &row, to);
        to += (size_t)*row.count * size;
        indptr[begin + 1] = indptr[begin] + *row.count;
    }
    fnn_release(arena.base);
    return begin;
}
