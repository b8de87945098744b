/* simd_vector.h: the operations of simd.h on 128-bit vectors of the compiler's own (GCC, clang), for processors
 * whose instruction sets have no header here. Faster than simd_base.h, whose loops a compiler seldom sees
 * through, and with its bits. */
#include <math.h>
#include <string.h>

#ifdef FNN_F32_SOURCE
enum { V = 4 };
typedef float vec __attribute__((vector_size(16)));
typedef int32_t vmask __attribute__((vector_size(16)));
#define FNN_MAGIC 12582912.0f /* as in simd_base.h */
#define FNN_SIGN ((vmask){INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN})
#define FNN_ROOT(x) sqrtf(x)
enum { FNN_BIAS = 127, FNN_MANTISSA = 23 };
#else
enum { V = 2 };
typedef double vec __attribute__((vector_size(16)));
typedef int64_t vmask __attribute__((vector_size(16)));
#define FNN_MAGIC 6755399441055744.0
#define FNN_SIGN ((vmask){INT64_MIN, INT64_MIN})
#define FNN_ROOT(x) sqrt(x)
enum { FNN_BIAS = 1023, FNN_MANTISSA = 52 };
#endif

#define FNN_EACH FNN_UNROLL for (int i = 0; i < V; i++)

FNN_INLINE vec v_load(const real *p) { vec r; memcpy(&r, p, sizeof r); return r; }
FNN_INLINE void v_store(real *p, vec x) { memcpy(p, &x, sizeof x); }
FNN_INLINE vec v_set1(real x) { return (vec){0} + x; }
FNN_INLINE vec v_zero(void) { return (vec){0}; }
FNN_INLINE vec v_load_n(const real *p, int n)
{
    vec r = {0};
    if (n == V) return v_load(p);
    for (int i = 0; i < n; i++) r[i] = p[i];
    return r;
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    if (n == V) v_store(p, x);
    else for (int i = 0; i < n; i++) p[i] = x[i];
}
FNN_INLINE vec v_add(vec a, vec b) { return a + b; }
FNN_INLINE vec v_sub(vec a, vec b) { return a - b; }
FNN_INLINE vec v_mul(vec a, vec b) { return a * b; }
FNN_INLINE vec v_div(vec a, vec b) { return a / b; }
FNN_INLINE vec v_sqrt(vec a) { FNN_EACH a[i] = FNN_ROOT(a[i]); return a; }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return c + a * b; }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return c - a * b; }
FNN_INLINE vmask v_gt(vec a, vec b) { return (vmask)(a > b); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return (vec)((m & (vmask)a) | (~m & (vmask)b)); }
FNN_INLINE vec v_min(vec a, vec b) { return v_select((vmask)(a < b), a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return v_select((vmask)(a > b), a, b); }
FNN_INLINE vec v_abs(vec a) { return (vec)((vmask)a & ~FNN_SIGN); }
FNN_INLINE vec v_copysign(vec t, vec x) { return v_select(FNN_SIGN, x, t); }
FNN_INLINE vec v_round(vec a) { return (a + FNN_MAGIC) - FNN_MAGIC; }
FNN_INLINE vec v_pow2(vec n) { return (vec)((__builtin_convertvector(n, vmask) + FNN_BIAS) << FNN_MANTISSA); }
FNN_INLINE real v_sum(vec a) { real s = 0; FNN_EACH s += a[i]; return s; }
FNN_INLINE real v_most(vec a) { real s = a[0]; FNN_EACH s = a[i] > s ? a[i] : s; return s; }
FNN_INLINE void v_transpose(vec *x)
{
    FNN_EACH for (int j = 0; j < i; j++) {
        real above = x[j][i];
        x[j][i] = x[i][j];
        x[i][j] = above;
    }
}
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    vec r = {0};
    FNN_EACH r[i] = byte_as_real(p[i]);
    return r;
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    int n = 0;
    FNN_EACH {
        values[n] = x[i];
        indices[n] = first + (uint32_t)i;
        n += x[i] != 0;
    }
    return n;
}
