/* product.inc.h: the products of net.inc.h as each thread computes them: its share of the result,
 * dense or by non-zeros, in chunks between which the caller is asked whether to go on.
 * Template on `real`.
 *
 * Sizes: m rows of examples, n_l units of layer l.  a[l], δ[l]: (m, n_l).  W[l]: (n_l, n_l+1).
 */

/* Rows or columns to compute between two calls of fnn_ask, `each` multiply-adds apiece: a multiple
 * of `unit` */
static int64_t chunk_of(double each, int64_t unit)
{
    double units = FNN_ASK_EVERY / (each * (double)unit);
    return units < 1 ? unit : units > INT32_MAX ? (int64_t)INT32_MAX * unit : (int64_t)units * unit;
}

/* z[l+1] = a[l] W[l] + b[l] on a region of z[l+1] (m, n_l+1); first the step on W[l] that is owed */
static void weighted_sums(const fnn_net *net, block *b, const fnn_worker *me, int l, region r)
{
    int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1] * b->lanes, ld = b->ld[l + 1];
    int64_t rows = r.r1 - r.r0, columns = r.c1 - r.c0;
    const real *params = net->params, *W = params + net->weights_at[l] * b->lanes + r.c0;
    const real *bias = params + net->biases_at[l] * b->lanes + r.c0;
    const_matrix a = {b->a[l] + r.r0 * b->ld[l], b->ld[l]};
    real *z = b->a[l + 1] + r.r0 * ld + r.c0;
    if (l == 0 && b->input) {
        nonzeros mine = rows_from(b->input, r.r0);
        FNN_TABLE->sparse_nn(rows, columns, &mine, (const_matrix){W, n_out}, bias, (matrix){z, ld});
        return;
    }
    if (b->lanes > 1 && !(l == 0 && b->shared)) {
        FNN_TABLE->nn_lanes(rows, columns, n_in, a, (const_matrix){W, n_out}, bias, (matrix){z, ld});
        return;
    }
    const owed_step *owed = b->owed;
    if (owed && (!owed->trainable || owed->trainable[l])) {
        FNN_TABLE->tn_nn(n_out, n_in, owed->of->a[l], owed->of->delta[l + 1], owed->alpha, owed->beta, a.at, bias,
                         (matrix){(real *)net->params + net->weights_at[l], n_out}, z);
        return;
    }
    int64_t chunk = chunk_of((double)rows * (double)n_in, FNN_TABLE->panel);
    for (int64_t j = 0; j < columns && !(j && fnn_ask(me)); j += chunk)
        FNN_TABLE->nn(rows, columns - j < chunk ? columns - j : chunk, n_in, a, (const_matrix){W + j, n_out},
                      bias + j, (matrix){z + j, ld}, my_pack(b, me));
}

/* a[l] = f(z[l]) on a region of z[l] (m, n_l), in place; f'(z[l]) where it is stored */
static void activate_region(const fnn_net *net, block *b, int l, region r)
{
    int64_t ld = b->ld[l], at = r.r0 * ld + r.c0;
    real *slope = b->slope[l] ? b->slope[l] + at : NULL;
    FNN_TABLE->activate(net->activation[l - 1], r.r1 - r.r0, r.c1 - r.c0, b->a[l] + at, slope, ld);
}

/* δ[l+1] W[l]ᵀ on a region of `out` (m, n_l), whose rows are ld apart */
static void pass_back(const fnn_net *net, block *b, const fnn_worker *me, int l, region r, real *out,
                      int64_t ld)
{
    int64_t n_next = net->sizes[l + 1] * b->lanes, ld_next = b->ld[l + 1];
    int64_t rows = r.r1 - r.r0, columns = r.c1 - r.c0;
    const real *W = (const real *)net->params + net->weights_at[l] * b->lanes + r.c0 / b->lanes * n_next;
    const_matrix next = {b->delta[l + 1] + r.r0 * ld_next, ld_next};
    out += r.r0 * ld + r.c0;
    if (b->lanes > 1) {
        FNN_TABLE->nt_lanes(rows, columns, net->sizes[l + 1], next, (const_matrix){W, n_next}, (matrix){out, ld});
        return;
    }
    int64_t chunk = chunk_of((double)rows * (double)n_next, FNN_TABLE->panel);
    for (int64_t j = 0; j < columns && !(j && fnn_ask(me)); j += chunk)
        FNN_TABLE->nt(rows, columns - j < chunk ? columns - j : chunk, n_next, next,
                      (const_matrix){W + j * n_next, n_next}, (matrix){out + j, ld}, my_pack(b, me));
}

