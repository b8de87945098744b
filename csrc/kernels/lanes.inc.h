/* lanes.inc.h: numbers of V networks, one network a lane: puts them side by side, multiplies them, takes them apart. */

/* n numbers of V networks, from[g] each or NULL for zeros, side by side */
static void interleave(int64_t n, const real *const *from, real *to)
{
    int64_t j = 0;
    int all = 1;
    for (int g = 0; g < V; g++) all &= from[g] != NULL;
    for (; all && j + V <= n; j += V) {
        vec x[V];
        FNN_UNROLL
        for (int g = 0; g < V; g++) x[g] = v_load(from[g] + j);
        v_transpose(x);
        FNN_UNROLL
        for (int q = 0; q < V; q++) v_store(to + (j + q) * V, x[q]);
    }
    for (; j < n; j += V) {
        vec x[V];
        int numbers = n - j < V ? (int)(n - j) : V;
        for (int g = 0; g < V; g++) x[g] = from[g] ? v_load_n(from[g] + j, numbers) : v_zero();
        v_transpose(x);
        for (int q = 0; q < numbers; q++) v_store(to + (j + q) * V, x[q]);
    }
}

static void separate(int64_t n, const real *from, real *const *to)
{
    for (int64_t j = 0; j < n; j += V) {
        vec x[V];
        int numbers = n - j < V ? (int)(n - j) : V;
        for (int q = 0; q < V; q++) x[q] = q < numbers ? v_load(from + (j + q) * V) : v_zero();
        v_transpose(x);
        for (int g = 0; g < V; g++)
            if (to[g]) v_store_n(to[g] + j, x[g], numbers);
    }
}

static void gather_lanes(const fnn_matrix *X, int64_t n, const fnn_selection *rows, int64_t m, real *dense,
                         matrix out)
{
    const real *from[V];
    /* all rows are reals as they are read, or none is */
    int as_they_are = !X->indptr && own_row(X, 0) && X->row_stride % (int64_t)sizeof(real) == 0;
    int64_t all_have = m;
    for (int g = 0; g < V; g++)
        if (!rows[g].row) all_have = 0;
        else if (rows[g].m < all_have) all_have = rows[g].m;
    int64_t i = 0;
    for (; as_they_are && i < all_have; i++, out.at += out.ld) {
        for (int g = 0; g < V; g++) from[g] = (const real *)(X->data + rows[g].row[i] * X->row_stride);
        interleave(n, from, out.at);
    }
    for (; i < m; i++, out.at += out.ld) {
        for (int g = 0; g < V; g++) {
            int64_t row = i < rows[g].m ? chosen(rows[g], i) : -1;
            from[g] = row < 0 ? NULL : as_they_are ? (const real *)(X->data + row * X->row_stride) : dense + g * n;
            if (row < 0 || as_they_are) continue;
            if (X->indptr) csr_row(X, n, row, dense + g * n);
            else dense_row(X, n, row, dense + g * n);
        }
        interleave(n, from, out.at);
    }
}

/* ---- products, lane by lane ------------------------------------------------------------- */

static void lanes_product(product all, const finish *f)
{
    product panel = all;
    for (int64_t j = 0; j < all.n; j += PANEL) {
        panel.n = all.n - j < PANEL ? all.n - j : PANEL;
        panel.B.at = all.B.at + j / V * all.step;
        panel.bias = all.bias ? all.bias + j : NULL;
        panel.C.at = all.C.at + j;
        if (panel.n > V) lanes_2(&panel, f);
        else lanes_1(&panel, f);
    }
}

static void nn_lanes(int64_t m, int64_t n, int64_t k, const_matrix A, const_matrix B, const real *bias, matrix C)
{
    finish f = {.start = FROM_BIAS};
    lanes_product((product){m, n, k, {A.at, A.ld, V}, B, bias, C, V}, &f);
}

static void tn_lanes(int64_t m, int64_t n, int64_t k, const_matrix A, int shared, const_matrix B,
                     const real *alpha, const real *beta, matrix C)
{
    finish f = {FROM_ZERO, 1, 1, beta != NULL, alpha, beta};
    product all = {m, n, k, {A.at, shared ? 1 : V, A.ld}, B, NULL, C, V};
    if (shared) block_product(all, IN_PLACE, &f, NULL);
    else lanes_product(all, &f);
}

static void nt_lanes(int64_t m, int64_t n, int64_t k, const_matrix A, const_matrix B, matrix C)
{
    finish f = {.start = FROM_ZERO};
    lanes_product((product){m, n, k, {A.at, A.ld, V}, {B.at, V}, NULL, C, B.ld}, &f);
}

static void column_sums_lanes(int64_t m, int64_t n, const_matrix A, const real *alpha, const real *beta,
                              real *c)
{
    sums(m, n, A, v_load(alpha), beta ? v_load(beta) : v_zero(), beta != NULL, c);
}
