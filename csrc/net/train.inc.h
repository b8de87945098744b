/* train.inc.h: mini-batch steps, on one thread or a team. Template on `real`; built from the steps of
 * net.inc.h. (a) to (e) there say how. */

/* The scratch and sums of one thread, when each thread works on blocks of its own */
typedef struct {
    block *scratch;
    fnn_sums sums;
} own;

typedef struct {
    fnn_net *net;
    const fnn_matrix *X;
    const fnn_targets *y;
    const fnn_optimiser *optimiser;
    const fnn_run *run;
    block *scratch;
    block *other; /* of batches of one row, by turns with `scratch`: what a step that is owed needs stays there; or NULL */
    owed_step owed;
    own *own; /* one a thread, or NULL: all share `scratch` */
    fnn_sums *sums;
    int given_up, refused; /* `refused`: by run->exchange */
} train_job;

static double decay_of(const fnn_optimiser *o, const fnn_run *run, int64_t number)
{
    return run->decays ? run->decays[number] : o->weight_decay;
}

static FNN_T(constants) constants_of(const fnn_optimiser *o, double rate, double decay, int64_t t)
{
    FNN_T(constants) s = {(real)rate, (real)o->momentum, (real)o->beta1, (real)o->beta2, (real)o->eps,
                     (real)decay, 1, 1, o->nesterov, o->decoupled};
    if (o->kind == FNN_ADAM) {
        s.c1 = (real)(1 / (1 - pow(o->beta1, (double)t)));
        s.c2 = (real)(1 / (1 - pow(o->beta2, (double)t)));
    }
    return s;
}

/* Rows of the order before the end of batch `number`, which begins at `begin` */
static int64_t end_of(const fnn_run *run, int64_t number, int64_t begin)
{
    if (run->exchange) return run->ends[number];
    return run->n - begin < run->batch_size ? run->n : begin + run->batch_size;
}

static double total_weight(const fnn_targets *y, const int64_t *order, int64_t begin, int64_t m)
{
    if (y->linear) return 1; /* the caller's cost has its means in it */
    if (!y->weight) return (double)m;
    double total = 0;
    for (int64_t i = begin; i < begin + m; i++) total += y->weight[order ? order[i] : i];
    return total;
}

/* Rows [begin + at, begin + at + rows) of the order, a block of batch `number`: costs and deltas */
static fnn_sums block_deltas(const train_job *job, block *b, const fnn_worker *me, int64_t begin,
                             int64_t at, int64_t rows, int64_t number, double total)
{
    const fnn_run *run = job->run;
    dropping drops = {1, at, run->steps_taken + number, run->dropout_seed};
    int64_t after = run->n - begin - at - rows; /* rows that follow; at most `rows` are prefetched */
    fetch(job->net, b, me, job->X, job->y, run->order, begin + at, rows, after < rows ? after : rows,
          total);
    forward(job->net, b, me, rows, 1, &drops);
    if (b->owed) b->owed = NULL; /* of one thread: a team's block is not written */
    if (fnn_given_up(me)) return (fnn_sums){.rows = 0};
    output_costs(job->net, b, me, rows, job->y, 1);
    fnn_sums sums = sums_of(b, rows, job->y, run->order, begin + at, 0, 1); /* the same in every thread */
    int lowest = first_trained(job->net, run->trainable) + 1; /* δ[l + 1] is for dW[l] */
    if (isfinite(sums.loss) && total > 0) deltas(job->net, b, me, rows, lowest, NULL, 0);
    return sums;
}

