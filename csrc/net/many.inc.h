/* many.inc.h: mini-batch steps of many networks of one kind, on one thread or a team. Template on `real`;
 * built from the steps of net.inc.h and train.inc.h.
 *
 * (a) Narrow networks: a group of V networks is one network whose numbers are vectors. Its parameters,
 *     activations and deltas stand side by side, number j of network g at j · V + g, and forward, deltas and
 *     products are those of net.inc.h over a block with V lanes. Each lane adds what its network would add
 *     alone, in the same order, so each network gets the bits of fnn_train.
 * (b) A network whose batch is shorter than the others' is filled up with rows of weight 0 and input 0, which
 *     add nothing. One that ends early is copied out; what its lane computes from then on is nobody's.
 * (c) Losses of several outputs are sums over a row, in an order that depends on V: the outputs are taken
 *     apart, and each network's go through the kernel of fnn_train.
 * (d) Wide networks, whose own rows fill the vectors: one after the other, as fnn_train does on one thread.
 * (e) Threads take groups, or networks, from a counter. Nothing is shared but X and the targets.
 * (f) A call takes whole epochs: the order of each is shuffled here, in scratch. Networks of a group begin
 *     an epoch together; those with fewer batches are copied out at their last, and wait for the others.
 *
 * Over 400 lines: the steps of one batch, which share the group.
 */
typedef struct {
    const fnn_task *tasks;
    int64_t n;
    const fnn_matrix *X;
    int by_lanes;
    fnn_atomic next; /* group or network that no thread has taken */
    fnn_atomic left; /* a thread was told to stop, and left networks untrained */
    int64_t shuffled_rows; /* the most of a network that shuffles; 0: none does */
    char *scratch;
    size_t scratch_size; /* of one thread */
} many_job;

/* V networks, side by side */
typedef struct {
    fnn_net net; /* the shape of all, the parameters of each */
    const fnn_task *tasks;
    int n, lanes;
    int64_t epoch, most_rows;
    int64_t *orders;               /* (V, most_rows) row numbers, shuffled; NULL: nobody shuffles */
    const int64_t *order[FNN_MOST_LANES];
    int live[FNN_MOST_LANES];      /* its network has rows left in this epoch, and stands in its lane */
    int away[FNN_MOST_LANES];      /* its network was copied out of its lane */
    int diverged[FNN_MOST_LANES];
    int64_t steps[FNN_MOST_LANES]; /* batches of this call before the next */
    int64_t m[FNN_MOST_LANES];     /* rows of the batch */
    double total[FNN_MOST_LANES]; /* Σ w of the batch */
    int64_t along, apart; /* from a network's example to its next, and to the next network's, in the
                           * block's targets, weights and costs */
    block *b;
    int64_t filled[FNN_MOST_LANES], filled_to; /* rows whose shares b->weight has, of plain targets; the most of all */
    real *m1, *m2;   /* moments m and v, or NULL */
    real *dense;     /* (n_in · V,) */
    real *z, *delta; /* (V, rows, n_L) of each network, where there are several outputs; else NULL */
    real *plain;     /* (n_params,) of one network, for the norm of its gradient */
} group;

static group *lay_out_group(const many_job *job, fnn_arena *arena, const fnn_task *task, int64_t rows)
{
    const fnn_net *net = task->net;
    const fnn_optimiser *o = task->optimiser;
    int64_t V = FNN_TABLE->lanes, n_out = net->sizes[net->n_layers];
    size_t params = fnn_times((size_t)net->n_params, (size_t)V);
    size_t outputs = n_out == 1 ? 0 : fnn_times((size_t)(rows * V), (size_t)n_out);
    group *g = fnn_take(arena, 1, sizeof *g), made = {.net = *net, .lanes = (int)V, .most_rows = job->shuffled_rows};
    made.orders = job->shuffled_rows ? fnn_take(arena, fnn_times((size_t)made.most_rows, (size_t)V), sizeof *made.orders)
                                     : NULL;
    made.net.params = fnn_take(arena, params, sizeof(real));
    made.m1 = o->m ? fnn_take(arena, params, sizeof(real)) : NULL;
    made.m2 = o->v ? fnn_take(arena, params, sizeof(real)) : NULL;
    made.dense = fnn_take(arena, fnn_times((size_t)net->sizes[0], (size_t)V), sizeof(real));
    made.z = outputs ? fnn_take(arena, outputs, sizeof(real)) : NULL;
    made.delta = outputs ? fnn_take(arena, outputs, sizeof(real)) : NULL;
    made.plain = clips(o) ? fnn_take(arena, (size_t)net->n_params, sizeof(real)) : NULL;
    made.along = n_out == 1 ? V : 1, made.apart = n_out == 1 ? 1 : rows;
    made.b = layout(arena, net, rows, 1, fuses(net, o, task->run, rows) ? NEED_DELTAS : NEED_GRADIENT, 0, V);
    if (!arena->base) return NULL;
    *g = made;
    return g;
}

