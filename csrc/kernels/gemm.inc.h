/* gemm.inc.h: the three products of backpropagation, from one register tile.
 *
 *     forward   z  = a W + b      nn    sums over the layer's inputs
 *     backward  dW = aᵀ δ         tn    sums over the examples of the batch
 *     backward  δ' = δ Wᵀ         nt    sums over the layer's outputs
 *
 * Design
 *
 *  (a) A tile is MR rows by NV vectors of C, held in registers while k runs. Each k loads NV
 *      vectors of B and broadcasts MR values of A: MR·NV multiply-adds for MR + NV loads. A has
 *      two strides, so that Aᵀ needs no code of its own.
 *      AVX-512, NEON (32 registers): 12·2 sums + 2 of B + 1 of A = 27.
 *      AVX2 (16 registers):           6·2 sums + 2 of B + 1 of A = 15; one vector wide: 12 + 2.
 *      Plain C: 4·2, which compilers keep in the 16 registers of SSE2.
 *      Two multiply-adds a cycle with a latency of 4 want at least 8 independent sums.
 *  (b) MR and NV are constants when compiled, and the loops over them are unrolled: otherwise the
 *      sums do not stay in registers, which takes twice as long.
 *  (c) Edges: the last vector of a row is loaded and stored by its first `tail` lanes, so narrow
 *      layers cost no more than their vectors; the last rows get a tile of their own height.
 *  (d) k is cut into equal blocks of at most KC, so that a group of panels of B stays in L2; C
 *      carries the sums from block to block, which changes no bit of them. Measured on W5: 512 is
 *      8 % faster than 256, and larger blocks gain nothing.
 *  (e) nn copies B into dense panels if its rows are so far apart that they fall into the same
 *      cache sets (PACK_BYTES) and enough rows of C use the copy; otherwise copying costs more than
 *      it saves. nt copies for more than a row, since it transposes B, V by V in registers. tn never copies: its
 *      B is a delta, whose stride the network chooses. GROUP columns are copied at a time: each row
 *      of B lies on another page of memory, and reading only a few columns of each is slow.
 *  (f) tn takes its rows in blocks of MC, so that the columns of A it needs stay in L2.
 *
 *  (g) A product of many long rows by a narrow B, one vector wide, reads A faster than memory gives it: the next tile's
 *      rows are fetched meanwhile (predictions of 60,000 x 784-16-10: a fifth faster; rows in the cache: a hundredth slower).
 *
 *  (h) The products of a group of V networks (`_lanes`) are the same tile: a vector holds one number of
 *      each network, so A is loaded where a single network's is broadcast. Each lane's sum is the sum
 *      of its network alone, in the same order.
 *
 * Rejected: packing A (the batch is narrow and already in L2), prefetching C, and vectors along k
 * with a sum over lanes at the end (the bits would depend on V and the tail).
 */
#include "simd/simd.h"

enum {
    NV_MAX = 2,
    NV_ROW = 8,   /* of a single row, whose sums would wait for each other */
    PANEL = NV_MAX * V,
    KC = 512,
    GROUP = FNN_PACK_REALS / KC,
    FEW_ROWS = 2,
    PACK_BYTES = 6144, /* nn copies B if its row stride is at least this, … */
    PACK_ROWS = 24     /* … and C has at least this many rows */
};
#if defined(FNN_ISA_AVX512) && defined(FNN_F32_SOURCE)
#define FNN_READS_AHEAD /* (g): shorter vectors compute more slowly than memory gives */
#endif
#if defined(FNN_ISA_AVX512) || defined(FNN_ISA_NEON)
enum { MR_1 = 12, MR_2 = 12 };
#elif defined(FNN_ISA_AVX2)
enum { MR_1 = 12, MR_2 = 6 };
#else
enum { MR_1 = 4, MR_2 = 4 };
#endif
enum { MC = 20 * 12 };
enum { LINE = 64 / sizeof(real), LONG_ROW = 256, MANY_ROWS = 240 }; /* (g): reals of a cache line; the least k and m */

/* Where a tile's sums start, and what becomes of them: C = sums, or C = beta C + alpha sums */
typedef enum { FROM_ZERO, FROM_BIAS, FROM_C } start;
typedef struct {
    start start;
    int scaled;
    real alpha, beta;
    const real *alphas, *betas; /* V each, one a lane, in place of alpha and beta; or NULL */
} finish;

/* The operands of a product C (m,n) = A (m,k) B (k,n), or of a part of it. Element (i,p) of A is
 * at[i · row + p · column]. */
