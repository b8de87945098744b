/* many_read.inc.h: predictions of many networks of one shape on the same rows. Template on `real`; built from
 * the steps of net.inc.h, over blocks with V lanes as in many.inc.h: each network gets the bits of fnn_forward.
 *
 * Threads take parts, a block of rows of a group each, from a counter. The parameters of a group are put side
 * by side at its first block: a copy that costs what a few rows do. */
enum { MANY_ROWS = 64 }; /* of a block: V networks' activations stay in the cache */

typedef struct {
    fnn_net *const *nets;
    int64_t n; /* networks */
    const fnn_matrix *X;
    int64_t begin, end;
    int64_t rows, blocks; /* of a block; of [begin, end) */
    real *out;                  /* (n, end − begin, n_L), the networks `apart` reals from each other */
    int64_t apart;
    fnn_atomic next; /* part that no thread has taken */
    char *scratch;
    size_t scratch_size; /* of one thread */
} many_read_job;

typedef struct {
    fnn_net net; /* the shape of all, the parameters of each */
    block *b;
} read_group;

static read_group lay_out_readers(fnn_arena *arena, const fnn_net *shape, int64_t rows)
{
    read_group g = {*shape, NULL};
    g.net.params = fnn_take(arena, fnn_times((size_t)shape->n_params, (size_t)FNN_TABLE->lanes), sizeof(real));
    g.b = layout(arena, shape, rows, 1, NEED_FORWARD, 0, FNN_TABLE->lanes);
    if (g.b) g.b->shared = 1;
    return g;
}

/* Rows [at, at + m) of X through networks [first, first + n) */
static void read_block(const many_read_job *job, read_group *g, int64_t first, int n, int64_t at, int64_t m)
{
    fnn_worker alone = {0, 1, NULL};
    const dropping drops[FNN_MOST_LANES] = {{0, 0, 0, 0}};
    int L = g->net.n_layers;
    int64_t n_out = g->net.sizes[L];
    fnn_activation f = g->net.activation[L - 1];
    real *to[FNN_MOST_LANES] = {NULL};
    fetch(&g->net, g->b, &alone, job->X, NULL, NULL, at, m, 0, 1);
    forward(&g->net, g->b, &alone, m, 1, drops);
    if (f != FNN_SOFTMAX) activate_region(&g->net, g->b, L, (region){0, m, 0, n_out * g->b->lanes});
    for (int k = 0; k < n; k++) to[k] = job->out + (first + k) * job->apart + (at - job->begin) * n_out;
    FNN_TABLE->separate(m * n_out, g->b->a[L], to);
    for (int k = 0; f == FNN_SOFTMAX && k < n; k++) /* which needs a network's rows whole */
        FNN_TABLE->activate(f, m, n_out, to[k], NULL, n_out);
}

static void many_read_work(void *arg, const fnn_worker *me)
{
    many_read_job *job = arg;
    int64_t V = FNN_TABLE->lanes, groups = (job->n + V - 1) / V, loaded = -1;
    fnn_arena arena = {job->scratch + (size_t)me->rank * job->scratch_size, 0};
    read_group g = lay_out_readers(&arena, job->nets[0], job->rows);
    for (int64_t part; (part = fnn_atomic_add(&job->next, 1) - 1) < groups * job->blocks;) {
        int64_t first = part / job->blocks * V, at = job->begin + part % job->blocks * job->rows;
        int n = (int)(job->n - first < V ? job->n - first : V);
        if (first != loaded) {
            const real *from[FNN_MOST_LANES] = {NULL};
            for (int k = 0; k < n; k++) from[k] = job->nets[first + k]->params;
            FNN_TABLE->interleave(g.net.n_params, from, g.net.params);
            loaded = first;
        }
        read_block(job, &g, first, n, at, job->end - at < job->rows ? job->end - at : job->rows);
    }
}

fnn_status FNN_T(forward_many)(fnn_net *const *nets, int64_t n, const fnn_matrix *X, int64_t begin, int64_t end,
                               void *out, int64_t apart, int n_threads)
{
    many_read_job job = {.nets = nets, .n = n, .X = X, .begin = begin, .end = end, .out = out, .apart = apart,
                         .rows = end - begin < MANY_ROWS ? end - begin : MANY_ROWS};
    job.blocks = (end - begin + job.rows - 1) / job.rows;
    int64_t parts = (n + FNN_TABLE->lanes - 1) / FNN_TABLE->lanes * job.blocks;
    if (parts > INT32_MAX / 2) return FNN_BAD_ARGUMENT;
    if ((double)n * multiply_adds(nets[0], end - begin) < FNN_WORTH_A_TEAM) n_threads = 1;
    if (n_threads > parts) n_threads = (int)parts;
    if (n_threads > FNN_MOST_THREADS) n_threads = FNN_MOST_THREADS;
    fnn_arena measure = {NULL, 0};
    lay_out_readers(&measure, nets[0], job.rows);
    job.scratch_size = measure.used;
    job.scratch = fnn_acquire(fnn_times(job.scratch_size, (size_t)n_threads));
    if (!job.scratch) return FNN_NO_MEMORY;
    fnn_team_run(n_threads, many_read_work, &job, (fnn_stop){NULL, NULL});
    fnn_release(job.scratch);
    return FNN_OK;
}
