/* gemm.inc.h: the three products of backpropagation, from one register tile.
 *
 *     forward   z  = a W + b      nn    sums over the layer's inputs
 *     backward  dW = aᵀ δ         tn    sums over the examples of the batch
 *     backward  δ' = δ Wᵀ         nt    sums over the layer's outputs
 *
 * Design
 *
 *  (a) A tile is MR rows by NV vectors of C held in registers while k runs. Each step loads NV
 *      vectors of B and broadcasts MR values of A: MR·NV multiply-adds for MR + NV loads. A's
 *      strides are arguments, so that A and Aᵀ need no code of their own.
 *      AVX-512, NEON (32 registers): 12·2 sums + 2 of B + 1 of A = 27.
 *      AVX2 (16 registers):           6·2 sums + 2 of B + 1 of A = 15; one vector wide: 12 + 2.
 *      Plain C: 4·2, which compilers keep in the 16 registers of SSE2.
 *      Two multiply-adds a cycle with a latency of 4 want at least 8 independent sums.
 *  (b) MR and NV are constants in every instance and the loops over them unrolled: only so do the
 *      sums stay in registers (a factor of two).
 *  (c) Edges: the last vector of a row is loaded and stored by its first `tail` lanes, so narrow
 *      layers cost no more than their vectors; the last rows get a tile of their own height.
 *  (d) k is cut into equal blocks of at most KC, so that a group of panels of B stays in L2; C
 *      carries the sums from block to block, which changes no bit of them. Measured on W5: 256 to
 *      512 brought 8 %, more nothing.
 *  (e) nn copies B into dense panels only where its rows are so far apart that they fall into the
 *      same cache sets (PACK_BYTES) and enough rows of C share the copy; below that it costs more
 *      than it saves. nt always copies, as that is where B is transposed, V by V in registers. tn
 *      never does: its B is a delta, whose stride the network chooses. GROUP columns are copied at
 *      once, since a row of B is a page of its own, and dear unless read at length.
 *  (f) tn takes its rows in blocks of MC, so that the columns of A it needs stay in L2.
 *
 * Rejected: packing A (the batch is narrow and already in L2), prefetching C, and vectors along k
 * with a sum over lanes at the end (the bits would depend on V and the tail).
 */
#include "simd/simd.h"

enum {
    NV_MAX = 2,
    PANEL = NV_MAX * V,
    KC = 512,
    GROUP = FNN_PACK_REALS / KC,
    PACK_BYTES = 6144, /* a row stride of B from which nn copies it … */
    PACK_ROWS = 24     /* … if that serves at least so many rows of C */
};
#if defined(FNN_ISA_AVX512) || defined(FNN_ISA_NEON)
enum { MR_1 = 12, MR_2 = 12 };
#elif defined(FNN_ISA_AVX2)
enum { MR_1 = 12, MR_2 = 6 };
#else
enum { MR_1 = 4, MR_2 = 4 };
#endif
enum { MC = 20 * 12 };

/* What becomes of a tile's sums: C = sums, or C = beta C + alpha sums */
typedef struct {
    fnn_start start;
    const real *bias;
    int scaled;
    real alpha, beta;
} finish;

/* C (MR, NV vectors) from A (MR,k) with element (i,p) at i·rs + p·cs, and B (k, NV vectors) */
FNN_INLINE void tile(const int MR, const int NV, const int ragged, int tail, int64_t k,
                     const real *A, int64_t rs, int64_t cs, const real *B, int64_t ldb,
                     const finish *f, const real *bias, real *C, int64_t ldc)
{
#define LAST(j) (ragged && (j) == NV - 1)
    vec sum[12][NV_MAX];
    FNN_UNROLL
    for (int j = 0; j < NV; j++) {
        vec first = f->start != FNN_FROM_BIAS ? v_zero()
                    : LAST(j)                 ? v_load_n(bias + j * V, tail)
                                              : v_load(bias + j * V);
        FNN_UNROLL
        for (int i = 0; i < MR; i++) sum[i][j] = first;
    }
    if (f->start == FNN_FROM_C) {
        FNN_UNROLL
        for (int i = 0; i < MR; i++) {
            FNN_UNROLL
            for (int j = 0; j < NV; j++) {
                const real *c = C + i * ldc + j * V;
                sum[i][j] = LAST(j) ? v_load_n(c, tail) : v_load(c);
            }
        }
    }
    for (int64_t p = 0; p < k; p++) {
        vec b[NV_MAX];
        FNN_UNROLL
        for (int j = 0; j < NV; j++) b[j] = LAST(j) ? v_load_n(B + j * V, tail) : v_load(B + j * V);
        FNN_UNROLL
        for (int i = 0; i < MR; i++) {
            vec a = v_set1(A[i * rs]);
            FNN_UNROLL
            for (int j = 0; j < NV; j++) sum[i][j] = v_fma(a, b[j], sum[i][j]);
        }
        A += cs;
        B += ldb;
    }
    vec alpha = v_set1(f->alpha), beta = v_set1(f->beta);
    FNN_UNROLL
    for (int i = 0; i < MR; i++) {
        FNN_UNROLL
        for (int j = 0; j < NV; j++) {
            real *c = C + i * ldc + j * V;
            vec x = sum[i][j];
            if (f->scaled) {
                x = v_mul(alpha, x);
                if (f->beta != 0) x = v_fma(beta, LAST(j) ? v_load_n(c, tail) : v_load(c), x);
            }
            if (LAST(j)) v_store_n(c, x, tail);
            else v_store(c, x);
        }
    }
#undef LAST
}

