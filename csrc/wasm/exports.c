/* exports.c: what a page calls of the core: one network with its examples and its optimiser, behind
 * functions of plain numbers and addresses. No mathematics: every formula is the core's.
 *
 * The page owns all memory but that of the object: it gets it from page_acquire, writes there, and
 * keeps it as long as the object reads it. float32 networks alone. Compiled by csrc/wasm/build.py,
 * and to nothing elsewhere. */
#ifdef FNN_FLOAT32_ALONE
#include <string.h>

#include "fnn.h"
#include "isa/dispatch.h"
#include "system/arena.h"

/* Instead of isa/dispatch.c: there is nothing to choose */
const kernels_f32 *fnn_kernels_f32 = &kernels_f32_wasm;

#define EXPORT(name) __attribute__((export_name(#name))) name

enum { MOST_LAYERS = 16, TRAINING = 0, VALIDATION, ASKED, N_SETS };

typedef struct {
    fnn_net *net, *layer[MOST_LAYERS]; /* and each layer as a network of its own */
    int L, activation[MOST_LAYERS];
    int64_t sizes[MOST_LAYERS + 1], weights_at[MOST_LAYERS];
    fnn_optimiser optimiser;
    double factor;
    const double *shift, *scale;
    struct {
        fnn_matrix X;
        fnn_targets y;
    } set[N_SETS];
    fnn_sums sums;
    int64_t steps;
    uint64_t seed;
} page;

void *EXPORT(page_acquire)(int bytes) { return fnn_acquire((size_t)bytes); }
void EXPORT(page_release)(void *memory) { fnn_release(memory); }

void EXPORT(page_free)(page *me)
{
    if (!me) return;
    for (int l = 0; l < me->L; l++) fnn_net_free(me->layer[l]);
    fnn_net_free(me->net);
    fnn_release(me->optimiser.m);
    fnn_release(me->optimiser.v);
    fnn_release(me);
}

/* NULL where the core refuses. loss_params: one an output */
page *EXPORT(page_new)(int L, const int *sizes, const int *activation, const double *dropout,
                       int loss, const double *loss_params, double seed)
{
    if (L < 1 || L > MOST_LAYERS) return NULL;
    page *me = fnn_acquire(sizeof *me);
    if (!me) return NULL;
    memset(me, 0, sizeof *me);
    me->L = L;
    me->factor = 1;
    me->seed = (uint64_t)seed;
    for (int l = 0; l <= L; l++) me->sizes[l] = sizes[l];
    for (int l = 0, at = 0; l < L; l++) {
        me->activation[l] = activation[l];
        me->weights_at[l] = at;
        at += (sizes[l] + 1) * sizes[l + 1];
    }
    fnn_spec whole = {FNN_F32, L, me->sizes, activation, dropout, (fnn_loss)loss, 0, loss_params};
    fnn_status status = fnn_net_new(&whole, &me->net);
    for (int l = 0; l < L && !status; l++) {
        double none = 0;
        fnn_spec one = {FNN_F32, 1, me->sizes + l, activation + l, &none, FNN_QUADRATIC, 0, NULL};
        status = fnn_net_new(&one, &me->layer[l]);
    }
    if (!status) return me;
    page_free(me);
    return NULL;
}

float *EXPORT(page_params)(page *me) { return fnn_params(me->net); }
int EXPORT(page_n_params)(page *me) { return (int)fnn_n_params(me->net); }
fnn_sums *EXPORT(page_sums)(page *me) { return &me->sums; }
void EXPORT(page_clear_sums)(page *me) { memset(&me->sums, 0, sizeof me->sums); }
int EXPORT(page_finite)(const page *me) { return me->sums.finite; }

/* momentum, beta1, beta2, eps, weight_decay, clip_norm, clip_value, nesterov, decoupled; the moments
 * and the count of steps begin anew */
int EXPORT(page_optimiser)(page *me, int kind, const double *c)
{
    size_t bytes = (size_t)fnn_n_params(me->net) * sizeof(float);
    fnn_release(me->optimiser.m);
    fnn_release(me->optimiser.v);
    me->optimiser = (fnn_optimiser){
        .kind = (fnn_optimiser_kind)kind, .momentum = c[0], .beta1 = c[1], .beta2 = c[2], .eps = c[3],
        .weight_decay = c[4], .clip_norm = c[5], .clip_value = c[6], .nesterov = c[7] != 0,
        .decoupled = c[8] != 0};
    me->steps = 0;
    if (kind == FNN_ADAM || c[0] != 0) me->optimiser.m = fnn_acquire(bytes);
    if (kind != FNN_SGD) me->optimiser.v = fnn_acquire(bytes);
    if (me->optimiser.m) memset(me->optimiser.m, 0, bytes);
    if (me->optimiser.v) memset(me->optimiser.v, 0, bytes);
    return fnn_has_moments(&me->optimiser) ? FNN_OK : FNN_NO_MEMORY;
}