/* The parameters and moments of all networks into the group; free lanes repeat the first network */
static void load_group(group *g)
{
    const real *w[FNN_MOST_LANES], *m[FNN_MOST_LANES], *v[FNN_MOST_LANES];
    for (int k = 0; k < g->lanes; k++) {
        const fnn_task *task = g->tasks + (k < g->n ? k : 0);
        w[k] = task->net->params, m[k] = task->optimiser->m, v[k] = task->optimiser->v;
    }
    FNN_TABLE->interleave(g->net.n_params, w, g->net.params);
    if (g->m1) FNN_TABLE->interleave(g->net.n_params, m, g->m1);
    if (g->m2) FNN_TABLE->interleave(g->net.n_params, v, g->m2);
}

/* Those of the chosen lanes out of the group */
static void store_group(const group *g, const int *chosen)
{
    real *w[FNN_MOST_LANES], *m[FNN_MOST_LANES], *v[FNN_MOST_LANES];
    int any = 0;
    for (int k = 0; k < g->n; k++) any |= chosen[k];
    for (int k = 0; any && k < g->lanes; k++) {
        const fnn_task *task = chosen[k] ? g->tasks + k : NULL;
        w[k] = task ? task->net->params : NULL;
        m[k] = task ? task->optimiser->m : NULL, v[k] = task ? task->optimiser->v : NULL;
    }
    if (!any) return;
    FNN_TABLE->separate(g->net.n_params, g->net.params, w);
    if (g->m1) FNN_TABLE->separate(g->net.n_params, g->m1, m);
    if (g->m2) FNN_TABLE->separate(g->net.n_params, g->m2, v);
}

/* Copies networks out of their lanes; what these compute from now on is nobody's */
static void end_lanes(group *g, const int *ended)
{
    store_group(g, ended);
    for (int k = 0; k < g->n; k++)
        if (ended[k]) g->live[k] = 0, g->away[k] = 1;
}

/* A network into its lane, where others stand in theirs */
static void reload_lane(group *g, int k)
{
    const fnn_optimiser *o = g->tasks[k].optimiser;
    real *to[] = {g->net.params, g->m1, g->m2};
    const real *from[] = {g->tasks[k].net->params, o->m, o->v};
    for (int a = 0; a < 3; a++)
        for (int64_t p = 0; to[a] && p < g->net.n_params; p++) to[a][p * g->lanes + k] = from[a][p];
}

/* ---- a batch ------------------------------------------------------------------------------ */

/* 1 if all networks visit the same rows in the same order */
static int same_rows(const group *g)
{
    for (int k = 1; k < g->n; k++)
        if (g->order[k] != g->order[0] || g->tasks[k].run->n != g->tasks[0].run->n) return 0;
    return 1;
}

/* Whether targets are numbers of one weight */
static int is_plain(const fnn_targets *y)
{
    return y->values && !y->weight && !y->output_weight;
}

