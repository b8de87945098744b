/* kernels.inc.h: the kernels of one ISA and one dtype, and the table that holds them.
 *
 * A source defines FNN_ISA_x and FNN_Fnn_SOURCE, includes this, and exports only its table:
 * `kernels_f32_avx2`, for example. Everything else is static. If an inline function were shared, the
 * linker could give the baseline a copy compiled for another ISA.
 */
#include <string.h>
#include "real.h"
#include "kernels/kernels.h"
typedef FNN_T(const_matrix) const_matrix;
typedef FNN_T(matrix) matrix;
typedef FNN_T(nonzeros) nonzeros;
typedef FNN_T(by_column) by_column;
typedef FNN_T(outputs) outputs;
typedef FNN_T(constants) constants;
typedef FNN_T(lane_constants) lane_constants;
typedef FNN_T(weights) weights;
#include "kernels/gemm.inc.h"
#include "kernels/activation.inc.h"
#include "kernels/loss.inc.h"
#include "kernels/optim.inc.h"
#include "kernels/gather.inc.h"
#include "kernels/sparse.inc.h"
#include "kernels/lanes.inc.h"

#if defined(FNN_ISA_AVX512)
#define TABLE(t) t##_avx512
#define ISA_NAME "avx512"
#elif defined(FNN_ISA_AVX2)
#define TABLE(t) t##_avx2
#define ISA_NAME "avx2"
#elif defined(FNN_ISA_NEON)
#define TABLE(t) t##_neon
#define ISA_NAME "neon"
#elif defined(FNN_ISA_WASM)
#define TABLE(t) t##_wasm
#define ISA_NAME "wasm"
#else
#define TABLE(t) t##_base
#define ISA_NAME "base"
#endif
#define TABLE_OF(t) TABLE(t)

extern const FNN_T(kernels) TABLE_OF(FNN_T(kernels));
const FNN_T(kernels) TABLE_OF(FNN_T(kernels)) = {
    ISA_NAME, V, PANEL, MR_2, nn, tn, nt, tn_nn, sparse_nn, sparse_tn, to_columns,
    columns_tn, columns_update, column_sums, activate, times_slope,
    multiply, loss, update, gather, find_nonzeros,
    nn_lanes, tn_lanes, nt_lanes, column_sums_lanes, update_lanes, gather_lanes, interleave, separate,
};
