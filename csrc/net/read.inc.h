/* read.inc.h: calls that only read the parameters: predictions, costs, gradients, Jacobians. Template on `real`;
 * built from the steps of net.inc.h. */
typedef struct {
    const fnn_net *net;
    const fnn_matrix *X;
    const fnn_targets *y;
    int64_t begin, end;
    const fnn_pass *pass; /* of fnn_forward */
    void *const *out;
    double *per_example;
    real *inputs, *params; /* of fnn_jacobian */
    double *cost, *correct; /* (blocks,) partial sums */
    char *scratch;
    size_t scratch_size; /* of one thread */
    int sparse;
    fnn_atomic not_finite; /* z[1][0] of a row that a thread met */
} read_job;

static block *own_block(const read_job *job, const fnn_worker *me, need what)
{
    fnn_arena arena = {job->scratch + (size_t)me->rank * job->scratch_size, 0};
    int64_t n = job->end - job->begin;
    return layout(&arena, job->net, n < FNN_BLOCK ? n : FNN_BLOCK, 1, what, job->sparse, 1);
}

/* Rows [at, …) of X where they are, if they are reals that are read as they are and do not share cache sets,
 * else NULL */
static real *rows_in_place(const fnn_matrix *X, int64_t at)
{
    fnn_dtype own = sizeof(real) == sizeof(float) ? FNN_F32 : FNN_F64;
    char *p = (char *)X->data + at * X->row_stride; /* a[0] is read only */
    int as_they_are = !X->indptr && X->dtype == own && !X->shift && X->factor == 1;
    int64_t apart = X->row_stride / (ptrdiff_t)sizeof(real);
    int in_order = X->col_stride == sizeof(real) && X->row_stride % (ptrdiff_t)sizeof(real) == 0;
    return as_they_are && in_order && row_stride(apart) == apart && (uintptr_t)p % sizeof(real) == 0 ? (real *)p : NULL;
}

/* Blocks of rows are independent here: each thread works alone on every size-th of them. */
static void forward_work(void *arg, const fnn_worker *me)
{
    read_job *job = arg;
    const fnn_net *net = job->net;
    fnn_worker alone = {0, 1, NULL};
    block *b = own_block(job, me, NEED_FORWARD);
    int L = net->n_layers;
    const fnn_pass *p = job->pass;
    int finite = 1, in_place = !b->input && !job->out[0] && !p->order;
    real *copies = b->a[0];
    int64_t apart = b->ld[0];
    b->finite = p->finite ? &finite : NULL;
    for (int64_t at = job->begin + me->rank * b->rows; at < job->end; at += me->size * b->rows) {
        int64_t m = job->end - at < b->rows ? job->end - at : b->rows, to = at - job->begin;
        real *last = job->out[L];
        if (last) b->a[L] = last + to * net->sizes[L]; /* straight into the caller's buffer */
        real *there = in_place ? rows_in_place(job->X, at) : NULL;
        b->a[0] = there ? there : copies;
        b->ld[0] = there ? job->X->row_stride / (ptrdiff_t)sizeof(real) : apart;
        if (!there) fetch(net, b, &alone, job->X, NULL, p->order, at, m, 0, 1);
        forward(net, b, &alone, m, p->logits, &(dropping){p->drop, p->first + to, p->step, p->seed});
        for (int l = 0; l < L; l++) {
            real *out = job->out[l];
            int64_t n = net->sizes[l];
            for (int64_t i = 0; out && i < m; i++)
                memcpy(out + (to + i) * n, b->a[l] + i * b->ld[l], (size_t)n * sizeof *out);
        }
    }
    if (!finite) fnn_atomic_store(&job->not_finite, 1);
}

static void cost_work(void *arg, const fnn_worker *me)
{
    const read_job *job = arg;
    const fnn_net *net = job->net;
    fnn_worker alone = {0, 1, NULL};
    block *b = own_block(job, me, NEED_COST);
    for (int64_t at = job->begin + me->rank * b->rows; at < job->end; at += me->size * b->rows) {
        int64_t m = job->end - at < b->rows ? job->end - at : b->rows, to = at - job->begin;
        fetch(net, b, &alone, job->X, job->y, NULL, at, m, 0, 1);
        forward(net, b, &alone, m, 1, &(dropping){0, 0, 0, 0});
        output_costs(net, b, &alone, m, job->y, 0);
        fnn_sums sums = sums_of(b, m, job->y, NULL, at, 0, 1);
        job->cost[to / b->rows] = sums.loss;
        job->correct[to / b->rows] = sums.correct;
        if (job->per_example) memcpy(job->per_example + to, b->cost, (size_t)m * sizeof(double));
    }
}

