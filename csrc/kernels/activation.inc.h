/* activation.inc.h: the activation functions f(z) and their slopes f'(z). The list of all f is in fnn.h;
 * a switch here that lacks one does not compile (-Werror=switch). */
#include <math.h>
#include "kernels/vmath.inc.h"

#define LEAKY ((real)0.01)

/* f(z); if `both`, also *slope = f'(z) */
FNN_INLINE vec f_of(const fnn_activation f, const int both, vec z, vec *slope)
{
    vec one = v_set1(1), zero = v_zero(), a, s, rest;
    switch (f) {
    case FNN_SIGMOID:
        a = v_sigmoid(z);
        if (both) *slope = v_fnma(a, a, a);
        return a;
    case FNN_TANH:
        a = v_tanh(z);
        if (both) *slope = v_fnma(a, a, one);
        return a;
    case FNN_RELU:
        if (both) *slope = v_select(v_gt(z, zero), one, zero);
        return v_max(zero, z);
    case FNN_LEAKY_RELU:
        if (both) *slope = v_select(v_gt(z, zero), one, v_set1(LEAKY));
        return v_select(v_gt(z, zero), z, v_mul(v_set1(LEAKY), z));
    case FNN_ELU:
        a = v_select(v_gt(z, zero), z, v_expm1(z));
        if (both) *slope = v_select(v_gt(z, zero), one, v_add(a, one));
        return a;
    case FNN_GELU: /* z Φ(z); Φ(z) + z φ(z) */
        s = v_normal_cdf(z, &a);
        if (both) *slope = v_fma(z, a, s);
        return v_mul(z, s);
    case FNN_SILU: /* z σ; σ + z σ (1 − σ) = σ + a (1 − σ) */
        s = v_sigmoid_parts(z, &rest);
        a = v_mul(z, s);
        if (both) *slope = v_fma(a, rest, s);
        return a;
    case FNN_SOFTPLUS:
        if (both) *slope = v_sigmoid(z);
        return v_softplus(z);
    case FNN_EXP:
        a = v_exp(z);
        if (both) *slope = a;
        return a;
    case FNN_IDENTITY:
        if (both) *slope = one;
        return z;
    case FNN_SOFTMAX: break; /* needs whole rows: softmax() below */
    }
    return v_set1((real)NAN); /* not reached; NaN would be noticed */
}

/* f'(z) computed from a = f(z), for the f marked FROM_A in fnn.h */
FNN_INLINE vec slope_of(const fnn_activation f, vec a)
{
    vec one = v_set1(1), zero = v_zero();
    switch (f) {
    case FNN_SIGMOID: return v_fnma(a, a, a);                                   /* a (1 − a) */
    case FNN_TANH: return v_fnma(a, a, one);                                    /* 1 − a² */
    case FNN_RELU: return v_select(v_gt(a, zero), one, zero);
    case FNN_LEAKY_RELU: return v_select(v_gt(a, zero), one, v_set1(LEAKY));
    case FNN_ELU: return v_select(v_gt(a, zero), one, v_add(a, one));
    case FNN_EXP: return a;
#define NOT_HERE_IS_ONE(F) case F:
#define NOT_HERE_FROM_A(F)
#define NOT_HERE_STORED(F) case F:
#define NOT_HERE_JACOBIAN(F) case F:
#define NOT_HERE(NAME, HOW) NOT_HERE_##HOW(FNN_##NAME)
        FNN_ACTIVATIONS(NOT_HERE)
        break;
#undef NOT_HERE
    }
    return v_set1((real)NAN); /* not reached; NaN would be noticed */
}

/* Rows without gaps between them are computed as one long row. */
FNN_INLINE void join_rows(int64_t *m, int64_t *n, int64_t ld)
{
    if (ld == *n) *n *= *m, *m = 1;
}

FNN_INLINE void apply_row(const fnn_activation f, int64_t n, real *z, real *slope)
{
    int64_t i = 0;
    vec s;
    if (slope) {
        for (; i < n; i += V) {
            int lanes = n - i < V ? (int)(n - i) : V;
            v_store_n(z + i, f_of(f, 1, v_load_n(z + i, lanes), &s), lanes);
            v_store_n(slope + i, s, lanes);
        }
    } else {
        for (; i + V <= n; i += V) v_store(z + i, f_of(f, 0, v_load(z + i), &s));
        if (i < n) v_store_n(z + i, f_of(f, 0, v_load_n(z + i, (int)(n - i)), &s), (int)(n - i));
    }
}

FNN_INLINE void apply(const fnn_activation f, int64_t m, int64_t n, real *z, real *slope, int64_t ld)
{
    join_rows(&m, &n, ld);
    for (int64_t i = 0; i < m; i++) apply_row(f, n, z + i * ld, slope ? slope + i * ld : NULL);
}

FNN_INLINE void apply_slope_row(const fnn_activation f, int64_t n, const real *a, real *delta)
{
    int64_t i = 0;
    for (; i + V <= n; i += V) v_store(delta + i, v_mul(v_load(delta + i), slope_of(f, v_load(a + i))));
    if (i < n) {
        int lanes = (int)(n - i);
        vec x = v_mul(v_load_n(delta + i, lanes), slope_of(f, v_load_n(a + i, lanes)));
        v_store_n(delta + i, x, lanes);
    }
}

