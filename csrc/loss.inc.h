/* loss.inc.h: the cost C of an example and δ = dC/dz at the outputs.
 *
 * Where a loss and its output belong together (cross-entropy with softmax, binary cross-entropy
 * with sigmoid, Poisson with exp) both come straight from the logits z, exact however far the
 * output is saturated:  δ = a − y.  Everywhere else δ = dC/da · f'(z), and for softmax, whose
 * outputs all depend on all z,  δ_i = a_i (g_i − Σ_j g_j a_j)  with g = dC/da.
 */
#include <math.h>

/* c_j and g_j = dc_j/da_j of the losses that are sums of a term an output */
FNN_INLINE vec term(const fnn_loss loss, real param, vec a, vec y, vec *g)
{
    vec r = v_sub(a, y), zero = v_zero(), one = v_set1(1), p = v_set1(param), size, slope;
    switch (loss) {
    case FNN_MAE:
        *g = v_select(v_gt(r, zero), one, v_select(v_gt(zero, r), v_set1(-1), zero));
        return v_abs(r);
    case FNN_HUBER: /* r²/2 inside d, d (|r| − d/2) outside */
        size = v_abs(r);
        *g = v_select(v_gt(size, p), v_copysign(p, r), r);
        slope = v_min(p, size);
        return v_mul(slope, v_fnma(v_set1((real)0.5), slope, size));
    case FNN_QUANTILE: /* y − a = −r */
        *g = v_select(v_gt(r, zero), v_sub(one, p), v_select(v_gt(zero, r), v_sub(zero, p), zero));
        return v_max(v_mul(v_sub(one, p), r), v_mul(v_sub(zero, p), r));
    default: /* the squares */
        *g = v_add(r, r);
        return v_mul(r, r);
    }
}

/* Σ_j c_j of one row of n, δ_j = scale g_j into delta */
FNN_INLINE real row_of_terms(const fnn_loss loss, real param, int64_t n, const real *a,
                             const real *y, real scale, real *delta)
{
    vec sum = v_zero(), g;
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V; /* lanes past n read a = y = 0: c = g = 0 */
        sum = v_add(sum, term(loss, param, v_load_n(a + j, lanes), v_load_n(y + j, lanes), &g));
        if (delta) v_store_n(delta + j, v_mul(v_set1(scale), g), lanes);
    }
    return v_sum(sum);
}

static real cost_row(fnn_loss loss, real param, int64_t n, const real *a, const real *y, real scale,
                     real *delta)
{
    switch (loss) {
    case FNN_MAE: return row_of_terms(FNN_MAE, param, n, a, y, scale, delta);
    case FNN_HUBER: return row_of_terms(FNN_HUBER, param, n, a, y, scale, delta);
    case FNN_QUANTILE: return row_of_terms(FNN_QUANTILE, param, n, a, y, scale, delta);
    default: return row_of_terms(FNN_QUADRATIC, param, n, a, y, scale, delta);
    }
}

/* δ = scale ((Σ y) a − y), C = Σ_j y_j (ln Σ e^z − z_j), ln Σ e^z = z_max − ln a_max */
static double cross_entropy_row(int64_t n, const real *z, const real *a, const real *y, real scale,
                                real *delta)
{
    int64_t top = 0;
    for (int64_t j = 1; j < n; j++)
        if (z[j] > z[top]) top = j;
    double cost = 0, total = 0, lse = (double)z[top] - log((double)a[top]);
    for (int64_t j = 0; j < n; j++)
        if (y[j] != 0) cost += y[j] * (lse - z[j]), total += y[j];
    if (delta) {
        vec all = v_set1((real)total), s = v_set1(scale);
        for (int64_t j = 0; j < n; j += V) {
            int lanes = n - j < V ? (int)(n - j) : V;
            vec d = v_sub(v_mul(all, v_load_n(a + j, lanes)), v_load_n(y + j, lanes));
            v_store_n(delta + j, v_mul(s, d), lanes);
        }
    }
    return cost;
}

