/* faults.c: lets every allocation and every thread of the core fail once, and abandons a batch at every
 * call of fnn_run's `stop`. Built with -DFNN_FAULTS by tests/c/run, with sanitizers too: see there.
 *
 *   1. A failed allocation gives FNN_NO_MEMORY; parameters, moments and sums are unchanged, no memory
 *      leaks, and the same call then gives the bits of an undisturbed run.
 *   2. If threads do not start, fewer run, and the bits are the same.
 *   3. An abandoned batch changes nothing, at whichever call; the same run then gives the same bits.
 *   4. Ten times as many batches need no more allocations.
 *   5. A batch whose exchange is refused changes nothing; those before it are kept, to the bit.
 *
 * The exit status is the number of broken promises. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/faults.h"
#include "fnn.h"

static int wrong;

static void expect(int holds, const char *what, const char *name, int64_t n)
{
    if (holds) return;
    printf("%s: %s (at %lld)\n", name, what, (long long)n);
    wrong++;
}

typedef struct {
    const char *name;
    fnn_optimiser_kind kind;
    double momentum;
    int64_t width, n, batch;
    int sparse, threads;
    fnn_dtype dtype;
} setting;

static const setting settings[] = {
    {"plain SGD, fused", FNN_SGD, 0, 23, 61, 20, 0, 1, FNN_F32},
    {"SGD with momentum", FNN_SGD, 0.9, 23, 61, 20, 0, 1, FNN_F64},
    {"Adam", FNN_ADAM, 0, 23, 61, 20, 0, 1, FNN_F32},
    {"RMSprop with momentum", FNN_RMSPROP, 0.5, 23, 61, 20, 0, 1, FNN_F64},
    {"by non-zeros, fused", FNN_SGD, 0, 23, 300, 60, 1, 1, FNN_F32},
    {"by non-zeros, by column", FNN_ADAM, 0, 150, 300, 60, 1, 1, FNN_F32},
    {"several blocks", FNN_ADAM, 0, 23, 1500, 1500, 0, 1, FNN_F32},
    {"tiles on a team", FNN_ADAM, 0, 300, 300, 128, 0, 3, FNN_F32},
    {"plain SGD on a team", FNN_SGD, 0, 300, 300, 300, 0, 3, FNN_F64},
    {"by non-zeros on a team", FNN_RMSPROP, 0, 300, 300, 128, 1, 3, FNN_F32},
    {"a long batch by blocks", FNN_SGD, 0.9, 60, 1500, 1500, 0, 3, FNN_F32},
    {"the same by non-zeros", FNN_ADAM, 0, 60, 1500, 1500, 1, 3, FNN_F64},
};

enum { N_IN = 40, N_OUT = 5, EACH = 30 }; /* EACH: rows whose own gradients are computed */

/* Everything that a call may read or change */
typedef struct {
    fnn_net *net, *twin; /* which is trained beside it */
    fnn_matrix X;
    fnn_targets y;
    fnn_optimiser optimiser;
    fnn_run run;
    int64_t P, indptr[2001];
    size_t size;
    char *values, *m, *v, *twin_m, *twin_v, *out;
    uint16_t *columns;
    int64_t *labels;
    double *rates;
    fnn_sums sums, twin_sums;
} world;

static void *zeros(size_t size)
{
    void *p = calloc(size, 1);
    if (!p) fprintf(stderr, "faults: no memory\n"), exit(99);
    return p;
}

static fnn_status made(const setting *s, fnn_net **net)
{
    const int64_t sizes[] = {N_IN, s->width, 17, N_OUT};
    const int activation[] = {FNN_GELU, FNN_TANH, FNN_SOFTMAX};
    const double dropout[] = {0, 0.25, 0};
    fnn_spec spec = {s->dtype, 3, sizes, activation, dropout, FNN_CROSS_ENTROPY, 0, NULL};
    return fnn_net_new(&spec, net);
}

