/* optim.inc.h: the optimisers' steps, for n parameters in one pass over memory.
 *
 * g: gradient of the batch's mean cost. eta: learning rate. lambda: weight_decay, for weights only
 * (`decay`). Products are formed as in the papers, so that the NumPy twin rounds in the same way.
 * v_flush: what decays towards 0 would become subnormal, see system/fpmode.h.
 */

/* The constants as vectors: of one network, the same in all lanes, or of V networks, lane by lane */
typedef struct {
    vec eta, mu, b1, b2, eps, lambda, c1, c2;
    int nesterov, decoupled;
} vectors;

FNN_INLINE vectors in_all_lanes(const constants *s, int decay)
{
    return (vectors){v_set1(s->rate), v_set1(s->momentum), v_set1(s->beta1), v_set1(s->beta2),
                     v_set1(s->eps), v_set1(decay ? s->weight_decay : 0), v_set1(s->c1), v_set1(s->c2),
                     s->nesterov, s->decoupled};
}

FNN_INLINE vectors lane_by_lane(const lane_constants *s, int decay)
{
    return (vectors){v_load(s->rate), v_load(s->momentum), v_load(s->beta1), v_load(s->beta2),
                     v_load(s->eps), decay ? v_load(s->weight_decay) : v_zero(), v_load(s->c1), v_load(s->c2),
                     s->nesterov, s->decoupled};
}

/* g += lambda w;  m = mu m + g;  w −= eta m, or eta (g + mu m) with Nesterov; m is the books' velocity v.
 * Sutskever et al. 2013, as PyTorch writes it. */
FNN_INLINE void sgd(vectors s, int64_t n, real *w, const real *g, real *m)
{
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        vec wi = v_load_n(w + i, lanes), gi = v_fma(s.lambda, wi, v_load_n(g + i, lanes));
        if (m) {
            vec mi = v_flush(v_fma(s.mu, v_load_n(m + i, lanes), gi));
            v_store_n(m + i, mi, lanes);
            gi = s.nesterov ? v_fma(s.mu, mi, gi) : mi;
        }
        v_store_n(w + i, v_fnma(s.eta, gi, wi), lanes);
    }
}

/* m = β1 m + (1 − β1) g;  v = β2 v + (1 − β2) g²;  w −= eta m̂ / (√v̂ + eps),
 * m̂ = m / (1 − β1^t) = c1 m, v̂ = v / (1 − β2^t) = c2 v (constants_of in net/train.inc.h).
 * Kingma & Ba 2015, algorithm 1.
 * Decay: g += lambda w before (L2), or w −= eta lambda w beside it (AdamW; Loshchilov & Hutter
 * 2019, algorithm 2). */
FNN_INLINE vec adam_step(vectors s, vec w, vec g, vec *m, vec *v)
{
    vec one = v_set1(1);
    if (s.decoupled) w = v_fnma(v_mul(s.eta, s.lambda), w, w);
    else g = v_fma(s.lambda, w, g);
    *m = v_flush(v_fma(s.b1, *m, v_mul(v_sub(one, s.b1), g)));
    *v = v_flush(v_fma(s.b2, *v, v_mul(v_sub(one, s.b2), v_mul(g, g))));
    vec below = v_add(v_sqrt(v_mul(*v, s.c2)), s.eps);
    return v_fnma(s.eta, v_div(v_mul(*m, s.c1), below), w);
}

FNN_INLINE void adam(vectors s, int64_t n, real *w, const real *g, real *m, real *v)
{
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        vec mi = v_load_n(m + i, lanes), vi = v_load_n(v + i, lanes);
        vec wi = adam_step(s, v_load_n(w + i, lanes), v_load_n(g + i, lanes), &mi, &vi);
        v_store_n(w + i, wi, lanes);
        v_store_n(m + i, mi, lanes);
        v_store_n(v + i, vi, lanes);
    }
}

/* g += lambda w;  v = α v + (1 − α) g²;  u = g / (√v + eps);  m = mu m + u;  w −= eta m.
 * Without momentum w −= eta u. Tieleman & Hinton 2012; α is beta2 here. */
FNN_INLINE void rmsprop(vectors s, int64_t n, real *w, const real *g, real *m, real *v)
{
    vec one = v_set1(1), alpha = s.b2;
    for (int64_t i = 0; i < n; i += V) {
        int lanes = n - i < V ? (int)(n - i) : V;
        vec wi = v_load_n(w + i, lanes), gi = v_fma(s.lambda, wi, v_load_n(g + i, lanes));
        vec vi = v_flush(v_fma(alpha, v_load_n(v + i, lanes), v_mul(v_sub(one, alpha), v_mul(gi, gi))));
        v_store_n(v + i, vi, lanes);
        vec u = v_div(gi, v_add(v_sqrt(vi), s.eps));
        if (m) {
            u = v_flush(v_fma(s.mu, v_load_n(m + i, lanes), u));
            v_store_n(m + i, u, lanes);
        }
        v_store_n(w + i, v_fnma(s.eta, u, wi), lanes);
    }
}

FNN_INLINE void take_step(fnn_optimiser_kind kind, vectors s, int64_t n, real *w, const real *g, real *m,
                          real *v)
{
    switch (kind) {
    case FNN_SGD: sgd(s, n, w, g, m); break;
    case FNN_ADAM: adam(s, n, w, g, m, v); break;
    case FNN_RMSPROP: rmsprop(s, n, w, g, m, v); break;
    }
}

static void update(fnn_optimiser_kind kind, const constants *s, int decay, int64_t n, real *w,
                   const real *g, real *m, real *v)
{
    take_step(kind, in_all_lanes(s, decay), n, w, g, m, v);
}

static void update_lanes(fnn_optimiser_kind kind, const lane_constants *s, int decay, int64_t n, real *w,
                         const real *g, real *m, real *v)
{
    take_step(kind, lane_by_lane(s, decay), n, w, g, m, v);
}
