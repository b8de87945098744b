/* loss.inc.h: the cost C of an example and δ = dC/dz at the outputs.
 *
 * Where a loss and its output belong together (cross-entropy with softmax, binary cross-entropy
 * with sigmoid, Poisson with exp), C is computed from the logits z, and  δ = a − y:  both stay exact
 * however saturated the output is. Everywhere else δ = dC/da · f'(z), and for softmax, whose
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
    *g = v_set1((real)NAN); /* not reached; NaN would be noticed */
    return *g;
}

/* One example of the output layer: z, a = f(z), targets y and, unless NULL, delta, (n,) each. The weight
 * is the example's, divided by n where the loss is a mean. delta gets weight · dC/dz or, for losses
 * without logits, weight · dC/da. */
typedef struct {
    const real *z, *a, *y;
    const real *r; /* (n,): the weights of the outputs' terms; NULL: 1 */
    real weight, *delta;
} example;

/* C = Σ_j r_j c_j, δ_j = weight r_j g_j */
FNN_INLINE real row_of_terms(const fnn_loss loss, const real *param, int64_t n, example e)
{
    vec sum = v_zero(), g;
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V; /* lanes past n read a = y = p = 0: c = g = 0 */
        vec c = term(loss, v_load_n(param + j, lanes), v_load_n(e.a + j, lanes), v_load_n(e.y + j, lanes), &g);
        if (e.r) c = v_mul(v_load_n(e.r + j, lanes), c), g = v_mul(v_load_n(e.r + j, lanes), g);
        sum = v_add(sum, c);
        if (e.delta) v_store_n(e.delta + j, v_mul(v_set1(e.weight), g), lanes);
    }
    return v_sum(sum);
}

/* δ = weight ((Σ y) a − y), C = Σ_j y_j (ln Σ e^z − z_j), ln Σ e^z = z_max − ln a_max */
FNN_INLINE double cross_entropy_row(int64_t n, example e)
{
    int64_t top = 0;
    for (int64_t j = 1; j < n; j++)
        if (e.z[j] > e.z[top]) top = j;
    double cost = 0, total = 0, lse = (double)e.z[top] - log((double)e.a[top]);
    for (int64_t j = 0; j < n; j++)
        if (e.y[j] != 0) cost += e.y[j] * (lse - e.z[j]), total += e.y[j];
    if (e.delta) {
        vec all = v_set1((real)total), w = v_set1(e.weight);
        for (int64_t j = 0; j < n; j += V) {
            int lanes = n - j < V ? (int)(n - j) : V;
            vec d = v_sub(v_mul(all, v_load_n(e.a + j, lanes)), v_load_n(e.y + j, lanes));
            v_store_n(e.delta + j, v_mul(w, d), lanes);
        }
    }
    return cost;
}

/* The same and softmax for rows of n ≤ V, V rows at a time: C = (Σ y) ln Σ e^z − Σ y z */
static void cross_entropy_lanes(int64_t m, int64_t n, const outputs *o)
{
    vec x[V], y[V], top, most;
    for (int64_t i = 0; i < m; i += V) {
        int64_t rows = m - i < V ? m - i : V;
        real highest[V], largest[V], total[V], along[V];
        load_lanes(rows, n, o->z + i * n, n, x);
        load_lanes(rows, n, o->y + i * n, n, y);
        vec sum = v_zero(), dot = v_zero();
        for (int64_t j = 0; j < n; j++) { /* 0 · ∞ counts 0 */
            vec z = v_select(v_gt(v_abs(y[j]), v_zero()), x[j], v_zero());
            sum = v_add(sum, y[j]);
            dot = v_fma(y[j], z, dot);
        }
        softmax_lanes(n, x, &top, &most);
        v_store(highest, top), v_store(largest, most), v_store(total, sum), v_store(along, dot);
        for (int64_t r = 0; r < rows; r++)
            o->cost[i + r] = total[r] * ((double)highest[r] - log((double)largest[r])) - along[r];
        if (o->delta) {
            vec weight = o->weight ? v_load_n(o->weight + i, (int)rows) : v_set1(1);
            for (int64_t j = 0; j < n; j++) y[j] = v_mul(weight, v_sub(v_mul(sum, x[j]), y[j]));
            store_lanes(rows, n, y, o->delta + i * n, n);
        }
        store_lanes(rows, n, x, o->a + i * n, n);
    }
}

