/* dispatch.h: the tables of kernels, those of every ISA and those of the ISA in use. */
#ifndef FNN_DISPATCH_H
#define FNN_DISPATCH_H

#define real float
#define FNN_T(name) name##_f32
#include "kernels/kernels.h"
#undef real
#undef FNN_T
#define real double
#define FNN_T(name) name##_f64
#include "kernels/kernels.h"
#undef real
#undef FNN_T

extern const kernels_f32 kernels_f32_base, kernels_f32_avx2, kernels_f32_avx512, kernels_f32_neon,
    kernels_f32_wasm;
extern const kernels_f64 kernels_f64_base, kernels_f64_avx2, kernels_f64_avx512, kernels_f64_neon,
    kernels_f64_wasm;

extern const kernels_f32 *fnn_kernels_f32;
extern const kernels_f64 *fnn_kernels_f64;

#endif