FNN_INLINE void apply_slope(const fnn_activation f, int64_t m, int64_t n, const real *a, real *delta,
                            int64_t ld)
{
    join_rows(&m, &n, ld);
    for (int64_t i = 0; i < m; i++) apply_slope_row(f, n, a + i * ld, delta + i * ld);
}

/* a_j = e^{z_j − max z} / Σ e^{z − max z} over one row of n */
static void softmax_row(int64_t n, real *z)
{
    vec most = v_set1(z[0]), sum = v_zero();
    int64_t whole = n - n % V;
    int rest = (int)(n - whole);
    for (int64_t j = 0; j < whole; j += V) most = v_max(most, v_load(z + j));
    real top = v_most(most);
    for (int64_t j = whole; j < n; j++) top = z[j] > top ? z[j] : top;
    for (int64_t j = 0; j < whole; j += V) {
        vec e = v_exp(v_sub(v_load(z + j), v_set1(top)));
        v_store(z + j, e);
        sum = v_add(sum, e);
    }
    if (rest) {
        v_store_n(z + whole, v_exp(v_sub(v_load_n(z + whole, rest), v_set1(top))), rest);
        sum = v_add(sum, v_load_n(z + whole, rest));
    }
    vec total = v_set1(v_sum(sum));
    for (int64_t j = 0; j < whole; j += V) v_store(z + j, v_div(v_load(z + j), total));
    if (rest) v_store_n(z + whole, v_div(v_load_n(z + whole, rest), total), rest);
}

/* Second form, for rows of n ≤ V values, too short to fill vectors: V rows are transposed into n
 * vectors, so that lane i of x[j] is value j of row i. If m < V, the other lanes hold 0. */
FNN_INLINE void load_lanes(int64_t m, int64_t n, const real *z, int64_t ld, vec *x)
{
    for (int i = 0; i < V; i++) x[i] = i < m ? v_load_n(z + i * ld, (int)n) : v_zero();
    v_transpose(x);
}

FNN_INLINE void store_lanes(int64_t m, int64_t n, vec *x, real *z, int64_t ld)
{
    v_transpose(x);
    for (int i = 0; i < V && i < m; i++) v_store_n(z + i * ld, x[i], (int)n);
}

/* Softmax of V rows in place; *top = max z, *most = max a = 1 / Σ e^{z − top} */
FNN_INLINE void softmax_lanes(int64_t n, vec *x, vec *top, vec *most)
{
    vec sum = v_zero();
    *top = x[0];
    for (int64_t j = 1; j < n; j++) *top = v_max(*top, x[j]);
    for (int64_t j = 0; j < n; j++) {
        x[j] = v_exp(v_sub(x[j], *top));
        sum = v_add(sum, x[j]);
    }
    for (int64_t j = 0; j < n; j++) x[j] = v_div(x[j], sum);
    *most = v_div(v_set1(1), sum);
}

static void softmax(int64_t m, int64_t n, real *z, int64_t ld)
{
    vec x[V], top, most;
    for (int64_t i = 0; n > V && i < m; i++) softmax_row(n, z + i * ld);
    for (int64_t i = 0; n <= V && i < m; i += V) {
        load_lanes(m - i, n, z + i * ld, ld, x);
        softmax_lanes(n, x, &top, &most);
        store_lanes(m - i, n, x, z + i * ld, ld);
    }
}

static void activate(fnn_activation f, int64_t m, int64_t n, real *z, real *slope, int64_t ld)
{
    if (f == FNN_IDENTITY && !slope) return; /* a = z */
#define ALL(F) case F: apply(F, m, n, z, slope, ld); break;
#define CASE_IS_ONE(F) ALL(F)
#define CASE_FROM_A(F) ALL(F)
#define CASE_STORED(F) ALL(F)
#define CASE_JACOBIAN(F) case F: softmax(m, n, z, ld); break;
#define CASE(NAME, HOW) CASE_##HOW(FNN_##NAME)
    switch (f) { FNN_ACTIVATIONS(CASE) }
#undef CASE_IS_ONE
#undef CASE_FROM_A
#undef CASE_STORED
#undef CASE_JACOBIAN
}

static void times_slope(fnn_activation f, int64_t m, int64_t n, const real *a, real *delta, int64_t ld)
{
#define CASE_IS_ONE(F) case F: break;
#define CASE_FROM_A(F) case F: apply_slope(F, m, n, a, delta, ld); break;
#define CASE_STORED(F) case F: break; /* multiply() does it */
#define CASE_JACOBIAN(F) case F: break;
    switch (f) { FNN_ACTIVATIONS(CASE) }
#undef CASE
}

static void multiply_row(int64_t n, real *x, const real *y)
{
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        v_store_n(x + i, v_mul(v_load_n(x + i, lanes), v_load_n(y + i, lanes)), lanes);
    }
}

static void multiply(int64_t m, int64_t n, real *x, const real *y, int64_t ld)
{
    join_rows(&m, &n, ld);
    for (int64_t i = 0; i < m; i++) multiply_row(n, x + i * ld, y + i * ld);
}
