/* core_check.c: checks the core without Python, for emulated processors and for sanitizers.
 *
 *   1. Every instruction set trains to the parameters of the plain C kernels, up to rounding.
 *   2. Four threads train to the bits of one.
 *   3. Networks trained side by side, each by its own team, get the bits of each trained alone.
 *   4. One network is read by several threads at once; training runs between the reads or not at all.
 *
 *     core_check        every setting on every instruction set
 *     core_check few    each on one of them, a single epoch of smaller layers: for emulators and sanitizers
 *
 * The exit status is the number of disagreements. tests/c/run compiles and runs it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnn.h"
#include "system/parallel.h"

typedef struct {
    fnn_activation hidden, output;
    fnn_loss loss;
    fnn_optimiser_kind optimiser;
} setting;

static const setting settings[] = {
    {FNN_SIGMOID, FNN_SIGMOID, FNN_QUADRATIC, FNN_SGD},
    {FNN_TANH, FNN_SOFTMAX, FNN_CROSS_ENTROPY, FNN_SGD},
    {FNN_RELU, FNN_SOFTMAX, FNN_CROSS_ENTROPY, FNN_ADAM},
    {FNN_LEAKY_RELU, FNN_SIGMOID, FNN_BINARY_CROSS_ENTROPY, FNN_ADAM},
    {FNN_ELU, FNN_IDENTITY, FNN_MSE, FNN_RMSPROP},
    {FNN_GELU, FNN_IDENTITY, FNN_HUBER, FNN_ADAM},
    {FNN_SILU, FNN_SOFTPLUS, FNN_MAE, FNN_SGD},
    {FNN_SOFTPLUS, FNN_EXP, FNN_POISSON, FNN_SGD},
    {FNN_IDENTITY, FNN_IDENTITY, FNN_QUANTILE, FNN_SGD},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static void stop(const char *why)
{
    fprintf(stderr, "core_check: %s\n", why);
    exit(99);
}

static double uniform(uint64_t *state) /* in [0, 1) */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static double get(fnn_dtype dtype, const void *p, int64_t i)
{
    return dtype == FNN_F32 ? ((const float *)p)[i] : ((const double *)p)[i];
}

static void set(fnn_dtype dtype, void *p, int64_t i, double x)
{
    if (dtype == FNN_F32) ((float *)p)[i] = (float)x;
    else ((double *)p)[i] = x;
}

/* A new network, with n rows of bytes to train it on */
typedef struct {
    fnn_net *net;
    int64_t n_params, n_batches;
    unsigned char *x;
    int64_t *labels;
    double *rates;
    fnn_matrix X;
    fnn_targets y;
    fnn_optimiser optimiser;
    fnn_run run;
} training;

static training begin(const setting *s, fnn_dtype dtype, const int64_t sizes[4], int64_t n,
                      int64_t batch, int sparse, int threads)
{
    const int activation[3] = {(int)s->hidden, (int)s->hidden, (int)s->output};
    const double dropout[3] = {0, 0.25, 0};
    fnn_spec spec = {dtype, 3, sizes, activation, dropout, s->loss, 0.5, NULL};
    training t = {.n_batches = (n + batch - 1) / batch};
    if (fnn_net_new(&spec, &t.net) != FNN_OK) stop("no network");
    int64_t P = t.n_params = fnn_n_params(t.net);
    uint64_t state = 1;
    for (int64_t i = 0; i < P; i++)
        set(dtype, fnn_params(t.net), i, (uniform(&state) - 0.5) / sqrt((double)sizes[0] / 8));
    t.x = malloc((size_t)(n * sizes[0]));
    t.labels = malloc((size_t)n * sizeof *t.labels);
    t.rates = malloc((size_t)t.n_batches * sizeof *t.rates);
    void *m = calloc((size_t)P, 8), *v = calloc((size_t)P, 8);
    if (!t.x || !t.labels || !t.rates || !m || !v) stop("no memory");
    for (int64_t i = 0; i < n * sizes[0]; i++)
        t.x[i] = uniform(&state) < 0.5 ? 0 : (unsigned char)(256 * uniform(&state));
    for (int64_t i = 0; i < n; i++) t.labels[i] = (int64_t)((double)sizes[3] * uniform(&state));
    for (int64_t i = 0; i < t.n_batches; i++) t.rates[i] = 0.01;

    t.X = (fnn_matrix){.dtype = FNN_U8, .n_rows = n, .data = (const char *)t.x,
                       .row_stride = sizes[0], .col_stride = 1, .factor = 1.0 / 255,
                       .sparse = sparse};
    t.y = (fnn_targets){.labels = t.labels, .metric = FNN_ARGMAX};
    t.optimiser = (fnn_optimiser){.kind = s->optimiser, .momentum = 0.5, .beta1 = 0.9,
                                  .beta2 = 0.99, .eps = 1e-3, .weight_decay = 1e-3, .m = m, .v = v};
    t.run = (fnn_run){.n = n, .batch_size = batch, .rates = t.rates, .dropout_seed = 7,
                      .n_threads = threads};
    return t;
}

