/* kernels.h: the table of kernels, one type for each dtype, one table for each ISA.
 *
 * Kernels know no network: they see matrices, strides and codes. Sizes: m rows, n columns, k the
 * length of the inner sums; ld is a row stride in elements. Two promises hold for every table:
 *
 *  - the inner sum of an output element runs over k in ascending order from its start value, in
 *    fused multiply-adds where the ISA has them, so its bits depend neither on the tile it falls
 *    in, nor on m, nor on how the work was split between threads;
 *  - no element past a row's n is read or written.
 *
 * This header is a template: define `real` (and FNN_T, its suffix) first.
 */
#ifndef FNN_KERNELS_ENUMS
#define FNN_KERNELS_ENUMS
#include "fnn.h"
/* How f'(z) is computed: the second column of FNN_ACTIVATIONS */
typedef enum { IS_ONE, FROM_A, STORED, JACOBIAN } slope_kind;
/* Scratch of one thread for copied panels of a weight matrix, in reals: 512 rows of 128 columns. A
 * layer of n inputs and n' outputs needs no more than (n + 32) (n' + 32). */
enum { FNN_PACK_REALS = 512 * 128 };
/* Reals in the longest vector: networks of the largest group */
enum { FNN_MOST_LANES = 16 };
/* Rows to read: row[0 … m), or first, first + 1, … if `row` is NULL. `row` has `next` more, which the
 * next call will read. */
typedef struct {
    const int64_t *row;
    int64_t first, m, next;
} fnn_selection;
#endif

/* A matrix in memory, one that is read and one that is written: element (i,j) is at[i · ld + j] */
typedef struct {
    const real *at;
    int64_t ld;
} FNN_T(const_matrix);
typedef struct {
    real *at;
    int64_t ld;
} FNN_T(matrix);

/* Non-zeros of a matrix by row (CSR with a fixed stride): row i has value[i · stride + q] in column
 * index[i · stride + q], q < count[i] */
typedef struct {
    int64_t stride;
    int64_t *count;
    uint32_t *index;
    real *value;
} FNN_T(nonzeros);

/* The same non-zeros by column (CSC): column j has value[e] in row row[e], start[j] ≤ e < start[j + 1],
 * rows ascending. `start` has room for two more than the columns. */
typedef struct {
    uint32_t *start;
    uint16_t *row;
    real *value;
} FNN_T(by_column);

/* The output layer of m examples as the loss reads and writes it: (m,n) with stride n, or (m,) */
typedef struct {
    const real *z, *y, *weight; /* weight: (m,), NULL for 1 */
    const real *term_weight;    /* (m,n): of each output's term in its example; NULL for 1 */
    real *a;                    /* f(z) */
    double *cost;               /* (m,), unweighted */
    real *delta;                /* weight · dC/dz, or NULL */
    real *slope;                /* scratch for those f that need it, if delta is wanted */
} FNN_T(outputs);

/* Weights and their optimiser's moments, all with row stride ld; m, v: NULL where the formula has none */
typedef struct {
    real *w, *m, *v;
    int64_t ld;
} FNN_T(weights);

typedef struct {
    real rate, momentum, beta1, beta2, eps, weight_decay;
    real c1, c2; /* Adam's 1/(1 − β1^t) and 1/(1 − β2^t) */
    int nesterov, decoupled;
} FNN_T(constants);

/* The same of a group of networks, a value each */
typedef struct {
    real rate[FNN_MOST_LANES], momentum[FNN_MOST_LANES], beta1[FNN_MOST_LANES], beta2[FNN_MOST_LANES];
    real eps[FNN_MOST_LANES], weight_decay[FNN_MOST_LANES], c1[FNN_MOST_LANES], c2[FNN_MOST_LANES];
    int nesterov, decoupled;
} FNN_T(lane_constants);

