/* simd_x86.h: the operations of simd.h on AVX-512F and on AVX2 + FMA. */
#include <immintrin.h>

#define FNN_MASKED_LOADS /* v_load_n is as fast as v_load */
#include <string.h>

#if defined(FNN_ISA_AVX512) && defined(FNN_F32_SOURCE)

enum { V = 16 };
typedef __m512 vec;
typedef __mmask16 vmask;
#define FNN_FIRST(n) ((__mmask16)((1u << (n)) - 1u))
FNN_INLINE vec v_load(const real *p) { return _mm512_loadu_ps(p); }
FNN_INLINE void v_store(real *p, vec x) { _mm512_storeu_ps(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n) { return _mm512_maskz_loadu_ps(FNN_FIRST(n), p); }
FNN_INLINE void v_store_n(real *p, vec x, int n) { _mm512_mask_storeu_ps(p, FNN_FIRST(n), x); }
FNN_INLINE vec v_set1(real x) { return _mm512_set1_ps(x); }
FNN_INLINE vec v_zero(void) { return _mm512_setzero_ps(); }
FNN_INLINE vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }
FNN_INLINE vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
FNN_INLINE vec v_abs(vec a) { return _mm512_castsi512_ps(_mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff))); }
FNN_INLINE vec v_copysign(vec t, vec x)
{
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_set1_epi32(0x7fffffff), _mm512_castps_si512(t), _mm512_castps_si512(x), 0xca));
}
FNN_INLINE vec v_round(vec a) { return _mm512_roundscale_ps(a, 0); }
FNN_INLINE vec v_pow2(vec n) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23)); }
FNN_INLINE vmask v_gt(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return _mm512_mask_blend_ps(m, b, a); }
FNN_INLINE real v_sum(vec a) { return _mm512_reduce_add_ps(a); }
FNN_INLINE real v_most(vec a) { return _mm512_reduce_max_ps(a); }
/* Transposes the 4 × 4 squares, then exchanges the squares. */
FNN_INLINE void v_transpose(vec *x)
{
    vec t[V];
    FNN_UNROLL
    for (int i = 0; i < V; i += 4) {
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(x[i], x[i + 1])), b = _mm512_castps_pd(_mm512_unpackhi_ps(x[i], x[i + 1]));
        __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(x[i + 2], x[i + 3])), d = _mm512_castps_pd(_mm512_unpackhi_ps(x[i + 2], x[i + 3]));
        t[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        t[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        t[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        t[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    FNN_UNROLL
    for (int i = 0; i < 4; i++) {
        vec a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
        vec c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88), d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
        x[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        x[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        x[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}
/* The product with 1/255 and one correction: right for all 256 bytes */
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    vec x = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p))), inverse = v_set1(1.0f / 255), q = v_mul(x, inverse);
    return v_fma(v_fnma(q, v_set1(255), x), inverse, q);
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    __mmask16 some = _mm512_cmp_ps_mask(x, v_zero(), _CMP_NEQ_UQ);
    __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_storeu_ps(values, _mm512_maskz_compress_ps(some, x));
    _mm512_storeu_si512(indices, _mm512_maskz_compress_epi32(some, _mm512_add_epi32(lanes, _mm512_set1_epi32((int)first))));
    return _mm_popcnt_u32(some);
}

#elif defined(FNN_ISA_AVX512)

enum { V = 8 };
typedef __m512d vec;
typedef __mmask8 vmask;
#define FNN_FIRST(n) ((__mmask8)((1u << (n)) - 1u))
FNN_INLINE vec v_load(const real *p) { return _mm512_loadu_pd(p); }
FNN_INLINE void v_store(real *p, vec x) { _mm512_storeu_pd(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n) { return _mm512_maskz_loadu_pd(FNN_FIRST(n), p); }
FNN_INLINE void v_store_n(real *p, vec x, int n) { _mm512_mask_storeu_pd(p, FNN_FIRST(n), x); }
FNN_INLINE vec v_set1(real x) { return _mm512_set1_pd(x); }
FNN_INLINE vec v_zero(void) { return _mm512_setzero_pd(); }
FNN_INLINE vec v_add(vec a, vec b) { return _mm512_add_pd(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return _mm512_sub_pd(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return _mm512_mul_pd(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return _mm512_div_pd(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return _mm512_sqrt_pd(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_pd(a, b, c); }
FNN_INLINE vec v_min(vec a, vec b) { return _mm512_min_pd(a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return _mm512_max_pd(a, b); }
FNN_INLINE vec v_abs(vec a) { return _mm512_castsi512_pd(_mm512_and_epi64(_mm512_castpd_si512(a), _mm512_set1_epi64(0x7fffffffffffffff))); }
FNN_INLINE vec v_copysign(vec t, vec x)
{
    return _mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_set1_epi64(0x7fffffffffffffff), _mm512_castpd_si512(t), _mm512_castpd_si512(x), 0xca));
}
FNN_INLINE vec v_round(vec a) { return _mm512_roundscale_pd(a, 0); }
FNN_INLINE vec v_pow2(vec n)
{
    __m512i i = _mm512_cvtepi32_epi64(_mm512_cvtpd_epi32(n));
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_add_epi64(i, _mm512_set1_epi64(1023)), 52));
}
FNN_INLINE vmask v_gt(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return _mm512_mask_blend_pd(m, b, a); }
FNN_INLINE real v_sum(vec a) { return _mm512_reduce_add_pd(a); }
FNN_INLINE real v_most(vec a) { return _mm512_reduce_max_pd(a); }
FNN_INLINE void v_transpose(vec *x)
{
    vec t[V];
    FNN_UNROLL
    for (int i = 0; i < V; i += 2) t[i] = _mm512_unpacklo_pd(x[i], x[i + 1]), t[i + 1] = _mm512_unpackhi_pd(x[i], x[i + 1]);
    FNN_UNROLL
    for (int i = 0; i < 2; i++) {
        vec a = _mm512_shuffle_f64x2(t[i], t[i + 2], 0x88), b = _mm512_shuffle_f64x2(t[i], t[i + 2], 0xdd);
        vec c = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0x88), d = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0xdd);
        x[i] = _mm512_shuffle_f64x2(a, c, 0x88);
        x[i + 2] = _mm512_shuffle_f64x2(b, d, 0x88);
        x[i + 4] = _mm512_shuffle_f64x2(a, c, 0xdd);
        x[i + 6] = _mm512_shuffle_f64x2(b, d, 0xdd);
    }
}
FNN_INLINE vec v_bytes(const uint8_t *p) { return v_mul(_mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p))), v_set1(1.0 / 255)); }
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    __mmask8 some = _mm512_cmp_pd_mask(x, v_zero(), _CMP_NEQ_UQ);
    __m512i lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    lanes = _mm512_add_epi64(lanes, _mm512_set1_epi64(first));
    _mm512_storeu_pd(values, _mm512_maskz_compress_pd(some, x));
    _mm256_storeu_si256((__m256i *)indices, _mm512_cvtepi64_epi32(_mm512_maskz_compress_epi64(some, lanes)));
    return _mm_popcnt_u32(some);
}

