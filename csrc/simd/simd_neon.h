/* simd_neon.h: the operations of simd.h on 64-bit ARM. */
#include <arm_neon.h>
#include <string.h>

#ifdef FNN_F32_SOURCE

enum { V = 4 };
typedef float32x4_t vec;
typedef uint32x4_t vmask;
FNN_INLINE vec v_load(const real *p) { return vld1q_f32(p); }
FNN_INLINE void v_store(real *p, vec x) { vst1q_f32(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n)
{
    real lane[V] = {0};
    for (int i = 0; i < n; i++) lane[i] = p[i];
    return vld1q_f32(lane);
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    real lane[V];
    vst1q_f32(lane, x);
    for (int i = 0; i < n; i++) p[i] = lane[i];
}
FNN_INLINE vec v_set1(real x) { return vdupq_n_f32(x); }
FNN_INLINE vec v_zero(void) { return vdupq_n_f32(0); }
FNN_INLINE vec v_add(vec a, vec b) { return vaddq_f32(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return vsubq_f32(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return vdivq_f32(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return vsqrtq_f32(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return vfmsq_f32(c, a, b); }
FNN_INLINE vec v_min(vec a, vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
FNN_INLINE vec v_abs(vec a) { return vabsq_f32(a); }
FNN_INLINE vec v_copysign(vec t, vec x) { return vbslq_f32(vdupq_n_u32(0x80000000u), x, t); }
FNN_INLINE vec v_round(vec a) { return vrndnq_f32(a); }
FNN_INLINE vec v_pow2(vec n) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23)); }
FNN_INLINE vmask v_gt(vec a, vec b) { return vcgtq_f32(a, b); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return vbslq_f32(m, a, b); }
FNN_INLINE real v_sum(vec a) { return vaddvq_f32(a); }
FNN_INLINE real v_most(vec a) { return vmaxvq_f32(a); }
FNN_INLINE void v_transpose(vec *x)
{
    float32x4x2_t a = vtrnq_f32(x[0], x[1]), b = vtrnq_f32(x[2], x[3]);
    for (int i = 0; i < 2; i++) {
        x[i] = vcombine_f32(vget_low_f32(a.val[i]), vget_low_f32(b.val[i]));
        x[i + 2] = vcombine_f32(vget_high_f32(a.val[i]), vget_high_f32(b.val[i]));
    }
}
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    real lane[V];
    for (int i = 0; i < V; i++) lane[i] = byte_as_real(p[i]);
    return v_load(lane);
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    real lane[V];
    int n = 0;
    if (vmaxvq_u32(vmvnq_u32(vceqq_f32(x, v_zero()))) == 0) return 0; /* all 0 */
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
typedef float64x2_t vec;
typedef uint64x2_t vmask;
FNN_INLINE vec v_load(const real *p) { return vld1q_f64(p); }
FNN_INLINE void v_store(real *p, vec x) { vst1q_f64(p, x); }
FNN_INLINE vec v_load_n(const real *p, int n)
{
    real lane[V] = {0};
    for (int i = 0; i < n; i++) lane[i] = p[i];
    return vld1q_f64(lane);
}
FNN_INLINE void v_store_n(real *p, vec x, int n)
{
    real lane[V];
    vst1q_f64(lane, x);
    for (int i = 0; i < n; i++) p[i] = lane[i];
}
FNN_INLINE vec v_set1(real x) { return vdupq_n_f64(x); }
FNN_INLINE vec v_zero(void) { return vdupq_n_f64(0); }
FNN_INLINE vec v_add(vec a, vec b) { return vaddq_f64(a, b); }
FNN_INLINE vec v_sub(vec a, vec b) { return vsubq_f64(a, b); }
FNN_INLINE vec v_mul(vec a, vec b) { return vmulq_f64(a, b); }
FNN_INLINE vec v_div(vec a, vec b) { return vdivq_f64(a, b); }
FNN_INLINE vec v_sqrt(vec a) { return vsqrtq_f64(a); }
FNN_INLINE vec v_fma(vec a, vec b, vec c) { return vfmaq_f64(c, a, b); }
FNN_INLINE vec v_fnma(vec a, vec b, vec c) { return vfmsq_f64(c, a, b); }
FNN_INLINE vec v_min(vec a, vec b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
FNN_INLINE vec v_max(vec a, vec b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
FNN_INLINE vec v_abs(vec a) { return vabsq_f64(a); }
FNN_INLINE vec v_copysign(vec t, vec x) { return vbslq_f64(vdupq_n_u64(0x8000000000000000u), x, t); }
FNN_INLINE vec v_round(vec a) { return vrndnq_f64(a); }
FNN_INLINE vec v_pow2(vec n) { return vreinterpretq_f64_s64(vshlq_n_s64(vaddq_s64(vcvtnq_s64_f64(n), vdupq_n_s64(1023)), 52)); }
FNN_INLINE vmask v_gt(vec a, vec b) { return vcgtq_f64(a, b); }
FNN_INLINE vec v_select(vmask m, vec a, vec b) { return vbslq_f64(m, a, b); }
FNN_INLINE real v_sum(vec a) { return vaddvq_f64(a); }
FNN_INLINE real v_most(vec a) { return vmaxvq_f64(a); }
FNN_INLINE void v_transpose(vec *x)
{
    vec first = vzip1q_f64(x[0], x[1]);
    x[1] = vzip2q_f64(x[0], x[1]);
    x[0] = first;
}
FNN_INLINE vec v_bytes(const uint8_t *p)
{
    real lane[V];
    for (int i = 0; i < V; i++) lane[i] = byte_as_real(p[i]);
    return v_load(lane);
}
FNN_INLINE int v_append(vec x, uint32_t first, real *values, uint32_t *indices)
{
    real lane[V];
    int n = 0;
    if (vceqq_f64(x, v_zero())[0] & vceqq_f64(x, v_zero())[1]) return 0; /* all 0 */
    v_store(lane, x);
    for (int i = 0; i < V; i++) {
        values[n] = lane[i];
        indices[n] = first + (uint32_t)i;
        n += lane[i] != 0;
    }
    return n;
}

#endif