typedef struct {
    const char *isa;
    int lanes; /* reals in a vector */
    int panel; /* columns of a register tile: threads divide columns at its multiples */
    int strip; /* rows of a register tile: threads divide rows at its multiples */

    /* C (m,n) = bias + A (m,k) B (k,n), bias (n,); if bias is NULL, C += A B. pack: scratch of
     * FNN_PACK_REALS or less, see there */
    void (*nn)(int64_t m, int64_t n, int64_t k, FNN_T(const_matrix) A, FNN_T(const_matrix) B,
               const real *bias, FNN_T(matrix) C, real *pack);
    /* C (m,n) = beta C + alpha Aᵀ B, A (k,m), B (k,n) */
    void (*tn)(int64_t m, int64_t n, int64_t k, FNN_T(const_matrix) A, FNN_T(const_matrix) B, real alpha,
               real beta, FNN_T(matrix) C);
    /* C (m,n) = A (m,k) Bᵀ, B (n,k) */
    void (*nt)(int64_t m, int64_t n, int64_t k, FNN_T(const_matrix) A, FNN_T(const_matrix) B,
               FNN_T(matrix) C, real *pack);
    /* tn with one row, and nn of the next with what it gives, in one pass over W (k,n): W = beta W + alpha aᵀ b, then
     * z (n,) = bias + x W */
    void (*tn_nn)(int64_t n, int64_t k, const real *a, const real *b, real alpha, real beta, const real *x,
                  const real *bias, FNN_T(matrix) W, real *z);
    /* nn and tn for an A given by its non-zeros: (m,k) in nn, (k,m) in tn */
    void (*sparse_nn)(int64_t m, int64_t n, const FNN_T(nonzeros) * A, FNN_T(const_matrix) B,
                      const real *bias, FNN_T(matrix) C);
    void (*sparse_tn)(int64_t m, int64_t n, int64_t k, const FNN_T(nonzeros) * A, FNN_T(const_matrix) B,
                      real alpha, real beta, FNN_T(matrix) C);
    /* The non-zeros of A (k,m) by column (CSC), k ≤ 65,536 */
    void (*to_columns)(int64_t m, int64_t k, const FNN_T(nonzeros) * A, FNN_T(by_column) * out);
    /* tn for an A by column; or an optimiser step on w (m,n) whose gradient is Aᵀ B */
    void (*columns_tn)(int64_t m, int64_t n, const FNN_T(by_column) * A, FNN_T(const_matrix) B, real alpha,
                       real beta, FNN_T(matrix) C);
    void (*columns_update)(int64_t m, int64_t n, const FNN_T(by_column) * A, FNN_T(const_matrix) B,
                           fnn_optimiser_kind kind, const FNN_T(constants) * constants,
                           FNN_T(weights) w);
    /* c (n,) = beta c + alpha Σ_rows A (m,n) */
    void (*column_sums)(int64_t m, int64_t n, FNN_T(const_matrix) A, real alpha, real beta, real *c);

    /* a = f(z) in place over (m,n); slope, unless NULL, gets f'(z) with the same stride */
    void (*activate)(fnn_activation f, int64_t m, int64_t n, real *z, real *slope, int64_t ld);
    /* delta *= f'(z), computed from a = f(z), for the f with FROM_A */
    void (*times_slope)(fnn_activation f, int64_t m, int64_t n, const real *a, real *delta,
                        int64_t ld);
    /* x *= y over (m,n) */
    void (*multiply)(int64_t m, int64_t n, real *x, const real *y, int64_t ld);

    /* Costs of m examples of n outputs, f(z), and the slopes dC/dz; param: (n,) */
    void (*loss)(fnn_loss loss, const real *param, fnn_activation f, int64_t m, int64_t n,
                 const FNN_T(outputs) * o);

    /* w −= step for n parameters; decay says whether weight_decay applies (weights, not biases) */
    void (*update)(fnn_optimiser_kind kind, const FNN_T(constants) * constants, int decay, int64_t n,
                   real *w, const real *g, real *m, real *v);

    /* The chosen rows of X, n columns, into out (m,n) */
    void (*gather)(const fnn_matrix *X, int64_t n, fnn_selection rows, FNN_T(matrix) out);
    /* Their non-zeros, as rows at, at + 1, … of `out`; `dense` (n,) is scratch */
    void (*find_nonzeros)(const fnn_matrix *X, int64_t n, fnn_selection rows, real *dense,
                          const FNN_T(nonzeros) * out, int64_t at);

    /* Of a group of V = lanes networks: number j of network g is real j · V + g of a row, so that each
     * lane of a vector is a network. Kernels that work number by number, above, serve groups as they are.
     * n counts the reals of C's rows, V a network's number; k counts numbers. alpha, beta: V each; beta
     * NULL: C is not read. Each network gets the bits of the kernel above. */
    void (*nn_lanes)(int64_t m, int64_t n, int64_t k, FNN_T(const_matrix) A, FNN_T(const_matrix) B,
                     const real *bias, FNN_T(matrix) C);
    /* shared: A is (k,m) of plain reals, the same for all networks; k ≤ 512 */
    void (*tn_lanes)(int64_t m, int64_t n, int64_t k, FNN_T(const_matrix) A, int shared,
                     FNN_T(const_matrix) B, const real *alpha, const real *beta, FNN_T(matrix) C);
    void (*nt_lanes)(int64_t m, int64_t n, int64_t k, FNN_T(const_matrix) A, FNN_T(const_matrix) B,
                     FNN_T(matrix) C);
    void (*column_sums_lanes)(int64_t m, int64_t n, FNN_T(const_matrix) A, const real *alpha,
                              const real *beta, real *c);
    void (*update_lanes)(fnn_optimiser_kind kind, const FNN_T(lane_constants) * constants, int decay,
                         int64_t n, real *w, const real *g, real *m, real *v);
    /* m rows of each network's own choice, V selections, of which shorter ones are filled up with 0, into
     * out (m, n · V); `dense` (n · V,) is scratch */
    void (*gather_lanes)(const fnn_matrix *X, int64_t n, const fnn_selection *rows, int64_t m, real *dense,
                         FNN_T(matrix) out);
    /* V arrays of n numbers into one of n · V, and back; NULL: not written */
    void (*interleave)(int64_t n, const real *const *from, real *to);
    void (*separate)(int64_t n, const real *from, real *const *to);
} FNN_T(kernels);
