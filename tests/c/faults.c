/* faults.c: every allocation and every thread of the core fails once, and a batch is given up at every
 * question. Built with -DFNN_FAULTS by tests/c/run, with sanitizers too: see there.
 *
 *   1. An allocation that fails is FNN_NO_MEMORY; parameters, moments and sums are as they were, nothing
 *      is lost, and the same call then gives the bits of a run to which nothing happened.
 *   2. Threads that do not start mean fewer threads, and the same bits.
 *   3. A batch given up (fnn_run's `stop`) changes nothing, whenever that is; nor does its repetition.
 *   4. Ten times as many batches take no allocation more.
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
    {"blocks of a long batch apart", FNN_SGD, 0.9, 60, 1500, 1500, 0, 3, FNN_F32},
    {"the same by non-zeros", FNN_ADAM, 0, 60, 1500, 1500, 1, 3, FNN_F64},
};

enum { N_IN = 40, N_OUT = 5, EACH = 30 }; /* EACH rows have their gradients looked at */

/* All that a call may change, and what it reads */
typedef struct {
    fnn_net *net;
    fnn_matrix X;
    fnn_targets y;
    fnn_optimiser optimiser;
    fnn_run run;
    int64_t P, indptr[2001];
    size_t size;
    char *values, *m, *v, *out;
    uint16_t *columns;
    int64_t *labels;
    double *rates;
    fnn_sums sums;
} world;

static void *room(size_t size)
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
    fnn_spec spec = {s->dtype, 3, sizes, activation, dropout, FNN_CROSS_ENTROPY, 0};
    return fnn_net_new(&spec, net);
}

static world start(const setting *s)
{
    world w = {.size = s->dtype == FNN_F32 ? 4 : 8};
    if (made(s, &w.net) != FNN_OK) fprintf(stderr, "faults: no network\n"), exit(99);
    w.P = fnn_n_params(w.net);
    uint64_t state = 1;
#define NEXT() (state = state * 6364136223846793005u + 1442695040888963407u, (double)(state >> 11) * 0x1p-53)
    for (int64_t i = 0; i < w.P; i++) {
        double x = (NEXT() - 0.5) / 3;
        if (s->dtype == FNN_F32) ((float *)fnn_params(w.net))[i] = (float)x;
        else ((double *)fnn_params(w.net))[i] = x;
    }
    w.values = room((size_t)s->n * N_IN);
    w.labels = room((size_t)s->n * sizeof *w.labels);
    w.rates = room((size_t)s->n * sizeof *w.rates);
    w.columns = room((size_t)s->n * N_IN * sizeof *w.columns);
    w.m = room((size_t)w.P * w.size), w.v = room((size_t)w.P * w.size);
    w.out = room((size_t)(s->n * (N_OUT + N_IN) + EACH * w.P) * w.size);
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
    fnn_net_free(w->net);
    free(w->values), free(w->labels), free(w->rates), free(w->columns);
    free(w->m), free(w->v), free(w->out);
}

static int same(world *a, world *b)
{
    size_t bytes = (size_t)a->P * a->size;
    return !memcmp(fnn_params(a->net), fnn_params(b->net), bytes) && !memcmp(a->m, b->m, bytes) &&
           !memcmp(a->v, b->v, bytes) && a->sums.loss == b->sums.loss && a->sums.rows == b->sums.rows &&
           a->sums.batches == b->sums.batches && a->sums.correct == b->sums.correct;
}

static fnn_status train(world *w)
{
    return fnn_train(w->net, &w->X, &w->y, &w->optimiser, &w->run, &w->sums);
}

static fnn_status forward(world *w)
{
    void *out[] = {NULL, NULL, NULL, w->out};
    return fnn_forward(w->net, &w->X, 0, w->X.n_rows, out, w->run.n_threads);
}

static fnn_status cost(world *w)
{
    return fnn_cost(w->net, &w->X, &w->y, 0, w->X.n_rows, (double *)w->out, &w->sums, w->run.n_threads);
}

static fnn_status gradient(world *w)
{
    return fnn_gradient(w->net, &w->X, &w->y, 0, w->X.n_rows, w->out, NULL, &w->sums, w->run.n_threads);
}

static fnn_status gradients(world *w)
{
    int64_t n = w->X.n_rows < EACH ? w->X.n_rows : EACH;
    return fnn_gradient(w->net, &w->X, &w->y, 0, n, NULL, w->out, &w->sums, w->run.n_threads);
}

static fnn_status list_rows(world *w)
{
    int64_t reached = fnn_list_rows(&w->X, N_IN, 0, w->X.n_rows, w->X.n_rows * N_IN, w->indptr,
                                    w->columns, w->out);
    return reached == w->X.n_rows ? FNN_OK : FNN_NO_MEMORY;
}

static const struct { const char *name; fnn_status (*call)(world *); } calls[] = {
    {"train", train}, {"forward", forward}, {"cost", cost}, {"gradient", gradient},
    {"gradients of each", gradients}, {"list_rows", list_rows},
};

