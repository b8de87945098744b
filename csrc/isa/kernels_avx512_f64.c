#if defined(__x86_64__) || defined(_M_X64)
#define FNN_ISA_AVX512
#define FNN_F64_SOURCE
#include "kernels/kernels.inc.h"
#else
typedef int fnn_not_for_this_processor;
#endif
