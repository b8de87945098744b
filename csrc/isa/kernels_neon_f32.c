#if defined(__aarch64__) || defined(_M_ARM64)
#define FNN_ISA_NEON
#define FNN_F32_SOURCE
#include "kernels/kernels.inc.h"
#else
typedef int fnn_not_for_this_processor;
#endif
