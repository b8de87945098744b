/* fnn.c: the functions of fnn.h on networks: creation, locking, and the one switch on dtype. */
#include "fnn.h"

#include <string.h>

#include "system/fpmode.h"
#include "isa/dispatch.h"
#include "net/net.h"

/* ---- making ------------------------------------------------------------------------------- */

static size_t real_size(const fnn_net *net) { return net->dtype == FNN_F32 ? 4 : 8; }

/* The network, its tables and its parameters in one piece of memory; NULL while measuring */
static fnn_net *layout(fnn_arena *arena, const fnn_net *measured, size_t n_params, size_t n_out)
{
    size_t L = (size_t)measured->n_layers;
    fnn_net *net = fnn_take(arena, 1, sizeof *net), filled = *measured;
    filled.sizes = fnn_take(arena, L + 1, sizeof *filled.sizes);
    filled.activation = fnn_take(arena, L, sizeof *filled.activation);
    filled.dropout = fnn_take(arena, L, sizeof *filled.dropout);
    filled.weights_at = fnn_take(arena, L, sizeof *filled.weights_at);
    filled.biases_at = fnn_take(arena, L, sizeof *filled.biases_at);
    filled.params = fnn_take(arena, n_params, real_size(measured));
    filled.loss_param = fnn_take(arena, n_out, real_size(measured));
    if (!arena->base) return NULL;
    *net = filled;
    return net;
}

static int legal(const fnn_spec *spec)
{
    if (spec->dtype != FNN_F32 && spec->dtype != FNN_F64) return 0;
#ifdef FNN_FLOAT32_ALONE
    if (spec->dtype != FNN_F32) return 0;
#endif
    if (spec->n_layers < 1 || (unsigned)spec->loss >= FNN_N_LOSSES || spec->loss == FNN_LINEAR) return 0;
    if (spec->loss == FNN_GAUSSIAN_NLL && spec->sizes[spec->n_layers] % 2) return 0; /* pairs */
    for (int l = 0; l <= spec->n_layers; l++)
        if (spec->sizes[l] < 1 || spec->sizes[l] > INT32_MAX) return 0;
    for (int l = 0; l < spec->n_layers; l++) {
        int f = spec->activation[l], last = l == spec->n_layers - 1;
        if (f < 0 || f >= FNN_N_ACTIVATIONS || (!last && f >= FNN_SOFTMAX)) return 0;
        if (!(spec->dropout[l] >= 0 && spec->dropout[l] < 1) || (last && spec->dropout[l] > 0)) return 0;
    }
    return 1;
}

fnn_status fnn_net_new(const fnn_spec *spec, fnn_net **net)
{
    *net = NULL;
    if (!legal(spec)) return FNN_BAD_ARGUMENT;
    size_t n_params = 0;
    for (int l = 0; l < spec->n_layers; l++)
        n_params = fnn_plus(n_params, fnn_times((size_t)spec->sizes[l] + 1, (size_t)spec->sizes[l + 1]));
    if (n_params > PTRDIFF_MAX / sizeof(double)) return FNN_TOO_LARGE;

    fnn_net described = {.dtype = spec->dtype, .n_layers = spec->n_layers, .loss = spec->loss,
                         .n_params = (int64_t)n_params};
    size_t n_out = (size_t)spec->sizes[spec->n_layers];
    fnn_arena arena = {NULL, 0};
    layout(&arena, &described, n_params, n_out);
    void *memory = fnn_acquire(arena.used);
    if (!memory) return FNN_NO_MEMORY;
    arena = (fnn_arena){memory, 0};
    fnn_net *made = layout(&arena, &described, n_params, n_out);

    int64_t at = 0;
    for (int l = 0; l <= spec->n_layers; l++) made->sizes[l] = spec->sizes[l];
    for (int l = 0; l < spec->n_layers; l++) {
        made->activation[l] = (fnn_activation)spec->activation[l];
        made->dropout[l] = spec->dropout[l];
        made->weights_at[l] = at;
        made->biases_at[l] = at + spec->sizes[l] * spec->sizes[l + 1];
        at = made->biases_at[l] + spec->sizes[l + 1];
    }
    memset(made->params, 0, n_params * real_size(made));
    for (size_t j = 0; j < n_out; j++) {
        double p = spec->loss_params ? spec->loss_params[j] : spec->loss_param;
        if (made->dtype == FNN_F32) ((float *)made->loss_param)[j] = (float)p;
        else ((double *)made->loss_param)[j] = p;
    }
    *net = made;
    return FNN_OK;
}

