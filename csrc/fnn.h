/* fnn.h: the whole of the C core that Cython sees.
 *
 * A network of L layers of weights maps a[0] = x, through
 *
 *     z[l+1] = a[l] W[l] + b[l]        a[l]: (B, n_l)   W[l]: (n_l, n_{l+1})   b[l]: (n_{l+1},)
 *     a[l+1] = f_l(z[l+1])
 *
 * to the prediction a[L]. Rows of examples are the first axis everywhere, all matrices are
 * row-major. `real` below means the network's own type, float or double, behind `void *`.
 *
 * Ownership: the network owns its parameters and its scratch memory; everything else (rows,
 * targets, the optimiser's moments, results) belongs to the caller and only has to live through
 * the call. Every function reports one fnn_status; none prints, aborts or exits. On any status
 * but FNN_OK the parameters are unchanged.
 *
 * Threads: calls that only read the parameters (fnn_forward, fnn_cost, fnn_backward, fnn_jacobian,
 * fnn_get_params) may run at the same time on one network. fnn_train, fnn_step and fnn_set_params lock
 * the network: other calls return FNN_BUSY while they run, and they return FNN_BUSY while others read.
 * Writes through the pointer of fnn_params are not guarded. After a fork the child calls fnn_forked,
 * which drops the reads that were running in the parent; a network that the parent was training has
 * half-updated parameters, and stays FNN_BUSY in the child.
 */
#ifndef FNN_H
#define FNN_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    FNN_OK = 0,
    FNN_NO_MEMORY,    /* an allocation failed */
    FNN_TOO_LARGE,    /* a size does not fit into memory's address range */
    FNN_BAD_ARGUMENT, /* a code or size out of range: the caller's checks let it through */
    FNN_BUSY,         /* another thread trains the network, or reads parameters that would change */
    FNN_UNAVAILABLE,  /* this processor or build lacks that instruction set */
    FNN_STOPPED       /* `stop` returned nonzero; of fnn_run: no batch was done */
} fnn_status;

typedef enum { FNN_F32 = 0, FNN_F64, FNN_U8 } fnn_dtype;

/* f of the hidden and the output layers, one line each: code, and how backpropagation gets f'(z)
 *     IS_ONE     f' = 1
 *     FROM_A     f' follows from a = f(z): slope_of in activation.inc.h
 *     STORED     f' is kept when a is computed: f_of
 *     JACOBIAN   every output depends on all z of its row: loss.inc.h
 * From SOFTMAX on, outputs only. The formulas stand in activation.inc.h. */
#define FNN_ACTIVATIONS(X)                                                                        \
    X(IDENTITY, IS_ONE)                                                                           \
    X(SIGMOID, FROM_A)                                                                            \
    X(TANH, FROM_A)                                                                               \
    X(RELU, FROM_A)                                                                               \
    X(LEAKY_RELU, FROM_A) /* slope 0.01 */                                                        \
    X(ELU, FROM_A)        /* alpha 1 */                                                           \
    X(GELU, STORED)       /* z Φ(z), exact */                                                     \
    X(SILU, STORED)       /* z σ(z) */                                                            \
    X(SOFTPLUS, STORED)   /* ln(1 + e^z) */                                                       \
    X(SOFTMAX, JACOBIAN)                                                                          \
    X(EXP, FROM_A)

/* C of one example, a: output, y: target, one line each: code, whether the n outputs' terms are
 * added (SUM) or averaged (MEAN), and
 *     TERMS      a term an output, and its slope dC/da: term in loss.inc.h
 *     ROW        a formula of its own for the whole row: cost_row in loss.inc.h */
#define FNN_LOSSES(X)                                                                             \
    X(QUADRATIC, SUM, TERMS)          /* Σ (a − y)² */                                            \
    X(MSE, MEAN, TERMS)               /* 1/n Σ (a − y)² */                                        \
    X(CROSS_ENTROPY, SUM, ROW)        /* −Σ y ln a, from the logits */                            \
    X(BINARY_CROSS_ENTROPY, SUM, ROW) /* −Σ [y ln a + (1 − y) ln(1 − a)], from the logits */      \
    X(MAE, MEAN, TERMS)               /* 1/n Σ |a − y| */                                         \
    X(HUBER, MEAN, TERMS)             /* 1/n Σ h(a − y), h(r) = r²/2, |r| ≤ d, else d(|r| − d/2) */ \
    X(QUANTILE, MEAN, TERMS)          /* 1/n Σ max(q r, (q − 1) r), r = y − a */                  \
    X(POISSON, MEAN, ROW)             /* 1/n Σ (a − y ln a) */                                    \
    X(GAUSSIAN_NLL, MEAN, ROW)        /* 1/n Σ_k [(y − μ)² e^−s + s], a = (μ, s) a target k */    \
    X(LINEAR, SUM, TERMS)             /* Σ y a: y is dC/da of a cost of the caller's own */