static world start(const setting *s)
{
    world w = {.size = s->dtype == FNN_F32 ? 4 : 8};
    if (made(s, &w.net) != FNN_OK || made(s, &w.twin) != FNN_OK) fprintf(stderr, "faults: no network\n"), exit(99);
    w.P = fnn_n_params(w.net);
    uint64_t state = 1;
#define NEXT() (state = state * 6364136223846793005u + 1442695040888963407u, (double)(state >> 11) * 0x1p-53)
    for (int64_t i = 0; i < w.P; i++) {
        double x = (NEXT() - 0.5) / 3;
        if (s->dtype == FNN_F32) ((float *)fnn_params(w.net))[i] = (float)x;
        else ((double *)fnn_params(w.net))[i] = x;
    }
    fnn_set_params(w.twin, fnn_params(w.net));
    w.twin_m = zeros((size_t)w.P * w.size), w.twin_v = zeros((size_t)w.P * w.size);
    w.values = zeros((size_t)s->n * N_IN);
    w.labels = zeros((size_t)s->n * sizeof *w.labels);
    w.rates = zeros((size_t)s->n * sizeof *w.rates);
    w.columns = zeros((size_t)s->n * N_IN * sizeof *w.columns);
    w.m = zeros((size_t)w.P * w.size), w.v = zeros((size_t)w.P * w.size);
    w.out = zeros((size_t)(s->n * (N_OUT + N_IN) + EACH * w.P) * w.size);
    for (int64_t i = 0; i < s->n * N_IN; i++) w.values[i] = NEXT() < 0.6 ? 0 : (char)(127 * NEXT());
    for (int64_t i = 0; i < s->n; i++) w.labels[i] = (int64_t)(N_OUT * NEXT()), w.rates[i] = 0.01;
    w.X = (fnn_matrix){.dtype = FNN_U8, .n_rows = s->n, .data = w.values, .row_stride = N_IN,
                       .col_stride = 1, .factor = 1.0 / 255, .sparse = s->sparse};
    w.y = (fnn_targets){.labels = w.labels, .metric = FNN_ARGMAX};
    w.optimiser = (fnn_optimiser){.kind = s->kind, .momentum = s->momentum, .beta1 = 0.9, .beta2 = 0.99,
                                  .eps = 1e-3, .m = s->momentum || s->kind == FNN_ADAM ? w.m : NULL,
                                  .v = s->kind == FNN_SGD ? NULL : w.v};
    w.run = (fnn_run){.n = s->n, .batch_size = s->batch, .rates = w.rates, .n_threads = s->threads};
    return w;
}

static void end(world *w)
{
    fnn_net_free(w->net), fnn_net_free(w->twin);
    free(w->twin_m), free(w->twin_v);
    free(w->values), free(w->labels), free(w->rates), free(w->columns);
    free(w->m), free(w->v), free(w->out);
}

static int same(world *a, world *b)
{
    size_t bytes = (size_t)a->P * a->size;
    return !memcmp(fnn_params(a->net), fnn_params(b->net), bytes) &&
           !memcmp(fnn_params(a->twin), fnn_params(b->twin), bytes) && a->twin_sums.loss == b->twin_sums.loss &&
           !memcmp(a->twin_m, b->twin_m, bytes) && !memcmp(a->m, b->m, bytes) &&
           !memcmp(a->v, b->v, bytes) && a->sums.loss == b->sums.loss && a->sums.rows == b->sums.rows &&
           a->sums.batches == b->sums.batches && a->sums.correct == b->sums.correct;
}

static fnn_status train(world *w)
{
    return fnn_train(w->net, &w->X, &w->y, &w->optimiser, &w->run, &w->sums);
}

/* The exchange of a process alone, which is refused after so many others */
static int exchanged(void *left, void *sums)
{
    (void)sums;
    return (*(int64_t *)left)-- == 0;
}

static fnn_status train_together(world *w, int64_t n_batches, int64_t left)
{
    int64_t ends[2000];
    fnn_run run = w->run;
    for (int64_t i = 0; i < n_batches; i++)
        ends[i] = (i + 1) * run.batch_size < run.n ? (i + 1) * run.batch_size : run.n;
    run.exchange = exchanged, run.exchange_arg = &left, run.ends = ends, run.n_batches = n_batches;
    return fnn_train(w->net, &w->X, &w->y, &w->optimiser, &run, &w->sums);
}

static int64_t batches(const world *w) { return (w->run.n + w->run.batch_size - 1) / w->run.batch_size; }

static fnn_status together(world *w) { return train_together(w, batches(w), -1); }

static uint32_t some_bits(void *state)
{
    uint64_t *bits = state;
    return (uint32_t)((*bits = *bits * 6364136223846793005u + 1442695040888963407u) >> 32);
}

static fnn_status train_many(world *w)
{
    fnn_optimiser of_twin = w->optimiser;
    if (of_twin.m) of_twin.m = w->twin_m;
    if (of_twin.v) of_twin.v = w->twin_v;
    uint64_t bits = 1;
    fnn_random random = {w->run.order ? NULL : some_bits, &bits};
    fnn_task tasks[] = {
        {.net = w->net, .y = &w->y, .optimiser = &w->optimiser, .run = &w->run, .epochs = 1, .sums = &w->sums},
        {w->twin, &w->y, &of_twin, &w->run, 1, random, 1, &w->twin_sums},
    };
    int by_lanes = !w->X.sparse && w->run.batch_size <= FNN_BLOCK;
    return fnn_train_many(tasks, 2, &w->X, by_lanes, w->run.n_threads, NULL, NULL);
}