/* Scratch for `threads` independent blocks and `sums` doubles behind them, in one piece */
static fnn_status prepare(read_job *job, int *threads, need what, int64_t blocks)
{
    int64_t n = job->end - job->begin, rows = n < FNN_BLOCK ? n : FNN_BLOCK;
    if (multiply_adds(job->net, n) < FNN_WORTH_A_TEAM) *threads = 1;
    if (*threads > blocks) *threads = (int)blocks;
    job->scratch_size = layout_size(job->net, rows, 1, what, job->sparse);
    size_t all = fnn_times(job->scratch_size, (size_t)*threads);
    job->scratch = fnn_acquire(fnn_plus(all, fnn_times((size_t)blocks, 2 * sizeof(double))));
    if (!job->scratch) return FNN_NO_MEMORY;
    job->cost = (double *)(job->scratch + all);
    job->correct = job->cost + blocks;
    return FNN_OK;
}

static int64_t blocks_of(int64_t n) { return (n + FNN_BLOCK - 1) / FNN_BLOCK; }

fnn_status FNN_T(forward)(fnn_net *net, const fnn_matrix *X, const fnn_pass *pass, void *const *out)
{
    read_job job = {.net = net, .X = X, .begin = pass->begin, .end = pass->end, .pass = pass, .out = out,
                    .sparse = X->sparse && !out[0]};
    int threads = pass->n_threads;
    fnn_status status = prepare(&job, &threads, NEED_FORWARD, blocks_of(pass->end - pass->begin));
    if (status == FNN_OK) fnn_team_run(threads, forward_work, &job, (fnn_stop){NULL, NULL});
    if (pass->finite && fnn_atomic_load(&job.not_finite)) *pass->finite = 0;
    fnn_release(job.scratch);
    return status;
}

fnn_status FNN_T(cost)(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                       int64_t end, double *per_example, fnn_sums *sums, int n_threads)
{
    read_job job = {.net = net, .X = X, .y = y, .begin = begin, .end = end,
                    .per_example = per_example, .sparse = X->sparse};
    int64_t blocks = blocks_of(end - begin);
    fnn_status status = prepare(&job, &n_threads, NEED_COST, blocks);
    if (status == FNN_OK) {
        fnn_team_run(n_threads, cost_work, &job, (fnn_stop){NULL, NULL});
        for (int64_t i = 0; i < blocks; i++) sums->loss += job.cost[i], sums->correct += job.correct[i];
        sums->weight += total_weight(y, NULL, begin, end - begin);
        sums->rows += end - begin;
    }
    fnn_release(job.scratch);
    return status;
}

typedef struct {
    const fnn_net *net;
    const fnn_matrix *X;
    const fnn_targets *y;
    int64_t begin, end;
    block *scratch;
    const fnn_gradients *out;
    fnn_sums *sums;
} backward_job;

/* ∇C of row i alone: a block of one row, worked by one thread */
static void row_gradient(const fnn_net *net, const block *b, int64_t i, real *out)
{
    fnn_worker alone = {0, 1, NULL};
    block row = *b;
    row.a = b->row_a, row.delta = b->row_delta;
    for (int l = 0; l <= net->n_layers; l++) {
        row.a[l] = b->a[l] + i * b->ld[l];
        if (l) row.delta[l] = b->delta[l] + i * b->ld[l];
    }
    products(net, &row, &alone, 1, NULL, (mix){.alpha = 1}, (mix){.alpha = 1}, AT_ONCE, out);
}

