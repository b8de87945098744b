/* guard.c: checks that no kernel and no call of the core touches a byte that is not its own. POSIX only.
 *
 *   1. The guard itself is tested: it must kill a child process that reads or writes one element too far.
 *   2. Every kernel of every instruction set, all tails: operands flush against pages that fault, behind
 *      them and before them (guard.inc.h).
 *   3. Whole calls of fnn.h, with rows, targets, weights, order, rates, moments and results placed so,
 *      and every piece of scratch, the parameters among them, too (guard_calls.c, guarded_arena.h).
 *
 *     guard        all pairs of the sizes 1 … 2V + 1 and some primes, each with a third size
 *     guard all    all triples of them: minutes
 *     guard few    sizes about whole vectors only: for emulators and valgrind
 *
 * One operation writes more than its results, as simd.h says: v_append stores whole vectors, so the entries
 * of a row of n values need room for n rounded up to vectors. The guard is behind that room.
 *
 * The exit status is the number of things that were wrong. tests/c/run compiles and runs it. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"

#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isa/dispatch.h"
#include "guarded_arena.h"

placement where;
doing now;
static int n_wrong;

static void stop(const char *why)
{
    fprintf(stderr, "guard: %s\n", why);
    exit(99);
}

static void say(const char *why)
{
    fprintf(stderr, "%s, f%d, %s, m %d, n %d, k %d, variant %d, operands at the %s: %s\n",
            now.isa ? now.isa : "-", now.bits, now.what ? now.what : "-", (int)now.m, (int)now.n,
            (int)now.k, (int)now.variant, where == AT_START ? "start" : "end", why);
}

void wrong(const char *why)
{
    say(why);
    if (++n_wrong == 20) exit(n_wrong);
}

static void on_fault(int signal_number) /* the program is at its end: stdio will do */
{
    (void)signal_number;
    say("touched a page beside its operands");
    _exit(99);
}

/* ---- random numbers: splitmix64 ------------------------------------------------------------------ */

static uint64_t state;

void reseed(uint64_t seed) { state = seed; }

