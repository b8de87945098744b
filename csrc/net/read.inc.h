/* read.inc.h: calls that only read the parameters: predictions, costs, gradients. Template on `real`;
 * built from the steps of net.inc.h. */
typedef struct {
    const fnn_net *net;
    const fnn_matrix *X;
    const fnn_targets *y;
    int64_t begin, end;
    void *const *out;
    double *per_example;
    double *cost, *correct; /* (blocks,) partial sums */
    char *scratch;
    size_t scratch_size; /* of one thread */
    int sparse;
} read_job;

static block *own_block(const read_job *job, const fnn_worker *me, need what)
{
    fnn_arena arena = {job->scratch + (size_t)me->rank * job->scratch_size, 0};
    int64_t n = job->end - job->begin;
    return layout(&arena, job->net, n < FNN_BLOCK ? n : FNN_BLOCK, 1, what, job->sparse);
}

/* Blocks of rows are independent here: each thread works alone on every size-th of them. */
static void forward_work(void *arg, const fnn_worker *me)
{
    const read_job *job = arg;
    const fnn_net *net = job->net;
    fnn_worker alone = {0, 1, NULL};
    block *b = own_block(job, me, NEED_FORWARD);
    int L = net->n_layers;
    for (int64_t at = job->begin + me->rank * b->rows; at < job->end; at += me->size * b->rows) {
        int64_t m = job->end - at < b->rows ? job->end - at : b->rows, to = at - job->begin;
        real *last = job->out[L];
        if (last) b->a[L] = last + to * net->sizes[L]; /* straight into the caller's buffer */
        fetch(net, b, &alone, job->X, NULL, NULL, at, m, 0, 1);
        forward(net, b, &alone, m, 0, (dropping){0, 0, 0, 0});
        for (int l = 0; l < L; l++) {
            real *out = job->out[l];
            int64_t n = net->sizes[l];
            for (int64_t i = 0; out && i < m; i++)
                memcpy(out + (to + i) * n, b->a[l] + i * b->ld[l], (size_t)n * sizeof *out);
        }
    }
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
        forward(net, b, &alone, m, 1, (dropping){0, 0, 0, 0});
        output_costs(net, b, &alone, m, job->y->metric, 0);
        fnn_sums sums = sums_of(b, m, job->y, NULL, at);
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

fnn_status FNN_T(forward)(fnn_net *net, const fnn_matrix *X, int64_t begin, int64_t end,
                          void *const *out, int n_threads)
{
    read_job job = {.net = net, .X = X, .begin = begin, .end = end, .out = out,
                    .sparse = X->sparse && !out[0]};
    fnn_status status = prepare(&job, &n_threads, NEED_FORWARD, blocks_of(end - begin));
    if (status == FNN_OK) fnn_team_run(n_threads, forward_work, &job, (fnn_stop){NULL, NULL});
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
    real *sum, *per_example;
    fnn_sums *sums;
} gradient_job;

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
    products(net, &row, &alone, 1, 1, 0, 0, 0, out);
}

static void gradient_work(void *arg, const fnn_worker *me)
{
    const gradient_job *job = arg;
    const fnn_net *net = job->net;
    block *b = job->scratch;
    for (int64_t at = job->begin; at < job->end; at += b->rows) {
        int64_t m = job->end - at < b->rows ? job->end - at : b->rows;
        fnn_targets unweighted = *job->y;
        if (job->per_example) unweighted.weight = NULL;
        fetch(net, b, me, job->X, &unweighted, NULL, at, m, 0, 1);
        forward(net, b, me, m, 1, (dropping){0, 0, 0, 0});
        output_costs(net, b, me, m, job->y->metric, 1);
        fnn_sums sums = sums_of(b, m, job->y, NULL, at);
        if (me->rank == 0) add_sums(job->sums, &sums);
        deltas(net, b, me, m);
        if (job->sum) products(net, b, me, m, 1, 1, 1, 0, job->sum);
        for (int64_t i = 0; job->per_example && i < m; i++) /* one thread: see below */
            row_gradient(net, b, i, job->per_example + (at - job->begin + i) * net->n_params);
        fnn_barrier(me);
    }
}

fnn_status FNN_T(gradient)(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                           int64_t end, void *sum, void *per_example, fnn_sums *sums, int n_threads)
{
    int64_t n = end - begin, rows = n < FNN_BLOCK ? n : FNN_BLOCK;
    /* ∇C of each row is bound by writing it: a second thread would bring nothing */
    int threads = per_example || 3 * multiply_adds(net, rows) < FNN_WORTH_A_TEAM ? 1 : n_threads;
    int sparse = X->sparse && !per_example; /* whose rows are gradients of one row each */
    void *memory = fnn_acquire(layout_size(net, rows, threads, NEED_DELTAS, sparse));
    if (!memory) return FNN_NO_MEMORY;
    fnn_arena arena = {memory, 0};
    gradient_job job = {net, X, y, begin, end, layout(&arena, net, rows, threads, NEED_DELTAS, sparse),
                        sum, per_example, sums};
    fnn_team_run(threads, gradient_work, &job, (fnn_stop){NULL, NULL});
    fnn_release(memory);
    return FNN_OK;
}