void fnn_net_free(fnn_net *net)
{
    if (!net) return;
    fnn_release(net->scratch);
    fnn_release(net);
}

int64_t fnn_n_params(const fnn_net *net) { return net->n_params; }

void *fnn_params(fnn_net *net) { return net->params; }

/* ---- guarding: one writer alone, or any number of readers ----------------------------------
 *
 * net->users, low 16 bits: number of readers, or WRITING; high bits: fork count when that was stored. */

enum { WRITING = 0xffff, A_FORK = 0x10000, FORKS = 0x7fff };

static fnn_atomic forks; /* number of forks between the first process and this one */

void fnn_forked(void) { (void)fnn_atomic_add(&forks, 1); }

/* The value of net->users to store in this process */
static int noted_now(int users) { return (fnn_atomic_load(&forks) & FORKS) * A_FORK + users; }

/* The readers of this process, or WRITING; those stored before a fork are in another process */
static int users_here(int noted)
{
    int users = noted & WRITING;
    return users == WRITING || noted == noted_now(users) ? users : 0;
}

static int begin_writing(fnn_net *net)
{
    int noted = fnn_atomic_load(&net->users);
    return users_here(noted) == 0 && fnn_atomic_swap_if(&net->users, noted, noted_now(WRITING));
}

static void end_writing(fnn_net *net) { fnn_atomic_store(&net->users, noted_now(0)); }

static int begin_reading(fnn_net *net)
{
    for (;;) {
        int noted = fnn_atomic_load(&net->users), users = users_here(noted);
        if (users >= WRITING - 1) return 0;
        if (fnn_atomic_swap_if(&net->users, noted, noted_now(users + 1))) return 1;
    }
}

static void end_reading(fnn_net *net) { (void)fnn_atomic_add(&net->users, -1); }

typedef struct {
    fnn_net *net;
    const fnn_run *run;
} question;

/* Downgrade the writer to a reader during a callback, so that it and others may read; the batch goes on
 * when the others have finished. */
static void stop_writing(fnn_net *net) { fnn_atomic_store(&net->users, noted_now(1)); }

static void write_again(fnn_net *net)
{
    while (!fnn_atomic_swap_if(&net->users, noted_now(1), noted_now(WRITING))) fnn_pause();
}

static int ask_as_reader(void *arg)
{
    question *q = arg;
    stop_writing(q->net);
    int stop = q->run->stop(q->run->stop_arg);
    write_again(q->net);
    return stop;
}

static int exchange_as_reader(void *arg, void *gradient)
{
    question *q = arg;
    stop_writing(q->net);
    int refused = q->run->exchange(q->run->exchange_arg, gradient);
    write_again(q->net);
    return refused;
}

fnn_status fnn_get_params(fnn_net *net, void *out)
{
    if (!begin_reading(net)) return FNN_BUSY;
    memcpy(out, net->params, (size_t)net->n_params * real_size(net));
    end_reading(net);
    return FNN_OK;
}

fnn_status fnn_set_params(fnn_net *net, const void *in)
{
    if (!begin_writing(net)) return FNN_BUSY;
    memcpy(net->params, in, (size_t)net->n_params * real_size(net));
    end_writing(net);
    return FNN_OK;
}

/* ---- the switch on dtype -------------------------------------------------------------------- */