/* Rows [at, at + m) of each network's order into the block */
static void fetch_group(group *g, const fnn_matrix *X, int64_t at, int64_t most)
{
    block *b = g->b;
    fnn_selection rows[FNN_MOST_LANES];
    int64_t n = g->net.sizes[g->net.n_layers];
    for (int k = 0; k < g->lanes; k++) {
        const int64_t *order = k < g->n ? g->order[k] : NULL;
        rows[k] = (fnn_selection){order ? order + at : NULL, at, g->m[k], 0};
    }
    matrix a = {b->a[0], b->ld[0]};
    if (b->shared) { /* also by a network that has ended */
        fnn_selection of_all = {rows[0].row, at, most, 0};
        FNN_TABLE->gather(X, g->net.sizes[0], of_all, a);
    } else FNN_TABLE->gather_lanes(X, g->net.sizes[0], rows, most, g->dense, a);
    for (int k = 0; k < g->lanes; k++) {
        int64_t first = k * g->apart, m = g->m[k], to = first + m * g->along;
        const fnn_targets *y = g->tasks[k < g->n ? k : 0].y;
        const int64_t *row = rows[k].row;
        real share = (real)(1 / g->total[k]);
        int plain = n == 1 && is_plain(y) && !y->metric, same = g->filled_to == most && g->filled[k] == m;
        if (plain) { /* as fetch_target, whose questions take longer than its answers */
            const real *values = y->values;
            for (int64_t i = 0, j = first; i < m; i++, j += g->along) b->y[j] = values[row ? row[i] : at + i];
            for (int64_t i = 0, j = first; i < m && !same; i++, j += g->along) b->weight[j] = share;
        } else
            for (int64_t i = 0, j = first; i < m; i++, j += g->along)
                fetch_target(&g->net, b, y, row ? row[i] : at + i, j, g->total[k], share);
        g->filled[k] = plain ? m : -1;
        for (int64_t i = m; i < most; i++, to += g->along) {
            memset(b->y + to * n, 0, (size_t)n * sizeof *b->y);
            b->weight[to] = 0;
        }
        for (int64_t i = 0, j = first; g->total[k] == 0 && i < m; i++, j += g->along) b->weight[j] = 0;
    }
    g->filled_to = most;
}

/* z in a[L] becomes costs and δ[L] */
static void group_costs(group *g, int64_t most)
{
    block *b = g->b;
    int L = g->net.n_layers;
    int64_t n = g->net.sizes[L], V = g->lanes;
    real *to[FNN_MOST_LANES];
    const fnn_targets *y = g->tasks[0].y;
    int weighted = y->output_weight && !y_is_factor(&g->net, y);
    for (int k = 0; k < V; k++) to[k] = g->z ? g->z + k * g->apart * n : NULL;
    if (n > 1) FNN_TABLE->separate(most * n, b->a[L], to);
    for (int k = 0; k < (n == 1 ? 1 : g->n); k++) { /* one output: all networks at once */
        int64_t at = k * g->apart, m = n == 1 ? most * V : g->m[k];
        FNN_T(outputs) o = {.z = n == 1 ? b->a[L] : to[k], .y = b->y + at * n, .weight = b->weight + at,
                            .a = b->output + at * n, .cost = b->cost + at,
                            .delta = n == 1 ? b->delta[L] : g->delta + at * n, .slope = b->slope[L]};
        if (weighted) o.term_weight = b->output_weight + at * n;
        FNN_TABLE->loss(g->net.loss, g->net.loss_param, g->net.activation[L - 1], m, n, &o);
    }
    for (int k = 0; k < V; k++) {
        to[k] = g->delta ? g->delta + k * g->apart * n : NULL;
        if (n > 1) memset(to[k] + g->m[k] * n, 0, (size_t)((most - g->m[k]) * n) * sizeof(real));
        for (int64_t i = 0, at = k * g->apart; y->metric && i < g->m[k]; i++, at += g->along)
            b->correct[at] = score_of_row(y->metric, n, b->output + at * n, b->y + at * n,
                                          weighted ? b->output_weight + at * n : NULL, b->label[at]);
    }
    if (n > 1) FNN_TABLE->interleave(most * n, (const real *const *)to, b->delta[L]);
}

/* Clips the gradient of each network */
static void clip_group(group *g)
{
    fnn_worker alone = {0, 1, NULL};
    real *to[FNN_MOST_LANES] = {0}, *gradient = g->b->gradient;
    for (int k = 0; k < g->n; to[k++] = NULL) {
        if (!g->live[k]) continue;
        to[k] = g->plain;
        FNN_TABLE->separate(g->net.n_params, gradient, to);
        clipping clip = clipping_of(&g->net, &alone, g->tasks[k].optimiser, g->plain, 1, g->b->partial);
        for (int64_t p = 0; p < g->net.n_params; p++)
            gradient[p * g->lanes + k] = clipped_number(clip, g->plain[p]);
    }
}

