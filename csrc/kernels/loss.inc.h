/* loss.inc.h: the cost C of an example and δ = dC/dz at the outputs.
 *
 * Where a loss and its output belong together (cross-entropy with softmax, binary cross-entropy
 * with sigmoid, Poisson with exp) both come straight from the logits z, exact however far the
 * output is saturated:  δ = a − y.  Everywhere else δ = dC/da · f'(z), and for softmax, whose
 * outputs all depend on all z,  δ_i = a_i (g_i − Σ_j g_j a_j)  with g = dC/da.
 */

/* c_j and g_j = dc_j/da_j of those losses of the list (fnn.h) that say TERMS; p: their parameters */
FNN_INLINE vec term(const fnn_loss loss, vec p, vec a, vec y, vec *g)
{
    vec r = v_sub(a, y), zero = v_zero(), one = v_set1(1), size, slope;
    switch (loss) {
    case FNN_LINEAR:
        *g = y;
        return v_mul(y, a);
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
    case FNN_QUADRATIC:
    case FNN_MSE:
        *g = v_add(r, r);
        return v_mul(r, r);
#define NOT_HERE_TERMS(C)
#define NOT_HERE_ROW(C) case C:
#define NOT_HERE(NAME, TAKEN, HOW) NOT_HERE_##HOW(FNN_##NAME)
        FNN_LOSSES(NOT_HERE)
        break;
#undef NOT_HERE
    }
    *g = v_set1((real)NAN); /* never: so that it shows */
    return *g;
}

/* Σ_j r_j c_j of one row of n, δ_j = scale r_j g_j into delta; r: NULL for 1 */
FNN_INLINE real row_of_terms(const fnn_loss loss, const real *param, int64_t n, const real *a,
                             const real *y, const real *r, real scale, real *delta)
{
    vec sum = v_zero(), g;
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V; /* lanes past n read a = y = p = 0: c = g = 0 */
        vec c = term(loss, v_load_n(param + j, lanes), v_load_n(a + j, lanes), v_load_n(y + j, lanes), &g);
        if (r) c = v_mul(v_load_n(r + j, lanes), c), g = v_mul(v_load_n(r + j, lanes), g);
        sum = v_add(sum, c);
        if (delta) v_store_n(delta + j, v_mul(v_set1(scale), g), lanes);
    }
    return v_sum(sum);
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
static void cross_entropy_lanes(int64_t m, int64_t n, const real *z, const real *y, const real *s,
                                 real *a, double *cost, real *delta)
{
    vec x[V], wanted[V], top, most;
    for (int64_t i = 0; i < m; i += V) {
        int64_t rows = m - i < V ? m - i : V;
        real highest[V], largest[V], total[V], along[V];
        load_lanes(rows, n, z + i * n, n, x);
        load_lanes(rows, n, y + i * n, n, wanted);
        vec sum = v_zero(), dot = v_zero();
        for (int64_t j = 0; j < n; j++) { /* 0 · ∞ counts 0 */
            vec none = v_select(v_gt(v_abs(wanted[j]), v_zero()), x[j], v_zero());
            sum = v_add(sum, wanted[j]);
            dot = v_fma(wanted[j], none, dot);
        }
        softmax_lanes(n, x, &top, &most);
        v_store(highest, top), v_store(largest, most), v_store(total, sum), v_store(along, dot);
        for (int64_t r = 0; r < rows; r++)
            cost[i + r] = total[r] * ((double)highest[r] - log((double)largest[r])) - along[r];
        if (delta) {
            vec scale = s ? v_load_n(s + i, (int)rows) : v_set1(1);
            for (int64_t j = 0; j < n; j++)
                wanted[j] = v_mul(scale, v_sub(v_mul(sum, x[j]), wanted[j]));
            store_lanes(rows, n, wanted, delta + i * n, n);
        }
        store_lanes(rows, n, x, a + i * n, n);
    }
}

/* δ = scale r (a − y), C = Σ r [u(z) − y z] with u = softplus (binary cross-entropy) or exp (Poisson) */
static double from_logits_row(fnn_loss loss, int64_t n, const real *z, const real *a, const real *y,
                              const real *r, real scale, real *delta)
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
        vec d = v_sub(aj, yj);
        if (r) c = v_mul(v_load_n(r + j, lanes), c), d = v_mul(v_load_n(r + j, lanes), d);
        sum = v_add(sum, c);
        if (delta) v_store_n(delta + j, v_mul(s, d), lanes);
    }
    return v_sum(sum);
}

