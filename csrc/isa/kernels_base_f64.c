#define FNN_ISA_BASE
#define FNN_F64_SOURCE
#include "kernels/kernels.inc.h"