static void update_group(group *g, const FNN_T(lane_constants) * s)
{
    const fnn_task *task = g->tasks;
    const int *trainable = task->run->trainable;
    real *w = g->net.params;
    for (int l = first_trained(&g->net, trainable); l < g->net.n_layers; l++) {
        if (trainable && !trainable[l]) continue;
        int64_t of_W = g->net.weights_at[l] * g->lanes, of_b = g->net.biases_at[l] * g->lanes;
        int64_t at[] = {of_W, of_b}, n[] = {of_b - of_W, g->net.sizes[l + 1] * g->lanes};
        for (int a = 0; a < 2; a++)
            FNN_TABLE->update_lanes(task->optimiser->kind, s, a == 0, n[a], w + at[a], g->b->gradient + at[a],
                                    g->m1 ? g->m1 + at[a] : NULL, g->m2 ? g->m2 + at[a] : NULL);
    }
}

/* The constants of each network's step */
static void group_constants(const group *g, FNN_T(lane_constants) * s)
{
    FNN_T(constants) c = {0};
    const fnn_task *last = NULL;
    int64_t t = 0;
    for (int k = 0; k < g->lanes; k++) {
        const fnn_task *task = k < g->n && g->live[k] ? g->tasks + k : NULL;
        /* the powers of Adam take long, and networks that began together share them */
        if (task && (!last || last->optimiser->beta1 != task->optimiser->beta1 ||
                     last->optimiser->beta2 != task->optimiser->beta2 ||
                     t != task->run->steps_taken + g->steps[k] + 1)) {
            t = task->run->steps_taken + g->steps[k] + 1;
            c = constants_of(task->optimiser, 0, 0, t);
        }
        last = task ? task : last;
        const fnn_optimiser *o = task ? task->optimiser : g->tasks[0].optimiser;
        s->rate[k] = task ? (real)task->run->rates[g->steps[k]] : 0;
        s->momentum[k] = (real)o->momentum, s->beta1[k] = (real)o->beta1, s->beta2[k] = (real)o->beta2;
        s->eps[k] = (real)o->eps, s->weight_decay[k] = task ? (real)decay_of(o, task->run, g->steps[k]) : 0;
        s->c1[k] = c.c1, s->c2[k] = c.c2;
        s->nesterov = o->nesterov, s->decoupled = o->decoupled;
    }
}

/* Plain SGD: W += −eta aᵀδ, with the decay, at once */
static void fused_step(group *g, int64_t most)
{
    fnn_worker alone = {0, 1, NULL};
    real rate[FNN_MOST_LANES] = {0}, kept[FNN_MOST_LANES] = {0}, one[FNN_MOST_LANES];
    for (int k = 0; k < g->lanes; k++) {
        one[k] = 1;
        if (k >= g->n || !g->live[k]) continue;
        const fnn_task *task = g->tasks + k;
        double eta = task->run->rates[g->steps[k]];
        rate[k] = -(real)eta, kept[k] = (real)(1 - eta * decay_of(task->optimiser, task->run, g->steps[k]));
    }
    products(&g->net, g->b, &alone, most, g->tasks[0].run->trainable, (mix){.alphas = rate, .betas = kept},
             (mix){.alphas = rate, .betas = one}, AT_ONCE, g->net.params);
}

static void gradient_step(group *g, int64_t most)
{
    fnn_worker alone = {0, 1, NULL};
    real one[FNN_MOST_LANES];
    FNN_T(lane_constants) constants;
    for (int k = 0; k < g->lanes; k++) one[k] = 1;
    mix plain = {.alphas = one};
    products(&g->net, g->b, &alone, most, g->tasks[0].run->trainable, plain, plain, AT_ONCE, g->b->gradient);
    if (clips(g->tasks[0].optimiser)) clip_group(g);
    group_constants(g, &constants);
    update_group(g, &constants);
}

/* Sums over the batch of each network; all lanes at once where their rows stand side by side, each in
 * its rows' order */