#elif defined(FNN_F32_SOURCE) /* AVX2 + FMA */

enum { V = 8 };
typedef __m256 vec;
typedef __m256 vmask;
/* All bits of the lanes i < n are 1. */
FNN_INLINE __m256i fnn_first(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
FNN_INLINE vec v_load(const real *p) { return _mm256_loadu_ps(p); }
FNN_INLINE void v_store(real *p, vec x) { _mm256_storeu_ps(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n) { return _mm256_maskload_ps(p, fnn_first(n)); }
/* AMD's masked stores take six times as long as whole ones, so only what is not a whole vector is stored in parts */
FNN_APART void store_first(real *p, vec x, int n)
{
    __m128 part = _mm256_castps256_ps128(x);
    if (n & 4) _mm_storeu_ps(p, part), p += 4, part = _mm256_extractf128_ps(x, 1);
    if (n & 2) _mm_storel_pi((__m64 *)p, part), p += 2, part = _mm_movehl_ps(part, part);
    if (n & 1) _mm_store_ss(p, part);
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    if (n >= V) v_store(p, x);
    else store_first(p, x, n);
}
FNN_INLINE vec v_set1(real x) { return _mm256_set1_ps(x); }
FNN_INLINE vec v_zero(void) { return _mm256_setzero_ps(); }
FNN_INLINE vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }
FNN_INLINE vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
FNN_INLINE vec v_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
FNN_INLINE vec v_copysign(vec t, vec x)
{
    vec sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(sign, t), _mm256_and_ps(sign, x));
}
FNN_INLINE vec v_round(vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
FNN_INLINE vec v_pow2(vec n) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23)); }
FNN_INLINE vmask v_gt(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return _mm256_blendv_ps(b, a, m); }
FNN_INLINE real v_sum(vec a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
FNN_INLINE real v_most(vec a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
FNN_INLINE void v_transpose(vec *x)
{
    vec t[V];
    FNN_UNROLL
    for (int i = 0; i < V; i += 4) {
        vec a = _mm256_unpacklo_ps(x[i], x[i + 1]), b = _mm256_unpackhi_ps(x[i], x[i + 1]);
        vec c = _mm256_unpacklo_ps(x[i + 2], x[i + 3]), d = _mm256_unpackhi_ps(x[i + 2], x[i + 3]);
        t[i] = _mm256_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    FNN_UNROLL
    for (int i = 0; i < 4; i++) {
        x[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        x[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}
/* The product with 1/255 and one correction: right for all 256 bytes */
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    vec x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p))), inverse = v_set1(1.0f / 255), q = v_mul(x, inverse);
    return v_fma(v_fnma(q, v_set1(255), x), inverse, q);
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    real lane[V];
    int n = 0;
    if (!_mm256_movemask_ps(_mm256_cmp_ps(x, v_zero(), _CMP_NEQ_UQ))) return 0; /* all 0 */
    v_store(lane, x);
    for (int i = 0; i < V; i++) {
        values[n] = lane[i];
        indices[n] = first + (uint32_t)i;
        n += lane[i] != 0;
    }
    return n;
}

#else

enum { V = 4 };
typedef __m256d vec;
typedef __m256d vmask;
FNN_INLINE __m256i fnn_first(int n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
FNN_INLINE vec v_load(const real *p) { return _mm256_loadu_pd(p); }
FNN_INLINE void v_store(real *p, vec x) { _mm256_storeu_pd(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n) { return _mm256_maskload_pd(p, fnn_first(n)); }
FNN_APART void store_first(real *p, vec x, int n)
{
    __m128d part = _mm256_castpd256_pd128(x);
    if (n & 2) _mm_storeu_pd(p, part), p += 2, part = _mm256_extractf128_pd(x, 1);
    if (n & 1) _mm_store_sd(p, part);
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    if (n >= V) v_store(p, x);
    else store_first(p, x, n);
}
FNN_INLINE vec v_set1(real x) { return _mm256_set1_pd(x); }
FNN_INLINE vec v_zero(void) { return _mm256_setzero_pd(); }
FNN_INLINE vec v_add(vec a, vec b) { return _mm256_add_pd(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return _mm256_sub_pd(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return _mm256_mul_pd(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return _mm256_div_pd(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return _mm256_sqrt_pd(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_pd(a, b, c); }
FNN_INLINE vec v_min(vec a, vec b) { return _mm256_min_pd(a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return _mm256_max_pd(a, b); }
FNN_INLINE vec v_abs(vec a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
FNN_INLINE vec v_copysign(vec t, vec x)
{
    vec sign = _mm256_set1_pd(-0.0);
    return _mm256_or_pd(_mm256_andnot_pd(sign, t), _mm256_and_pd(sign, x));
}
FNN_INLINE vec v_round(vec a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
FNN_INLINE vec v_pow2(vec n)
{
    __m256i i = _mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(n));
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_add_epi64(i, _mm256_set1_epi64x(1023)), 52));
}
FNN_INLINE vmask v_gt(vec a, vec b) { return _mm256_cmp_pd(a, b, _CMP_GT_OQ); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return _mm256_blendv_pd(b, a, m); }
FNN_INLINE real v_sum(vec a)
{
    __m128d s = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}
FNN_INLINE real v_most(vec a)
{
    __m128d s = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_max_sd(s, _mm_unpackhi_pd(s, s)));
}
FNN_INLINE void v_transpose(vec *x)
{
    vec a = _mm256_unpacklo_pd(x[0], x[1]), b = _mm256_unpackhi_pd(x[0], x[1]);
    vec c = _mm256_unpacklo_pd(x[2], x[3]), d = _mm256_unpackhi_pd(x[2], x[3]);
    x[0] = _mm256_permute2f128_pd(a, c, 0x20);
    x[1] = _mm256_permute2f128_pd(b, d, 0x20);
    x[2] = _mm256_permute2f128_pd(a, c, 0x31);
    x[3] = _mm256_permute2f128_pd(b, d, 0x31);
}
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    int four;
    memcpy(&four, p, sizeof four);
    return v_mul(_mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four))), v_set1(1.0 / 255));
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    real lane[V];
    int n = 0;
    if (!_mm256_movemask_pd(_mm256_cmp_pd(x, v_zero(), _CMP_NEQ_UQ))) return 0; /* all 0 */
    v_store(lane, x);
    for (int i = 0; i < V; i++) {
        values[n] = lane[i];
        indices[n] = first + (uint32_t)i;
        n += lane[i] != 0;
    }
    return n;
}

#endif