/* C = Σ r (a − y ln a), dC/da = r (1 − y/a), for outputs that are not exp; a is kept off 0 */
static double poisson_row(int64_t n, const real *a, const real *y, const real *r, real scale, real *delta)
{
    const real least = sizeof(real) == 4 ? (real)1e-30 : (real)1e-300;
    double cost = 0;
    for (int64_t j = 0; j < n; j++) {
        real safe = a[j] > least ? a[j] : a[j] != a[j] ? a[j] : least;
        double c = safe - y[j] * log((double)safe);
        cost += r ? r[j] * c : c;
        if (delta) delta[j] = (r ? scale * r[j] : scale) * (1 - y[j] / safe);
    }
    return cost;
}

/* C = Σ_k r [(y − μ)² e^−s + s] for pairs of outputs a = (μ, s) = (mean, log-variance) a target; y and r
 * stand at μ. The negative logarithm of a normal density, twice and without ln 2π.
 * dC/dμ = −2 r (y − μ) e^−s,  dC/ds = r (1 − (y − μ)² e^−s);  Nix & Weigend 1994. */
static double gaussian_row(int64_t n, const real *a, const real *y, const real *r, real scale, real *delta)
{
    double cost = 0;
    for (int64_t j = 0; j + 1 < n; j += 2) {
        double off = (double)y[j] - (double)a[j], precision = exp(-(double)a[j + 1]), w = r ? (double)r[j] : 1;
        if (w == 0) off = precision = 0;
        cost += w * (off * off * precision + (double)a[j + 1]);
        if (delta) {
            delta[j] = (real)((double)scale * w * -2 * off * precision);
            delta[j + 1] = (real)((double)scale * w * (1 - off * off * precision));
        }
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

/* Whether C and δ come from the logits z, the output's f' cancelling */
static int from_logits(fnn_loss kind, fnn_activation f)
{
#define CASE_TERMS(C) case C: return 0;
#define CASE_ROW(C)
#define CASE(NAME, TAKEN, HOW) CASE_##HOW(FNN_##NAME)
    switch (kind) {
        FNN_LOSSES(CASE)
    case FNN_CROSS_ENTROPY:
    case FNN_BINARY_CROSS_ENTROPY: return 1;
    case FNN_POISSON: return f == FNN_EXP;
    case FNN_GAUSSIAN_NLL: return 0;
    }
    return 0;
#undef CASE_TERMS
}

/* C of one row of n, and scale dC/dz or, without logits, scale dC/da into delta unless NULL */
static double cost_row(fnn_loss kind, const real *param, int logits, int64_t n, const real *z, const real *a,
                       const real *y, const real *r, real scale, real *delta)
{
#define CASE_TERMS(C) case C: return row_of_terms(C, param, n, a, y, r, scale, delta);
    switch (kind) {
        FNN_LOSSES(CASE)
    case FNN_CROSS_ENTROPY: return cross_entropy_row(n, z, a, y, scale, delta);
    case FNN_BINARY_CROSS_ENTROPY: return from_logits_row(kind, n, z, a, y, r, scale, delta);
    case FNN_POISSON:
        return logits ? from_logits_row(kind, n, z, a, y, r, scale, delta)
                      : poisson_row(n, a, y, r, scale, delta);
    case FNN_GAUSSIAN_NLL: return gaussian_row(n, a, y, r, scale, delta);
    }
    return NAN; /* never: so that it shows */
#undef CASE
#undef CASE_ROW
#undef CASE_TERMS
}

/* First form of softmax with cross-entropy: whole rows of z; second form, for rows of n ≤ V, where
 * lanes are rows: cross_entropy_lanes. */
static void loss(fnn_loss kind, const real *param, fnn_activation f, int64_t m, int64_t n, const real *z,
                 const real *y, const real *s, const real *r, real *a, real *slope, double *cost, real *delta)
{
    if (kind == FNN_CROSS_ENTROPY && n <= V) {
        cross_entropy_lanes(m, n, z, y, s, a, cost, delta);
        return;
    }
    enum { SUM, MEAN };
#define TAKEN(NAME, HOW, ...) HOW,
    static const char taken[] = {FNN_LOSSES(TAKEN)};
#undef TAKEN
    double per = taken[kind] == MEAN ? 1.0 / (double)n : 1.0;
    int logits = from_logits(kind, f);
    memcpy(a, z, (size_t)(m * n) * sizeof *a);
    activate(f, m, n, a, logits || f == FNN_SOFTMAX || !delta ? NULL : slope, n);
    for (int64_t i = 0; i < m; i++) {
        int64_t at = i * n;
        real scale = (real)((s ? s[i] : 1) * per), *d = delta ? delta + at : NULL;
        double c = cost_row(kind, param, logits, n, z + at, a + at, y + at, r ? r + at : NULL, scale, d);
        cost[i] = c * per;
        if (delta && f == FNN_SOFTMAX && !logits) through_softmax(n, a + at, d);
    }
    if (delta && !logits && f != FNN_SOFTMAX) multiply(m, n, delta, slope, n);
}