#ifdef FNN_FLOAT32_ALONE /* of a page: csrc/wasm */
#define ON_DTYPE(net, name, ...) name##_f32(__VA_ARGS__)
#else
#define ON_DTYPE(net, name, ...) \
    ((net)->dtype == FNN_F32 ? name##_f32(__VA_ARGS__) : name##_f64(__VA_ARGS__))
#endif

static int legal_rows(const fnn_matrix *X, int64_t begin, int64_t end, int n_threads)
{
    return n_threads >= 1 && begin >= 0 && begin <= end && end <= X->n_rows;
}

int fnn_has_moments(const fnn_optimiser *o)
{
#define NEEDS(NAME, M, V) case FNN_##NAME: return (o->m || !(M)) && (o->v || !(V));
    switch (o->kind) { FNN_OPTIMISERS(NEEDS) }
#undef NEEDS
    return 1; /* no optimiser: fnn_train refuses it */
}

static int legal_run(const fnn_optimiser *optimiser, const fnn_run *run)
{
    return run->batch_size >= 1 && run->n >= 0 && (unsigned)optimiser->kind < FNN_N_OPTIMISERS &&
           fnn_has_moments(optimiser);
}

fnn_status fnn_train(fnn_net *net, const fnn_matrix *X, const fnn_targets *y,
                     const fnn_optimiser *optimiser, const fnn_run *run, fnn_sums *sums)
{
    sums->finite = 1;
    if (!legal_run(optimiser, run) || run->n_threads < 1) return FNN_BAD_ARGUMENT;
    if (run->exchange && !run->ends) return FNN_BAD_ARGUMENT;
    if (run->n == 0 && !run->exchange) return FNN_OK;
    if (!begin_writing(net)) return FNN_BUSY;
    question q = {net, run};
    fnn_stop stop = {run->stop ? ask_as_reader : NULL, &q};
    fnn_run asked = *run;
    if (run->exchange) asked.exchange = exchange_as_reader, asked.exchange_arg = &q;
    fnn_status status = ON_DTYPE(net, train, net, X, y, optimiser, &asked, stop, sums);
    end_writing(net);
    return status;
}

/* ---- many networks -------------------------------------------------------------------------- */

static int same(const void *a, const void *b, size_t size)
{
    return a == b || (a && b && memcmp(a, b, size) == 0);
}

static int same_shape(const fnn_net *a, const fnn_net *b)
{
    size_t L = (size_t)a->n_layers;
    return a->dtype == b->dtype && a->n_layers == b->n_layers && a->loss == b->loss &&
           same(a->sizes, b->sizes, (L + 1) * sizeof *a->sizes) &&
           same(a->activation, b->activation, L * sizeof *a->activation) &&
           same(a->dropout, b->dropout, L * sizeof *a->dropout) &&
           same(a->loss_param, b->loss_param, (size_t)a->sizes[L] * real_size(a));
}

/* 1 if networks can be trained side by side */
static int alike(const fnn_task *a, const fnn_task *b)
{
    const fnn_optimiser *o = a->optimiser, *p = b->optimiser;
    return same_shape(a->net, b->net) && o->kind == p->kind && !o->m == !p->m && !o->v == !p->v &&
           o->nesterov == p->nesterov && o->decoupled == p->decoupled &&
           (o->clip_norm > 0 || o->clip_value > 0) == (p->clip_norm > 0 || p->clip_value > 0) &&
           a->run->batch_size == b->run->batch_size &&
           same(a->run->trainable, b->run->trainable, (size_t)a->net->n_layers * sizeof(int)) &&
           a->y->metric == b->y->metric && a->y->linear == b->y->linear &&
           !a->y->output_weight == !b->y->output_weight;
}

int fnn_lanes(fnn_dtype dtype) { return dtype == FNN_F32 ? fnn_kernels_f32->lanes : fnn_kernels_f64->lanes; }

static int legal_tasks(const fnn_task *tasks, int64_t n, const fnn_matrix *X, int by_lanes)
{
    for (int64_t i = 0; i < n; i++) {
        if (!legal_run(tasks[i].optimiser, tasks[i].run) || tasks[i].net->dtype != tasks[0].net->dtype) return 0;
        if (by_lanes && !alike(tasks, tasks + i)) return 0;
    }
    /* a larger network of plain SGD might take its short batches in another way than its long ones */
    return !by_lanes || (!X->sparse && !tasks[0].y->linear && tasks[0].run->batch_size <= FNN_BLOCK &&
                         tasks[0].net->n_params <= FNN_MOST_PARAMS_A_LANE);
}

fnn_status fnn_train_many(const fnn_task *tasks, int64_t n, const fnn_matrix *X, int by_lanes,
                          int n_threads, int (*stop)(void *arg), void *stop_arg)
{
    if (n < 0 || n > INT32_MAX || n_threads < 1) return FNN_BAD_ARGUMENT;
    if (n == 0) return FNN_OK;
    if (!legal_tasks(tasks, n, X, by_lanes)) return FNN_BAD_ARGUMENT;
    int64_t locked = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t epoch = 0; epoch < tasks[i].epochs; epoch++) tasks[i].sums[epoch].finite = 1;
    while (locked < n && begin_writing(tasks[locked].net)) locked++;
    fnn_status status = FNN_BUSY;
    if (locked == n)
        status = ON_DTYPE(tasks[0].net, train_many, tasks, n, X, by_lanes, n_threads, (fnn_stop){stop, stop_arg});
    while (locked > 0) end_writing(tasks[--locked].net);
    return status;
}