/* c_j = u(z) − y z, with u = softplus (binary cross-entropy) or exp (Poisson), and *d = dc_j/dz_j = a − y */
FNN_INLINE vec term_from_logits(fnn_loss loss, vec z, vec a, vec y, vec *d)
{
    *d = v_sub(a, y);
    return v_fnma(y, z, loss == FNN_POISSON ? a : v_softplus(z));
}

/* δ = weight r (a − y), C = Σ r c_j */
FNN_INLINE double from_logits_row(fnn_loss loss, int64_t n, example e)
{
    vec sum = v_zero(), w = v_set1(e.weight);
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V;
        vec z = v_load_n(e.z + j, lanes), a = v_load_n(e.a + j, lanes), y = v_load_n(e.y + j, lanes);
        vec d, c = term_from_logits(loss, z, a, y, &d);
        if (lanes < V) { /* the idle lanes hold softplus(0) = ln 2 */
            real kept[V];
            v_store(kept, c);
            c = v_load_n(kept, lanes);
        }
        if (e.r) c = v_mul(v_load_n(e.r + j, lanes), c), d = v_mul(v_load_n(e.r + j, lanes), d);
        sum = v_add(sum, c);
        if (e.delta) v_store_n(e.delta + j, v_mul(w, d), lanes);
    }
    return v_sum(sum);
}

/* C = Σ r (a − y ln a), dC/da = r (1 − y/a), for outputs that are not exp; a is kept off 0 */
FNN_INLINE double poisson_row(int64_t n, example e)
{
    const real least = sizeof(real) == 4 ? (real)1e-30 : (real)1e-300;
    double cost = 0;
    for (int64_t j = 0; j < n; j++) {
        real a = e.a[j] > least ? e.a[j] : e.a[j] != e.a[j] ? e.a[j] : least;
        double c = a - e.y[j] * log((double)a);
        cost += e.r ? e.r[j] * c : c;
        if (e.delta) e.delta[j] = (e.r ? e.weight * e.r[j] : e.weight) * (1 - e.y[j] / a);
    }
    return cost;
}

/* C = Σ_k r [(y − μ)² e^−s + s] for pairs of outputs a = (μ, s) = (mean, log-variance) a target; y and r
 * stand at μ. The negative logarithm of a normal density, twice and without ln 2π.
 * dC/dμ = −2 r (y − μ) e^−s,  dC/ds = r (1 − (y − μ)² e^−s);  Nix & Weigend 1994. */
