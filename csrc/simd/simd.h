/* simd.h: the vector operations that kernels are written in, for one ISA and one dtype.
 *
 * Include after real.h with one of FNN_ISA_AVX512, FNN_ISA_AVX2, FNN_ISA_NEON, FNN_ISA_WASM,
 * FNN_ISA_BASE defined. Each ISA's header has the same names in the same order; simd_base.h is plain C and is
 * the specification, which MSVC compiles, and others with FNN_PLAIN_C. `vec` is a vector of V reals, `vmask` has a truth value for each lane.
 *
 *   v_load v_store                  V reals at any address
 *   v_load_n v_store_n              the first n, 0 ≤ n ≤ V; the other lanes read 0; no byte past
 *                                   the n-th is touched
 *   v_zero v_set1                   all lanes 0, all lanes x
 *   v_add v_sub v_mul v_div v_sqrt  lane by lane, correctly rounded
 *   v_fma(a,b,c) v_fnma(a,b,c)      c + ab, c − ab: rounded once where the ISA can, else twice
 *   v_min v_max                     the second argument if either is NaN
 *   v_abs v_copysign(t,x)           |x|; |t| with the sign of x
 *   v_round                         to the nearest integer, ties to even
 *   v_pow2(n)                       2^n for integral n in the normal exponents
 *   v_gt(a,b) v_select(m,a,b)       a > b; m ? a : b
 *   v_flush                         0 for a subnormal a, where no mode of the processor does it
 *   v_sum v_most                    sum and maximum of the lanes, in an order that depends on V alone
 *   v_transpose(x)                  transposes the square whose rows are x[0] … x[V − 1]
 *   v_bytes(p)                      V bytes, each times 1/255 in double and rounded to real
 *   v_append(x,i,values,indices)    appends the lanes of x that are not 0 and their indices
 *                                   i, i + 1, …; returns how many; may write V of each
 */
#ifndef FNN_SIMD_H
#define FNN_SIMD_H

#include <stdint.h>
#include "real.h"

#ifdef __GNUC__
#define FNN_INLINE static inline __attribute__((always_inline, unused))
#define FNN_APART static __attribute__((noinline, unused))
#define FNN_UNROLL _Pragma("GCC unroll 32")
#else
#define FNN_INLINE static __forceinline
#define FNN_APART static __declspec(noinline)
#define FNN_UNROLL
#endif

/* Prefetches a cache line that will be read soon; any address is allowed */
#ifdef __GNUC__
#define FNN_PREFETCH(p) __builtin_prefetch(p, 0, 2)
#elif defined(_M_X64)
#define FNN_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#else
#define FNN_PREFETCH(p) ((void)(p))
#endif

/* byte · (1/255) in double, rounded to real: for float, the nearest to byte / 255 for all 256 bytes */
FNN_INLINE real byte_as_real(uint8_t byte)
{
    return (real)((double)byte * (1.0 / 255));
}

#if defined(FNN_ISA_AVX512) || defined(FNN_ISA_AVX2)
#include "simd/simd_x86.h"
#elif defined(FNN_ISA_NEON)
#include "simd/simd_neon.h"
#elif defined(FNN_ISA_WASM)
#include "simd/simd_wasm.h"
#elif defined(FNN_ISA_BASE) && defined(__GNUC__) && !defined(FNN_PLAIN_C)
#include "simd/simd_vector.h"
#elif defined(FNN_ISA_BASE)
#include "simd/simd_base.h"
#else
#error "simd.h needs one FNN_ISA_*"
#endif
/* Functions of some 30 operations: where nobody's processor is the latest, a call is cheaper than copies */
#if defined(FNN_ISA_BASE) && defined(__GNUC__)
#define FNN_LONG FNN_APART
#else
#define FNN_LONG FNN_INLINE
#endif
#ifndef FNN_ISA_WASM
FNN_INLINE vec v_flush(vec a) { return a; }
#endif

#endif