static void group_sums(const group *g, int64_t at, int64_t most, fnn_sums *sums)
{
    int V = g->lanes;
    double loss[FNN_MOST_LANES] = {0};
    int together = g->net.sizes[g->net.n_layers] == 1 && is_plain(g->tasks[0].y) && !g->tasks[0].y->metric;
    for (int k = 0; together && k < V; k += 2) { /* V is even; two sums stay in a register */
        const double *cost = g->b->cost + k;
        double first = 0, second = 0;
        for (int64_t i = 0; i < most; i++, cost += V) first += cost[0], second += cost[1];
        loss[k] = first, loss[k + 1] = second;
    }
    for (int k = 0; k < g->n; k++) {
        const fnn_task *task = g->tasks + k;
        if (together && g->m[k] == most && is_plain(task->y))
            sums[k] = (fnn_sums){.loss = loss[k], .weight = (double)most, .rows = most};
        else sums[k] = sums_of(g->b, g->m[k], task->y, g->order[k], at, k * g->apart, g->along);
    }
}

/* The batch of rows [at, at + m) of the order of all networks that have some */
static void group_batch(group *g, const fnn_matrix *X, int64_t at, int64_t most)
{
    fnn_worker alone = {0, 1, NULL};
    const fnn_task *task = g->tasks;
    int held[FNN_MOST_LANES] = {0}, ended[FNN_MOST_LANES] = {0};
    dropping drops[FNN_MOST_LANES] = {{0, 0, 0, 0}};
    fnn_sums sums[FNN_MOST_LANES];
    for (int k = 0; k < g->n; k++) {
        const fnn_run *run = task[k].run;
        g->total[k] = g->m[k] ? total_weight(task[k].y, g->order[k], at, g->m[k]) : 0;
        drops[k] = (dropping){1, 0, run->steps_taken + g->steps[k], run->dropout_seed};
    }
    for (int k = g->n; k < g->lanes; k++) drops[k].on = 1; /* of every lane, or the loop over them would end */
    fetch_group(g, X, at, most);
    forward(&g->net, g->b, &alone, most, 1, drops);
    group_costs(g, most);
    deltas(&g->net, g->b, &alone, most, first_trained(&g->net, task->run->trainable) + 1, NULL, 0);
    group_sums(g, at, most, sums);
    for (int k = 0; k < g->n; k++) {
        if (!g->live[k]) continue;
        fnn_sums *of_epoch = task[k].sums + g->epoch;
        of_epoch->finite = isfinite(sums[k].loss);
        ended[k] = g->diverged[k] = !of_epoch->finite;
        if (!of_epoch->finite) continue;
        held[k] = g->total[k] == 0; /* one whose weights are all 0 takes no step */
        add_sums(of_epoch, sums + k);
        of_epoch->batches++;
    }
    end_lanes(g, ended);
    store_group(g, held); /* most often none */
    if (fuses(&g->net, task->optimiser, task->run, most)) fused_step(g, most);
    else gradient_step(g, most);
    for (int k = 0; k < g->n; k++) {
        if (held[k]) reload_lane(g, k);
        g->steps[k] += g->live[k];
    }
}

/* The rows of a run in a new order, into `order` (n,) */
static const int64_t *shuffled(const fnn_run *run, fnn_random random, int64_t *order)
{
    for (int64_t i = 0; i < run->n; i++) order[i] = run->order ? run->order[i] : i;
    fnn_shuffle(order, run->n, random);
    return order;
}

/* 1 if a network of the group has another epoch */
static int begin_epoch(group *g)
{
    int ended[FNN_MOST_LANES] = {0}, any = 0;
    for (int k = 0; k < g->n; k++) {
        const fnn_task *task = g->tasks + k;
        int goes_on = !g->diverged[k] && g->epoch < task->epochs && task->run->n > 0;
        ended[k] = g->live[k] && !goes_on;
        g->order[k] = task->run->order;
        if (!goes_on) continue;
        any = g->live[k] = 1;
        if (g->away[k]) reload_lane(g, k), g->away[k] = 0;
        if (task->random.next) g->order[k] = shuffled(task->run, task->random, g->orders + k * g->most_rows);
    }
    end_lanes(g, ended);
    g->b->shared = same_rows(g);
    return any;
}

