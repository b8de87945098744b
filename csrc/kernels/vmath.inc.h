/* vmath.inc.h: exp, and the functions that are computed from it, on vectors.
 *
 * All of them use one reduction: x = n ln 2 + r with |r| ≤ ½ ln 2, so that
 *
 *     e^x     = 2^n (1 + q)             q = e^r − 1, its Taylor series
 *     e^x − 1 = 2^n q + (2^n − 1)       no cancellation near 0, where n = 0
 *
 * Taylor rather than minimax coefficients: one multiply-add more, and every constant is 1/k!.
 * tests/core/test_kernels.py measures the largest errors over the whole range, and bounds them.
 */
#ifdef FNN_F32_SOURCE
#define FNN_EXP_TERMS 7 /* ½ ln 2 ^ 8 / 8! = 5e-9, below half an ulp (6e-8) */
#define FNN_EXP_MAX 88.37f
#define FNN_EXP_MIN (-87.33f)
#define FNN_LN2_HI 0.693359375f /* few bits, so that n · hi is exact */
#define FNN_LN2_LO -2.12194440e-4f
#define FNN_LOG_TERMS 8
#else
#define FNN_EXP_TERMS 13 /* ½ ln 2 ^ 14 / 14! = 4e-18, below half an ulp (1.1e-16) */
#define FNN_EXP_MAX 709.4
#define FNN_EXP_MIN (-708.39)
#define FNN_LN2_HI 6.93145751953125e-1
#define FNN_LN2_LO 1.42860682030941723212e-6
#define FNN_LOG_TERMS 17
#endif

static const double one_over_factorial[14] = {
    1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
    1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};

/* q = e^r − 1 and *two_n = 2^n for x within [FNN_EXP_MIN, FNN_EXP_MAX] */
FNN_LONG vec v_expm1_parts(vec x, vec *two_n)
{
    vec n = v_round(v_mul(x, v_set1((real)1.44269504088896340736)));
    vec r = v_fnma(n, v_set1((real)FNN_LN2_HI), x);
    r = v_fnma(n, v_set1((real)FNN_LN2_LO), r);
    vec p = v_set1((real)one_over_factorial[FNN_EXP_TERMS]);
    FNN_UNROLL
    for (int k = FNN_EXP_TERMS - 1; k >= 2; k--) p = v_fma(p, r, v_set1((real)one_over_factorial[k]));
    *two_n = v_pow2(n);
    return v_fma(v_mul(r, r), p, r); /* r + r² (1/2! + r/3! + …) */
}

FNN_INLINE vec v_clamp_exponent(vec x)
{
    return v_min(v_set1((real)FNN_EXP_MAX), v_max(v_set1((real)FNN_EXP_MIN), x));
}

/* e^x; 0 below FNN_EXP_MIN, where it would be subnormal; e^FNN_EXP_MAX above that; NaN to NaN */
FNN_INLINE vec v_exp(vec x)
{
    vec two_n, q = v_expm1_parts(v_clamp_exponent(x), &two_n);
    return v_select(v_gt(v_set1((real)FNN_EXP_MIN), x), v_zero(), v_fma(two_n, q, two_n));
}

/* e^x − 1 */
FNN_INLINE vec v_expm1(vec x)
{
    vec two_n, q = v_expm1_parts(v_clamp_exponent(x), &two_n);
    return v_fma(two_n, q, v_sub(two_n, v_set1(1)));
}

/* σ(x) = 1 / (1 + e^−x), and *rest = 1 − σ(x) = e^−x σ(x), which does not cancel */
FNN_INLINE vec v_sigmoid_parts(vec x, vec *rest)
{
    vec two_n, q = v_expm1_parts(v_clamp_exponent(v_sub(v_zero(), x)), &two_n);
    vec e = v_fma(two_n, q, two_n), s = v_div(v_set1(1), v_add(v_set1(1), e));
    *rest = v_select(v_gt(x, v_set1((real)-FNN_EXP_MIN)), v_zero(), v_mul(e, s));
    return s;
}

FNN_INLINE vec v_sigmoid(vec x)
{
    vec rest;
    return v_sigmoid_parts(x, &rest);
}

/* tanh x = e / (e + 2) with the sign of x, e = e^{2|x|} − 1; 1 to the last bit beyond 20 */
FNN_INLINE vec v_tanh(vec x)
{
    vec y = v_min(v_set1(20), v_abs(x));
    vec e = v_expm1(v_add(y, y));
    return v_copysign(v_div(e, v_add(e, v_set1(2))), x);
}