static double gaussian_row(int64_t n, example e)
{
    double cost = 0;
    for (int64_t j = 0; j + 1 < n; j += 2) {
        double r = e.r ? (double)e.r[j] : 1, log_variance = (double)e.a[j + 1];
        double off = (double)e.y[j] - (double)e.a[j], precision = exp(-log_variance), w = (double)e.weight * r;
        cost += r * (off * off * precision + log_variance);
        if (e.delta) {
            e.delta[j] = (real)(w * -2 * off * precision);
            e.delta[j + 1] = (real)(w * (1 - off * off * precision));
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

/* 1 if C is computed from the logits z, and f' cancels in δ */
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

/* C of one example of n outputs, and weight dC/dz or, without logits, weight dC/da */
static double cost_row(fnn_loss kind, const real *param, int logits, int64_t n, const example *e)
{
#define CASE_TERMS(C) case C: return row_of_terms(C, param, n, *e);
    switch (kind) {
        FNN_LOSSES(CASE)
    case FNN_CROSS_ENTROPY: return cross_entropy_row(n, *e);
    case FNN_BINARY_CROSS_ENTROPY: return from_logits_row(kind, n, *e);
    case FNN_POISSON: return logits ? from_logits_row(kind, n, *e) : poisson_row(n, *e);
    case FNN_GAUSSIAN_NLL: return gaussian_row(n, *e);
    }
    return NAN; /* not reached; NaN would be noticed */
#undef CASE
#undef CASE_ROW
#undef CASE_TERMS
}

/* C and weight dC/dz, or dC/da, of m examples of one output each: C is its only term, so that lanes are
 * examples, of one network or of many */
FNN_INLINE void single_outputs(const fnn_loss loss, const int logits, real param, int64_t m, const outputs *o)
{
    for (int64_t i = 0; i < m; i += V) {
        int lanes = m - i < V ? (int)(m - i) : V;
        real cost[V];
        vec g, a = v_load_n(o->a + i, lanes), y = v_load_n(o->y + i, lanes);
        vec c = logits ? term_from_logits(loss, v_load_n(o->z + i, lanes), a, y, &g)
                       : term(loss, v_set1(param), a, y, &g);
        if (o->term_weight) {
            vec r = v_load_n(o->term_weight + i, lanes);
            c = v_mul(r, c), g = v_mul(r, g);
        }
        v_store(cost, v_add(v_zero(), c)); /* a sum of one */
        for (int k = 0; k < lanes; k++) o->cost[i + k] = cost[k];
        if (o->delta) v_store_n(o->delta + i, v_mul(o->weight ? v_load_n(o->weight + i, lanes) : v_set1(1), g), lanes);
    }
}

/* 1 if the loss has a form for single outputs, which is then computed */
static int by_single_outputs(fnn_loss kind, int logits, real param, int64_t m, const outputs *o)
{
#define CASE_TERMS(C) case C: single_outputs(C, 0, param, m, o); return 1;
#define CASE_ROW(C)
#define CASE(NAME, TAKEN, HOW) CASE_##HOW(FNN_##NAME)
    switch (kind) {
        FNN_LOSSES(CASE)
    case FNN_BINARY_CROSS_ENTROPY: single_outputs(FNN_BINARY_CROSS_ENTROPY, 1, param, m, o); return 1;
    case FNN_POISSON:
        if (logits) single_outputs(FNN_POISSON, 1, param, m, o);
        return logits;
    case FNN_CROSS_ENTROPY:
    case FNN_GAUSSIAN_NLL: return 0;
    }
    return 0;
#undef CASE
#undef CASE_ROW
#undef CASE_TERMS
}

/* First form of softmax with cross-entropy: whole rows of z; second form, for rows of n ≤ V, where
 * lanes are rows: cross_entropy_lanes. */
static void loss(fnn_loss kind, const real *param, fnn_activation f, int64_t m, int64_t n, const outputs *o)
{
    if (kind == FNN_CROSS_ENTROPY && n <= V) {
        cross_entropy_lanes(m, n, o);
        return;
    }
    enum { SUM, MEAN };
#define TAKEN(NAME, HOW, ...) HOW,
    static const char taken[] = {FNN_LOSSES(TAKEN)};
#undef TAKEN
    double per = taken[kind] == MEAN ? 1.0 / (double)n : 1.0;
    int logits = from_logits(kind, f);
    memcpy(o->a, o->z, (size_t)(m * n) * sizeof *o->a);
    activate(f, m, n, o->a, logits || f == FNN_SOFTMAX || !o->delta ? NULL : o->slope, n);
    int done = n == 1 && f != FNN_SOFTMAX && by_single_outputs(kind, logits, *param, m, o);
    for (int64_t i = 0; i < m && !done; i++) {
        int64_t at = i * n;
        example e = {o->z + at, o->a + at, o->y + at, o->term_weight ? o->term_weight + at : NULL,
                     (real)((o->weight ? o->weight[i] : 1) * per), o->delta ? o->delta + at : NULL};
        o->cost[i] = cost_row(kind, param, logits, n, &e) * per;
        if (e.delta && f == FNN_SOFTMAX && !logits) through_softmax(n, e.a, e.delta);
    }
    if (o->delta && !logits && f != FNN_SOFTMAX) multiply(m, n, o->delta, o->slope, n);
}
