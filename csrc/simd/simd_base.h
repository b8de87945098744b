/* simd_base.h: the operations of simd.h in plain C, for any processor: the specification. */
#include <math.h>
#include <string.h>

#ifdef FNN_F32_SOURCE
enum { V = 4 };
typedef struct { float lane[V]; } vec;
typedef uint32_t fnn_bits;
#define FNN_EXPONENT(n) ((uint32_t)((int32_t)(n) + 127) << 23)
#else
enum { V = 2 };
typedef struct { double lane[V]; } vec;
typedef uint64_t fnn_bits;
#define FNN_EXPONENT(n) ((uint64_t)((int64_t)(n) + 1023) << 52)
#endif
typedef struct { int lane[V]; } vmask;
/* 1.5 · 2^(mantissa bits): adding and then subtracting it rounds x to the nearest integer, if the
 * compiler keeps to IEEE arithmetic and |x| is well below it */
#ifdef FNN_F32_SOURCE
#define FNN_MAGIC 12582912.0f
#else
#define FNN_MAGIC 6755399441055744.0
#endif

#define FNN_EACH for (int i = 0; i < V; i++)

FNN_INLINE vec v_load(const real *p) { vec r; memcpy(&r, p, sizeof r); return r; }
FNN_INLINE void v_store(real *p, vec x) { memcpy(p, &x, sizeof x); }
FNN_INLINE vec v_load_n(const real *p, int n) { vec r; FNN_EACH r.lane[i] = i < n ? p[i] : 0; return r; }
FNN_INLINE void v_store_n(real *p, vec x, int n) { FNN_EACH if (i < n) p[i] = x.lane[i]; }
FNN_INLINE vec v_set1(real x) { vec r; FNN_EACH r.lane[i] = x; return r; }
FNN_INLINE vec v_zero(void) { return v_set1(0); }
FNN_INLINE vec v_add(vec a, vec b) { FNN_EACH a.lane[i] += b.lane[i]; return a; }
FNN_INLINE vec v_sub(vec a, vec b) { FNN_EACH a.lane[i] -= b.lane[i]; return a; }
FNN_INLINE vec v_mul(vec a, vec b) { FNN_EACH a.lane[i] *= b.lane[i]; return a; }
FNN_INLINE vec v_div(vec a, vec b) { FNN_EACH a.lane[i] /= b.lane[i]; return a; }
FNN_INLINE vec v_sqrt(vec a) { FNN_EACH a.lane[i] = (real)sqrt(a.lane[i]); return a; }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { FNN_EACH c.lane[i] += a.lane[i] * b.lane[i]; return c; }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { FNN_EACH c.lane[i] -= a.lane[i] * b.lane[i]; return c; }
FNN_INLINE vec v_min(vec a, vec b) { FNN_EACH b.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; return b; }
FNN_INLINE vec v_max(vec a, vec b) { FNN_EACH b.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; return b; }
FNN_INLINE vec v_abs(vec a) { FNN_EACH a.lane[i] = (real)fabs(a.lane[i]); return a; }
FNN_INLINE vec v_copysign(vec t, vec x) { FNN_EACH t.lane[i] = (real)copysign(t.lane[i], x.lane[i]); return t; }
FNN_INLINE vec v_round(vec a) { FNN_EACH a.lane[i] = (a.lane[i] + FNN_MAGIC) - FNN_MAGIC; return a; }
FNN_INLINE vec v_pow2(vec n)
{
    FNN_EACH { fnn_bits bits = FNN_EXPONENT(n.lane[i]); memcpy(&n.lane[i], &bits, sizeof bits); }
    return n;
}
FNN_INLINE vmask v_gt(vec a, vec b) { vmask m; FNN_EACH m.lane[i] = a.lane[i] > b.lane[i]; return m; }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { FNN_EACH b.lane[i] = m.lane[i] ? a.lane[i] : b.lane[i]; return b; }
FNN_INLINE real v_sum(vec a) { real s = 0; FNN_EACH s += a.lane[i]; return s; }
FNN_INLINE real v_most(vec a) { real s = a.lane[0]; FNN_EACH s = a.lane[i] > s ? a.lane[i] : s; return s; }
FNN_INLINE void v_transpose(vec *x)
{
    FNN_EACH for (int j = 0; j < i; j++) {
        real above = x[j].lane[i];
        x[j].lane[i] = x[i].lane[j];
        x[i].lane[j] = above;
    }
}
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    vec r;
    FNN_EACH r.lane[i] = byte_as_real(p[i]);
    return r;
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    int n = 0;
    FNN_EACH {
        values[n] = x.lane[i];
        indices[n] = first + (uint32_t)i;
        n += x.lane[i] != 0;
    }
    return n;
}