/* Code, and whether the formula needs the moments m and v; SGD and RMSprop have m where there is
 * momentum. The formulas stand in optim.inc.h. */
#define FNN_OPTIMISERS(X)                                                                         \
    X(SGD, 0, 0)                                                                                  \
    X(ADAM, 1, 1)                                                                                 \
    X(RMSPROP, 0, 1)

#define FNN_CODE(NAME, ...) FNN_##NAME,
#define FNN_ONE(...) + 1
typedef enum { FNN_ACTIVATIONS(FNN_CODE) } fnn_activation;
typedef enum { FNN_LOSSES(FNN_CODE) } fnn_loss;
typedef enum { FNN_OPTIMISERS(FNN_CODE) } fnn_optimiser_kind;
enum {
    FNN_N_ACTIVATIONS = FNN_ACTIVATIONS(FNN_ONE),
    FNN_N_LOSSES = FNN_LOSSES(FNN_ONE),
    FNN_N_OPTIMISERS = FNN_OPTIMISERS(FNN_ONE)
};

/* How predictions are scored */
typedef enum {
    FNN_NO_METRIC = 0,
    FNN_ARGMAX,   /* the largest output is the largest target; one output: both ≥ ½ or neither */
    FNN_THRESHOLD /* the share of outputs on the target's side of ½ */
} fnn_metric;

enum {
    /* Rows of a block: larger batches, and everything that is not training, are computed block by
     * block. Memory stays bounded, activations stay in the cache, and sums over examples are taken
     * in two levels, which rounds less. */
    FNN_BLOCK = 512,
    /* Multiply-adds of a call below which starting a second thread, 20 µs, costs more than it saves */
    FNN_WORTH_A_TEAM = 2000000,
    FNN_MOST_THREADS = 256 /* of a call; more are not started */
};

typedef struct {
    fnn_dtype dtype;       /* FNN_F32 or FNN_F64 */
    int n_layers;          /* L ≥ 1 */
    const int64_t *sizes;  /* L + 1 widths, each in 1 … 2^31 − 1 */
    const int *activation; /* L codes, the last is the output's */
    const double *dropout; /* L probabilities in [0, 1), the last 0 */
    fnn_loss loss;
    double loss_param;         /* huber's d, quantile's q */
    const double *loss_params; /* of each output, n_L; NULL: loss_param */
} fnn_spec;

/* Rows to read: a strided matrix of any of the three types, or CSR (values of any of them; columns of a
 * row sorted or not; duplicate entries are added, and not allowed with a shift). A number x is read as
 * x · factor or, with `shift` and `scale` (n_in each, or both NULL), as (x − shift) · scale; computed
 * in double, whatever `real` is. */
typedef struct {
    fnn_dtype dtype;
    int64_t n_rows;
    const char *data;
    ptrdiff_t row_stride, col_stride; /* bytes */
    const void *indptr, *indices;     /* CSR: NULL for a dense matrix */
    int index_bytes;                  /* of both: 4 or 8; 2: of indices alone, indptr has 8 */
    double factor;
    const double *shift, *scale;
    int sparse;                       /* first layer by its non-zeros: see fnn_density */
} fnn_matrix;

/* Targets of the rows: either class numbers or values */
typedef struct {
    const int64_t *labels; /* (n_rows,) in [0, n_out), or {0, 1} where n_out is 1 */
    const void *values;    /* (n_rows, n_out) reals */
    const double *weight;  /* (n_rows,) ≥ 0, or NULL for 1 */
    /* (n_rows, n_out) reals ≥ 0, the mean of each row 1, or NULL for 1: what each output's term counts
     * in its row; 0 where a target is missing */
    const void *output_weight;
    fnn_metric metric;
    int linear; /* 1: the loss is LINEAR, whatever the network's; Σ over the rows, not their mean */
} fnn_targets;

/* The optimiser's formulas stand in optim.inc.h, at the kernels that compute them. */
typedef struct {
    fnn_optimiser_kind kind;
    double momentum, beta1, beta2, eps;
    double weight_decay; /* on weights, never biases; does not depend on the batch size */
    /* The gradient g, before weight decay, becomes g · min(1, clip_norm / |g|), each of its values is
     * kept within ± clip_value; 0: not */
    double clip_norm, clip_value;
    int nesterov, decoupled;
    void *m, *v;         /* n_params reals each, or NULL where the formula has none */
} fnn_optimiser;

