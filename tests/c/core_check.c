/* core_check.c: the core without Python, for processors in an emulator and for sanitizers.
 *
 *   1. Every instruction set trains to the parameters of the plain C kernels, up to rounding.
 *   2. Four threads train to the bits of one.
 *
 * The exit status is the number of disagreements. tests/c/run compiles and runs it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnn.h"

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

/* Trains from the same start on the same n rows of bytes; returns the parameters as doubles. */
static double *trained(const setting *s, fnn_dtype dtype, const int64_t sizes[4], int64_t n,
                       int64_t batch, int sparse, int threads, int64_t *n_params)
{
    const int activation[3] = {(int)s->hidden, (int)s->hidden, (int)s->output};
    const double dropout[3] = {0, 0.25, 0};
    fnn_spec spec = {dtype, 3, sizes, activation, dropout, s->loss, 0.5};
    fnn_net *net;
    if (fnn_net_new(&spec, &net) != FNN_OK) stop("no network");
    int64_t P = *n_params = fnn_n_params(net), n_batches = (n + batch - 1) / batch;
    uint64_t state = 1;
    for (int64_t i = 0; i < P; i++)
        set(dtype, fnn_params(net), i, (uniform(&state) - 0.5) / sqrt((double)sizes[0] / 8));
    unsigned char *x = malloc((size_t)(n * sizes[0]));
    int64_t *labels = malloc((size_t)n * sizeof *labels);
    double *rates = malloc((size_t)n_batches * sizeof *rates), *result = malloc((size_t)P * 8);
    void *m = calloc((size_t)P, 8), *v = calloc((size_t)P, 8);
    if (!x || !labels || !rates || !result || !m || !v) stop("no memory");
    for (int64_t i = 0; i < n * sizes[0]; i++)
        x[i] = uniform(&state) < 0.5 ? 0 : (unsigned char)(256 * uniform(&state));
    for (int64_t i = 0; i < n; i++) labels[i] = (int64_t)((double)sizes[3] * uniform(&state));
    for (int64_t i = 0; i < n_batches; i++) rates[i] = 0.01;

    fnn_matrix X = {.dtype = FNN_U8, .n_rows = n, .data = (const char *)x, .row_stride = sizes[0],
                    .col_stride = 1, .sparse = sparse};
    fnn_targets y = {.labels = labels, .metric = FNN_ARGMAX};
    fnn_optimiser optimiser = {.kind = s->optimiser, .momentum = 0.5, .beta1 = 0.9, .beta2 = 0.99,
                               .eps = 1e-3, .weight_decay = 1e-3, .m = m, .v = v};
    fnn_run run = {.n = n, .batch_size = batch, .rates = rates, .dropout_seed = 7,
                   .n_threads = threads};
    fnn_sums sums = {0};
    for (int epoch = 0; epoch < 3; epoch++, run.step += n_batches)
        if (fnn_train(net, &X, &y, &optimiser, &run, &sums) != FNN_OK || !sums.finite)
            stop("training failed");
    for (int64_t i = 0; i < P; i++) result[i] = get(dtype, fnn_params(net), i);
    fnn_net_free(net);
    free(x), free(labels), free(rates), free(m), free(v);
    return result;
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

static int compare(const char *isa, int k, fnn_dtype dtype)
{
    static const int64_t ragged[] = {37, 23, 17, 10}, wide[] = {200, 150, 100, 10};
    double bound = dtype == FNN_F32 ? 1e-4 : 1e-12, apart;
    int64_t P;
    int wrong = 0;
    fnn_choose_isa("base");
    double *plain = trained(&settings[k], dtype, ragged, 61, 20, 0, 1, &P);
    fnn_choose_isa(isa);
    double *here = trained(&settings[k], dtype, ragged, 61, 20, 0, 1, &P);
    apart = largest_difference(here, plain, P);
    if (!(apart <= bound)) {
        printf("%s, f%d, setting %d: %g from plain C\n", isa, dtype ? 64 : 32, k, apart);
        wrong++;
    }
    free(plain), free(here);

    static const struct { const int64_t *sizes; int64_t n, batch; int sparse; const char *how; } ways[] = {
        {wide, 300, 128, 0, "dense"},
        {wide, 300, 128, 1, "by non-zeros"},
        {ragged, 1500, 1500, 0, "long batches"}, /* divided by blocks of rows */
        {ragged, 1500, 1500, 1, "long batches by non-zeros"},
    };
    for (int w = 0; w < 4; w++) {
        double *alone = trained(&settings[k], dtype, ways[w].sizes, ways[w].n, ways[w].batch,
                                ways[w].sparse, 1, &P);
        double *team = trained(&settings[k], dtype, ways[w].sizes, ways[w].n, ways[w].batch,
                               ways[w].sparse, 4, &P);
        if (memcmp(alone, team, (size_t)P * sizeof *team)) {
            printf("%s, f%d, setting %d, %s: four threads are not one\n", isa, dtype ? 64 : 32, k,
                   ways[w].how);
            wrong++;
        }
        free(alone), free(team);
    }
    return wrong;
}

int main(void)
{
    int wrong = 0;
    for (int i = 0; fnn_isa_available(i); i++) {
        for (int k = 0; k < N_SETTINGS; k++)
            wrong += compare(fnn_isa_available(i), k, FNN_F32) + compare(fnn_isa_available(i), k, FNN_F64);
        printf("%s: done, %d wrong so far\n", fnn_isa_available(i), wrong);
    }
    return wrong;
}