/* A panel of C, NV vectors wide and m rows high: whole tiles, then one of the rows that are left */
#define STRIPS(NAME, NV, RAGGED)                                                                  \
    static void NAME(int64_t m, int tail, int64_t k, const real *A, int64_t rs, int64_t cs,       \
                     const real *B, int64_t ldb, const finish *f, const real *bias, real *C,      \
                     int64_t ldc)                                                                 \
    {                                                                                             \
        enum { MR = NV == 1 ? MR_1 : MR_2 };                                                      \
        for (; m >= MR; m -= MR, A += MR * rs, C += MR * ldc)                                     \
            tile(MR, NV, RAGGED, tail, k, A, rs, cs, B, ldb, f, bias, C, ldc);                    \
        switch (m) {                                                                              \
            ROWS(1, NV, RAGGED)                                                                   \
            ROWS(2, NV, RAGGED)                                                                   \
            ROWS(3, NV, RAGGED)                                                                   \
            ROWS(4, NV, RAGGED)                                                                   \
            ROWS(5, NV, RAGGED)                                                                   \
            ROWS(6, NV, RAGGED)                                                                   \
            ROWS(7, NV, RAGGED)                                                                   \
            ROWS(8, NV, RAGGED)                                                                   \
            ROWS(9, NV, RAGGED)                                                                   \
            ROWS(10, NV, RAGGED)                                                                  \
            ROWS(11, NV, RAGGED)                                                                  \
        }                                                                                         \
    }
#define ROWS(N, NV, RAGGED)                                                                       \
    case N:                                                                                       \
        if (N < MR) tile(N, NV, RAGGED, tail, k, A, rs, cs, B, ldb, f, bias, C, ldc);             \
        break;
STRIPS(strips_1_ragged, 1, 1)
STRIPS(strips_2_ragged, 2, 1)
STRIPS(strips_1, 1, 0)
STRIPS(strips_2, 2, 0)
#undef ROWS
#undef STRIPS

/* A panel of n ≤ PANEL columns, by its number of vectors */
static void panel_product(int64_t m, int64_t n, int64_t k, const real *A, int64_t rs, int64_t cs,
                          const real *B, int64_t ldb, const finish *f, const real *bias, real *C,
                          int64_t ldc)
{
    if (n == 2 * V) strips_2(m, V, k, A, rs, cs, B, ldb, f, bias, C, ldc);
    else if (n > V) strips_2_ragged(m, (int)(n - V), k, A, rs, cs, B, ldb, f, bias, C, ldc);
    else if (n == V) strips_1(m, V, k, A, rs, cs, B, ldb, f, bias, C, ldc);
    else strips_1_ragged(m, (int)n, k, A, rs, cs, B, ldb, f, bias, C, ldc);
}

/* ---- B in memory: where it lies, or as dense panels (k, PANEL) end to end, up to GROUP columns ---- */

typedef enum { IN_PLACE, COPIED, TRANSPOSED } form;

/* The panels of B (k, n) */
static void copy_panels(int64_t k, int64_t n, const real *B, int64_t ldb, real *pack)
{
    for (int64_t p = 0; p < k; p++, B += ldb, pack += PANEL) {
        real *to = pack;
        int64_t j = 0;
        for (; j + PANEL <= n; j += PANEL, to += k * PANEL)
            for (int v = 0; v < PANEL; v += V) v_store(to + v, v_load(B + j + v));
        for (; j < n; j += V, to += V) v_store(to, v_load_n(B + j, n - j < V ? (int)(n - j) : V));
    }
}