/* How inputs are read: x · factor or, unless NULL, (x − shift) · scale; before page_rows */
void EXPORT(page_inputs)(page *me, double factor, const double *shift, const double *scale)
{
    me->factor = factor;
    me->shift = shift;
    me->scale = scale;
}

/* The n rows of a set, dense, with labels or values */
void EXPORT(page_rows)(page *me, int set, int dtype, int n, const char *X, const int64_t *labels,
                       const float *values, int metric)
{
    ptrdiff_t width = dtype == FNN_U8 ? 1 : dtype == FNN_F32 ? 4 : 8;
    me->set[set].X = (fnn_matrix){.dtype = (fnn_dtype)dtype, .n_rows = n, .data = X,
                                  .row_stride = me->sizes[0] * width, .col_stride = width,
                                  .factor = me->factor, .shift = me->shift, .scale = me->scale};
    me->set[set].y = (fnn_targets){.labels = labels, .values = values, .metric = (fnn_metric)metric};
}

double EXPORT(page_density)(page *me, int set) { return fnn_density(&me->set[set].X, me->sizes[0]); }

/* The rows of a set by their non-zeros, which go to starts (n + 1, zeros), columns and values
 * (capacity); from then on they are read there */
int EXPORT(page_list)(page *me, int set, int capacity, int64_t *starts, uint16_t *columns, char *values)
{
    fnn_matrix *X = &me->set[set].X;
    if (fnn_list_rows(X, me->sizes[0], 0, X->n_rows, capacity, starts, columns, values) != X->n_rows)
        return FNN_NO_MEMORY;
    *X = (fnn_matrix){.dtype = X->dtype, .n_rows = X->n_rows, .data = values, .col_stride = X->col_stride,
                      .indptr = starts, .indices = columns, .index_bytes = 2, .factor = X->factor,
                      .sparse = 1};
    return FNN_OK;
}

/* Mini-batches of the n rows in this order, at a rate each */
int EXPORT(page_train)(page *me, const int64_t *order, int n, int batch_size, const double *rates)
{
    fnn_run run = {.order = order, .n = n, .batch_size = batch_size, .rates = rates,
                   .steps_taken = me->steps, .dropout_seed = me->seed, .n_threads = 1};
    int64_t before = me->sums.batches;
    fnn_status status = fnn_train(me->net, &me->set[TRAINING].X, &me->set[TRAINING].y, &me->optimiser,
                                  &run, &me->sums);
    me->steps += me->sums.batches - before;
    return status;
}

/* a[0] … a[L] of rows [begin, end): out[l] is (end − begin, n_l) or NULL */
int EXPORT(page_forward)(page *me, int set, int begin, int end, void *const *out)
{
    fnn_pass pass = {.begin = begin, .end = end, .n_threads = 1};
    return fnn_forward(me->net, &me->set[set].X, &pass, out);
}

/* z and f'(z) of layer l = 1 … L for a row a[l − 1] of the layer before. f'(z) is δ of the cost Σ a,
 * whose output gradients `ones` are; of softmax that is no slope. */
int EXPORT(page_layer)(page *me, int l, const float *before, const float *ones, float *z, float *slope,
                       float *scratch)
{
    int64_t n_in = me->sizes[l - 1], n_out = me->sizes[l];
    fnn_net *net = me->layer[l - 1];
    fnn_matrix X = {.dtype = FNN_F32, .n_rows = 1, .data = (const char *)before, .row_stride = n_in * 4,
                    .col_stride = 4, .factor = 1};
    fnn_targets y = {.values = ones, .linear = 1};
    fnn_pass pass = {.end = 1, .logits = 1, .n_threads = 1};
    fnn_gradients out = {.per_example = scratch};
    void *a[2] = {NULL, z};
    fnn_sums sums = {0};
    int status = fnn_set_params(net, (const float *)fnn_params(me->net) + me->weights_at[l - 1]);
    if (!status) status = fnn_forward(net, &X, &pass, a);
    if (!status) status = fnn_backward(net, &X, &y, 0, 1, &out, &sums, 1);
    if (!status) memcpy(slope, scratch + n_in * n_out, (size_t)n_out * sizeof *slope);
    return status;
}

/* Costs of rows [begin, end): added to the sums, and one a row unless NULL */
int EXPORT(page_cost)(page *me, int set, int begin, int end, double *per_example)
{
    return fnn_cost(me->net, &me->set[set].X, &me->set[set].y, begin, end, per_example, &me->sums, 1);
}

/* Σ ∇C of rows [begin, end), added to `sum`; or of each row ∇C and dC/da[0] … dC/da[L − 1]; NULL: not */
int EXPORT(page_backward)(page *me, int set, int begin, int end, float *sum, float *per_example,
                          void *const *layers)
{
    fnn_gradients out = {.sum = sum, .per_example = per_example, .layers = layers};
    return fnn_backward(me->net, &me->set[set].X, &me->set[set].y, begin, end, &out, &me->sums, 1);
}
#else
typedef int fnn_not_for_this_processor;
#endif
