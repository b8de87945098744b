/* optim.inc.h: the optimisers' steps, for n parameters in one pass over memory.
 *
 * g: gradient of the batch's mean cost. eta: learning rate. lambda: weight_decay, for weights only
 * (`decay`). Products are formed as in the papers, so that the NumPy twin rounds in the same way.
 * v_flush: what decays towards 0 would become subnormal, see system/fpmode.h.
 */

/* g += lambda w;  m = mu m + g;  w −= eta m, or eta (g + mu m) with Nesterov; m is the books' velocity v.
 * Sutskever et al. 2013, as PyTorch writes it. */
static void sgd(const constants *s, int decay, int64_t n, real *w, const real *g, real *m)
{
    vec eta = v_set1(s->rate), mu = v_set1(s->momentum), lambda = v_set1(decay ? s->weight_decay : 0);
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        vec wi = v_load_n(w + i, lanes), gi = v_fma(lambda, wi, v_load_n(g + i, lanes));
        if (m) {
            vec mi = v_flush(v_fma(mu, v_load_n(m + i, lanes), gi));
            v_store_n(m + i, mi, lanes);
            gi = s->nesterov ? v_fma(mu, mi, gi) : mi;
        }
        v_store_n(w + i, v_fnma(eta, gi, wi), lanes);
    }
}

/* m = β1 m + (1 − β1) g;  v = β2 v + (1 − β2) g²;  w −= eta m̂ / (√v̂ + eps),
 * m̂ = m / (1 − β1^t) = c1 m, v̂ = v / (1 − β2^t) = c2 v (constants_of in net/train.inc.h).
 * Kingma & Ba 2015, algorithm 1.
 * Decay: g += lambda w before (L2), or w −= eta lambda w beside it (AdamW; Loshchilov & Hutter
 * 2019, algorithm 2). */
FNN_INLINE vec adam_lanes(const constants *s, vec lambda, vec w, vec g, vec *m, vec *v)
{
    vec one = v_set1(1), b1 = v_set1(s->beta1), b2 = v_set1(s->beta2), eta = v_set1(s->rate);
    if (s->decoupled) w = v_fnma(v_mul(eta, lambda), w, w);
    else g = v_fma(lambda, w, g);
    *m = v_flush(v_fma(b1, *m, v_mul(v_sub(one, b1), g)));
    *v = v_flush(v_fma(b2, *v, v_mul(v_sub(one, b2), v_mul(g, g))));
    vec below = v_add(v_sqrt(v_mul(*v, v_set1(s->c2))), v_set1(s->eps));
    return v_fnma(eta, v_div(v_mul(*m, v_set1(s->c1)), below), w);
}

static void adam(const constants *s, int decay, int64_t n, real *w, const real *g, real *m, real *v)
{
    vec lambda = v_set1(decay ? s->weight_decay : 0);
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        vec mi = v_load_n(m + i, lanes), vi = v_load_n(v + i, lanes);
        vec wi = adam_lanes(s, lambda, v_load_n(w + i, lanes), v_load_n(g + i, lanes), &mi, &vi);
        v_store_n(w + i, wi, lanes);
        v_store_n(m + i, mi, lanes);
        v_store_n(v + i, vi, lanes);
    }
}

/* g += lambda w;  v = α v + (1 − α) g²;  u = g / (√v + eps);  m = mu m + u;  w −= eta m.
 * Without momentum w −= eta u. Tieleman & Hinton 2012; α is beta2 here. */
static void rmsprop(const constants *s, int decay, int64_t n, real *w, const real *g, real *m, real *v)
{
    vec one = v_set1(1), eta = v_set1(s->rate), mu = v_set1(s->momentum), alpha = v_set1(s->beta2);
    vec lambda = v_set1(decay ? s->weight_decay : 0), eps = v_set1(s->eps);
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        vec wi = v_load_n(w + i, lanes), gi = v_fma(lambda, wi, v_load_n(g + i, lanes));
        vec vi = v_flush(v_fma(alpha, v_load_n(v + i, lanes), v_mul(v_sub(one, alpha), v_mul(gi, gi))));
        v_store_n(v + i, vi, lanes);
        vec u = v_div(gi, v_add(v_sqrt(vi), eps));
        if (m) {
            u = v_flush(v_fma(mu, v_load_n(m + i, lanes), u));
            v_store_n(m + i, u, lanes);
        }
        v_store_n(w + i, v_fnma(eta, u, wi), lanes);
    }
}

static void update(fnn_optimiser_kind kind, const constants *s, int decay, int64_t n, real *w,
                   const real *g, real *m, real *v)
{
    switch (kind) {
    case FNN_SGD: sgd(s, decay, n, w, g, m); break;
    case FNN_ADAM: adam(s, decay, n, w, g, m, v); break;
    case FNN_RMSPROP: rmsprop(s, decay, n, w, g, m, v); break;
    }
}
