/* guard_calls.c: the calls of fnn.h on guarded rows, targets, orders, moments and results. Other tests
 * check the results; here they must be the same wherever the operands lie. */
#include "guard.h"

#include <stdlib.h>

enum { L = 3 };

typedef struct {
    int64_t sizes[L + 1];
    fnn_activation hidden, output;
    fnn_loss loss;
    double dropout;
} net_kind;

/* 1408 and 3328 parameters: whole cache lines, so that the next byte is on a page that faults */
static const net_kind kinds[] = {
    {{37, 23, 17, 7}, FNN_TANH, FNN_SOFTMAX, FNN_CROSS_ENTROPY, 0},
    {{37, 23, 17, 7}, FNN_GELU, FNN_SIGMOID, FNN_QUADRATIC, 0.25},
    {{5, 131, 13, 60}, FNN_RELU, FNN_IDENTITY, FNN_HUBER, 0.5},
    {{3, 1, 2, 1}, FNN_SILU, FNN_SIGMOID, FNN_BINARY_CROSS_ENTROPY, 0},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

typedef struct {
    int64_t rows, batch;
    int threads;
} shape;

static size_t real_size(fnn_dtype dtype) { return dtype == FNN_F32 ? 4 : 8; }

static void ok(fnn_status status)
{
    if (status != FNN_OK) wrong("a call failed");
}

/* Two networks from `start` on, trained and asked together, have the bits of the one that was trained alone. */
static void check_many(const fnn_spec *spec, fnn_net *alone, const fnn_matrix *X, const fnn_targets *y,
                       fnn_optimiser optimiser, fnn_run run, const void *start, int64_t P)
{
    enum { TWO = 2 };
    size_t size = real_size(spec->dtype), bytes = (size_t)P * size;
    fnn_net *nets[TWO];
    fnn_optimiser optimisers[TWO];
    enum { EPOCHS = 2 };
    fnn_sums sums[TWO * EPOCHS];
    fnn_task tasks[TWO];
    int64_t batches = run.steps_taken / EPOCHS, n_out = spec->sizes[spec->n_layers];
    double *rates = guarded((size_t)(EPOCHS * batches) * sizeof *rates);
    for (int64_t i = 0; i < EPOCHS * batches; i++) rates[i] = run.rates[i % batches];
    memset(sums, 0, sizeof sums);
    run.steps_taken = 0, run.rates = rates;
    for (int i = 0; i < TWO; i++) {
        ok(fnn_net_new(spec, nets + i));
        ok(fnn_set_params(nets[i], start));
        optimisers[i] = optimiser;
        if (optimiser.m) optimisers[i].m = reals(spec->dtype, P, 0, 0);
        if (optimiser.v) optimisers[i].v = reals(spec->dtype, P, 0, 0);
        tasks[i] = (fnn_task){.net = nets[i], .y = y, .optimiser = optimisers + i, .run = &run,
                              .epochs = EPOCHS, .check = 1, .sums = sums + i * EPOCHS};
    }
    int by_lanes = !X->sparse && run.batch_size <= FNN_BLOCK;
    ok(fnn_train_many(tasks, TWO, X, by_lanes, run.n_threads, NULL, NULL));
    int64_t each = X->n_rows * n_out;
    void *own = guarded((size_t)each * size), *together = guarded((size_t)(TWO * each) * size);
    void *out[L + 1] = {NULL};
    out[L] = own;
    ok(fnn_forward(alone, X, &(fnn_pass){.end = X->n_rows, .n_threads = run.n_threads}, out));
    ok(fnn_forward_many(nets, TWO, X, 0, X->n_rows, together, each, run.n_threads));
    for (int i = 0; i < TWO; i++) {
        if (memcmp(fnn_params(nets[i]), fnn_params(alone), bytes)) wrong("training together gives other bits");
        if (memcmp((char *)together + (size_t)(i * each) * size, own, (size_t)each * size))
            wrong("predicting together gives other bits");
        fnn_net_free(nets[i]);
    }
}

static uint64_t call_all(const net_kind *kind, fnn_dtype dtype, fnn_dtype given, rows_layout layout,
                         shape s, int sparse, int way)
{
    const int activation[L] = {(int)kind->hidden, (int)kind->hidden, (int)kind->output};
    const double dropout[L] = {kind->dropout, 0, 0};
    fnn_spec spec = {dtype, L, kind->sizes, activation, dropout, kind->loss, 0.5, NULL};
    fnn_net *net;
    ok(fnn_net_new(&spec, &net));
    int64_t P = fnn_n_params(net), n_in = kind->sizes[0], n_out = kind->sizes[L], n = s.rows;
    size_t bytes = (size_t)P * real_size(dtype);
    ok(fnn_set_params(net, reals(dtype, P, -0.5, 0.5)));

    double *dense = malloc((size_t)(n * n_in) * sizeof *dense);
    if (!dense) exit(98);
    fnn_matrix X = guarded_rows(given, layout, n, n_in, dense);
    free(dense);
    X.sparse = sparse;
    if (way & 1 && !sparse) X.shift = reals(FNN_F64, n_in, 0, 1), X.scale = reals(FNN_F64, n_in, 0.5, 1);

    fnn_targets y = {.metric = FNN_ARGMAX};
    if (way & 2) y.values = reals(dtype, n * n_out, 0.1, 0.9);
    else {
        int64_t *labels = guarded((size_t)n * sizeof *labels);
        for (int64_t i = 0; i < n; i++) labels[i] = (int64_t)(random_bits() % (n_out > 1 ? (uint64_t)n_out : 2));
        y.labels = labels;
    }
    if (way & 4) {
        double *weight = guarded((size_t)n * sizeof *weight);
        for (int64_t i = 0; i < n; i++) weight[i] = uniform(0, 2);
        y.weight = weight;
    }
    int64_t batches = (n + s.batch - 1) / s.batch, *order = NULL;
    double *rates = guarded((size_t)batches * sizeof *rates);
    for (int64_t i = 0; i < batches; i++) rates[i] = 0.01;
    if (way & 8) {
        order = guarded((size_t)n * sizeof *order);
        for (int64_t i = 0; i < n; i++) order[i] = (int64_t)(random_bits() % (uint64_t)n);
    }
    fnn_optimiser optimiser = {.kind = (fnn_optimiser_kind)(way % FNN_N_OPTIMISERS), .momentum = 0.5,
                               .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 1e-3};
    if (way & 1 || optimiser.kind != FNN_SGD) {
        optimiser.m = reals(dtype, P, 0, 0), optimiser.v = reals(dtype, P, 0, 0);
    }
    fnn_run run = {.order = order, .n = n, .batch_size = s.batch, .rates = rates, .dropout_seed = 7,
                   .n_threads = s.threads};
    fnn_sums sums = {0};
    void *start = guarded(bytes);
    ok(fnn_get_params(net, start));
    for (int epoch = 0; epoch < 2; epoch++, run.steps_taken += batches) {
        ok(fnn_train(net, &X, &y, &optimiser, &run, &sums));
        if (!sums.finite) wrong("training met a number that nobody wrote");
    }

    check_many(&spec, net, &X, &y, optimiser, run, start, P);

    void *results[L + 2 + 3];
    uint64_t h = hash(HASH_SEED, &sums.loss, sizeof sums.loss);
    for (int l = 0; l <= L; l++) /* also without results[0], where the input may be read by non-zeros */
        results[l] = l || way & 1 ? guarded((size_t)(n * kind->sizes[l]) * real_size(dtype)) : NULL;
    fnn_pass pass = {.end = n, .n_threads = s.threads, .logits = way & 1, .drop = (way & 2) != 0, .seed = 5};
    ok(fnn_forward(net, &X, &pass, results));
    for (int l = 0; l <= L; l++)
        if (results[l]) h = hash(h, results[l], (size_t)(n * kind->sizes[l]) * real_size(dtype));
    double *cost = guarded((size_t)n * sizeof *cost);
    ok(fnn_cost(net, &X, &y, 0, n, cost, &sums, s.threads));
    h = hash(h, cost, (size_t)n * sizeof *cost);
    void *gradient = reals(dtype, P, 0, 0), *got = guarded(bytes);
    fnn_gradients of_sum = {.sum = gradient};
    ok(fnn_backward(net, &X, &y, 0, n, &of_sum, &sums, s.threads));
    h = hash(h, gradient, bytes);
    int64_t some = n < 3 ? n : 3;
    void *each = guarded((size_t)some * bytes);
    void *layers[L + 1];
    for (int l = 0; l < L; l++) layers[l] = guarded((size_t)(some * kind->sizes[l]) * real_size(dtype));
    fnn_gradients of_rows = {.per_example = each, .layers = layers, .cost = guarded((size_t)some * sizeof(double))};
    ok(fnn_backward(net, &X, &y, n - some, n, &of_rows, &sums, s.threads));
    h = hash(h, each, (size_t)some * bytes);
    for (int l = 0; l < L; l++) h = hash(h, layers[l], (size_t)(some * kind->sizes[l]) * real_size(dtype));
    size_t slopes = (size_t)(some * n_out * kind->sizes[0]) * real_size(dtype);
    void *jacobian = guarded(slopes);
    ok(fnn_jacobian(net, &X, n - some, n, jacobian, NULL, s.threads));
    h = hash(h, jacobian, slopes);
    optimiser.clip_norm = way & 1 ? 0.1 : 0;
    ok(fnn_step(net, gradient, &optimiser, &run));
    ok(fnn_get_params(net, got));
    h = hash(h, got, bytes);
    h = hash(h, &sums.loss, sizeof sums.loss);
    if (sums.loss - sums.loss != 0) wrong("a loss is not finite");
    fnn_net_free(net);
    return h;
}

/* The functions of fnn.h that examine rows before training */
static uint64_t look(fnn_dtype given, rows_layout layout, int64_t n, int64_t columns)
{
    static double dense[600 * 67];
    fnn_matrix X = guarded_rows(given, layout, n, columns, dense);
    double density = fnn_density(&X, columns);
    uint64_t h = hash(HASH_SEED, &density, sizeof density);
    if (X.indptr) return h; /* the others are for dense rows */
    if (!fnn_all_finite(&X, columns, FNN_F32)) wrong("finite numbers are reported as not finite");
    int64_t entries = 0;
    for (int64_t i = 0; i < n * columns; i++) entries += dense[i] != 0;
    /* the last row has no zeros, so the capacity for all entries suffices for each row */
    int64_t *starts = guarded((size_t)(n + 1) * sizeof *starts);
    uint16_t *index = guarded((size_t)entries * sizeof *index);
    void *values = guarded((size_t)entries * (given == FNN_U8 ? 1 : real_size(given)));
    starts[0] = 0;
    int64_t reached = fnn_list_rows(&X, columns, 0, n, entries, starts, index, values);
    if (reached != n || starts[n] != entries) wrong("not all rows were compressed");
    return hash(hash(h, index, (size_t)entries * 2), starts, (size_t)(n + 1) * sizeof *starts);
}

void guard_calls(extent how_many)
{
    /* one row; batches with a rest; blocks; blocks divided among threads, which takes a long batch */
    static const shape shapes[] = {{1, 1, 1}, {33, 10, 1}, {530, 525, 1}, {1050, 1050, 3}};
    /* every layout and type of rows, every type of network, dense and by non-zeros, each with a random
     * network, shape and variant */
    uint64_t drawn = 0;
    for (int layout = 0; layout < N_LAYOUTS; layout++)
        for (int given = FNN_F32; given <= FNN_U8; given++)
            for (int dtype = FNN_F32; dtype <= FNN_F64; dtype++)
                for (int sparse = 0; sparse < 2; sparse++) {
                    reseed(++drawn);
                    if (how_many == FEW && drawn % 3) continue; /* a third of them */
                    int k = (int)(random_bits() % N_KINDS), way = (int)(random_bits() % 16);
                    shape s = shapes[random_bits() % 4];
                    now = (doing){now.isa, "calls", dtype == FNN_F32 ? 32 : 64, s.rows, k, s.threads,
                                  given * 1000 + layout * 100 + sparse * 50 + way};
                    IN_BOTH_PLACES(call_all(&kinds[k], (fnn_dtype)dtype, (fnn_dtype)given,
                                            (rows_layout)layout, s, sparse, way));
                }
    for (int given = FNN_F32; given <= FNN_U8; given++)
        for (int layout = 0; layout < N_LAYOUTS; layout++)
            for (int64_t columns = 1; columns <= 67; columns += columns < 35 ? 1 : 8) {
                int64_t rows = columns % 3 ? 9 : 600; /* more than fnn_density samples */
                now = (doing){now.isa, "all_finite, density, list_rows", 0, rows, columns, 0,
                              given * 100 + layout};
                IN_BOTH_PLACES(look((fnn_dtype)given, (rows_layout)layout, rows, columns));
            }
}