static fnn_status forward_many(world *w) /* 9 (n, N_OUT) are as many reals as (n, N_IN + N_OUT) */
{
    fnn_net *nets[9];
    for (int i = 0; i < 9; i++) nets[i] = i % 2 ? w->twin : w->net;
    int64_t n = w->X.n_rows;
    return fnn_forward_many(nets, 9, &w->X, 0, n, w->out, n * N_OUT, w->run.n_threads);
}

static fnn_status forward(world *w)
{
    void *out[] = {NULL, NULL, NULL, w->out};
    fnn_pass pass = {.end = w->X.n_rows, .n_threads = w->run.n_threads};
    return fnn_forward(w->net, &w->X, &pass, out);
}

static fnn_status cost(world *w)
{
    return fnn_cost(w->net, &w->X, &w->y, 0, w->X.n_rows, (double *)w->out, &w->sums, w->run.n_threads);
}

static fnn_status gradient(world *w)
{
    fnn_gradients out = {.sum = w->out};
    return fnn_backward(w->net, &w->X, &w->y, 0, w->X.n_rows, &out, &w->sums, w->run.n_threads);
}

static fnn_status gradients(world *w)
{
    int64_t n = w->X.n_rows < EACH ? w->X.n_rows : EACH;
    fnn_gradients out = {.per_example = w->out};
    return fnn_backward(w->net, &w->X, &w->y, 0, n, &out, &w->sums, w->run.n_threads);
}

static fnn_status input_gradients(world *w)
{
    void *layers[] = {w->out, NULL, NULL};
    fnn_gradients out = {.layers = layers};
    return fnn_backward(w->net, &w->X, &w->y, 0, w->X.n_rows, &out, &w->sums, w->run.n_threads);
}

static fnn_status jacobian(world *w) /* EACH rows' (N_OUT, N_IN) are fewer reals than EACH gradients */
{
    int64_t n = w->X.n_rows < EACH ? w->X.n_rows : EACH;
    return fnn_jacobian(w->net, &w->X, 0, n, w->out, NULL, w->run.n_threads);
}

static fnn_status step(world *w)
{
    fnn_optimiser clipped = w->optimiser;
    int trainable[] = {1, 0, 1};
    clipped.clip_norm = 0.5;
    w->run.trainable = trainable;
    fnn_status status = fnn_step(w->net, w->out, &clipped, &w->run);
    w->run.trainable = NULL;
    return status;
}

static fnn_status list_rows(world *w)
{
    int64_t reached = fnn_list_rows(&w->X, N_IN, 0, w->X.n_rows, w->X.n_rows * N_IN, w->indptr,
                                    w->columns, w->out);
    return reached == w->X.n_rows ? FNN_OK : FNN_NO_MEMORY;
}

static const struct { const char *name; fnn_status (*call)(world *); } calls[] = {
    {"train", train}, {"train together", together}, {"train many", train_many}, {"forward many", forward_many}, {"forward", forward}, {"cost", cost}, {"gradient", gradient},
    {"gradients of each", gradients}, {"input gradients", input_gradients}, {"jacobian", jacobian},
    {"step", step}, {"list_rows", list_rows},
};

/* Makes each call twice, as the second may use memory that the first kept. */
static void allocations_fail(const setting *s)
{
    for (int c = 0; c < 9; c++) {
        world undisturbed = start(s), tried = start(s), before = start(s);
        for (int round = 0; round < 2; round++) {
            int64_t failed = -1, live = fnn_faults.live;
            fnn_status status;
            do {
                fnn_faults.fail_allocation = ++failed;
                status = calls[c].call(&tried);
                fnn_faults.fail_allocation = -1;
                if (status == FNN_OK) break;
                expect(status == FNN_NO_MEMORY, "the status is not FNN_NO_MEMORY", s->name, failed);
                expect(same(&tried, &before), calls[c].name, s->name, failed);
                expect(fnn_faults.live <= live, "memory is not released", s->name, failed);
            } while (failed < 100);
            expect(failed < 100 && (failed > 0 || round > 0), "no allocation to fail", s->name, failed);
            calls[c].call(&undisturbed), calls[c].call(&before);
            expect(same(&tried, &undisturbed), "other bits after a failure", s->name, c);
            expect(!memcmp(tried.out, undisturbed.out, (size_t)s->n * N_OUT * undisturbed.size), "other results", s->name, c);
        }
        end(&undisturbed), end(&tried), end(&before);
    }
    fnn_net *net;
    int64_t failed = 0;
    for (; fnn_faults.fail_allocation = failed, made(s, &net) != FNN_OK; failed++)
        expect(!net && failed < 100, "there is a network without memory", s->name, failed);
    fnn_faults.fail_allocation = -1;
    expect(failed > 0, "a network takes no memory", s->name, failed);
    fnn_net_free(net);
}