/* All batches of an epoch; 0 if told to stop */
static int train_epoch(const many_job *job, const fnn_worker *me, group *g)
{
    int64_t size = g->tasks[0].run->batch_size;
    for (int64_t at = 0;; at += size) {
        int64_t most = 0;
        int ended[FNN_MOST_LANES] = {0};
        for (int k = 0; k < g->n; k++) {
            int64_t rest = g->tasks[k].run->n - at;
            g->m[k] = !g->live[k] || rest <= 0 ? 0 : rest < size ? rest : size;
            ended[k] = g->live[k] && g->m[k] == 0;
            if (g->m[k] > most) most = g->m[k];
        }
        if (most == 0) return 1; /* those that end together stay in their lanes */
        end_lanes(g, ended);
        if (fnn_ask(me)) return 0;
        group_batch(g, job->X, at, most);
    }
}

/* Sets `finite` of the networks that have ended, by the costs after their last step, which no batch shows */
static void check_ends(group *g, const fnn_matrix *X)
{
    fnn_worker alone = {0, 1, NULL};
    int64_t size = g->tasks[0].run->batch_size, all[FNN_MOST_LANES] = {0}, longest = 0;
    const dropping none[FNN_MOST_LANES] = {{0, 0, 0, 0}};
    fnn_sums sums[FNN_MOST_LANES];
    for (int k = 0; k < g->n; k++) {
        const fnn_task *task = g->tasks + k;
        g->order[k] = task->run->order;
        if (!task->check || g->diverged[k] || g->epoch != task->epochs - 1) continue;
        if (g->away[k]) reload_lane(g, k);
        all[k] = task->run->n < FNN_BLOCK ? task->run->n : FNN_BLOCK;
        if (all[k] > longest) longest = all[k];
    }
    g->b->shared = same_rows(g);
    for (int64_t at = 0; at < longest; at += size) {
        int64_t most = longest - at < size ? longest - at : size;
        for (int k = 0; k < g->n; k++) {
            g->m[k] = all[k] <= at ? 0 : all[k] - at < most ? all[k] - at : most;
            g->total[k] = (double)g->m[k]; /* which `filled` takes for granted; of weights it changes no finiteness */
        }
        fetch_group(g, X, at, most);
        forward(&g->net, g->b, &alone, most, 1, none);
        group_costs(g, most);
        group_sums(g, at, most, sums);
        for (int k = 0; k < g->n; k++)
            if (g->m[k]) g->tasks[k].sums[g->epoch].finite &= isfinite(sums[k].loss) != 0;
    }
}

