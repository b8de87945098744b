#include <math.h>
#include <string.h>
#include "dispatch.h"
#include "net.h"
#include "philox.h"
#define FNN_F64_SOURCE
#include "real.h"
#define FNN_TABLE fnn_kernels_f64
#include "net.inc.h"