typedef struct {
    const int64_t *order;  /* the n rows to visit, in this order; NULL: 0, 1, 2, … */
    int64_t n, batch_size; /* cut into batches, the last may be smaller */
    const double *rates;   /* a learning rate a batch */
    const double *decays;  /* a weight decay a batch, in place of the optimiser's; or NULL */
    const int *trainable;  /* L flags: layers with 0 keep their parameters; NULL: all are trained */
    int64_t steps_taken;   /* optimiser steps before this run */
    uint64_t dropout_seed;
    int n_threads;
    /* Called during a long first batch; return nonzero to abandon it. NULL: never. It runs on the
     * caller's thread, at least every 2^29 multiply-adds of a product, until the update begins. The
     * parameters are unchanged during the call and may be read. */
    int (*stop)(void *arg);
    void *stop_arg;
    /* Data-parallel training on several processes, each with some rows of every batch; NULL: alone. Called
     * for every batch between gradient and update, by the caller's thread: adds up over the processes, in
     * place, n_params + 3 reals: Σ w ∇C, Σ w, the number of processes whose loss is not finite, and one for
     * the callback's own use. Nonzero abandons the batch, as `stop` does; the two do not go together. */
    int (*exchange)(void *arg, void *sums);
    void *exchange_arg;
    /* With `exchange` there are n_batches; batch i ends before row ends[i] of the order, and may be empty. */
    const int64_t *ends;
    int64_t n_batches;
} fnn_run;

/* Sums over the rows seen, and the progress of a run. Calls add to the values there, batch by batch or
 * block by block, so a run gives the same bits however many calls it is split into. */
typedef struct {
    double loss;    /* Σ w C */
    double correct; /* Σ w · score, by the metric */
    double weight;  /* Σ w */
    int64_t rows, batches;
    int finite;     /* set by fnn_train; 0: the next batch had no finite loss, and changed nothing */
} fnn_sums;

typedef struct fnn_net fnn_net;

fnn_status fnn_net_new(const fnn_spec *spec, fnn_net **net); /* parameters zero */
void fnn_net_free(fnn_net *net);
int64_t fnn_n_params(const fnn_net *net);
/* n_params reals, layer by layer, W row-major then b; 64-byte aligned; lives as long as the net */
void *fnn_params(fnn_net *net);
/* Copy all parameters out, unless the network is locked, or in, unless it is locked or read. */
fnn_status fnn_get_params(fnn_net *net, void *out);
fnn_status fnn_set_params(fnn_net *net, const void *in);

void fnn_forked(void);

/* 1 if the optimiser has the moments that its formula needs */
int fnn_has_moments(const fnn_optimiser *optimiser);

/* Mini-batch steps: for each batch, forward, deltas, update. */
fnn_status fnn_train(fnn_net *net, const fnn_matrix *X, const fnn_targets *y,
                     const fnn_optimiser *optimiser, const fnn_run *run, fnn_sums *sums);

/* A source of 32 random bits a call */
typedef struct {
    uint32_t (*next)(void *state);
    void *state;
} fnn_random;

/* Shuffles n ≤ 2^32 row numbers in place, as NumPy's Generator.permutation does with the same bits */
void fnn_shuffle(int64_t *order, int64_t n, fnn_random random);

/* One of many networks to train, for whole epochs */
typedef struct {
    fnn_net *net;
    const fnn_targets *y;
    const fnn_optimiser *optimiser;
    const fnn_run *run; /* rates and decays are those of all epochs; n_threads and stop are not read */
    int64_t epochs;
    fnn_random random;  /* shuffles the order of `run` anew for each epoch; next NULL: all take it as it is */
    int check;          /* after the last epoch, the costs of the first rows, FNN_BLOCK at most, are computed */
    fnn_sums *sums;     /* one an epoch; `finite` of the last is 0 if those costs are not finite */
} fnn_task;

/* Reals in a vector: the networks of a group */
int fnn_lanes(fnn_dtype dtype);

/* fnn_train for n networks on the same X, epoch after epoch, each with the bits that fnn_train gives it.
 * `by_lanes`: in groups of fnn_lanes, a network in each lane of a vector; they must be of one shape, loss and
 * kind of optimiser, with batches of one size of at most FNN_BLOCK rows, targets of one kind, and X not sparse.
 * Otherwise one after the other. Threads take groups or networks, as they become free. A network whose loss
 * stops being finite ends there, with `finite` 0 in the sums of that epoch.
 * With FNN_STOPPED every network is where its `sums` say, at a batch boundary; on other errors all are
 * unchanged. `stop` runs on the caller's thread between batches, and must not touch the networks. */
