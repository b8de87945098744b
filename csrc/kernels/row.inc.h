/* row.inc.h: products of a single row, which do more in one pass over W than the tile of gemm.inc.h, by which they
 * are bounded: each number of W is read for one or two multiply-adds. The bits are the tile's.
 */
enum { NV_STEP = 4 }; /* vectors of tn_nn: more gain nothing, as W comes from the second cache */

/* NV vectors of columns of tn_nn, the last one `tail` wide */
FNN_INLINE void step_panel(const int NV, int tail, int64_t k, const real *a, const real *b, real alpha, real beta,
                           const real *x, const real *bias, matrix W, real *z)
{
    vec sum[NV_STEP], delta[NV_STEP];
    FNN_UNROLL
    for (int c = 0; c < NV; c++) {
        int lanes = c == NV - 1 ? tail : V;
        sum[c] = v_load_n(bias + c * V, lanes);
        delta[c] = v_load_n(b + c * V, lanes);
    }
    for (int64_t q = 0; q < k; q++, W.at += W.ld) {
        vec aq = v_set1(a[q]), xq = v_set1(x[q]);
        FNN_UNROLL
        for (int c = 0; c < NV; c++) {
            int lanes = c == NV - 1 ? tail : V;
            vec g = v_mul(v_set1(alpha), v_fma(aq, delta[c], v_zero()));
            vec w = v_load_n(W.at + c * V, lanes);
            w = beta == 1 ? v_add(w, g) : v_fma(v_set1(beta), w, g); /* the same bits; adders are idle otherwise */
            v_store_n(W.at + c * V, w, lanes);
            sum[c] = v_fma(xq, w, sum[c]);
        }
    }
    FNN_UNROLL
    for (int c = 0; c < NV; c++) v_store_n(z + c * V, sum[c], c == NV - 1 ? tail : V);
}

static void tn_nn(int64_t n, int64_t k, const real *a, const real *b, real alpha, real beta, const real *x,
                  const real *bias, matrix W, real *z)
{
    for (int64_t j = 0; j < n; j += NV_STEP * V, W.at += NV_STEP * V) {
        int vectors = n - j < NV_STEP * V ? (int)((n - j + V - 1) / V) : NV_STEP, tail = (int)(n - j - (vectors - 1) * V);
        if (tail > V) tail = V;
        switch (vectors) {
        case 1: step_panel(1, tail, k, a, b + j, alpha, beta, x, bias + j, W, z + j); break;
        case 2: step_panel(2, tail, k, a, b + j, alpha, beta, x, bias + j, W, z + j); break;
        case 3: step_panel(3, tail, k, a, b + j, alpha, beta, x, bias + j, W, z + j); break;
        default: step_panel(4, tail, k, a, b + j, alpha, beta, x, bias + j, W, z + j);
        }
    }
}

/* A row of nt, whose vectors of Bᵀ are used once: whole ones are not stored */
static void nt_row(int64_t n, int64_t k, const real *a, const_matrix B, real *c)
{
    for (int64_t j = 0; j < n; j += V) {
        const real *from = B.at + j * B.ld;
        int64_t p = 0, whole = n - j < V ? 0 : k - k % V;
        vec sum = v_zero();
        for (; p < whole; p += V) {
            vec x[V];
            FNN_UNROLL
            for (int i = 0; i < V; i++) x[i] = v_load(from + i * B.ld + p);
            v_transpose(x);
            FNN_UNROLL
            for (int i = 0; i < V; i++) sum = v_fma(v_set1(a[p + i]), x[i], sum);
        }
        for (; p < k; p += V) {
            real part[V * PANEL];
            int64_t lanes = k - p < V ? k - p : V;
            transpose_panels(lanes, n - j < V ? n - j : V, from + p, B.ld, part);
            for (int64_t i = 0; i < lanes; i++) sum = v_fma(v_set1(a[p + i]), v_load(part + i * PANEL), sum);
        }
        v_store_n(c + j, sum, n - j < V ? (int)(n - j) : V);
    }
}