/* Twice each call, so that what is kept from the first is looked at, too. */
static void allocations_fail(const setting *s)
{
    for (int c = 0; c < 6; c++) {
        world calm = start(s), tried = start(s), before = start(s);
        for (int round = 0; round < 2; round++) {
            int64_t failed = -1, live = fnn_faults.live;
            fnn_status status;
            do {
                fnn_faults.fail_allocation = ++failed;
                status = calls[c].call(&tried);
                fnn_faults.fail_allocation = -1;
                if (status == FNN_OK) break;
                expect(status == FNN_NO_MEMORY, "another status than FNN_NO_MEMORY", s->name, failed);
                expect(same(&tried, &before), calls[c].name, s->name, failed);
                expect(fnn_faults.live <= live, "memory is not released", s->name, failed);
            } while (failed < 100);
            expect(failed < 100 && (failed > 0 || round > 0), "no allocation to fail", s->name, failed);
            calls[c].call(&calm), calls[c].call(&before);
            expect(same(&tried, &calm), "other bits after a failure", s->name, c);
            expect(!memcmp(tried.out, calm.out, (size_t)s->n * N_OUT * calm.size), "other results", s->name, c);
        }
        end(&calm), end(&tried), end(&before);
    }
    fnn_net *net;
    int64_t failed = 0;
    for (; fnn_faults.fail_allocation = failed, made(s, &net) != FNN_OK; failed++)
        expect(!net && failed < 100, "a network without memory", s->name, failed);
    fnn_faults.fail_allocation = -1;
    expect(failed > 0, "a network takes no memory", s->name, failed);
    fnn_net_free(net);
}

static void threads_fail(const setting *s)
{
    for (int c = 0; c < 5; c++) {
        world calm = start(s);
        int64_t before = fnn_faults.threads;
        calls[c].call(&calm);
        int64_t used = fnn_faults.threads - before;
        if (c == 0) expect((used > 0) == (s->threads > 1), "not the threads that are meant", s->name, used);
        for (int64_t n = 0; n < used; n++) {
            world tried = start(s);
            fnn_faults.fail_thread = n;
            expect(calls[c].call(&tried) == FNN_OK, "a thread less is an error", s->name, n);
            fnn_faults.fail_thread = -1;
            expect(same(&tried, &calm), "other bits with fewer threads", s->name, n);
            expect(!memcmp(tried.out, calm.out, (size_t)s->n * N_OUT * calm.size), calls[c].name, s->name, n);
            end(&tried);
        }
        end(&calm);
    }
}

typedef struct { world *w; int64_t left, asked; int readable; } doubt;

static int doubting(void *arg)
{
    doubt *d = arg;
    d->asked++;
    d->readable &= fnn_get_params(d->w->net, d->w->out) == FNN_OK;
    d->readable &= fnn_set_params(d->w->net, d->w->out) == FNN_BUSY;
    return d->left-- == 0;
}

static void batches_are_given_up(const setting *s)
{
    world calm = start(s), tried = start(s), before = start(s);
    train(&calm);
    for (int64_t n = 0;; n++) {
        doubt d = {&tried, n, 0, 1};
        tried.run.stop = doubting, tried.run.stop_arg = &d;
        fnn_status status = train(&tried);
        tried.run.stop = NULL;
        expect(d.readable, "not readable while asked", s->name, n);
        if (status == FNN_OK) {
            expect(n > 1, "hardly ever asked", s->name, n);
            break;
        }
        expect(status == FNN_STOPPED && d.asked == n + 1, "not stopped when told", s->name, n);
        expect(same(&tried, &before), "a batch given up has changed something", s->name, n);
        if (n > 1000) { expect(0, "never comes to an end", s->name, n); break; }
    }
    expect(same(&tried, &calm), "other bits after batches were given up", s->name, 0);
    end(&calm), end(&tried), end(&before);
}

static void batches_allocate_nothing(const setting *s)
{
    int64_t asked[2];
    for (int i = 0; i < 2; i++) {
        world w = start(s);
        w.run.batch_size = 3, w.run.n = i ? s->n / 30 * 30 : s->n / 30 * 3;
        int64_t before = fnn_faults.allocations;
        train(&w);
        asked[i] = fnn_faults.allocations - before;
        end(&w);
    }
    expect(asked[0] == 1 && asked[1] == 1, "batches that allocate", s->name, asked[1]);
}

int main(void)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const setting *s = &settings[i];
        allocations_fail(s);
        threads_fail(s);
        batches_are_given_up(s);
        batches_allocate_nothing(s);
    }
    expect(fnn_faults.live == 0, "memory is not released", "at the end", fnn_faults.live);
    printf("faults: %lld allocations and %lld threads, %d promises broken\n",
           (long long)fnn_faults.allocations, (long long)fnn_faults.threads, wrong);
    return wrong;
}