fnn_status fnn_train_many(const fnn_task *tasks, int64_t n, const fnn_matrix *X, int by_lanes,
                          int n_threads, int (*stop)(void *arg), void *stop_arg);

/* One optimiser step with a given gradient, n_params finite reals laid out like the parameters; of
 * `run`, what is read is rates[0], steps_taken, trainable and n_threads. */
fnn_status fnn_step(fnn_net *net, const void *gradient, const fnn_optimiser *optimiser,
                    const fnn_run *run);

/* Rows to predict, and how */
typedef struct {
    const int64_t *order; /* rows order[begin … end − 1]; NULL: rows begin … end − 1 */
    int64_t begin, end;
    int logits;           /* a[L] is z[L] */
    int drop;             /* 1: with the dropout of a training of this seed, at this step; the */
    int64_t first, step;  /* first of the rows is row `first` of its batch */
    uint64_t seed;
    int *finite; /* NULL, or set to 0 if z[1][0] of a row is not finite. It is not where the row holds NaN or
                  * infinity, for which nobody then has to look through X */
    int n_threads;
} fnn_pass;

/* Activations of the rows of a pass: out[l], l = 0 … L, is (end − begin, n_l) reals or NULL. */
fnn_status fnn_forward(fnn_net *net, const fnn_matrix *X, const fnn_pass *pass, void *const *out);

/* Outputs of n networks of one shape for the same rows [begin, end), not by their non-zeros: those of network
 * k, (end − begin, n_L) reals, begin k · apart reals after `out`. A network in each lane of a vector, with the
 * bits of fnn_forward; at most 2^20 parameters each. */
fnn_status fnn_forward_many(fnn_net *const *nets, int64_t n, const fnn_matrix *X, int64_t begin, int64_t end,
                            void *out, int64_t apart, int n_threads);

/* Costs of rows [begin, end): summed into *sums, and one a row into per_example unless NULL. */
fnn_status fnn_cost(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                    int64_t end, double *per_example, fnn_sums *sums, int n_threads);

/* Results of fnn_backward, each wanted or NULL; laid out like the parameters where they are ∇C.
 * `per_example` and `layers` are of each row's own cost, unweighted. */
typedef struct {
    void *sum;           /* n_params reals, to which Σ w ∇C is added; beside others only without w */
    void *per_example;   /* (end − begin, n_params) */
    void *const *layers; /* L pointers, l = 0 … L − 1: ∂C/∂a[l] = δ[l+1] W[l]ᵀ, (end − begin, n_l), or
                          * NULL. a[0] is the input as it is read, scaled; −∂C/∂a[l] is what an example
                          * wishes for the activations of layer l. */
    double *cost;        /* (end − begin,): C of each row */
} fnn_gradients;

/* Backpropagation over rows [begin, end): gradients of the network's cost or, with y->linear, of a cost
 * of the caller's own, of which y->values are the output gradients dC/da. */
fnn_status fnn_backward(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                        int64_t end, const fnn_gradients *out, fnn_sums *sums, int n_threads);

/* Jacobians of rows [begin, end): `inputs` (end − begin, n_out, n_in), ∂a[L]/∂a[0], or `params`
 * (end − begin, n_out, n_params), ∂a[L]/∂θ; the other NULL. */
fnn_status fnn_jacobian(fnn_net *net, const fnn_matrix *X, int64_t begin, int64_t end, void *inputs,
                        void *params, int n_threads);

/* 1 if every stored value of a dense X is finite, also once it is read as a number of dtype `as` */
int fnn_all_finite(const fnn_matrix *X, int64_t n_cols, fnn_dtype as);

/* The share of X's values that are not 0, from up to 256 rows spread over X; 1 if it is shifted. With
 * many zeros `sparse` is faster; predictions keep their bits, training may round in another order. */
double fnn_density(const fnn_matrix *X, int64_t n_cols);

/* Compresses the rows of a dense, unshifted X from row `begin` on to CSR: row i's columns and values, of
 * X's dtype, go to entries indptr[i] … indptr[i + 1] − 1. Stops before a row that might not fit into
 * `capacity` entries, or at `end`. Returns the row reached, −1 without memory.
 * n_cols ≤ 65536. */
int64_t fnn_list_rows(const fnn_matrix *X, int64_t n_cols, int64_t begin, int64_t end,
                      int64_t capacity, int64_t *indptr, uint16_t *columns, void *values);

/* Instruction sets, best first: "avx512", "avx2", "neon", "wasm", "base". Chosen once at start; must not be
 * changed while calls run. NULL chooses the best that runs here. */
fnn_status fnn_choose_isa(const char *name);
const char *fnn_isa(void);
/* the i-th that this build and processor can run, NULL past the last */
const char *fnn_isa_available(int i);

#endif