typedef struct {
    int64_t m, n, k;
    struct { const real *at; int64_t row, column; } A;
    const_matrix B;
    const real *bias; /* (n,), where the sums start from it */
    matrix C;
    int64_t step; /* of many networks: from one vector of a row of B to the next */
} product;

/* Of one network; of one whose next MR rows of A are fetched from memory meanwhile; of V networks, one in each lane */
typedef enum { ONE, ONE_AHEAD, LANES } tile_kind;

/* MR rows of C, NV vectors wide; `ragged`: the last of them has fewer lanes than V (a single one may have V); LANES: every lane
 * is another network's, of A, too */
FNN_INLINE void tile(const int MR, const int NV, const int ragged, const tile_kind kind, product p, const finish *f)
{
#define LAST(j) (ragged && (j) == NV - 1)
    vec sum[12][NV_ROW];
    int tail = NV == 1 ? (int)p.n : (int)(p.n - V) & (V - 1); /* & tells the compiler that it is below V */
    const int64_t step = kind == LANES ? p.step : V;
    FNN_UNROLL
    for (int j = 0; j < NV; j++) {
        vec first = f->start != FROM_BIAS ? v_zero()
                    : LAST(j)             ? v_load_n(p.bias + j * V, tail)
                                          : v_load(p.bias + j * V);
        FNN_UNROLL
        for (int i = 0; i < MR; i++) sum[i][j] = first;
    }
    if (f->start == FROM_C) {
        FNN_UNROLL
        for (int i = 0; i < MR; i++) {
            FNN_UNROLL
            for (int j = 0; j < NV; j++) {
                const real *c = p.C.at + i * p.C.ld + j * V;
                sum[i][j] = LAST(j) ? v_load_n(c, tail) : v_load(c);
            }
        }
    }
    const real *A[4]; /* every third row: fewer offsets than registers */
    FNN_UNROLL
    for (int g = 0; g < (MR + 2) / 3; g++) A[g] = p.A.at + 3 * g * p.A.row;
    for (int64_t q = 0; q < p.k; q++) {
        vec b[NV_ROW];
        for (int i = 0; kind == ONE_AHEAD && q % LINE == 0 && i < MR; i++) FNN_PREFETCH(A[0] + (MR + i) * p.A.row);
        FNN_UNROLL
        for (int j = 0; j < NV; j++)
            b[j] = LAST(j) ? v_load_n(p.B.at + j * step, tail) : v_load(p.B.at + j * step);
        FNN_UNROLL
        for (int i = 0; i < MR; i++) {
            const real *at = A[i / 3] + i % 3 * p.A.row;
            vec a = kind == LANES ? v_load(at) : v_set1(*at);
            FNN_UNROLL
            for (int j = 0; j < NV; j++) sum[i][j] = v_fma(a, b[j], sum[i][j]);
        }
        FNN_UNROLL
        for (int g = 0; g < (MR + 2) / 3; g++) A[g] += p.A.column;
        p.B.at += p.B.ld;
    }
    vec alpha = f->alphas ? v_load(f->alphas) : v_set1(f->alpha);
    vec beta = f->betas ? v_load(f->betas) : v_set1(f->beta);
    FNN_UNROLL
    for (int i = 0; i < MR; i++) {
        FNN_UNROLL
        for (int j = 0; j < NV; j++) {
            real *c = p.C.at + i * p.C.ld + j * V;
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

/* A panel of C by tiles of few heights: less code, for what is not the fastest path. Eight rows are two tiles of four:
 * six and two are as many multiply-adds, but two have too few sums for the pipeline. */
FNN_INLINE void tiles_of_few_heights(const int NV, const int ragged, const tile_kind kind, product p, const finish *f)
{
    const int MR = NV == 1 ? MR_1 : MR_2;
    for (; p.m >= MR && p.m != 8; p.m -= MR, p.A.at += MR * p.A.row, p.C.at += MR * p.C.ld)
        tile(MR, NV, ragged, kind, p, f);
    for (; p.m >= 4; p.m -= 4, p.A.at += 4 * p.A.row, p.C.at += 4 * p.C.ld) tile(4, NV, ragged, kind, p, f);
    for (; p.m >= 2; p.m -= 2, p.A.at += 2 * p.A.row, p.C.at += 2 * p.C.ld) tile(2, NV, ragged, kind, p, f);
    if (p.m) tile(1, NV, ragged, kind, p, f);
}

/* A panel of C, NV vectors wide: tiles of MR rows, then one tile of the fewer rows that are left; of doubles, few heights */
FNN_INLINE void tiles(const int NV, const int ragged, product p, const finish *f)
{
    const int MR = NV == 1 ? MR_1 : MR_2;
    if (sizeof(real) == sizeof(double)) {
        tiles_of_few_heights(NV, ragged, ONE, p, f);
        return;
    }
    for (; p.m >= MR; p.m -= MR, p.A.at += MR * p.A.row, p.C.at += MR * p.C.ld)
        tile(MR, NV, ragged, ONE, p, f);
    switch (p.m) { /* the conditions are constants: heights that do not occur are not compiled */
    case 1: tile(1, NV, ragged, ONE, p, f); break;
    case 2: tile(2, NV, ragged, ONE, p, f); break;
    case 3: tile(3, NV, ragged, ONE, p, f); break;
    case 4: if (MR > 4) tile(4, NV, ragged, ONE, p, f); break;
    case 5: if (MR > 5) tile(5, NV, ragged, ONE, p, f); break;
    case 6: if (MR > 6) tile(6, NV, ragged, ONE, p, f); break;
    case 7: if (MR > 7) tile(7, NV, ragged, ONE, p, f); break;
    case 8: if (MR > 8) tile(8, NV, ragged, ONE, p, f); break;
    case 9: if (MR > 9) tile(9, NV, ragged, ONE, p, f); break;
    case 10: if (MR > 10) tile(10, NV, ragged, ONE, p, f); break;
    case 11: if (MR > 11) tile(11, NV, ragged, ONE, p, f); break;
    }
}

#ifndef FNN_MASKED_LOADS /* else the ragged tile serves as well, and the code is a third smaller */
static void tiles_1(const product *p, const finish *f) { tiles(1, 0, *p, f); }
#endif
static void tiles_1_ragged(const product *p, const finish *f) { tiles(1, 1, *p, f); }
#ifdef FNN_READS_AHEAD
static void tiles_1_ahead(const product *all, const finish *f)
{
    product p = *all;
    for (; p.m >= MR_1; p.m -= MR_1, p.A.at += MR_1 * p.A.row, p.C.at += MR_1 * p.C.ld)
        tile(MR_1, 1, 1, ONE_AHEAD, p, f);
    if (p.m) tiles_1_ragged(&p, f);
}
#endif
static void tiles_2(const product *p, const finish *f) { tiles(2, 0, *p, f); }
static void tiles_2_ragged(const product *p, const finish *f) { tiles(2, 1, *p, f); }

/* Of groups of networks, whose rows come in few numbers */
static void lanes_1(const product *p, const finish *f) { tiles_of_few_heights(1, 0, LANES, *p, f); }
static void lanes_2(const product *p, const finish *f) { tiles_of_few_heights(2, 0, LANES, *p, f); }

/* A panel of n ≤ PANEL columns, by its number of vectors */
static void panel_product(const product *p, const finish *f)
{
    if (p->n == 2 * V) tiles_2(p, f);
    else if (p->n > V) tiles_2_ragged(p, f);
#ifdef FNN_READS_AHEAD
    else if (p->m >= MANY_ROWS && p->k >= LONG_ROW && p->A.column == 1) tiles_1_ahead(p, f);
#endif
#ifndef FNN_MASKED_LOADS
    else if (p->n == V) tiles_1(p, f);
#endif
    else tiles_1_ragged(p, f);
}

/* Single rows of C, as far as NV_ROW vectors go; returns the columns that are done */
static int64_t wide_rows(product all, const finish *f)
{
    int64_t j = 0;
    product row = all;
    for (; j + NV_ROW * V <= all.n; j += NV_ROW * V) {
        row.B.at = all.B.at + j, row.bias = all.bias ? all.bias + j : NULL;
        for (int64_t i = 0; i < all.m; i++) {
            row.A.at = all.A.at + i * all.A.row, row.C.at = all.C.at + i * all.C.ld + j;
            tile(1, NV_ROW, 0, ONE, row, f);
        }
    }
    return j;
}

/* ---- B in memory: in place, or as dense panels (k, PANEL) one after another, up to GROUP columns ---- */

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

#include "kernels/row.inc.h"

/* All columns of C for one block of k. B stands in memory as `how` says: if TRANSPOSED, as (n,k). */
FNN_INLINE void block_product(product all, const form how, const finish *f, real *pack)
{
    product panel = all;
    for (int64_t g = 0; g < all.n; g += GROUP) {
        int64_t ng = all.n - g < GROUP ? all.n - g : GROUP, ld = all.B.ld;
        if (how == COPIED) copy_panels(all.k, ng, all.B.at + g, ld, pack);
        if (how == TRANSPOSED) transpose_panels(all.k, ng, all.B.at + g * ld, ld, pack);
        for (int64_t j = 0; j < ng; j += PANEL) {
            panel.n = ng - j < PANEL ? ng - j : PANEL;
            panel.B = how == IN_PLACE ? (const_matrix){all.B.at + g + j, ld}
                                      : (const_matrix){pack + j * all.k, PANEL};
            panel.bias = all.bias ? all.bias + g + j : NULL;
            panel.C.at = all.C.at + g + j;
            panel_product(&panel, f);
        }
    }
}

/* Length of the blocks of k: the fewest of at most KC, all about equally long */
static int64_t block_of(int64_t k)
{
    int64_t blocks = (k + KC - 1) / KC;
    return k > 0 ? (k + blocks - 1) / blocks : 1;
}

/* ---- the products ----------------------------------------------------------------------------- */

static void nn(int64_t m, int64_t n, int64_t k, const_matrix A, const_matrix B, const real *bias, matrix C,
               real *pack)
{
    finish f = {.start = bias ? FROM_BIAS : FROM_C};
    int copy = m >= PACK_ROWS && B.ld * (int64_t)sizeof(real) >= PACK_BYTES;
    int64_t block = block_of(k), k0 = 0;
    do { /* for k = 0 once, which gives C its start value */
        int64_t kb = k - k0 < block ? k - k0 : block;
        product part = {m, n, kb, {A.at + k0, A.ld, 1}, {B.at + k0 * B.ld, B.ld}, bias, C, 0};
        int64_t done = m <= FEW_ROWS ? wide_rows(part, &f) : 0;
        part.n -= done, part.B.at += done, part.C.at += done, part.bias += part.bias ? done : 0;
        if (copy) block_product(part, COPIED, &f, pack);
        else block_product(part, IN_PLACE, &f, pack);
        f.start = FROM_C;
        k0 += block;
    } while (k0 < k);
}

static void tn(int64_t m, int64_t n, int64_t k, const_matrix A, const_matrix B, real alpha, real beta, matrix C)
{
    finish f = {FROM_ZERO, 1, alpha, beta, NULL, NULL};
    int64_t block = block_of(k);
    for (int64_t k0 = 0; k0 < k; k0 += block) {
        int64_t kb = k - k0 < block ? k - k0 : block;
        for (int64_t i = 0; i < m; i += MC) {
            int64_t rows = m - i < MC ? m - i : MC;
            product part = {rows, n, kb, {A.at + k0 * A.ld + i, 1, A.ld}, {B.at + k0 * B.ld, B.ld},
                            NULL, {C.at + i * C.ld, C.ld}, 0};
            block_product(part, IN_PLACE, &f, NULL);
        }
        f.beta = 1;
    }
}

static void nt(int64_t m, int64_t n, int64_t k, const_matrix A, const_matrix B, matrix C, real *pack)
{
    if (m == 1) {
        nt_row(n, k, A.at, B, C.at);
        return;
    }
    finish f = {.start = FROM_ZERO};
    int64_t block = block_of(k);
    for (int64_t k0 = 0; k0 < k; k0 += block) {
        int64_t kb = k - k0 < block ? k - k0 : block;
        product part = {m, n, kb, {A.at + k0, A.ld, 1}, {B.at + k0, B.ld}, NULL, C, 0};
        block_product(part, TRANSPOSED, &f, pack);
        f.start = FROM_C;
    }
}

/* Four vectors of columns at a time, whose sums do not wait for each other, then one */
FNN_INLINE void sums(int64_t m, int64_t n, const_matrix A, vec alpha, vec beta, int add, real *c)
{
    int64_t j = 0;
    for (; j + 4 * V <= n; j += 4 * V) {
        vec sum[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
        for (int64_t i = 0; i < m; i++) {
            FNN_UNROLL
            for (int k = 0; k < 4; k++) sum[k] = v_add(sum[k], v_load(A.at + i * A.ld + j + k * V));
        }
        FNN_UNROLL
        for (int k = 0; k < 4; k++) {
            real *to = c + j + k * V;
            sum[k] = v_mul(alpha, sum[k]);
            v_store(to, add ? v_fma(beta, v_load(to), sum[k]) : sum[k]);
        }
    }
    for (; j < n; j += V) {
        int lanes = n - j < V ? (int)(n - j) : V;
        vec sum = v_zero();
        for (int64_t i = 0; i < m; i++) sum = v_add(sum, v_load_n(A.at + i * A.ld + j, lanes));
        sum = v_mul(alpha, sum);
        if (add) sum = v_fma(beta, v_load_n(c + j, lanes), sum);
        v_store_n(c + j, sum, lanes);
    }
}

static void column_sums(int64_t m, int64_t n, const_matrix A, real alpha, real beta, real *c)
{
    sums(m, n, A, v_set1(alpha), v_set1(beta), beta != 0, c);
}