/* The batch's gradient into job->scratch, each thread working on every size-th block: (d) above */
static void gradient_by_blocks(const train_job *job, const fnn_worker *me, int64_t begin, int64_t m,
                           int64_t number, double total, fnn_sums *sums)
{
    fnn_net *net = job->net;
    fnn_worker alone = {0, 1, NULL};
    own *mine = job->own + me->rank;
    real *sum = job->scratch->gradient;
    int64_t blocks = (m + FNN_BLOCK - 1) / FNN_BLOCK, p0, p1;
    fnn_share(me, net->n_params, FNN_LINE, &p0, &p1);
    for (int64_t wave = 0; wave < blocks; wave += me->size) {
        int64_t at = (wave + me->rank) * FNN_BLOCK, rows = m - at < FNN_BLOCK ? m - at : FNN_BLOCK;
        if (rows > 0) {
            mine->sums = block_deltas(job, mine->scratch, &alone, begin, at, rows, number, total);
            if (isfinite(mine->sums.loss) && total > 0)
                products(net, mine->scratch, &alone, rows, job->run->trainable, (mix){.alpha = 1},
                         (mix){.alpha = 1}, AT_ONCE, mine->scratch->gradient);
        }
        fnn_barrier(me);
        if (fnn_given_up(me)) return;
        for (int64_t k = 0; k < me->size && wave + k < blocks; k++) {
            const real *part = job->own[k].scratch->gradient;
            add_sums(sums, &job->own[k].sums);
            if (wave + k == 0) memcpy(sum + p0, part + p0, (size_t)(p1 - p0) * sizeof *sum);
            else for (int64_t p = p0; p < p1; p++) sum[p] += part[p];
        }
        fnn_barrier(me);
    }
}

static double multiply_adds(const fnn_net *net, int64_t rows)
{
    return (double)net->n_params * (double)rows;
}

/* Whether the gradient of m rows need not be whole before the step: it is neither clipped nor exchanged, a sum of one
 * block, and soon computed, as the batch cannot be abandoned once the step has begun */
static int steps_at_once(const fnn_net *net, const fnn_optimiser *o, const fnn_run *run, int64_t m)
{
    return !clips(o) && !run->exchange && m <= FNN_BLOCK && multiply_adds(net, m) <= FNN_FUSE_AT_MOST;
}

/* Whether it is added to the parameters as it is computed: that is plain SGD */
static int fuses(const fnn_net *net, const fnn_optimiser *o, const fnn_run *run, int64_t m)
{
    return o->kind == FNN_SGD && !o->m && steps_at_once(net, o, run, m);
}

/* Leaves the step on W with this batch's row to the next one's forward pass, which then writes elsewhere */
static void owe(train_job *job, real alpha, real beta)
{
    block *of = job->scratch;
    job->owed = (owed_step){of, job->run->trainable, alpha, beta};
    job->scratch = job->other, job->other = of;
    job->scratch->owed = &job->owed;
}

typedef enum { DONE, NOT_FINITE, GIVEN_UP } outcome;

/* Σ w ∇C over the rows of all processes in place of that over the m rows here, and *total = Σ w of all; the same
 * result in all threads and processes */
static outcome exchange(train_job *job, const fnn_worker *me, int64_t m, const fnn_sums *sums, double *total)
{
    int64_t n = job->net->n_params;
    real *g = job->scratch->gradient;
    fnn_barrier(me); /* the gradient is complete */
    if (me->rank == 0) {
        if (m == 0 || !isfinite(sums->loss)) memset(g, 0, (size_t)n * sizeof *g); /* no products were made */
        g[n] = (real)sums->weight, g[n + 1] = !isfinite(sums->loss), g[n + 2] = 0;
        job->refused = job->run->exchange(job->run->exchange_arg, g);
    }
    fnn_barrier(me);
    if (job->refused || g[n + 1] > 0) return job->refused ? GIVEN_UP : NOT_FINITE;
    *total = (double)g[n];
    return DONE;
}