/* Trains for one epoch; returns 0 if others are reading. */
static int epoch(training *t)
{
    fnn_sums sums = {0};
    fnn_status status = fnn_train(t->net, &t->X, &t->y, &t->optimiser, &t->run, &sums);
    if (status == FNN_BUSY) return 0;
    if (status != FNN_OK || !sums.finite) stop("training failed");
    t->run.steps_taken += t->n_batches;
    return 1;
}

/* Frees the training; returns the parameters as doubles. */
static double *end(training *t, fnn_dtype dtype)
{
    double *result = malloc((size_t)t->n_params * sizeof *result);
    if (!result) stop("no memory");
    for (int64_t i = 0; i < t->n_params; i++) result[i] = get(dtype, fnn_params(t->net), i);
    fnn_net_free(t->net);
    free(t->x), free(t->labels), free(t->rates), free(t->optimiser.m), free(t->optimiser.v);
    return result;
}

static int epochs = 3;

/* Trains from the same start on the same n rows of bytes; returns the parameters as doubles. */
static double *trained(const setting *s, fnn_dtype dtype, const int64_t sizes[4], int64_t n,
                       int64_t batch, int sparse, int threads, int64_t *n_params)
{
    training t = begin(s, dtype, sizes, n, batch, sparse, threads);
    *n_params = t.n_params;
    for (int i = 0; i < epochs; i++)
        if (!epoch(&t)) stop("busy, though nothing else runs");
    return end(&t, dtype);
}

static double largest_difference(const double *a, const double *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs(a[i] - b[i]) / (1 + fabs(b[i]));
        if (!(d <= most)) most = d; /* NaN is a difference */
    }
    return most;
}

static const int64_t ragged[] = {37, 23, 17, 10};
static int64_t wide[] = {200, 150, 100, 10};

static int compare(const char *isa, int k, fnn_dtype dtype)
{
    double bound = dtype == FNN_F32 ? 1e-4 : 1e-12, difference;
    int64_t P;
    int wrong = 0;
    fnn_choose_isa("base");
    double *plain = trained(&settings[k], dtype, ragged, 61, 20, 0, 1, &P);
    fnn_choose_isa(isa);
    double *here = trained(&settings[k], dtype, ragged, 61, 20, 0, 1, &P);
    difference = largest_difference(here, plain, P);
    if (!(difference <= bound)) {
        printf("%s, f%d, setting %d: %g from plain C\n", isa, dtype ? 64 : 32, k, difference);
        wrong++;
    }
    free(plain), free(here);

    const struct { const int64_t *sizes; int64_t n, batch; int sparse; const char *how; } ways[] = {
        {wide, 300, 128, 0, "dense"},
        {wide, 300, 128, 1, "by non-zeros"},
        {ragged, 1500, 1500, 0, "long batches"}, /* divided among threads by blocks of rows */
        {ragged, 1500, 1500, 1, "long batches by non-zeros"},
    };
    for (int w = 0; w < 4; w++) {
        double *alone = trained(&settings[k], dtype, ways[w].sizes, ways[w].n, ways[w].batch,
                                ways[w].sparse, 1, &P);
        double *team = trained(&settings[k], dtype, ways[w].sizes, ways[w].n, ways[w].batch,
                               ways[w].sparse, 4, &P);
        if (memcmp(alone, team, (size_t)P * sizeof *team)) {
            printf("%s, f%d, setting %d, %s: four threads give other bits than one\n", isa, dtype ? 64 : 32, k,
                   ways[w].how);
            wrong++;
        }
        free(alone), free(team);
    }
    return wrong;
}