static void threads_fail(const setting *s)
{
    for (int c = 0; c < 8; c++) {
        world undisturbed = start(s);
        int64_t before = fnn_faults.threads;
        calls[c].call(&undisturbed);
        int64_t used = fnn_faults.threads - before;
        if (c == 0) expect((used > 0) == (s->threads > 1), "threads run where one should, or one where several should", s->name, used);
        for (int64_t n = 0; n < used; n++) {
            world tried = start(s);
            fnn_faults.fail_thread = n;
            expect(calls[c].call(&tried) == FNN_OK, "a missing thread is an error", s->name, n);
            fnn_faults.fail_thread = -1;
            expect(same(&tried, &undisturbed), "other bits with fewer threads", s->name, n);
            expect(!memcmp(tried.out, undisturbed.out, (size_t)s->n * N_OUT * undisturbed.size), calls[c].name, s->name, n);
            end(&tried);
        }
        end(&undisturbed);
    }
}

/* Returns nonzero at the call after `left` others. */
typedef struct { world *w; int64_t left, calls; int readable; } stopping;

static int stop(void *arg)
{
    stopping *d = arg;
    d->calls++;
    d->readable &= fnn_get_params(d->w->net, d->w->out) == FNN_OK;
    d->readable &= fnn_set_params(d->w->net, d->w->out) == FNN_BUSY;
    return d->left-- == 0;
}

static void batches_are_abandoned(const setting *s)
{
    world undisturbed = start(s), tried = start(s), before = start(s);
    train(&undisturbed);
    for (int64_t n = 0;; n++) {
        stopping d = {&tried, n, 0, 1};
        tried.run.stop = stop, tried.run.stop_arg = &d;
        fnn_status status = train(&tried);
        tried.run.stop = NULL;
        expect(d.readable, "not readable, or writable, while `stop` runs", s->name, n);
        if (status == FNN_OK) {
            expect(n > 1, "`stop` is hardly ever called", s->name, n);
            break;
        }
        expect(status == FNN_STOPPED && d.calls == n + 1, "not stopped by `stop`", s->name, n);
        expect(same(&tried, &before), "an abandoned batch has changed something", s->name, n);
        if (n > 1000) { expect(0, "never ends", s->name, n); break; }
    }
    expect(same(&tried, &undisturbed), "other bits after batches were abandoned", s->name, 0);
    end(&undisturbed), end(&tried), end(&before);
}

static void exchanges_are_refused(const setting *s)
{
    for (int64_t n = 0, all = 1; n < all; n++) {
        world tried = start(s), kept = start(s);
        all = batches(&tried);
        expect(train_together(&tried, all, n) == FNN_STOPPED, "a refused exchange does not end the run", s->name, n);
        expect(n == 0 || train_together(&kept, n, -1) == FNN_OK, "an exchange fails", s->name, n);
        expect(same(&tried, &kept), "a batch without its exchange has changed something", s->name, n);
        end(&tried), end(&kept);
    }
}

static void batches_allocate_nothing(const setting *s)
{
    int64_t allocations[2];
    for (int i = 0; i < 2; i++) {
        world w = start(s);
        w.run.batch_size = 3, w.run.n = i ? s->n / 30 * 30 : s->n / 30 * 3;
        int64_t before = fnn_faults.allocations;
        train(&w);
        allocations[i] = fnn_faults.allocations - before;
        end(&w);
    }
    expect(allocations[0] == 1 && allocations[1] == 1, "batches allocate", s->name, allocations[1]);
}

int main(void)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const setting *s = &settings[i];
        allocations_fail(s);
        threads_fail(s);
        batches_are_abandoned(s);
        exchanges_are_refused(s);
        batches_allocate_nothing(s);
    }
    expect(fnn_faults.live == 0, "memory is not released", "at the end", fnn_faults.live);
    printf("faults: %lld allocations and %lld threads, %d promises broken\n",
           (long long)fnn_faults.allocations, (long long)fnn_faults.threads, wrong);
    return wrong;
}