/* The same for rows of n ≤ V, V at a time, and softmax with it: C = (Σ y) ln Σ e^z − Σ y z */
static void cross_entropy_turned(int64_t m, int64_t n, const real *z, const real *y, const real *s,
                                 real *a, double *cost, real *delta)
{
    vec x[V], wanted[V], top, most;
    for (int64_t i = 0; i < m; i += V) {
        int64_t rows = m - i < V ? m - i : V;
        real highest[V], largest[V], total[V], along[V];
        turn_in(rows, n, z + i * n, n, x);
        turn_in(rows, n, y + i * n, n, wanted);
        vec sum = v_zero(), dot = v_zero();
        for (int64_t j = 0; j < n; j++) { /* 0 · ∞ counts 0 */
            vec none = v_select(v_gt(v_abs(wanted[j]), v_zero()), x[j], v_zero());
            sum = v_add(sum, wanted[j]);
            dot = v_fma(wanted[j], none, dot);
        }
        softmax_turned(n, x, &top, &most);
        v_store(highest, top), v_store(largest, most), v_store(total, sum), v_store(along, dot);
        for (int64_t r = 0; r < rows; r++)
            cost[i + r] = total[r] * ((double)highest[r] - log((double)largest[r])) - along[r];
        if (delta) {
            vec scale = s ? v_load_n(s + i, (int)rows) : v_set1(1);
            for (int64_t j = 0; j < n; j++)
                wanted[j] = v_mul(scale, v_sub(v_mul(sum, x[j]), wanted[j]));
            turn_out(rows, n, wanted, delta + i * n, n);
        }
        turn_out(rows, n, x, a + i * n, n);
    }
}

/* δ = scale (a − y), C = Σ [u(z) − y z] with u = softplus (binary cross-entropy) or exp (Poisson) */
static double from_logits_row(fnn_loss loss, int64_t n, const real *z, const real *a, const real *y,
                              real scale, real *delta)
{
    vec sum = v_zero(), s = v_set1(scale);
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V;
        vec zj = v_load_n(z + j, lanes), aj = v_load_n(a + j, lanes), yj = v_load_n(y + j, lanes);
        vec c = v_fnma(yj, zj, loss == FNN_POISSON ? aj : v_softplus(zj));
        if (lanes < V) { /* the idle lanes hold softplus(0) = ln 2 */
            real kept[V];
            v_store(kept, c);
            c = v_load_n(kept, lanes);
        }
        sum = v_add(sum, c);
        if (delta) v_store_n(delta + j, v_mul(s, v_sub(aj, yj)), lanes);
    }
    return v_sum(sum);
}

/* C = Σ (a − y ln a), dC/da = 1 − y/a, for outputs that are not exp; a is kept off 0 */
static double poisson_row(int64_t n, const real *a, const real *y, real scale, real *delta)
{
    const real least = sizeof(real) == 4 ? (real)1e-30 : (real)1e-300;
    double cost = 0;
    for (int64_t j = 0; j < n; j++) {
        real safe = a[j] > least ? a[j] : a[j] != a[j] ? a[j] : least;
        cost += safe - y[j] * log((double)safe);
        if (delta) delta[j] = scale * (1 - y[j] / safe);
    }
    return cost;
}

/* δ_i = a_i (g_i − Σ_j g_j a_j) in place of g */
static void through_softmax(int64_t n, const real *a, real *g)
{
    vec sum = v_zero();
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V;
        sum = v_fma(v_load_n(g + j, lanes), v_load_n(a + j, lanes), sum);
    }
    vec mean = v_set1(v_sum(sum));
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V;
        vec d = v_mul(v_load_n(a + j, lanes), v_sub(v_load_n(g + j, lanes), mean));
        v_store_n(g + j, d, lanes);
    }
}

static void loss(fnn_loss kind, real param, fnn_activation f, int64_t m, int64_t n, const real *z,
                 const real *y, const real *s, real *a, real *slope, double *cost, real *delta)
{
    if (kind == FNN_CROSS_ENTROPY && n <= V) {
        cross_entropy_turned(m, n, z, y, s, a, cost, delta);
        return;
    }
    memcpy(a, z, (size_t)(m * n) * sizeof *a);
    int logits = kind == FNN_CROSS_ENTROPY || kind == FNN_BINARY_CROSS_ENTROPY ||
                 (kind == FNN_POISSON && f == FNN_EXP);
    int mean = !(kind == FNN_QUADRATIC || kind == FNN_CROSS_ENTROPY || kind == FNN_BINARY_CROSS_ENTROPY);
    double per = mean ? 1.0 / (double)n : 1.0;
    activate(f, m, n, a, logits || f == FNN_SOFTMAX || !delta ? NULL : slope, n);
    for (int64_t i = 0; i < m; i++) {
        int64_t at = i * n;
        real scale = (real)((s ? s[i] : 1) * per), *d = delta ? delta + at : NULL;
        double c;
        if (kind == FNN_CROSS_ENTROPY) c = cross_entropy_row(n, z + at, a + at, y + at, scale, d);
        else if (logits) c = from_logits_row(kind, n, z + at, a + at, y + at, scale, d);
        else if (kind == FNN_POISSON) c = poisson_row(n, a + at, y + at, scale, d);
        else c = cost_row(kind, param, n, a + at, y + at, scale, d);
        cost[i] = c * per;
        if (delta && f == FNN_SOFTMAX && !logits) through_softmax(n, a + at, d);
    }
    if (delta && !logits && f != FNN_SOFTMAX) multiply(m, n, delta, slope, n);
}