/* ---- 3 and 4: several at once --------------------------------------------------------------- */

enum { AT_ONCE = 4, READS = 20 };

typedef struct {
    fnn_dtype dtype;
    training *shared;                     /* read by all and trained by the first, or NULL */
    double *result[AT_ONCE], *cost;       /* cost: (AT_ONCE, rows) */
    int strange[AT_ONCE];
} together;

/* The k-th of the networks that are trained side by side */
static double *one_of_them(int k, fnn_dtype dtype, int64_t *P)
{
    return trained(&settings[2 * k], dtype, ragged, 1500, 1500, k % 2, 2, P);
}

static void train_own(void *arg, const fnn_worker *me)
{
    together *all = arg;
    int64_t P;
    all->result[me->rank] = one_of_them(me->rank, all->dtype, &P);
}

/* The first thread trains, and tries again while others read; the others compute costs. */
static void train_or_read(void *arg, const fnn_worker *me)
{
    together *all = arg;
    training *t = all->shared;
    if (me->rank == 0) {
        for (int done = 0; done < epochs;) done += epoch(t);
        return;
    }
    for (int i = 0; i < READS; i++) {
        fnn_sums sums = {0};
        fnn_status status = fnn_cost(t->net, &t->X, &t->y, 0, t->run.n,
                                     all->cost + me->rank * t->run.n, &sums, 2);
        if (status != FNN_BUSY && (status != FNN_OK || !isfinite(sums.loss))) all->strange[me->rank]++;
    }
}

static int side_by_side(fnn_dtype dtype)
{
    together all = {.dtype = dtype};
    int wrong = 0;
    int64_t P;
    fnn_team_run(AT_ONCE, train_own, &all, (fnn_stop){NULL, NULL});
    for (int k = 0; k < AT_ONCE; k++) {
        double *alone = one_of_them(k, dtype, &P);
        if (!all.result[k]) stop("no thread");
        if (memcmp(alone, all.result[k], (size_t)P * sizeof *alone)) {
            printf("f%d, setting %d: side by side gives other bits than alone\n", dtype ? 64 : 32, 2 * k);
            wrong++;
        }
        free(alone), free(all.result[k]);
    }
    training t = begin(&settings[2], dtype, ragged, 1500, 500, 0, 2);
    all.shared = &t;
    all.cost = calloc(AT_ONCE * (size_t)t.run.n, sizeof *all.cost);
    if (!all.cost) stop("no memory");
    fnn_team_run(AT_ONCE, train_or_read, &all, (fnn_stop){NULL, NULL});
    double *watched = end(&t, dtype), *alone = trained(&settings[2], dtype, ragged, 1500, 500, 0, 2, &P);
    int strange = memcmp(watched, alone, (size_t)P * sizeof *alone) != 0;
    for (int k = 0; k < AT_ONCE; k++) strange += all.strange[k];
    if (strange) printf("f%d: training while others read is wrong\n", dtype ? 64 : 32);
    free(watched), free(alone), free(all.cost);
    return wrong + strange;
}

int main(int n_arguments, char **arguments)
{
    int n_isas = 0, wrong = 0;
    int few = n_arguments > 1 && !strcmp(arguments[1], "few");
    if (few) epochs = 1, wide[0] = 70, wide[1] = 50, wide[2] = 40;
    while (fnn_isa_available(n_isas)) n_isas++;
    for (int i = 0; i < n_isas; i++) {
        const char *isa = fnn_isa_available(i);
        for (int k = 0; k < N_SETTINGS; k++)
            if (!few || k % n_isas == i) wrong += compare(isa, k, FNN_F32) + compare(isa, k, FNN_F64);
        fnn_choose_isa(isa);
        wrong += side_by_side(FNN_F32) + side_by_side(FNN_F64);
        printf("%s: done, %d wrong so far\n", isa, wrong);
    }
    return wrong;
}
