#ifdef __wasm_simd128__
#define FNN_ISA_WASM
#define FNN_F32_SOURCE
#include "kernels/kernels.inc.h"
#else
typedef int fnn_not_for_this_processor;
#endif
