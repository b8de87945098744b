/* rows.c: the functions of fnn.h on X alone: whether it is finite, its share of non-zeros, and their
 * compressed copy. */
#include <string.h>

#include "net/net.h"

/* Infinite or NaN: the bits without the sign are at least those of infinity. Compared as integers, which
 * compilers vectorise. */
static int finite_f32(const char *p, ptrdiff_t stride, int64_t n)
{
    uint32_t bad = 0, bits;
    for (int64_t i = 0; i < n; i++) {
        memcpy(&bits, p + i * stride, sizeof bits);
        bad |= (bits & 0x7fffffffu) >= 0x7f800000u;
    }
    return !bad;
}

static int below_f64(const char *p, ptrdiff_t stride, int64_t n, uint64_t limit)
{
    uint64_t bad = 0, bits;
    for (int64_t i = 0; i < n; i++) {
        memcpy(&bits, p + i * stride, sizeof bits);
        bad |= (bits & 0x7fffffffffffffffu) >= limit;
    }
    return !bad;
}

/* The same for numbers that are scaled when they are read */
static int scaled_below(const fnn_matrix *X, const char *p, int64_t n, uint64_t limit)
{
    uint64_t bad = 0, bits;
    float f;
    for (int64_t j = 0; j < n; j++, p += X->col_stride) {
        double x = *(const uint8_t *)p;
        if (X->dtype == FNN_F32) memcpy(&f, p, sizeof f), x = f;
        else if (X->dtype == FNN_F64) memcpy(&x, p, sizeof x);
        x = X->shift ? (x - X->shift[j]) * X->scale[j] : x * X->factor;
        memcpy(&bits, &x, sizeof bits);
        bad |= (bits & 0x7fffffffffffffffu) >= limit;
    }
    return !bad;
}

static int finite_row(const fnn_matrix *X, const char *p, int64_t n, fnn_dtype as)
{
    /* infinity, or the least double that rounds to it as a float */
    const uint64_t limit = as == FNN_F32 ? 0x47effffff0000000u : 0x7ff0000000000000u;
    if (X->shift || X->factor != 1) return scaled_below(X, p, n, limit);
    if (X->dtype == FNN_F32)
        return X->col_stride == 4 ? finite_f32(p, 4, n) : finite_f32(p, X->col_stride, n);
    return X->col_stride == 8 ? below_f64(p, 8, n, limit) : below_f64(p, X->col_stride, n, limit);
}

static int64_t count_nonzeros(const fnn_matrix *X, int64_t row, int64_t n)
{
    const char *p = X->data + row * X->row_stride;
    int64_t found = 0;
    float f;
    double d;
    switch (X->dtype) { /* constant strides where they are usual, so that compilers use vectors */
    case FNN_U8:
        if (X->col_stride == 1) for (int64_t j = 0; j < n; j++) found += p[j] != 0;
        else for (int64_t j = 0; j < n; j++) found += p[j * X->col_stride] != 0;
        break;
    case FNN_F32:
        if (X->col_stride == 4) for (int64_t j = 0; j < n; j++) memcpy(&f, p + j * 4, 4), found += f != 0;
        else for (int64_t j = 0; j < n; j++) memcpy(&f, p + j * X->col_stride, 4), found += f != 0;
        break;
    default:
        for (int64_t j = 0; j < n; j++) memcpy(&d, p + j * X->col_stride, 8), found += d != 0;
    }
    return found;
}

static int64_t row_start(const fnn_matrix *X, int64_t row)
{
    return X->index_bytes == 4 ? ((const int32_t *)X->indptr)[row] : ((const int64_t *)X->indptr)[row];
}

int64_t fnn_list_rows(const fnn_matrix *X, int64_t n_cols, int64_t begin, int64_t end,
                      int64_t capacity, int64_t *indptr, uint16_t *columns, void *values)
{
#ifdef FNN_FLOAT32_ALONE /* what is lost is read as 0 */
    return list_rows_f32(X, n_cols, begin, end, capacity, indptr, columns, values);
#else
    return X->dtype == FNN_F64 /* float would lose what it rounds to 0 */
               ? list_rows_f64(X, n_cols, begin, end, capacity, indptr, columns, values)
               : list_rows_f32(X, n_cols, begin, end, capacity, indptr, columns, values);
#endif
}

double fnn_density(const fnn_matrix *X, int64_t n_cols)
{
    int64_t rows = X->n_rows < 256 ? X->n_rows : 256, found = 0;
    if (X->shift || X->n_rows == 0 || n_cols == 0) return 1;
    if (X->indptr)
        return (double)(row_start(X, X->n_rows) - row_start(X, 0)) / ((double)X->n_rows * (double)n_cols);
    for (int64_t i = 0; i < rows; i++) found += count_nonzeros(X, i * (X->n_rows / rows), n_cols);
    return (double)found / ((double)rows * (double)n_cols);
}

int fnn_all_finite(const fnn_matrix *X, int64_t n_cols, fnn_dtype as)
{
    if (X->dtype == FNN_U8 && !X->shift && X->factor == 1) return 1;
    if (!X->shift && X->row_stride == n_cols * X->col_stride) /* one long row */
        return finite_row(X, X->data, X->n_rows * n_cols, as);
    for (int64_t i = 0; i < X->n_rows; i++)
        if (!finite_row(X, X->data + i * X->row_stride, n_cols, as)) return 0;
    return 1;
}

/* Fisher and Yates, as Durstenfeld wrote it (CACM 7, 1964, algorithm 235): from the last place on, place i
 * changes with a place j <= i drawn at random. j is 32 bits below the next power of two, drawn again if it is
 * above i. Whether it is cannot be foreseen, so there is no branch: place i then changes with itself. */
void fnn_shuffle(int64_t *order, int64_t n, fnn_random random)
{
    int64_t mask = 1;
    while (mask < n - 1) mask = 2 * mask + 1;
    for (int64_t i = n - 1; i > 0;) {
        while (mask >> 1 >= i) mask >>= 1;
        int64_t j = random.next(random.state) & mask, fits = j <= i, to = fits ? j : i, row = order[i];
        order[i] = order[to], order[to] = row;
        i -= fits;
    }
}
