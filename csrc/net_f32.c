#include <math.h>
#include <string.h>
#include "dispatch.h"
#include "net.h"
#include "philox.h"
#define FNN_F32_SOURCE
#include "real.h"
#define FNN_TABLE fnn_kernels_f32
#include "net.inc.h"
