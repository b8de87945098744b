/* net.h: what a network is inside the core, whatever its dtype. */
#ifndef FNN_NET_H
#define FNN_NET_H

#include "system/arena.h"
#include "fnn.h"
#include "system/parallel.h"

struct fnn_net {
    fnn_dtype dtype;
    int n_layers;               /* L */
    int64_t *sizes;             /* L + 1: n_0 … n_L */
    fnn_activation *activation; /* L */
    double *dropout;            /* L */
    fnn_loss loss;
    void *loss_param;           /* n_L reals */
    int64_t *weights_at; /* L: where W[l] and b[l] begin in params, in reals */
    int64_t *biases_at;
    int64_t n_params;
    void *params;
    fnn_atomic users; /* the lock: fnn.c */
    void *scratch;    /* of fnn_train, kept between calls */
    size_t scratch_size;
};

/* Multiply-adds of a batch below which the barriers, 1 µs each layer, cost more than a second thread
 * saves, at some 50 multiply-adds per nanosecond and core; those of a call: FNN_WORTH_A_TEAM. */
enum { FNN_WORTH_A_BARRIER = 400000 };

_Static_assert((int)FNN_MOST_THREADS == (int)FNN_LARGEST_TEAM, "fnn.h tells callers the size of the largest team");

/* Largest network whose long batches are shared out to the threads by blocks of rows, not by tiles of
 * each layer: every thread then has a gradient, which must stay in its cache. */
enum { FNN_BLOCKWISE_PARAMS = 1 << 16 };

/* Multiply-adds between two calls of fnn_ask, some tens of milliseconds; and of the largest batch whose
 * gradient is added to the parameters at once, after which the batch cannot be abandoned. */
#define FNN_ASK_EVERY 0x1p29
#define FNN_FUSE_AT_MOST 0x1p32

/* Parameters of the largest networks that are trained one in each lane */
enum { FNN_MOST_PARAMS_A_LANE = 1 << 20 };

/* Vectors of a first layer above which a batch's non-zeros are stored by column, too: sparse.inc.h */
enum { FNN_BY_COLUMN_FROM = 4 };

/* net_f32.c and net_f64.c, made from net.inc.h: the functions of fnn.h for one dtype, unguarded */
#define FNN_DECLARE(T)                                                                            \
    fnn_status train_##T(fnn_net *, const fnn_matrix *, const fnn_targets *,                      \
                         const fnn_optimiser *, const fnn_run *, fnn_stop, fnn_sums *);           \
    fnn_status train_many_##T(const fnn_task *, int64_t, const fnn_matrix *, int, int, fnn_stop); \
    fnn_status step_##T(fnn_net *, const void *, const fnn_optimiser *, const fnn_run *);         \
    fnn_status forward_##T(fnn_net *, const fnn_matrix *, const fnn_pass *, void *const *);       \
    fnn_status forward_many_##T(fnn_net *const *, int64_t, const fnn_matrix *, int64_t, int64_t,  \
                                void *, int64_t, int);                                            \
    fnn_status cost_##T(fnn_net *, const fnn_matrix *, const fnn_targets *, int64_t, int64_t,     \
                        double *, fnn_sums *, int);                                               \
    fnn_status backward_##T(fnn_net *, const fnn_matrix *, const fnn_targets *, int64_t, int64_t, \
                            const fnn_gradients *, fnn_sums *, int);                              \
    fnn_status jacobian_##T(fnn_net *, const fnn_matrix *, int64_t, int64_t, void *, void *, int); \
    int64_t list_rows_##T(const fnn_matrix *, int64_t, int64_t, int64_t, int64_t, int64_t *,      \
                          uint16_t *, void *);
FNN_DECLARE(f32)
FNN_DECLARE(f64)
#undef FNN_DECLARE

#endif