/* ln(1 + u) for u in [0, 1]: 2 atanh(s) = 2 (s + s³/3 + s⁵/5 + …), s = u / (2 + u) ≤ 1/3 */
FNN_LONG vec v_log1p_unit(vec u)
{
    vec s = v_div(u, v_add(u, v_set1(2))), s2 = v_mul(s, s);
    vec p = v_set1((real)(1.0 / (2 * FNN_LOG_TERMS + 1)));
    FNN_UNROLL
    for (int k = FNN_LOG_TERMS - 1; k >= 1; k--) p = v_fma(p, s2, v_set1((real)(1.0 / (2 * k + 1))));
    s = v_add(s, s);
    return v_fma(v_mul(s, s2), p, s);
}

/* ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|) */
FNN_INLINE vec v_softplus(vec x)
{
    vec u = v_exp(v_sub(v_zero(), v_abs(x)));
    return v_add(v_max(v_zero(), x), v_log1p_unit(u));
}

/* Φ(x), the cumulative distribution function of the standard normal distribution, and
 * *density = φ(x) = e^{−x²/2} / √(2π).
 *
 * The tail 1 − Φ(y), y = |x|, is ½ erfcx(y/√2) e^{−y²/2}. With t = 4/(4 + y), ½ erfcx(y/√2) / t is
 * smooth on the whole of (0, 1]; its Chebyshev fit (made with mpmath at 60 digits, constant term
 * last) errs by 2e-8 up to y = 15 in float and by 4e-18 up to y = 40 in double. */
#ifdef FNN_F32_SOURCE
static const real tail_fit[] = {
    0.016071473357f, -0.060225852864f, 0.046119937233f, 0.035075154299f, 0.0078662033366f,
    0.088859359637f, 0.071388571186f, 0.095611575446f, 0.099485568378f, 0.099748012714f};
#else
static const real tail_fit[] = {
    0.001515753291456278575, -0.02006452823182561752, 0.1238329902501922722,
    -0.4719349719120262204, 1.239926545477384742, -2.375830900230561869,
    3.431210289085204401, -3.821083631765754111, 3.349664496202368171,
    -2.361613244950360341, 1.357994462878651313, -0.6343508220459635615,
    0.2458083675401971033, -0.0836019014014783392, 0.01399967540547755619,
    -0.007487696628577334537, 0.007955566130903537738, 0.02329202375899597865,
    0.04325657096002563667, 0.06350250883223342546, 0.08103521278689466233,
    0.09350209429571072886, 0.09973557017136736393, 0.09973557009948422464};
#endif

/* y² − square, the rounding error of square = y · y: without it the error of e^{−y²/2} would grow with
 * y². y = high + low, each of half the digits, so that their products are exact (Dekker 1971). This needs
 * no fused multiply-add. */
FNN_INLINE vec v_square_rest(vec y, vec square)
{
    const real half_digits = sizeof(real) == 4 ? (real)4097 : (real)134217729; /* 2^12 + 1, 2^27 + 1 */
    vec c = v_mul(v_set1(half_digits), y);
    vec high = v_sub(c, v_sub(c, y)), low = v_sub(y, high);
    vec cross = v_mul(v_add(high, high), low);
    return v_add(v_add(v_sub(v_mul(high, high), square), cross), v_mul(low, low));
}

FNN_LONG vec v_normal_cdf(vec x, vec *density)
{
    vec y = v_min(v_set1(40), v_abs(x));
    vec t = v_div(v_set1(4), v_add(v_set1(4), y));
    vec p = v_set1(tail_fit[0]);
    FNN_UNROLL
    for (int k = 1; k < (int)(sizeof tail_fit / sizeof *tail_fit); k++) p = v_fma(p, t, v_set1(tail_fit[k]));
    vec square = v_mul(y, y), half = v_set1((real)0.5);
    vec rest = v_square_rest(y, square);
    vec e = v_exp(v_mul(v_sub(v_zero(), half), square));
    e = v_fnma(v_mul(half, rest), e, e); /* e^{−y²/2} = e^{−square/2} (1 − rest/2) */
    *density = v_mul(e, v_set1((real)0.39894228040143267794));
    vec tail = v_mul(v_mul(p, t), e);
    return v_select(v_gt(x, v_zero()), v_sub(v_set1(1), tail), tail);
}
