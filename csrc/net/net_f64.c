#include <math.h>
#include <string.h>
#include "isa/dispatch.h"
#include "net/net.h"
#include "system/philox.h"
#define FNN_F64_SOURCE
#include "real.h"
#define FNN_TABLE fnn_kernels_f64
#include "net/net.inc.h"
#include "net/train.inc.h"
#include "net/many.inc.h"
#include "net/read.inc.h"
#include "net/many_read.inc.h"
#include "net/rows.inc.h"