/* The panels of Bᵀ, B (n, k) */
static void transpose_panels(int64_t k, int64_t n, const real *B, int64_t ldb, real *pack)
{
    for (int64_t j = 0; j < n; j += V) {
        real *to = pack + j / PANEL * PANEL * k + j % PANEL;
        for (int64_t p = 0; p < k; p += V) {
            vec x[V];
            int lanes = k - p < V ? (int)(k - p) : V;
            for (int i = 0; i < V; i++)
                x[i] = j + i >= n ? v_zero()
                       : lanes < V ? v_load_n(B + (j + i) * ldb + p, lanes)
                                   : v_load(B + (j + i) * ldb + p);
            v_transpose(x);
            for (int i = 0; i < lanes; i++, to += PANEL) v_store(to, x[i]);
        }
    }
}

/* One block of k: all columns of C from A and B, which stands in memory as `how` says. For
 * TRANSPOSED, B is (n, k). */
FNN_INLINE void block_product(int64_t m, int64_t n, int64_t k, const real *A, int64_t rs, int64_t cs,
                              const form how, const real *B, int64_t ldb, const finish *f,
                              const real *bias, real *C, int64_t ldc, real *pack)
{
    for (int64_t g = 0; g < n; g += GROUP) {
        int64_t ng = n - g < GROUP ? n - g : GROUP;
        if (how == COPIED) copy_panels(k, ng, B + g, ldb, pack);
        if (how == TRANSPOSED) transpose_panels(k, ng, B + g * ldb, ldb, pack);
        for (int64_t j = 0; j < ng; j += PANEL) {
            const real *panel = how == IN_PLACE ? B + g + j : pack + j * k;
            panel_product(m, ng - j < PANEL ? ng - j : PANEL, k, A, rs, cs, panel,
                          how == IN_PLACE ? ldb : PANEL, f, bias ? bias + g + j : NULL, C + g + j,
                          ldc);
        }
    }
}

/* k in the fewest blocks of at most KC, all about as long */
static int64_t block_of(int64_t k)
{
    int64_t blocks = (k + KC - 1) / KC;
    return k > 0 ? (k + blocks - 1) / blocks : 1;
}

/* ---- the products ----------------------------------------------------------------------------- */

static void nn(int64_t m, int64_t n, int64_t k, const real *A, int64_t lda, const real *B,
               int64_t ldb, fnn_start start, const real *bias, real *C, int64_t ldc, real *pack)
{
    finish f = {start, bias, 0, 1, 0};
    int copy = m >= PACK_ROWS && ldb * (int64_t)sizeof(real) >= PACK_BYTES;
    int64_t block = block_of(k), k0 = 0;
    do { /* also once for k = 0, where C is the start value */
        int64_t kb = k - k0 < block ? k - k0 : block;
        if (copy) block_product(m, n, kb, A + k0, lda, 1, COPIED, B + k0 * ldb, ldb, &f, bias, C, ldc, pack);
        else block_product(m, n, kb, A + k0, lda, 1, IN_PLACE, B + k0 * ldb, ldb, &f, bias, C, ldc, pack);
        f.start = FNN_FROM_C;
        k0 += block;
    } while (k0 < k);
}

static void tn(int64_t m, int64_t n, int64_t k, const real *A, int64_t lda, const real *B,
               int64_t ldb, real alpha, real beta, real *C, int64_t ldc)
{
    finish f = {FNN_FROM_ZERO, NULL, 1, alpha, beta};
    int64_t block = block_of(k);
    for (int64_t k0 = 0; k0 < k; k0 += block) {
        int64_t kb = k - k0 < block ? k - k0 : block;
        for (int64_t i = 0; i < m; i += MC)
            block_product(m - i < MC ? m - i : MC, n, kb, A + k0 * lda + i, 1, lda, IN_PLACE,
                          B + k0 * ldb, ldb, &f, NULL, C + i * ldc, ldc, NULL);
        f.beta = 1;
    }
}

static void nt(int64_t m, int64_t n, int64_t k, const real *A, int64_t lda, const real *B,
               int64_t ldb, real *C, int64_t ldc, real *pack)
{
    finish f = {FNN_FROM_ZERO, NULL, 0, 1, 0};
    int64_t block = block_of(k);
    for (int64_t k0 = 0; k0 < k; k0 += block) {
        int64_t kb = k - k0 < block ? k - k0 : block;
        block_product(m, n, kb, A + k0, lda, 1, TRANSPOSED, B + k0, ldb, &f, NULL, C, ldc, pack);
        f.start = FNN_FROM_C;
    }
}

static void column_sums(int64_t m, int64_t n, const real *A, int64_t lda, real alpha, real beta,
                        real *c)
{
    for (int64_t j = 0; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V;
        vec sum = v_zero();
        for (int64_t i = 0; i < m; i++) sum = v_add(sum, v_load_n(A + i * lda + j, lanes));
        sum = v_mul(v_set1(alpha), sum);
        if (beta != 0) sum = v_fma(v_set1(beta), v_load_n(c + j, lanes), sum);
        v_store_n(c + j, sum, lanes);
    }
}