static void train_group(many_job *job, const fnn_worker *me, group *g)
{
    load_group(g);
    train_job frozen = {.net = &g->net, .run = g->tasks[0].run};
    clear_frozen(&frozen, g->b, g->lanes);
    for (; begin_epoch(g); g->epoch++) {
        if (train_epoch(job, me, g)) {
            check_ends(g, job->X);
            continue;
        }
        fnn_atomic_store(&job->left, 1);
        store_group(g, g->live);
        return;
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static train_job lay_out_alone(const many_job *job, fnn_arena *arena, const fnn_task *task)
{
    train_job one = {.net = task->net, .X = job->X, .y = task->y, .optimiser = task->optimiser,
                     .run = task->run, .sums = task->sums};
    int64_t size = task->run->batch_size, largest = task->run->n < size ? task->run->n : size;
    int64_t rows = largest < FNN_BLOCK ? largest : FNN_BLOCK;
    lay_out(&one, arena, rows, 1, fuses(task->net, task->optimiser, task->run, largest) ? NEED_DELTAS : NEED_GRADIENT, 0);
    return one;
}

/* Whether the costs of the first rows are finite */
static int ends_finite(const train_job *one)
{
    fnn_worker alone = {0, 1, NULL};
    const dropping none = {0, 0, 0, 0};
    block *b = one->scratch;
    const fnn_run *run = one->run;
    int64_t n = run->n < FNN_BLOCK ? run->n : FNN_BLOCK;
    int finite = 1;
    for (int64_t at = 0; at < n; at += b->rows) {
        int64_t rows = n - at < b->rows ? n - at : b->rows;
        fetch(one->net, b, &alone, one->X, one->y, run->order, at, rows, 0, 1);
        forward(one->net, b, &alone, rows, 1, &none);
        output_costs(one->net, b, &alone, rows, one->y, 0);
        finite &= isfinite(sums_of(b, rows, one->y, run->order, at, 0, 1).loss) != 0;
    }
    return finite;
}

/* As fnn_train does on one thread, epoch after epoch */
static void train_alone(many_job *job, const fnn_worker *me, const fnn_task *task, fnn_arena *arena)
{
    fnn_worker alone = {0, 1, NULL};
    train_job one = lay_out_alone(job, arena, task);
    int64_t *order = task->random.next ? fnn_take(arena, (size_t)task->run->n, sizeof *order) : NULL;
    fnn_run run = *task->run;
    one.run = &run;
    clear_frozen(&one, one.scratch, 1);
    for (int64_t epoch = 0; epoch < task->epochs; epoch++) {
        int64_t number = 0;
        if (order) run.order = shuffled(task->run, task->random, order);
        one.sums = task->sums + epoch;
        for (int64_t at = 0, end; at < run.n; at = end, number++) {
            end = end_of(&run, number, at);
            int stop = fnn_ask(me);
            if (stop) fnn_atomic_store(&job->left, 1);
            else one.sums->finite = train_batch(&one, &alone, at, end - at, number) == DONE;
            if (stop || !one.sums->finite) return;
        }
        run.rates += number, run.decays += run.decays ? number : 0, run.steps_taken += number;
    }
    run.order = task->run->order;
    if (task->check && task->epochs) one.sums->finite = ends_finite(&one);
}

static void many_work(void *arg, const fnn_worker *me)
{
    many_job *job = arg;
    int64_t together = job->by_lanes ? FNN_TABLE->lanes : 1;
    for (;;) {
        int64_t first = (int64_t)(fnn_atomic_add(&job->next, 1) - 1) * together;
        if (first >= job->n) return;
        const fnn_task *task = job->tasks + first;
        fnn_arena arena = {job->scratch + (size_t)me->rank * job->scratch_size, 0};
        if (job->by_lanes) {
            group *g = lay_out_group(job, &arena, task, task->run->batch_size);
            g->tasks = task, g->n = (int)(job->n - first < together ? job->n - first : together);
            train_group(job, me, g);
        } else if (task->run->n) train_alone(job, me, task, &arena);
        if (fnn_atomic_load(&job->left)) return;
    }
}

fnn_status FNN_T(train_many)(const fnn_task *tasks, int64_t n, const fnn_matrix *X, int by_lanes, int n_threads,
                             fnn_stop stop)
{
    many_job job = {.tasks = tasks, .n = n, .X = X, .by_lanes = by_lanes};
    int64_t together = by_lanes ? FNN_TABLE->lanes : 1, parts = (n + together - 1) / together;
    int threads = parts < n_threads ? (int)parts : n_threads;
    double work = 0;
    for (int64_t i = 0; i < n; i++) {
        fnn_arena measure = {NULL, 0};
        int64_t rows = tasks[i].random.next ? tasks[i].run->n : 0;
        work += 3 * multiply_adds(tasks[i].net, tasks[i].run->n) * (double)tasks[i].epochs;
        if (rows > job.shuffled_rows) job.shuffled_rows = rows;
        if (by_lanes) continue;
        lay_out_alone(&job, &measure, tasks + i);
        fnn_take(&measure, (size_t)rows, sizeof(int64_t));
        if (measure.used > job.scratch_size) job.scratch_size = measure.used;
    }
    fnn_arena measure = {NULL, 0};
    if (by_lanes) {
        lay_out_group(&job, &measure, tasks, tasks->run->batch_size); /* all are alike */
        job.scratch_size = measure.used;
    }
    if (work < FNN_WORTH_A_TEAM) threads = 1;
    if (threads > FNN_MOST_THREADS) threads = FNN_MOST_THREADS;
    job.scratch = fnn_acquire(fnn_times(job.scratch_size, (size_t)threads));
    if (!job.scratch) return FNN_NO_MEMORY;
    fnn_team_run(threads, many_work, &job, stop);
    fnn_release(job.scratch);
    return fnn_atomic_load(&job.left) ? FNN_STOPPED : FNN_OK;
}
