/* dispatch.c: chooses the instruction set that the kernels use, asking the processor and the system. */
#include "isa/dispatch.h"

#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#define X86 1
#ifdef _MSC_VER
#include <intrin.h>
static void cpuid(int leaf, unsigned r[4]) { __cpuidex((int *)r, leaf, 0); }
static uint64_t xcr0(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(int leaf, unsigned r[4]) { __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]); }
static uint64_t xcr0(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
#endif

/* A flag of the processor counts only if the system saves the wider registers: XCR0 has bits 1-2 for
 * AVX, 5-7 for AVX-512. (__builtin_cpu_supports said no on a machine that has them.) */
static int processor_has(int avx512)
{
    unsigned r[4];
    cpuid(0, r);
    if (r[0] < 7) return 0;
    cpuid(1, r);
    int fma = r[2] >> 12 & 1, osxsave = r[2] >> 27 & 1, avx = r[2] >> 28 & 1;
    if (!(fma && osxsave && avx)) return 0;
    uint64_t saved = xcr0();
    cpuid(7, r);
    int avx2 = r[1] >> 5 & 1, avx512f = r[1] >> 16 & 1;
    return avx512 ? avx512f && (saved & 0xe6) == 0xe6 : avx2 && (saved & 6) == 6;
}
static int has_avx512(void) { return processor_has(1); }
static int has_avx2(void) { return processor_has(0); }
#endif

static int always(void) { return 1; }

#define TABLES(isa) &kernels_f32_##isa, &kernels_f64_##isa
static const struct {
    int (*runs_here)(void);
    const kernels_f32 *f32;
    const kernels_f64 *f64;
} choices[] = { /* best first */
#ifdef X86
    {has_avx512, TABLES(avx512)},
    {has_avx2, TABLES(avx2)},
#elif defined(__aarch64__) || defined(_M_ARM64)
    {always, TABLES(neon)},
#elif defined(__wasm_simd128__)
    {always, TABLES(wasm)},
#endif
    {always, TABLES(base)},
};
enum { N_CHOICES = sizeof choices / sizeof *choices };

const kernels_f32 *fnn_kernels_f32 = &kernels_f32_base;
const kernels_f64 *fnn_kernels_f64 = &kernels_f64_base;

const char *fnn_isa(void) { return fnn_kernels_f32->isa; }

const char *fnn_isa_available(int i)
{
    for (int c = 0; c < N_CHOICES; c++)
        if (choices[c].runs_here() && i-- == 0) return choices[c].f32->isa;
    return NULL;
}

fnn_status fnn_choose_isa(const char *name)
{
    for (int c = 0; c < N_CHOICES; c++)
        if (choices[c].runs_here() && (!name || !strcmp(name, choices[c].f32->isa))) {
            fnn_kernels_f32 = choices[c].f32;
            fnn_kernels_f64 = choices[c].f64;
            return FNN_OK;
        }
    return FNN_UNAVAILABLE;
}