uint64_t random_bits(void)
{
    uint64_t x = state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

double uniform(double low, double high)
{
    return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}

/* ---- memory between pages that fault --------------------------------------------------------------- */

static size_t page(void)
{
    static size_t size;
    return size ? size : (size = (size_t)sysconf(_SC_PAGESIZE));
}

static size_t pages_of(size_t bytes) { return (bytes + page() - 1) / page() * page(); }

static void forbid(char *at)
{
    if (mprotect(at, page(), PROT_NONE)) stop("mprotect");
}

/* `bytes`, a multiple of the page size, between two forbidden pages */
static char *between_pages(size_t bytes)
{
    char *all = mmap(NULL, bytes + 2 * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) stop("mmap");
    forbid(all);
    forbid(all + page() + bytes);
    return all + page();
}

enum { N_SLOTS = 40, BESIDE = 128 }; /* BESIDE: bytes that are checked on the side without a page */
static struct {
    char *first;
    size_t size;
    char *piece;
    size_t bytes;
} slots[N_SLOTS];
static int taken;
static uint64_t alignments; /* bit i: an operand began 4 i bytes past a cache line */

void case_begins(placement place) { where = place, taken = 0; }

void *guarded(size_t bytes)
{
    if (taken == N_SLOTS) stop("more operands than slots");
    int i = taken++;
    if (bytes > slots[i].size || !slots[i].first) {
        if (slots[i].first) munmap(slots[i].first - page(), slots[i].size + 2 * page());
        slots[i].size = pages_of(bytes ? bytes : 1);
        slots[i].first = between_pages(slots[i].size);
    }
    char *end = slots[i].first + slots[i].size;
    slots[i].piece = where == AT_START ? slots[i].first : end - bytes;
    slots[i].bytes = bytes;
    char *low = slots[i].piece, *high = low + bytes;
    low = low - slots[i].first < BESIDE ? slots[i].first : low - BESIDE;
    high = end - high < BESIDE ? end : high + BESIDE;
    memset(low, 0xff, (size_t)(high - low));
    alignments |= (uint64_t)1 << (uintptr_t)slots[i].piece % 64 / 4;
    return slots[i].piece;
}

void case_ends(void)
{
    for (int i = 0; i < taken; i++) {
        char *end = slots[i].first + slots[i].size, *after = slots[i].piece + slots[i].bytes;
        int touched = 0;
        for (int b = 1; b <= BESIDE && slots[i].piece - b >= slots[i].first; b++)
            touched |= slots[i].piece[-b] != (char)0xff;
        for (int b = 0; b < BESIDE && after + b < end; b++) touched |= after[b] != (char)0xff;
        if (touched) wrong("wrote beside an operand");
    }
}

/* ---- the core's scratch, in place of csrc/system/arena.c ---------------------------------------------------- */

/* A forbidden page, the piece's pages, a forbidden page */
size_t guarded_room(size_t size)
{
    return size > SIZE_MAX - 3 * page() ? SIZE_MAX : pages_of(size ? size : 1) + 2 * page();
}

void *guarded_piece(char *at, size_t size)
{
    size_t room = guarded_room(size), inside = room - 2 * page();
    /* an earlier call may have forbidden other pages of this memory */
    if (mprotect(at, room, PROT_READ | PROT_WRITE)) stop("mprotect");
    forbid(at);
    forbid(at + page() + inside);
    memset(at + page(), 0xff, inside);
    return at + page() + (where == AT_START ? 0 : inside - size);
}

enum { N_LIVE = 16 };
static struct {
    char *memory;
    size_t inside;
} live[N_LIVE];

void *fnn_acquire(size_t size)
{
    for (int i = 0; i < N_LIVE && size < SIZE_MAX / 2; i++)
        if (!live[i].memory) {
            live[i].inside = pages_of(size ? size : 1);
            return live[i].memory = between_pages(live[i].inside);
        }
    stop("more allocations than the harness can guard");
    return NULL;
}

void fnn_release(void *memory) /* a network is released by its first piece, one page further on */
{
    for (int i = 0; i < N_LIVE && memory; i++)
        if (live[i].memory && (size_t)((char *)memory - live[i].memory) < live[i].inside) {
            munmap(live[i].memory - page(), live[i].inside + 2 * page());
            live[i].memory = NULL;
        }
}

/* ---- rows -------------------------------------------------------------------------------------------- */

static size_t size_of(fnn_dtype dtype) { return dtype == FNN_U8 ? 1 : dtype == FNN_F32 ? 4 : 8; }

void *reals(fnn_dtype dtype, int64_t n, double low, double high)
{
    void *p = guarded((size_t)n * size_of(dtype));
    for (int64_t i = 0; i < n; i++) {
        double x = uniform(low, high);
        if (dtype == FNN_F32) ((float *)p)[i] = (float)x;
        else ((double *)p)[i] = x;
    }
    return p;
}

/* Puts a random number at p, at any alignment, and returns it */
static double put(fnn_dtype dtype, void *p, int may_be_zero)
{
    double x = may_be_zero && uniform(0, 1) < 0.5 ? 0 : dtype == FNN_U8 ? 1 : uniform(0.5, 1);
    float f = (float)x;
    unsigned char byte = x == 0 ? 0 : (unsigned char)(1 + random_bits() % 255);
    if (dtype == FNN_U8) {
        memcpy(p, &byte, 1);
        return byte;
    }
    memcpy(p, dtype == FNN_F32 ? (void *)&f : (void *)&x, size_of(dtype));
    return dtype == FNN_F32 ? f : x;
}

fnn_matrix guarded_rows(fnn_dtype dtype, rows_layout layout, int64_t rows, int64_t columns,
                        double *dense)
{
    int64_t size = (int64_t)size_of(dtype);
    fnn_matrix X = {.dtype = dtype, .n_rows = rows, .factor = dtype == FNN_U8 ? 1.0 / 255 : 1};
    if (layout >= CSR_2) {
        int wide = layout != CSR_4;
        int64_t width = layout == CSR_2 ? 2 : layout == CSR_4 ? 4 : 8, entries = 0;
        for (int64_t i = 0; i < rows; i++) /* the second row is empty, the last full */
            for (int64_t j = 0; j < columns; j++) {
                dense[i * columns + j] = i == rows - 1 || (i != 1 && uniform(0, 1) < 0.5);
                entries += dense[i * columns + j] != 0;
            }
        char *starts = guarded((size_t)((rows + 1) * (wide ? 8 : 4)));
        char *indices = guarded((size_t)(entries * width)), *values = guarded((size_t)(entries * size));
        entries = 0;
        for (int64_t i = 0; i <= rows; i++) {
            if (wide) ((int64_t *)starts)[i] = entries;
            else ((int32_t *)starts)[i] = (int32_t)entries;
            for (int64_t j = 0; i < rows && j < columns; j++) {
                if (dense[i * columns + j] == 0) continue;
                if (width == 2) ((uint16_t *)indices)[entries] = (uint16_t)j;
                else if (width == 4) ((int32_t *)indices)[entries] = (int32_t)j;
                else ((int64_t *)indices)[entries] = j;
                dense[i * columns + j] = put(dtype, values + entries * size, 0);
                entries++;
            }
        }
        X.data = values, X.indptr = starts, X.indices = indices, X.index_bytes = (int)width;
        return X;
    }
    ptrdiff_t row = columns * size, column = size;
    if (layout == GAPS) row += 3 * size;
    if (layout == ODD) row += 1;
    if (layout == EVERY_OTHER) column = 2 * size, row = 2 * row;
    if (layout == COLUMNS) row = size, column = rows * size;
    ptrdiff_t last = (rows - 1) * row + (columns - 1) * column;
    char *first = guarded((size_t)(last + size));
    if (layout == BACKWARDS) first += last, row = -row, column = -column;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            dense[i * columns + j] = put(dtype, first + i * row + j * column, i < rows - 1);
    X.data = first, X.row_stride = row, X.col_stride = column;
    return X;
}

/* ---- kernels ------------------------------------------------------------------------------------------ */

enum { FNN_GAP = FNN_LINE / 4 }; /* between rows of non-zeros, as block.inc.h makes them */

#define real float
#define FNN_T(name) name##_f32
#define EPS FLT_EPSILON
#define BITS 32
#define wide double
#include "guard.inc.h"
#undef real
#undef FNN_T
#undef EPS
#undef BITS
#undef wide
#define real double
#define FNN_T(name) name##_f64
#define EPS DBL_EPSILON
#define BITS 64
#define wide long double
#include "guard.inc.h"

/* ---- the guard itself ------------------------------------------------------------------------------------ */

static void one_too_far(int how)
{
    const kernels_f32 *t = fnn_kernels_f32;
    case_begins(how % 2 ? AT_END : AT_START);
    volatile float *p = guarded(3 * sizeof *p);
    float *c = guarded(sizeof *c), scratch[64];
    c[0] = scratch[0] = 0;
    switch (how) {
    case 0: c[0] = p[-1]; break;
    case 1: c[0] = p[3]; break;
    case 2: p[-1] = 0; break;
    case 3: p[3] = 0; break;
    case 5: t->column_sums(1, 4, (const_matrix_f32){(float *)p, 4}, 1, 0, scratch); break; /* n = 4, of 3 */
    case 7: t->update(FNN_SGD, &(constants_f32){.rate = 1}, 0, 4, (float *)p, scratch, NULL, NULL); break;
    case 9: c = fnn_take(&(fnn_arena){fnn_acquire(guarded_room(12)), 0}, 3, 4), p = c, p[3] = 0; break;
    default: exit(0);
    }
    exit(0);
}

static void check_the_guard(void)
{
    static const int ways[] = {0, 1, 2, 3, 5, 7, 9};
    for (int i = 0; i < 7; i++) {
        now.what = "the guard itself", now.variant = ways[i];
        int status;
        fflush(NULL);
        pid_t child = fork();
        if (child < 0) stop("fork");
        if (child == 0) {
            setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
            signal(SIGSEGV, SIG_DFL);
            signal(SIGBUS, SIG_DFL); /* what macOS sends */
            one_too_far(ways[i]);
        }
        if (waitpid(child, &status, 0) != child) stop("waitpid");
        if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGSEGV && WTERMSIG(status) != SIGBUS))
            wrong("an element too far was not noticed");
    }
}

int main(int n_arguments, char **arguments)
{
    const char *asked = n_arguments > 1 ? arguments[1] : "";
    extent how_many = !strcmp(asked, "all") ? TRIPLES : !strcmp(asked, "few") ? FEW : PAIRS;
    check_the_guard();
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    for (int i = 0; fnn_isa_available(i); i++) {
        now.isa = fnn_isa_available(i);
        fnn_choose_isa(now.isa);
        guard_kernels_f32(how_many);
        guard_kernels_f64(how_many);
        guard_calls(how_many);
        printf("%s: guarded, %d wrong so far\n", now.isa, n_wrong);
    }
    if (alignments != 0xffff) wrong("some alignments of operands did not occur");
    return n_wrong;
}
