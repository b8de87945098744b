#define FNN_ISA_BASE
#define FNN_F32_SOURCE
#include "kernels/kernels.inc.h"
