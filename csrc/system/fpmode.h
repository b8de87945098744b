/* fpmode.h: treats subnormal numbers as zero inside the core, and only there.
 *
 * Adam's moments for an input that is rarely non-zero decay into subnormal numbers, on which
 * operations take a hundred times as long. Each thread sets the mode when a call begins and restores
 * the caller's when it ends. */
#ifndef FNN_FPMODE_H
#define FNN_FPMODE_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
typedef unsigned fnn_fpmode;
static inline fnn_fpmode fnn_fpmode_set(void)
{
    fnn_fpmode old = _mm_getcsr();
    _mm_setcsr((old | 0x9fc0) & ~0x6000u); /* flush to zero, denormals are zero, no traps; round to nearest */
    return old;
}
static inline void fnn_fpmode_restore(fnn_fpmode old) { _mm_setcsr(old); }
#elif defined(__aarch64__) && defined(__GNUC__)
typedef uint64_t fnn_fpmode;
static inline fnn_fpmode fnn_fpmode_set(void)
{
    fnn_fpmode old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"((old & ~(uint64_t)0xc00000) | 0x1000000));
    return old;
}
static inline void fnn_fpmode_restore(fnn_fpmode old) { __asm__ volatile("msr fpcr, %0" : : "r"(old)); }
#else /* elsewhere, subnormal numbers are slow but correct; WebAssembly has v_flush, simd/simd.h */
typedef int fnn_fpmode;
static inline fnn_fpmode fnn_fpmode_set(void) { return 0; }
static inline void fnn_fpmode_restore(fnn_fpmode old) { (void)old; }
#endif

#endif
