# The mirror of csrc/fnn.h, line by line; what the names mean stands there.
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t


cdef extern from "fnn.h" nogil:
    ctypedef enum fnn_status:
        FNN_OK, FNN_NO_MEMORY, FNN_TOO_LARGE, FNN_BAD_ARGUMENT, FNN_BUSY, FNN_UNAVAILABLE
        FNN_STOPPED

    ctypedef enum fnn_dtype:
        FNN_F32, FNN_F64, FNN_U8

    # The lists of fnn.h; fastnn/names.py and optim.py name their codes.
    ctypedef enum fnn_activation:
        pass

    ctypedef enum fnn_loss:
        pass

    ctypedef enum fnn_optimiser_kind:
        pass

    ctypedef enum fnn_metric:
        FNN_NO_METRIC, FNN_ARGMAX, FNN_THRESHOLD

    cdef enum:
        FNN_BLOCK, FNN_WORTH_A_TEAM, FNN_MOST_THREADS

    ctypedef struct fnn_spec:
        fnn_dtype dtype
        int n_layers
        const int64_t *sizes
        const int *activation
        const double *dropout
        fnn_loss loss
        double loss_param
        const double *loss_params

    ctypedef struct fnn_matrix:
        fnn_dtype dtype
        int64_t n_rows
        const char *data
        Py_ssize_t row_stride, col_stride
        const void *indptr
        const void *indices
        int index_bytes
        double factor
        const double *shift
        const double *scale
        int sparse

    ctypedef struct fnn_targets:
        const int64_t *labels
        const void *values
        const double *weight
        const void *output_weight
        fnn_metric metric
        int linear

    ctypedef struct fnn_optimiser:
        fnn_optimiser_kind kind
        double momentum, beta1, beta2, eps
        double weight_decay
        double clip_norm, clip_value
        int nesterov, decoupled
        void *m
        void *v

    ctypedef struct fnn_run:
        const int64_t *order
        int64_t n, batch_size
        const double *rates
        const double *decays
        const int *trainable
        int64_t steps_taken
        uint64_t dropout_seed
        int n_threads
        int (*stop)(void *arg) noexcept nogil
        void *stop_arg
        int (*exchange)(void *arg, void *sums) noexcept nogil
        void *exchange_arg
        const int64_t *ends
        int64_t n_batches

    ctypedef struct fnn_sums:
        double loss
        double correct
        double weight
        int64_t rows, batches
        int finite

    ctypedef struct fnn_net:
        pass

    fnn_status fnn_net_new(const fnn_spec *spec, fnn_net **net)
    void fnn_net_free(fnn_net *net)
    int64_t fnn_n_params(const fnn_net *net)
    void *fnn_params(fnn_net *net)
    fnn_status fnn_get_params(fnn_net *net, void *out)
    fnn_status fnn_set_params(fnn_net *net, const void *in_)
    void fnn_forked()
    int fnn_has_moments(const fnn_optimiser *optimiser)
    fnn_status fnn_train(fnn_net *net, const fnn_matrix *X, const fnn_targets *y,
                         const fnn_optimiser *optimiser, const fnn_run *run, fnn_sums *sums)
    ctypedef struct fnn_random:
        uint32_t (*next)(void *state) noexcept nogil
        void *state

    void fnn_shuffle(int64_t *order, int64_t n, fnn_random random)

    ctypedef struct fnn_task:
        fnn_net *net
        const fnn_targets *y
        const fnn_optimiser *optimiser
        const fnn_run *run
        int64_t epochs
        fnn_random random
        int check
        fnn_sums *sums

    int fnn_lanes(fnn_dtype dtype)
    fnn_status fnn_train_many(const fnn_task *tasks, int64_t n, const fnn_matrix *X, int by_lanes,
                              int n_threads, int (*stop)(void *arg) noexcept nogil, void *stop_arg)
    fnn_status fnn_step(fnn_net *net, const void *gradient, const fnn_optimiser *optimiser,
                        const fnn_run *run)

    ctypedef struct fnn_pass:
        const int64_t *order
        int64_t begin, end
        int logits
        int drop
        int64_t first, step
        uint64_t seed
        int *finite
        int n_threads

    fnn_status fnn_forward(fnn_net *net, const fnn_matrix *X, const fnn_pass *pass_,
                           void *const *out)
    fnn_status fnn_forward_many(fnn_net *const *nets, int64_t n, const fnn_matrix *X, int64_t begin,
                                int64_t end, void *out, int64_t apart, int n_threads)
    fnn_status fnn_cost(fnn_net *net, const fnn_matrix *X, const fnn_targets *y, int64_t begin,
                        int64_t end, double *per_example, fnn_sums *sums, int n_threads)

    ctypedef struct fnn_gradients:
        void *sum
        void *per_example
        void *const *layers
        double *cost

    fnn_status fnn_backward(fnn_net *net, const fnn_matrix *X, const fnn_targets *y,
                            int64_t begin, int64_t end, const fnn_gradients *out, fnn_sums *sums,
                            int n_threads)
    fnn_status fnn_jacobian(fnn_net *net, const fnn_matrix *X, int64_t begin, int64_t end,
                            void *inputs, void *params, int n_threads)
    int fnn_all_finite(const fnn_matrix *X, int64_t n_cols, fnn_dtype as_)
    int64_t fnn_list_rows(const fnn_matrix *X, int64_t n_cols, int64_t begin, int64_t end,
                          int64_t capacity, int64_t *indptr, uint16_t *columns, void *values)
    double fnn_density(const fnn_matrix *X, int64_t n_cols)
    fnn_status fnn_choose_isa(const char *name)
    const char *fnn_isa()
    const char *fnn_isa_available(int i)
