/* gather.inc.h: converts rows of the user's array to the network's dtype. */

/* Formula by which a number x of X is read: x; x · factor; or (x − shift) · scale, with the shift and the
 * scale of its column. It is computed in double and rounded once: 1e9 − (1e9 − 1) is 1 for float, too. */
typedef enum { AS_IS, BY_FACTOR, BY_COLUMN } reading;

FNN_INLINE reading reading_of(const fnn_matrix *X)
{
    return X->shift ? BY_COLUMN : X->factor != 1 ? BY_FACTOR : AS_IS;
}

/* The number at p, at any alignment */
FNN_INLINE double number(const fnn_dtype dtype, const char *p)
{
    float f;
    double d;
    switch (dtype) {
    case FNN_U8: return *(const uint8_t *)p;
    case FNN_F32: memcpy(&f, p, sizeof f); return f;
    default: memcpy(&d, p, sizeof d); return d;
    }
}

/* The number at p, which is in column j, as it is read */
FNN_INLINE real element(const reading how, const fnn_dtype dtype, const fnn_matrix *X, const char *p,
                        int64_t j)
{
    float f;
    switch (how) {
    case BY_FACTOR: return (real)(number(dtype, p) * X->factor);
    case BY_COLUMN: return (real)((number(dtype, p) - X->shift[j]) * X->scale[j]);
    default:
        if (dtype != FNN_F32) return (real)number(dtype, p);
        memcpy(&f, p, sizeof f);
        return (real)f;
    }
}

/* n numbers `stride` bytes apart, as they are read. A constant stride lets the compiler use vectors, and
 * so do local copies of shift and scale, which are known not to overlap `out`. */
FNN_INLINE void elements(const reading how, const fnn_dtype dtype, const fnn_matrix *X, const char *p,
                         const ptrdiff_t stride, int64_t n, real *restrict out)
{
    const double factor = X->factor;
    const double *restrict shift = X->shift, *restrict scale = X->scale;
    fnn_matrix local = {.factor = factor, .shift = shift, .scale = scale};
    for (int64_t j = 0; j < n; j++) out[j] = element(how, dtype, &local, p + j * stride, j);
}

FNN_INLINE void row_of(const fnn_dtype dtype, const ptrdiff_t size, const fnn_matrix *X, const char *p,
                       ptrdiff_t stride, int64_t n, real *out)
{
    switch (reading_of(X)) {
    case AS_IS:
        if (stride == size) elements(AS_IS, dtype, X, p, size, n, out);
        else elements(AS_IS, dtype, X, p, stride, n, out);
        break;
    case BY_FACTOR:
        if (stride == size) elements(BY_FACTOR, dtype, X, p, size, n, out);
        else elements(BY_FACTOR, dtype, X, p, stride, n, out);
        break;
    case BY_COLUMN:
        if (stride == size) elements(BY_COLUMN, dtype, X, p, size, n, out);
        else elements(BY_COLUMN, dtype, X, p, stride, n, out);
    }
}

/* n bytes times 1/255, to the bits of `elements` */
static void bytes(const uint8_t *p, int64_t n, real *out)
{
    int64_t j = 0;
    for (; j + V <= n; j += V) v_store(out + j, v_bytes(p + j));
    for (; j < n; j++) out[j] = byte_as_real(p[j]);
}

/* n numbers from p on, `stride` bytes apart */
static void read_row(const fnn_matrix *X, const char *p, ptrdiff_t stride, int64_t n, real *out)
{
    switch (X->dtype) {
    case FNN_U8:
        if (stride == 1 && !X->shift && X->factor == 1.0 / 255) bytes((const uint8_t *)p, n, out);
        else row_of(FNN_U8, 1, X, p, stride, n, out);
        break;
    case FNN_F32: row_of(FNN_F32, sizeof(float), X, p, stride, n, out); break;
    case FNN_F64: row_of(FNN_F64, sizeof(double), X, p, stride, n, out);
    }
}

static void dense_row(const fnn_matrix *X, int64_t n, int64_t row, real *out)
{
    read_row(X, X->data + row * X->row_stride, X->col_stride, n, out);
}

/* The row itself if it is reals without gaps that are read as they are, else NULL */
FNN_INLINE const real *own_row(const fnn_matrix *X, int64_t row)
{
    fnn_dtype own = sizeof(real) == sizeof(float) ? FNN_F32 : FNN_F64;
    const char *p = X->data + row * X->row_stride;
    return X->dtype == own && X->col_stride == sizeof(real) && (uintptr_t)p % sizeof(real) == 0 &&
                   reading_of(X) == AS_IS
               ? (const real *)p : NULL;
}

FNN_INLINE int64_t index_at(const void *indices, int bytes, int64_t i)
{
    switch (bytes) {
    case 2: return ((const uint16_t *)indices)[i];
    case 4: return ((const int32_t *)indices)[i];
    default: return ((const int64_t *)indices)[i];
    }
}

FNN_INLINE int64_t row_at(const fnn_matrix *X, int64_t row)
{
    return index_at(X->indptr, X->index_bytes == 4 ? 4 : 8, row);
}

FNN_INLINE int64_t size_of(fnn_dtype dtype)
{
    return dtype == FNN_U8 ? 1 : dtype == FNN_F32 ? sizeof(float) : sizeof(double);
}

static void csr_row(const fnn_matrix *X, int64_t n, int64_t row, real *out)
{
    int64_t i = row_at(X, row), end = row_at(X, row + 1), size = size_of(X->dtype);
    reading how = reading_of(X);
    for (int64_t j = 0; j < n; j++)
        out[j] = how == BY_COLUMN ? (real)((0 - X->shift[j]) * X->scale[j]) : 0;
    for (; i < end; i++) {
        int64_t j = index_at(X->indices, X->index_bytes, i);
        real x = element(how, X->dtype, X, X->data + i * size, j);
        out[j] = how == BY_COLUMN ? x : out[j] + x;
    }
}

/* The number of the i-th of the rows */
FNN_INLINE int64_t chosen(fnn_selection rows, int64_t i) { return rows.row ? rows.row[i] : rows.first + i; }

/* Prefetches the row of n numbers that is read two after the i-th, since shuffled rows are in no cache:
 * digits as float32 gained a fifth. Not where numbers lie apart, as in Fortran order: they are on n lines. */
static void prefetch_row_after(const fnn_matrix *X, int64_t n, fnn_selection rows, int64_t i)
{
    enum { AHEAD = 2 };
    int64_t size = size_of(X->dtype);
    if (!rows.row || i + AHEAD >= rows.m + rows.next || X->col_stride != size) return;
    const char *p = X->data + rows.row[i + AHEAD] * X->row_stride;
    for (int64_t at = 0; at < n * size; at += 64) FNN_PREFETCH(p + at);
}

static void gather(const fnn_matrix *X, int64_t n, fnn_selection rows, matrix out)
{
    for (int64_t i = 0; i < rows.m; i++, out.at += out.ld) {
        int64_t row = chosen(rows, i);
        if (X->indptr) {
            csr_row(X, n, row, out.at);
            continue;
        }
        prefetch_row_after(X, n, rows, i);
        const real *own = own_row(X, row);
        for (int64_t j = 0; own && j < n; j += V) {
            int lanes = n - j < V ? (int)(n - j) : V;
            v_store_n(out.at + j, v_load_n(own + j, lanes), lanes);
        }
        if (!own) dense_row(X, n, row, out.at);
    }
}