/* One mini-batch; without DONE, nothing is changed. */
static outcome train_batch(train_job *job, const fnn_worker *me, int64_t begin, int64_t m,
                       int64_t number)
{
    const fnn_run *run = job->run;
    const fnn_optimiser *o = job->optimiser;
    fnn_net *net = job->net;
    block *b = job->scratch;
    double total = run->exchange ? 1 : total_weight(job->y, run->order, begin, m);
    double rate = run->rates[number];
    FNN_T(constants) constants = constants_of(o, rate, decay_of(o, run, number), run->steps_taken + number + 1);
    int fused = fuses(net, o, run, m), asked = run->stop && number == 0, owes = job->other && begin + m < run->n;
    fnn_sums sums = {.finite = 1};
    int by_blocks = job->own && m > FNN_BLOCK;
    dW_when when = AT_ONCE;
    if (fused && owes) when = IN_FORWARD;
    if (!fused && steps_at_once(net, o, run, m)) when = IN_UPDATE;
    if (by_blocks) gradient_by_blocks(job, me, begin, m, number, total, &sums);
    for (int64_t at = 0; at < m && !by_blocks; at += b->rows) {
        int64_t rows = m - at < b->rows ? m - at : b->rows;
        fnn_sums part = block_deltas(job, b, me, begin, at, rows, number, total);
        if (fnn_given_up(me)) return GIVEN_UP;
        add_sums(&sums, &part);
        if (!isfinite(sums.loss)) break;
        if (total == 0) continue; /* all weights are 0: count the costs, take no step */
        if (fused) {
            fnn_no_return(me);
            real decay = (real)(1 - rate * decay_of(o, run, number));
            products(net, b, me, rows, run->trainable, (mix){.alpha = -constants.rate, .beta = decay},
                     (mix){.alpha = -constants.rate, .beta = 1}, when, net->params);
            if (owes) owe(job, -constants.rate, decay);
        } else {
            mix added = {.alpha = 1, .beta = at != 0};
            products(net, b, me, rows, run->trainable, added, added, when, b->gradient);
        }
        if (at + b->rows < m) fnn_barrier(me); /* before the next rows overwrite a[0] */
    }
    if ((asked || clips(o)) && !fused) fnn_barrier(me); /* all agree on whether products were left out */
    if (fnn_given_up(me)) return GIVEN_UP;
    if (run->exchange) {
        outcome result = exchange(job, me, m, &sums, &total);
        if (result != DONE) return result;
    }
    if (!isfinite(sums.loss)) return NOT_FINITE;
    fnn_no_return(me);
    if (!fused && total != 0) {
        clipping clip = clipping_of(net, me, o, b->gradient, run->exchange ? total : 1, b->partial);
        update(net, b, me, m, o, &constants, run->trainable, clip, when);
    }
    fnn_barrier(me);
    if (me->rank == 0) {
        add_sums(job->sums, &sums);
        job->sums->batches++;
    }
    return DONE;
}

/* Zero where products() writes nothing, as sums of gradients and squares take in all parameters */
static void clear_frozen(const train_job *job, block *b, int64_t lanes)
{
    const fnn_net *net = job->net;
    const int *trainable = job->run->trainable;
    for (int l = 0; trainable && b->gradient && l < net->n_layers; l++) {
        int64_t at = net->weights_at[l] * lanes, n = (net->sizes[l] + 1) * net->sizes[l + 1] * lanes;
        if (!trainable[l]) memset(b->gradient + at, 0, (size_t)n * sizeof *b->gradient);
    }
}

static void train_work(void *arg, const fnn_worker *me)
{
    train_job *job = arg;
    const fnn_run *run = job->run;
    for (int64_t at = 0, number = 0; run->exchange ? number < run->n_batches : at < run->n; number++) {
        int64_t end = end_of(run, number, at);
        outcome result = train_batch(job, me, at, end - at, number);
        at = end;
        if (result == DONE) continue;
        if (me->rank == 0) job->sums->finite = result != NOT_FINITE, job->given_up = result == GIVEN_UP;
        return;
    }
}

static void lay_out(train_job *job, fnn_arena *arena, int64_t rows, int threads, need what, int by_blocks)
{
    /* by the batch size, not by the rows of this call: the bits must not depend on how a run is split */
    int one_row = job->run->batch_size == 1 && what == NEED_DELTAS; /* which is all that fuses */
    int sparse = !job->X->sparse                    ? DENSE
                 : job->run->batch_size > FNN_BLOCK ? NONZEROS_BY_COLUMN
                 : one_row                          ? NONZEROS_OF_ONE_ROW
                                                    : NONZEROS_BY_ROW;
    job->scratch = layout(arena, job->net, rows, threads, what, sparse, 1);
    job->other = one_row && threads == 1 ? layout(arena, job->net, rows, 1, what, sparse, 1) : NULL;
    job->own = by_blocks ? fnn_take(arena, (size_t)threads, sizeof *job->own) : NULL;
    for (int i = 0; by_blocks && i < threads; i++) {
        block *scratch = layout(arena, job->net, rows, 1, what, sparse, 1);
        if (job->own) job->own[i].scratch = scratch;
    }
}

