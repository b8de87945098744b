/* gather.inc.h: rows of the user's array become rows of the network's own type. */

/* the element at p, whatever its alignment */
FNN_INLINE real element(const fnn_dtype dtype, const char *p)
{
    float f;
    double d;
    switch (dtype) {
    case FNN_U8: return byte_as_real(*(const uint8_t *)p);
    case FNN_F32: memcpy(&f, p, sizeof f); return (real)f;
    default: memcpy(&d, p, sizeof d); return (real)d;
    }
}

/* n elements `stride` bytes apart; a constant stride lets the compiler use vectors */
FNN_INLINE void elements(const fnn_dtype dtype, const char *p, const ptrdiff_t stride, int64_t n,
                         real *restrict out)
{
    for (int64_t j = 0; j < n; j++) out[j] = element(dtype, p + j * stride);
}

static void bytes(const uint8_t *p, int64_t n, real *out)
{
    int64_t j = 0;
    for (; j + V <= n; j += V) v_store(out + j, v_bytes(p + j));
    for (; j < n; j++) out[j] = byte_as_real(p[j]);
}

static void dense_row(const fnn_matrix *X, int64_t n, int64_t row, real *out)
{
    const char *p = X->data + row * X->row_stride;
    ptrdiff_t stride = X->col_stride;
    switch (X->dtype) {
    case FNN_U8:
        if (stride == 1) bytes((const uint8_t *)p, n, out);
        else elements(FNN_U8, p, stride, n, out);
        break;
    case FNN_F32:
        if (stride == sizeof(float)) elements(FNN_F32, p, sizeof(float), n, out);
        else elements(FNN_F32, p, stride, n, out);
        break;
    default:
        if (stride == sizeof(double)) elements(FNN_F64, p, sizeof(double), n, out);
        else elements(FNN_F64, p, stride, n, out);
    }
}

/* A row that is reals already, end to end: itself; else NULL */
FNN_INLINE const real *own_row(const fnn_matrix *X, int64_t row)
{
    fnn_dtype own = sizeof(real) == sizeof(float) ? FNN_F32 : FNN_F64;
    const char *p = X->data + row * X->row_stride;
    return X->dtype == own && X->col_stride == sizeof(real) && (uintptr_t)p % sizeof(real) == 0
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
    memset(out, 0, (size_t)n * sizeof *out);
    for (; i < end; i++)
        out[index_at(X->indices, X->index_bytes, i)] += element(X->dtype, X->data + i * size);
}

static void gather(const fnn_matrix *X, int64_t n, const int64_t *rows, int64_t first, int64_t m,
                   real *out, int64_t ld)
{
    const real *shift = X->shift, *scale = X->scale;
    for (int64_t i = 0; i < m; i++, out += ld) {
        int64_t row = rows ? rows[i] : first + i;
        if (X->indptr) csr_row(X, n, row, out);
        else dense_row(X, n, row, out);
        for (int64_t j = 0; shift && j < n; j += V) {
            int lanes = n - j < V ? (int)(n - j) : V;
            vec x = v_sub(v_load_n(out + j, lanes), v_load_n(shift + j, lanes));
            v_store_n(out + j, v_mul(x, v_load_n(scale + j, lanes)), lanes);
        }
    }
}
