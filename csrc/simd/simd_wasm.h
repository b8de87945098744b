/* simd_wasm.h: the operations of simd.h on WebAssembly's 128-bit vectors, with the bits of simd_base.h.
 *
 * Without "relaxed SIMD": its multiply-add rounds once or twice, as the reader's processor likes, and
 * brought 8 % at most. */
#include <float.h>
#include <wasm_simd128.h>

#ifdef FNN_F32_SOURCE

enum { V = 4 };
typedef v128_t vec;
typedef v128_t vmask;
FNN_INLINE vec v_load(const real *p) { return wasm_v128_load(p); }
FNN_INLINE void v_store(real *p, vec x) { wasm_v128_store(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n)
{
    switch (n) {
    case 0: return wasm_i64x2_const(0, 0);
    case 1: return wasm_v128_load32_zero(p);
    case 2: return wasm_v128_load64_zero(p);
    case 3: return wasm_v128_load32_lane(p + 2, wasm_v128_load64_zero(p), 2);
    default: return wasm_v128_load(p);
    }
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    switch (n) {
    case 0: return;
    case 1: wasm_v128_store32_lane(p, x, 0); return;
    case 2: wasm_v128_store64_lane(p, x, 0); return;
    case 3: wasm_v128_store64_lane(p, x, 0); wasm_v128_store32_lane(p + 2, x, 2); return;
    default: wasm_v128_store(p, x);
    }
}
FNN_INLINE vec v_set1(real x) { return wasm_f32x4_splat(x); }
FNN_INLINE vec v_zero(void) { return wasm_f32x4_const_splat(0); }
FNN_INLINE vec v_add(vec a, vec b) { return wasm_f32x4_add(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return wasm_f32x4_sub(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return wasm_f32x4_mul(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return wasm_f32x4_div(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return wasm_f32x4_sqrt(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return wasm_f32x4_add(c, wasm_f32x4_mul(a, b)); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return wasm_f32x4_sub(c, wasm_f32x4_mul(a, b)); }
FNN_INLINE vec v_min(vec a, vec b) { return wasm_f32x4_pmin(b, a); }
FNN_INLINE vec v_max(vec a, vec b) { return wasm_f32x4_pmax(b, a); }
FNN_INLINE vec v_abs(vec a) { return wasm_f32x4_abs(a); }
FNN_INLINE vec v_copysign(vec t, vec x) { return wasm_v128_bitselect(x, t, wasm_u32x4_const_splat(0x80000000u)); }
FNN_INLINE vec v_round(vec a) { return wasm_f32x4_nearest(a); }
FNN_INLINE vec v_pow2(vec n) { return wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_const_splat(127)), 23); }
FNN_INLINE vmask v_gt(vec a, vec b) { return wasm_f32x4_gt(a, b); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return wasm_v128_bitselect(a, b, m); }
/* WebAssembly has no mode in which subnormal numbers count as zero (system/fpmode.h) */
FNN_INLINE vec v_flush(vec a) { return v_select(v_gt(v_set1(FLT_MIN), v_abs(a)), v_zero(), a); }
FNN_INLINE real v_sum(vec a)
{
    return ((0 + wasm_f32x4_extract_lane(a, 0)) + wasm_f32x4_extract_lane(a, 1)) +
           wasm_f32x4_extract_lane(a, 2) + wasm_f32x4_extract_lane(a, 3);
}
FNN_INLINE real v_most(vec a)
{
    vec m = v_max(a, wasm_i32x4_shuffle(a, a, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(v_max(m, wasm_i32x4_shuffle(m, m, 1, 0, 3, 2)), 0);
}
FNN_INLINE void v_transpose(vec *x)
{
    vec a = wasm_i32x4_shuffle(x[0], x[1], 0, 4, 1, 5), b = wasm_i32x4_shuffle(x[0], x[1], 2, 6, 3, 7);
    vec c = wasm_i32x4_shuffle(x[2], x[3], 0, 4, 1, 5), d = wasm_i32x4_shuffle(x[2], x[3], 2, 6, 3, 7);
    x[0] = wasm_i64x2_shuffle(a, c, 0, 2);
    x[1] = wasm_i64x2_shuffle(a, c, 1, 3);
    x[2] = wasm_i64x2_shuffle(b, d, 0, 2);
    x[3] = wasm_i64x2_shuffle(b, d, 1, 3);
}
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    vec bytes = wasm_v128_load32_zero(p);
    vec words = wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes));
    return v_div(wasm_f32x4_convert_u32x4(words), v_set1(255));
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    real lane[V];
    int n = 0;
    if (!wasm_v128_any_true(wasm_f32x4_ne(x, v_zero()))) return 0; /* all 0 */
    v_store(lane, x);
    for (int i = 0; i < V; i++) {
        values[n] = lane[i];
        indices[n] = first + (uint32_t)i;
        n += lane[i] != 0;
    }
    return n;
}

#else

enum { V = 2 };
typedef v128_t vec;
typedef v128_t vmask;
FNN_INLINE vec v_load(const real *p) { return wasm_v128_load(p); }
FNN_INLINE void v_store(real *p, vec x) { wasm_v128_store(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n)
{
    switch (n) {
    case 0: return wasm_i64x2_const(0, 0);
    case 1: return wasm_v128_load64_zero(p);
    default: return wasm_v128_load(p);
    }
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    switch (n) {
    case 0: return;
    case 1: wasm_v128_store64_lane(p, x, 0); return;
    default: wasm_v128_store(p, x);
    }
}
FNN_INLINE vec v_set1(real x) { return wasm_f64x2_splat(x); }
FNN_INLINE vec v_zero(void) { return wasm_f64x2_const_splat(0); }
FNN_INLINE vec v_add(vec a, vec b) { return wasm_f64x2_add(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return wasm_f64x2_sub(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return wasm_f64x2_mul(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return wasm_f64x2_div(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return wasm_f64x2_sqrt(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return wasm_f64x2_add(c, wasm_f64x2_mul(a, b)); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return wasm_f64x2_sub(c, wasm_f64x2_mul(a, b)); }
FNN_INLINE vec v_min(vec a, vec b) { return wasm_f64x2_pmin(b, a); }
FNN_INLINE vec v_max(vec a, vec b) { return wasm_f64x2_pmax(b, a); }
FNN_INLINE vec v_abs(vec a) { return wasm_f64x2_abs(a); }
FNN_INLINE vec v_copysign(vec t, vec x) { return wasm_v128_bitselect(x, t, wasm_u64x2_const_splat(0x8000000000000000u)); }
FNN_INLINE vec v_round(vec a) { return wasm_f64x2_nearest(a); }
FNN_INLINE vec v_pow2(vec n)
{
    vec whole = wasm_i64x2_extend_low_i32x4(wasm_i32x4_trunc_sat_f64x2_zero(n));
    return wasm_i64x2_shl(wasm_i64x2_add(whole, wasm_i64x2_const_splat(1023)), 52);
}
FNN_INLINE vmask v_gt(vec a, vec b) { return wasm_f64x2_gt(a, b); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return wasm_v128_bitselect(a, b, m); }
/* WebAssembly has no mode in which subnormal numbers count as zero (system/fpmode.h) */
FNN_INLINE vec v_flush(vec a) { return v_select(v_gt(v_set1(DBL_MIN), v_abs(a)), v_zero(), a); }
FNN_INLINE real v_sum(vec a) { return (0 + wasm_f64x2_extract_lane(a, 0)) + wasm_f64x2_extract_lane(a, 1); }
FNN_INLINE real v_most(vec a) { return wasm_f64x2_extract_lane(v_max(a, wasm_i64x2_shuffle(a, a, 1, 0)), 0); }
FNN_INLINE void v_transpose(vec *x)
{
    vec a = x[0], b = x[1];
    x[0] = wasm_i64x2_shuffle(a, b, 0, 2);
    x[1] = wasm_i64x2_shuffle(a, b, 1, 3);
}
FNN_INLINE vec v_bytes(const uint8_t *p) { return wasm_f64x2_make(byte_as_real(p[0]), byte_as_real(p[1])); }
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    int n = 0;
    if (!wasm_v128_any_true(wasm_f64x2_ne(x, v_zero()))) return 0; /* both 0 */
    values[0] = wasm_f64x2_extract_lane(x, 0);
    indices[0] = first;
    n += values[0] != 0;
    values[n] = wasm_f64x2_extract_lane(x, 1);
    indices[n] = first + 1;
    return n + (values[n] != 0);
}

#endif