fnn_status FNN_T(train)(fnn_net *net, const fnn_matrix *X, const fnn_targets *y,
                        const fnn_optimiser *optimiser, const fnn_run *run, fnn_stop stop,
                        fnn_sums *sums)
{
    int64_t largest = run->n < run->batch_size ? run->n : run->batch_size;
    if (largest < 1) largest = 1; /* with `exchange` all batches may be empty here */
    int64_t rows = largest < FNN_BLOCK ? largest : FNN_BLOCK;
    int threads = 3 * multiply_adds(net, largest) < FNN_WORTH_A_BARRIER * (net->n_layers + 2.0) ||
                          3 * multiply_adds(net, run->n) < FNN_WORTH_A_TEAM ? 1 : run->n_threads;
    need what = fuses(net, optimiser, run, largest) ? NEED_DELTAS : NEED_GRADIENT;
    int by_blocks = threads > 1 && largest > FNN_BLOCK && net->n_params <= FNN_BLOCKWISE_PARAMS;
    fnn_arena arena = {NULL, 0};
    train_job job = {.net = net, .X = X, .y = y, .optimiser = optimiser, .run = run, .sums = sums};
    lay_out(&job, &arena, rows, threads, what, by_blocks);
    size_t size = arena.used;
    if (size > net->scratch_size) {
        fnn_release(net->scratch);
        net->scratch = fnn_acquire(size);
        net->scratch_size = net->scratch ? size : 0;
        if (!net->scratch) return FNN_NO_MEMORY;
    }
    arena = (fnn_arena){net->scratch, 0};
    lay_out(&job, &arena, rows, threads, what, by_blocks);
    clear_frozen(&job, job.scratch, 1);
    for (int i = 0; by_blocks && i < threads; i++) clear_frozen(&job, job.own[i].scratch, 1);
    fnn_team_run(threads, train_work, &job, stop);
    return job.given_up ? FNN_STOPPED : FNN_OK;
}

/* ---- a step with a given gradient ------------------------------------------------------------ */

typedef struct {
    const fnn_net *net;
    const fnn_optimiser *optimiser;
    const fnn_run *run;
    block scratch; /* nothing but the gradient and the sums of its squares */
} step_job;

static void step_work(void *arg, const fnn_worker *me)
{
    step_job *job = arg;
    block *b = &job->scratch;
    const fnn_run *run = job->run;
    FNN_T(constants) constants = constants_of(job->optimiser, run->rates[0], job->optimiser->weight_decay, run->steps_taken + 1);
    clipping clip = clipping_of(job->net, me, job->optimiser, b->gradient, 1, b->partial);
    update(job->net, b, me, 0, job->optimiser, &constants, run->trainable, clip, AT_ONCE);
}

fnn_status FNN_T(step)(fnn_net *net, const void *gradient, const fnn_optimiser *optimiser, const fnn_run *run)
{
    step_job job = {.net = net, .optimiser = optimiser, .run = run};
    size_t reals = (size_t)net->n_params, sums = reals / PIECE + 1;
    int copied = optimiser->clip_norm > 0 && run->trainable; /* frozen layers count nothing in |g| */
    fnn_arena arena = {NULL, 0};
    for (int pass = 0; pass < 2 && optimiser->clip_norm > 0; pass++) { /* measure, then lay out */
        job.scratch.partial = fnn_take(&arena, sums, sizeof(double));
        job.scratch.gradient = copied ? fnn_take(&arena, reals, sizeof(real)) : NULL;
        if (pass == 0) arena = (fnn_arena){fnn_acquire(arena.used), 0};
        if (!arena.base) return FNN_NO_MEMORY;
    }
    if (copied) {
        train_job frozen = {.net = net, .run = run};
        memcpy(job.scratch.gradient, gradient, reals * sizeof(real));
        clear_frozen(&frozen, &job.scratch, 1);
    } else job.scratch.gradient = (real *)gradient; /* read only: update() copies what it clips */
    fnn_team_run(net->n_params < FNN_WORTH_A_TEAM ? 1 : run->n_threads, step_work, &job, (fnn_stop){NULL, NULL});
    fnn_release(arena.base);
    return FNN_OK;
}
