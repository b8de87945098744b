/* fnn.c: the functions of fnn.h on networks: creation, locking, and the one switch on dtype. */
#include "fnn.h"

#include <string.h>

#include "system/fpmode.h"
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

/* Downgrades the writer to a reader during the callback, so that it and others may read; the batch goes on
 * when the others have finished. */
static int ask_as_reader(void *arg)
{
    question *q = arg;
    fnn_atomic_store(&q->net->users, noted_now(1));
    int stop = q->run->stop(q->run->stop_arg);
    while (!fnn_atomic_swap_if(&q->net->users, noted_now(1), noted_now(WRITING))) fnn_pause();
    return stop;
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

fnn_status fnn_train(fnn_net *net, const fnn_matrix *X, const fnn_targets *y,
                     const fnn_optimiser *optimiser, const fnn_run *run, fnn_sums *sums)
{
    sums->finite = 1;
    if (run->batch_size < 1 || run->n < 0 || run->n_threads < 1 || (unsigned)optimiser->kind >= FNN_N_OPTIMISERS ||
        !fnn_has_moments(optimiser))
        return FNN_BAD_ARGUMENT;
    if (run->n == 0) return FNN_OK;
    if (!begin_writing(net)) return FNN_BUSY;
    question q = {net, run};
    fnn_stop stop = {run->stop ? ask_as_reader : NULL, &q};
    fnn_status status = ON_DTYPE(net, train, net, X, y, optimiser, run, stop, sums);
    end_writing(net);
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