static void backward_work(void *arg, const fnn_worker *me)
{
    const backward_job *job = arg;
    const fnn_net *net = job->net;
    const fnn_gradients *out = job->out;
    real *each = out->per_example, *inputs = out->layers ? out->layers[0] : NULL;
    block *b = job->scratch;
    for (int64_t at = job->begin; at < job->end; at += b->rows) {
        int64_t m = job->end - at < b->rows ? job->end - at : b->rows, to = at - job->begin;
        fnn_targets targets = *job->y;
        if (each || out->layers) targets.weight = NULL;
        fetch(net, b, me, job->X, &targets, NULL, at, m, 0, 1);
        forward(net, b, me, m, 1, &(dropping){0, 0, 0, 0});
        output_costs(net, b, me, m, &targets, 1);
        fnn_sums sums = sums_of(b, m, job->y, NULL, at, 0, 1);
        if (me->rank == 0) add_sums(job->sums, &sums);
        if (me->rank == 0 && out->cost) memcpy(out->cost + to, b->cost, (size_t)m * sizeof(double));
        deltas(net, b, me, m, 1, out->layers, to);
        if (inputs) /* ∂C/∂x = δ[1] W[0]ᵀ */
            pass_back(net, b, me, 0, share_of(me, m, net->sizes[0]), inputs + to * net->sizes[0], net->sizes[0]);
        if (out->sum) products(net, b, me, m, NULL, (mix){.alpha = 1, .beta = 1}, (mix){.alpha = 1, .beta = 1}, AT_ONCE, out->sum);
        for (int64_t i = 0; each && i < m; i++) /* one thread: see below */
            row_gradient(net, b, i, each + (to + i) * net->n_params);
        fnn_barrier(me);
    }
}

fnn_status FNN_T(backward)(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin, int64_t end,
                           const fnn_gradients *out, fnn_sums *sums, int n_threads)
{
    int64_t n = end - begin, rows = n < FNN_BLOCK ? n : FNN_BLOCK;
    /* ∇C of each row is bound by writing it: a second thread would bring nothing */
    int threads = out->per_example || 3 * multiply_adds(net, rows) < FNN_WORTH_A_TEAM ? 1 : n_threads;
    int sparse = X->sparse && !out->per_example; /* whose rows are gradients of one row each */
    void *memory = fnn_acquire(layout_size(net, rows, threads, NEED_DELTAS, sparse));
    if (!memory) return FNN_NO_MEMORY;
    fnn_arena arena = {memory, 0};
    backward_job job = {net, X, y, begin, end, layout(&arena, net, rows, threads, NEED_DELTAS, sparse, 1), out,
                        sums};
    fnn_team_run(threads, backward_work, &job, (fnn_stop){NULL, NULL});
    fnn_release(memory);
    return FNN_OK;
}

/* For each output k:  δ[L] = ∂a[L]_k/∂z[L], the slopes of a cost that is a[L]_k alone, and backwards */
static void jacobian_work(void *arg, const fnn_worker *me)
{
    const read_job *job = arg;
    const fnn_net *net = job->net;
    fnn_worker alone = {0, 1, NULL};
    block *b = own_block(job, me, NEED_DELTAS);
    int64_t n_in = net->sizes[0], n_out = net->sizes[net->n_layers];
    const fnn_targets unit = {.linear = 1};
    for (int64_t at = job->begin + me->rank * b->rows; at < job->end; at += me->size * b->rows) {
        int64_t m = job->end - at < b->rows ? job->end - at : b->rows, to = (at - job->begin) * n_out;
        fetch(net, b, &alone, job->X, NULL, NULL, at, m, 0, 1);
        forward(net, b, &alone, m, 1, &(dropping){0, 0, 0, 0});
        memset(b->y, 0, (size_t)(m * n_out) * sizeof *b->y);
        for (int64_t i = 0; i < m; i++) b->weight[i] = 1;
        for (int64_t k = 0; k < n_out; k++, to++) {
            for (int64_t i = 0; i < m; i++) b->y[i * n_out + k] = 1;
            output_costs(net, b, &alone, m, &unit, 1);
            for (int64_t i = 0; i < m; i++) b->y[i * n_out + k] = 0;
            deltas(net, b, &alone, m, 1, NULL, 0);
            if (job->inputs)
                pass_back(net, b, &alone, 0, (region){0, m, 0, n_in}, job->inputs + to * n_in, n_out * n_in);
            for (int64_t i = 0; job->params && i < m; i++)
                row_gradient(net, b, i, job->params + (to + i * n_out) * net->n_params);
        }
    }
}

fnn_status FNN_T(jacobian)(fnn_net *net, const fnn_matrix *X, int64_t begin, int64_t end, void *inputs,
                           void *params, int n_threads)
{
    read_job job = {.net = net, .X = X, .begin = begin, .end = end, .inputs = inputs, .params = params,
                    .sparse = X->sparse && !params}; /* rows of gradients are dense */
    fnn_status status = prepare(&job, &n_threads, NEED_DELTAS, blocks_of(end - begin));
    if (status == FNN_OK) fnn_team_run(n_threads, jacobian_work, &job, (fnn_stop){NULL, NULL});
    fnn_release(job.scratch);
    return status;
}