fnn_status fnn_step(fnn_net *net, const void *gradient, const fnn_optimiser *optimiser, const fnn_run *run)
{
    if ((unsigned)optimiser->kind >= FNN_N_OPTIMISERS || !fnn_has_moments(optimiser) || run->n_threads < 1)
        return FNN_BAD_ARGUMENT;
    if (!begin_writing(net)) return FNN_BUSY;
    fnn_status status = ON_DTYPE(net, step, net, gradient, optimiser, run);
    end_writing(net);
    return status;
}

fnn_status fnn_forward(fnn_net *net, const fnn_matrix *X, const fnn_pass *pass, void *const *out)
{
    int64_t most = pass->order ? INT64_MAX : X->n_rows; /* an order's rows are the caller's to check */
    if (pass->n_threads < 1 || pass->begin < 0 || pass->begin > pass->end || pass->end > most)
        return FNN_BAD_ARGUMENT;
    if (pass->begin == pass->end) return FNN_OK;
    if (!begin_reading(net)) return FNN_BUSY;
    fnn_status status = ON_DTYPE(net, forward, net, X, pass, out);
    end_reading(net);
    return status;
}

fnn_status fnn_forward_many(fnn_net *const *nets, int64_t n, const fnn_matrix *X, int64_t begin, int64_t end,
                            void *out, int64_t apart, int n_threads)
{
    if (n < 0 || n > INT32_MAX || !legal_rows(X, begin, end, n_threads)) return FNN_BAD_ARGUMENT;
    for (int64_t i = 0; i < n; i++)
        if (nets[i]->n_params > FNN_MOST_PARAMS_A_LANE || !same_shape(nets[0], nets[i])) return FNN_BAD_ARGUMENT;
    if (n == 0 || begin == end) return FNN_OK;
    int64_t locked = 0;
    while (locked < n && begin_reading(nets[locked])) locked++;
    fnn_status status = FNN_BUSY;
    if (locked == n)
        status = ON_DTYPE(nets[0], forward_many, nets, n, X, begin, end, out, apart, n_threads);
    while (locked > 0) end_reading(nets[--locked]);
    return status;
}

fnn_status fnn_cost(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                    int64_t end, double *per_example, fnn_sums *sums, int n_threads)
{
    if (!legal_rows(X, begin, end, n_threads)) return FNN_BAD_ARGUMENT;
    if (begin == end) return FNN_OK;
    if (!begin_reading(net)) return FNN_BUSY;
    fnn_status status = ON_DTYPE(net, cost, net, X, y, begin, end, per_example, sums, n_threads);
    end_reading(net);
    return status;
}

fnn_status fnn_backward(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                        int64_t end, const fnn_gradients *out, fnn_sums *sums, int n_threads)
{
    int of_rows = out->per_example || out->layers;
    if (!out->sum && !of_rows) return FNN_BAD_ARGUMENT;
    if (!legal_rows(X, begin, end, n_threads) || (out->sum && of_rows && y->weight)) return FNN_BAD_ARGUMENT;
    if (begin == end) return FNN_OK;
    if (!begin_reading(net)) return FNN_BUSY;
    fnn_status status = ON_DTYPE(net, backward, net, X, y, begin, end, out, sums, n_threads);
    end_reading(net);
    return status;
}

fnn_status fnn_jacobian(fnn_net *net, const fnn_matrix *X, int64_t begin, int64_t end, void *inputs,
                        void *params, int n_threads)
{
    if (!legal_rows(X, begin, end, n_threads) || !inputs == !params) return FNN_BAD_ARGUMENT;
    if (begin == end) return FNN_OK;
    if (!begin_reading(net)) return FNN_BUSY;
    fnn_status status = ON_DTYPE(net, jacobian, net, X, begin, end, inputs, params, n_threads);
    end_reading(net);
    return status;
}