/* δ[l] *= f'(z[l]) on a region of δ[l] (m, n_l); f' is stored, or follows from a[l] */
static void times_slope_region(const fnn_net *net, block *b, int l, region r)
{
    int64_t ld = b->ld[l], at = r.r0 * ld + r.c0, rows = r.r1 - r.r0, columns = r.c1 - r.c0;
    if (b->slope[l]) FNN_TABLE->multiply(rows, columns, b->delta[l] + at, b->slope[l] + at, ld);
    else FNN_TABLE->times_slope(net->activation[l - 1], rows, columns, b->a[l] + at, b->delta[l] + at, ld);
}

/* This thread's part of dW[l] (n_l, n_l+1); rows by their non-zeros can be cut along the columns only */
static region gradient_share(const block *b, const fnn_worker *me, int l, int64_t n_in, int64_t n_out)
{
    if (l > 0 || !b->input) return share_of(me, n_in, n_out);
    region r = {0, n_in, 0, n_out};
    fnn_share(me, n_out, FNN_TABLE->panel, &r.c0, &r.c1);
    return r;
}

/* beta and alpha of C = beta C + alpha (a product), one for all or, of a group, one a network */
typedef struct {
    real alpha, beta;
    const real *alphas, *betas;
} mix;

/* dW = beta dW + alpha a[l]ᵀ δ[l+1] on this thread's part of dW (n_l, n_l+1) */
static void outer_sums(const fnn_net *net, block *b, const fnn_worker *me, int l, int64_t m, mix f,
                       real *dW)
{
    if (b->lanes > 1) {
        int64_t n = net->sizes[l + 1] * b->lanes;
        FNN_TABLE->tn_lanes(net->sizes[l], n, m, (const_matrix){b->a[l], b->ld[l]}, l == 0 && b->shared,
                            (const_matrix){b->delta[l + 1], b->ld[l + 1]}, f.alphas, f.betas, (matrix){dW, n});
        return;
    }
    int64_t n_in = net->sizes[l], n_out = net->sizes[l + 1];
    region r = gradient_share(b, me, l, n_in, n_out);
    int64_t rows = r.r1 - r.r0, columns = r.c1 - r.c0;
    const_matrix delta = {b->delta[l + 1] + r.c0, b->ld[l + 1]};
    matrix out = {dW + r.r0 * n_out + r.c0, n_out};
    if (l == 0 && b->columns) FNN_TABLE->columns_tn(n_in, columns, b->columns, delta, f.alpha, f.beta, out);
    else if (l == 0 && b->input) FNN_TABLE->sparse_tn(n_in, columns, m, b->input, delta, f.alpha, f.beta, out);
    else {
        int64_t chunk = chunk_of((double)columns * (double)m, FNN_TABLE->strip);
        for (int64_t i = 0; i < rows && !(i && fnn_ask(me)); i += chunk)
            FNN_TABLE->tn(rows - i < chunk ? rows - i : chunk, columns, m,
                          (const_matrix){b->a[l] + r.r0 + i, b->ld[l]}, delta, f.alpha, f.beta,
                          (matrix){out.at + i * n_out, n_out});
    }
}

/* db = beta db + alpha Σ δ[l+1] on this thread's part of db (n_l+1,) */
static void bias_sums(const fnn_net *net, block *b, const fnn_worker *me, int l, int64_t m, mix f,
                      real *db)
{
    int64_t c0, c1;
    if (b->lanes > 1) {
        FNN_TABLE->column_sums_lanes(m, net->sizes[l + 1] * b->lanes, (const_matrix){b->delta[l + 1], b->ld[l + 1]},
                                     f.alphas, f.betas, db);
        return;
    }
    fnn_share(me, net->sizes[l + 1], FNN_TABLE->panel, &c0, &c1);
    const_matrix delta = {b->delta[l + 1] + c0, b->ld[l + 1]};
    FNN_TABLE->column_sums(m, c1 - c0, delta, f.alpha, f.beta, db + c0);
}
