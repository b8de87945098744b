"""The mutants: small wrongs, each of which the suite has to notice. `run.py` makes and tries them.

Over 400 lines, as this is a table: where, the text as it stands there exactly once, what takes its
place, and what is then wrong. A formula that has been rewritten makes a text unfindable, which is
an error: write the mutant anew. Mutants that change no result (they are "equivalent") do not belong
here: KC, MC and GROUP, say, may be cut differently without changing a bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """One wrong: `old`, found exactly once in `file`, becomes `new`.

    It is compiled for `dtype` alone: float64, but where that has too short vectors to tell.
    """

    file: str
    old: str
    new: str
    wrong: str
    dtype: str = "f64"


GEMM = [
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "sum[i][j] = v_fma(a, b[j], sum[i][j]);",
        "sum[i][j] = v_fnma(a, b[j], sum[i][j]);",
        "products are taken away",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "const real *at = A[i / 3] + i % 3 * p.A.row;",
        "const real *at = A[i / 3] + i % 3 * p.A.column;",
        "the strides of A are taken for each other",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "v_load_n(p.bias + j * V, tail)",
        "v_load_n(p.bias, tail)",
        "the second vector starts from the first one's biases, where it is ragged",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "if (f->start == FROM_C) {",
        "if (0) {",
        "sums cut into blocks forget the block before",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "x = v_mul(alpha, x);",
        ";",
        "the fused step is not scaled by the learning rate",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "x = v_fma(beta, LAST(j) ? v_load_n(c, tail) : v_load(c), x);",
        "x = v_add(LAST(j) ? v_load_n(c, tail) : v_load(c), x);",
        "the fused step does not decay weights",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "if (LAST(j)) v_store_n(c, x, tail);",
        "if (LAST(j) && tail > 1) v_store_n(c, x, tail - 1);",
        "a row's last element is not stored",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "pack + j / PANEL * PANEL * k + j % PANEL",
        "pack + j / PANEL * PANEL * k",
        "transposed vectors of a panel overwrite each other",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "v_store(to + v, v_load(B + j + v));",
        "v_store(to + v, v_load(B + v));",
        "each copied panel is the first",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "        f.start = FROM_C;\n        k0 += block;",
        "        k0 += block;",
        "z = a W + b has only its last block of inputs",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "TRANSPOSED, &f, pack);\n        f.start = FROM_C;",
        "TRANSPOSED, &f, pack);",
        "δ Wᵀ has only its last block of outputs",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "{A.at + k0 * A.ld + i, 1, A.ld}",
        "{A.at + k0 * A.ld, 1, A.ld}",
        "dW of inputs beyond MC is that of the first ones",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "all.bias ? all.bias + g + j : NULL",
        "all.bias ? all.bias + g : NULL",
        "each panel starts from the first one's biases",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "        sum = v_mul(alpha, sum);\n",
        "",
        "biases step without a learning rate",
    ),
    Mutant(
        "csrc/kernels/gemm.inc.h",
        "        if (add) sum = v_fma(beta, v_load_n(c + j, lanes), sum);\n",
        "",
        "db has only its last block of rows",
    ),
]

ROW = [
    Mutant(
        "csrc/kernels/row.inc.h",
        "w = beta == 1 ? v_add(w, g) : v_fma(v_set1(beta), w, g);",
        "w = v_add(w, g);",
        "weights of a step that the next row's forward pass makes do not decay",
    ),
    Mutant(
        "csrc/kernels/row.inc.h",
        "transpose_panels(lanes, n - j < V ? n - j : V, from + p, B.ld, part);",
        "transpose_panels(lanes, n - j < V ? n - j : V, from, B.ld, part);",
        "the last weights of a single row's deltas are the first",
    ),
    Mutant(
        "csrc/net/product.inc.h",
        "owed->of->a[l], owed->of->delta",
        "b->a[l], owed->of->delta",
        "a step that is made late takes the next row's activations",
    ),
    Mutant(
        "csrc/net/product.inc.h",
        "if (owed && (!owed->trainable || owed->trainable[l])) {",
        "if (owed) {",
        "a step that is made late moves frozen layers",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "if (b->owed) b->owed = NULL;",
        "",
        "a step that was made late is made again after a row of no weight",
    ),
]

SPARSE = [
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "if (A->count[row + r] < common) common",
        "if (A->count[row + r] > common) common",
        "rows gathered side by side go on behind the shortest one's end",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "for (int64_t q = common;",
        "for (int64_t q = common + 1;",
        "a longer row loses an entry",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "for (int j = 0; j < NV; j++) sum[r][j] = load_part(NV, tail, bias, j);",
        "for (int j = 0; j < NV; j++) sum[r][j] = v_zero();",
        "rows gathered by their non-zeros have no bias",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "beta == 0 ? v_zero() : v_mul(v_set1(beta), v_load_n(c, lanes))",
        "beta == 0 ? v_zero() : v_load_n(c, lanes)",
        "weights updated by non-zeros do not decay",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "part[j] = v_mul(v_set1(alpha), ",
        "part[j] = v_mul(v_set1(1), ",
        "weights updated by non-zeros step without a learning rate",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "out->row[e] = (uint16_t)i;",
        "out->row[e] = (uint16_t)(i / 2);",
        "non-zeros by column name other rows",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "sum[c] = v_fma(x, load_part",
        "sum[c] = v_fnma(x, load_part",
        "dW of non-zeros by column has the other sign",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "            if (beta != 0) x = v_fma(v_set1(beta), v_load_n(C.at + c * V, lanes), x);\n",
        "",
        "dW of non-zeros by column has only its last block of rows",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "update(kind, s, 1, rows * columns,",
        "update(kind, s, 0, rows * columns,",
        "steps of non-zeros by column do not decay",
    ),
    Mutant(
        "csrc/kernels/sparse.inc.h",
        "begin = row_at(X, row), n = row_at(X, row + 1) - begin;\n    const char *values",
        "begin = row_at(X, row), n = row_at(X, row + 1) - begin - 1;\n    const char *values",
        "a row of the user's CSR loses its last entry",
    ),
]

ACTIVATIONS = [
    Mutant(
        "csrc/kernels/activation.inc.h",
        "case FNN_SIGMOID: return v_fnma(a, a, a);",
        "case FNN_SIGMOID: return v_fma(a, a, a);",
        "σ' = a (1 + a)",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "a = v_sigmoid(z);\n        if (both) *slope = v_fnma(a, a, a);",
        "a = v_sigmoid(z);\n        if (both) *slope = v_sub(one, a);",
        "σ' = 1 − a where it is kept",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "case FNN_TANH: return v_fnma(a, a, one);",
        "case FNN_TANH: return v_sub(one, a);",
        "tanh' = 1 − a",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "case FNN_RELU: return v_select(v_gt(a, zero), one, zero);",
        "case FNN_RELU: return v_select(v_gt(zero, a), zero, one);",
        "relu' is 1 at 0",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "case FNN_LEAKY_RELU: return v_select(v_gt(a, zero), one, v_set1(LEAKY));",
        "case FNN_LEAKY_RELU: return v_select(v_gt(a, zero), one, zero);",
        "leaky relu' leaks nothing",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "case FNN_ELU: return v_select(v_gt(a, zero), one, v_add(a, one));",
        "case FNN_ELU: return v_select(v_gt(a, zero), one, a);",
        "elu' = a below 0",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "*slope = v_fma(z, a, s);",
        "*slope = s;",
        "gelu' lacks z φ(z)",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "*slope = v_fma(a, rest, s);",
        "*slope = v_fma(a, s, s);",
        "silu' has σ for 1 − σ",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "if (both) *slope = v_sigmoid(z);",
        "if (both) *slope = v_tanh(z);",
        "softplus' is another function",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "real top = v_most(most);",
        "real top = 0;",
        "softmax of wide rows does not take away the largest",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "    for (int64_t j = whole; j < n; j++) top = z[j] > top ? z[j] : top;\n",
        "",
        "softmax does not look for the largest behind the last whole vector",
        dtype="f32",  # two of double leave but one behind, whose share is 1 then, too
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "*top = v_max(*top, x[j]);",
        "*top = v_min(*top, x[j]);",
        "softmax of short rows takes away the smallest",
    ),
    Mutant(
        "csrc/kernels/activation.inc.h",
        "sum = v_add(sum, v_load_n(z + whole, rest));",
        "sum = v_add(sum, v_zero());",
        "softmax's sum lacks what is behind the last whole vector",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "    r = v_fnma(n, v_set1((real)FNN_LN2_LO), r);\n",
        "",
        "exp reduces by 20 bits of ln 2",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "for (int k = FNN_EXP_TERMS - 1; k >= 2; k--)",
        "for (int k = FNN_EXP_TERMS - 1; k >= 3; k--)",
        "exp lacks a term of its series",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "v_copysign(v_div(e, v_add(e, v_set1(2))), x)",
        "v_div(e, v_add(e, v_set1(2)))",
        "tanh is even",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "return v_add(v_max(v_zero(), x), v_log1p_unit(u));",
        "return v_add(x, v_log1p_unit(u));",
        "softplus is x below 0",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "v_set1((real)(1.0 / (2 * k + 1)))",
        "v_set1((real)(1.0 / (2 * k)))",
        "ln's series has other coefficients",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "    e = v_fnma(v_mul(half, rest), e, e);",
        "    (void)rest;",
        "Φ's tail loses digits as x grows",
    ),
    Mutant(
        "csrc/kernels/vmath.inc.h",
        "v_sub(v_set1(1), tail), tail)",
        "tail, v_sub(v_set1(1), tail))",
        "Φ falls",
    ),
]

LOSSES = [
    Mutant(
        "csrc/kernels/loss.inc.h",
        "*g = v_select(v_gt(r, zero), one, v_select(v_gt(zero, r), v_set1(-1), zero));",
        "*g = v_select(v_gt(r, zero), one, v_set1(-1));",
        "mae has a slope where it is 0",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "*g = v_select(v_gt(size, p), v_copysign(p, r), r);",
        "*g = r;",
        "huber's slope is not bounded",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "v_fnma(v_set1((real)0.5), slope, size)",
        "v_fnma(v_set1((real)0.5), size, size)",
        "huber is quadratic outside",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "return v_max(v_mul(v_sub(one, p), r), v_mul(v_sub(zero, p), r));",
        "return v_max(v_mul(p, r), v_mul(v_sub(p, one), r));",
        "quantile q is quantile 1 − q, in the cost",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "*g = v_select(v_gt(r, zero), v_sub(one, p),",
        "*g = v_select(v_gt(r, zero), p,",
        "quantile's slope above is that below",
    ),
    Mutant("csrc/kernels/loss.inc.h", "*g = v_add(r, r);", "*g = r;", "the slope of r² is r"),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "lse = (double)e.z[top] - log((double)e.a[top])",
        "lse = (double)e.z[top]",
        "cross-entropy of wide rows has max z for ln Σ e^z",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "v_sub(v_mul(all, v_load_n(e.a + j, lanes)), v_load_n(e.y + j, lanes))",
        "v_sub(v_load_n(e.a + j, lanes), v_load_n(e.y + j, lanes))",
        "cross-entropy's δ of wide rows takes Σ y for 1",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "y[j] = v_mul(weight, v_sub(v_mul(sum, x[j]), y[j]));",
        "y[j] = v_mul(weight, v_sub(x[j], y[j]));",
        "cross-entropy's δ of short rows takes Σ y for 1",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "((double)highest[r] - log((double)largest[r])) - along[r]",
        "((double)highest[r] + log((double)largest[r])) - along[r]",
        "cross-entropy of short rows has a sign wrong",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "vec weight = o->weight ? v_load_n(o->weight + i, (int)rows) : v_set1(1);",
        "vec weight = o->weight ? v_load_n(o->weight, (int)rows) : v_set1(1);",
        "examples beyond the first V weigh what the first ones do",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "return v_fnma(y, z,",
        "return v_fma(y, z,",
        "binary cross-entropy and Poisson have + y z",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "if (lanes < V) { /* the idle",
        "if (0) { /* the idle",
        "idle lanes add ln 2 to a cost",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "*d = v_sub(a, y);",
        "*d = v_sub(y, a);",
        "binary cross-entropy and Poisson climb",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "* (1 - e.y[j] / a);",
        "* (a - e.y[j]);",
        "Poisson's dC/da is dC/dz of exp",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "double c = a - e.y[j] * log((double)a);",
        "double c = -e.y[j] * log((double)a);",
        "Poisson's cost lacks a",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "v_sub(v_load_n(g + j, lanes), mean)",
        "v_load_n(g + j, lanes)",
        "softmax's outputs do not depend on each other",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "logits, n, &e) * per;",
        "logits, n, &e);",
        "mse is a sum over outputs",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "(real)((o->weight ? o->weight[i] : 1) * per)",
        "(real)(o->weight ? o->weight[i] : 1)",
        "mse's δ is a sum over outputs",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "(real)((o->weight ? o->weight[i] : 1) * per)",
        "(real)((o->weight ? o->weight[0] : 1) * per)",
        "all examples weigh what the first does",
    ),
    Mutant(
        "csrc/kernels/loss.inc.h",
        "if (o->delta && !logits && f != FNN_SOFTMAX) multiply",
        "if (o->delta && !logits && f == FNN_SIGMOID) multiply",
        "δ lacks f' of most outputs",
    ),
]

OPTIMISERS = [
    Mutant(
        "csrc/kernels/optim.inc.h",
        "vec mi = v_flush(v_fma(s.mu, v_load_n(m + i, lanes), gi));",
        "vec mi = v_flush(v_fma(s.mu, gi, v_load_n(m + i, lanes)));",
        "momentum scales the gradient",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "gi = s.nesterov ? v_fma(s.mu, mi, gi) : mi;",
        "gi = mi;",
        "Nesterov's momentum is the usual one",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_set1(decay ? s->weight_decay : 0)",
        "v_set1(decay ? 0 : s->weight_decay)",
        "optimisers decay biases instead of weights",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "if (s.decoupled) w = v_fnma(v_mul(s.eta, s.lambda), w, w);",
        "if (s.decoupled) w = v_fnma(s.lambda, w, w);",
        "AdamW's decay does not scale with the rate",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "if (s.decoupled) w = v_fnma(v_mul(s.eta, s.lambda), w, w);",
        "if (s.decoupled) g = v_fma(s.lambda, w, g);",
        "AdamW is Adam with L2",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "*m = v_flush(v_fma(s.b1, *m, v_mul(v_sub(one, s.b1), g)));",
        "*m = v_flush(v_fma(s.b1, *m, g));",
        "Adam's m is a sum",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_mul(v_sub(one, s.b2), v_mul(g, g))",
        "v_mul(v_sub(one, s.b2), g)",
        "Adam's v is a mean of g",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_add(v_sqrt(v_mul(*v, s.c2)), s.eps)",
        "v_sqrt(v_add(v_mul(*v, s.c2), s.eps))",
        "Adam's eps stands under the root",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_sqrt(v_mul(*v, s.c2))",
        "v_sqrt(*v)",
        "Adam's v is not corrected for its start",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_div(v_mul(*m, s.c1), below)",
        "v_div(*m, below)",
        "Adam's m is not corrected for its start",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_add(v_sqrt(vi), s.eps)",
        "v_sqrt(v_add(vi, s.eps))",
        "RMSprop's eps stands under the root",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "v_mul(v_sub(one, alpha), v_mul(gi, gi))",
        "v_mul(gi, gi)",
        "RMSprop's v is a sum",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "u = v_flush(v_fma(s.mu, v_load_n(m + i, lanes), u));",
        "u = v_add(v_load_n(m + i, lanes), u);",
        "RMSprop's momentum forgets nothing",
    ),
    Mutant(
        "csrc/kernels/optim.inc.h",
        "vec wi = v_load_n(w + i, lanes), gi = v_fma(s.lambda, wi, v_load_n(g + i, lanes));\n"
        "        vec vi",
        "vec wi = v_load_n(w + i, lanes), gi = v_load_n(g + i, lanes);\n        vec vi",
        "RMSprop does not decay",
    ),
]

READING = [
    Mutant(
        "csrc/simd/simd.h",
        "return (real)((double)byte * (1.0 / 255));",
        "return (real)((double)byte * (1.0 / 256));",
        "bytes are scaled by 1/256",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "else elements(BY_FACTOR, dtype, X, p, stride, n, out);",
        "else elements(BY_FACTOR, dtype, X, p, size, n, out);",
        "numbers that are scaled are read as if they lay end to end",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "else elements(AS_IS, dtype, X, p, stride, n, out);",
        "else elements(AS_IS, dtype, X, p, size, n, out);",
        "numbers are read as if they lay end to end",
    ),
    Mutant(
        "csrc/net/read.inc.h",
        "int in_order = X->col_stride == sizeof(real) &&",
        "int in_order =",
        "columns of rows in place are read as if they lay end to end",
    ),
    Mutant(
        "csrc/net/read.inc.h",
        "if (!finite) fnn_atomic_store(&job->not_finite, 1);",
        "",
        "infinite numbers of X give predictions",
    ),
    Mutant(
        "csrc/rows.c",
        "order[i] = order[to], order[to] = row;",
        "order[i] = order[to];",
        "rows are visited several times, and others never",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "X->dtype == own && X->col_stride == sizeof(real) &&",
        "X->dtype == own &&",
        "rows are read as if they lay end to end",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "how == BY_COLUMN ? x : out[j] + x",
        "x",
        "of CSR entries at one place the last counts alone",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "(number(dtype, p) - X->shift[j])",
        "(number(dtype, p) + X->shift[j])",
        "the shift is added",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "- X->shift[j]) * X->scale[j]);\n    default:",
        "- X->shift[j]) * X->scale[0]);\n    default:",
        "all columns have the first one's scale",
    ),
    Mutant(
        "csrc/kernels/gather.inc.h",
        "return rows.row ? rows.row[i] : rows.first + i;",
        "return rows.row ? rows.row[0] + i : rows.first + i;",
        "rows are not visited in their order",
    ),
]

NETWORK = [
    Mutant(
        "csrc/net/net.inc.h",
        "real kept = (real)(1 / (1 - p));",
        "real kept = 1;",
        "what dropout keeps is not scaled",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "real mask = word[e % 4] >= least ? kept : 0;",
        "real mask = word[e % 4] < least ? kept : 0;",
        "dropout keeps what it should drop",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "            if (slope) slope[j * lanes] *= mask;\n",
        "",
        "δ passes what dropout dropped",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "{(uint32_t)(e / 4), (uint32_t)l, (uint32_t)d->step,",
        "{(uint32_t)(e / 4), 1, (uint32_t)d->step,",
        "layers share their masks",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "(uint64_t)(d->first_row + i) * (uint64_t)n",
        "(uint64_t)i * (uint64_t)n",
        "blocks of a batch share their masks",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "(uint32_t)((uint64_t)d->step >> 32)}",
        "0}",
        "masks come again after 2^32 steps",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "best = x[j] > x[best] ? j : best;",
        "best = x[j] >= x[best] ? j : best;",
        "of equal targets the last is the class",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "beaten |= a[j] >= a[label];",
        "beaten |= a[j] > a[label];",
        "of equal outputs each is the class",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "if ((a[j] >= (real)0.5) ==",
        "if ((a[j] > (real)0.5) ==",
        "an output of a half says no",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "i, total, (real)(1 / total)",
        "i, (double)m, (real)(1 / total)",
        "a batch's gradient is divided by its rows, not by their weights",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "fetch_target(net, b, y, order ? order[begin + i]",
        "fetch_target(net, b, y, order ? order[i]",
        "every batch has the targets of the first",
    ),
    Mutant(
        "csrc/net/product.inc.h",
        "FNN_TABLE->times_slope(net->activation[l - 1],",
        "FNN_TABLE->times_slope(net->activation[l],",
        "δ has f' of the next layer",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "bias_sums(net, b, me, l, m, of_b,",
        "bias_sums(net, b, me, l, m, of_W,",
        "plain SGD decays biases too",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "update_piece(o, constants, clip, 0, c1 - c0",
        "update_piece(o, constants, clip, 1, c1 - c0",
        "optimisers decay biases too",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "sums.loss += w * b->cost[at];",
        "sums.loss += b->cost[at];",
        "the loss does not weigh examples",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "sums.correct += w * b->correct[at];",
        "sums.correct += b->correct[at];",
        "the accuracy does not weigh examples",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "order ? order[begin + i] : begin + i] : 1;",
        "order ? order[i] : begin + i] : 1;",
        "the loss has the weights of the first batch",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "run->steps_taken + number + 1);",
        "run->steps_taken + 1);",
        "Adam's correction stands still within a call",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "s.c2 = (real)(1 / (1 - pow(o->beta2, (double)t)));",
        "s.c2 = (real)(1 / (1 - pow(o->beta1, (double)t)));",
        "Adam's v is corrected by β1",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "rate = run->rates[number];",
        "rate = run->rates[0];",
        "a call's batches share the first one's rate",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "total += y->weight[order ? order[i] : i];",
        "total += y->weight[i];",
        "a batch's weights are those of other rows",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "(real)(1 - rate * decay_of(o, run, number))",
        "(real)(1 - decay_of(o, run, number))",
        "plain SGD's decay does not scale with the rate",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "dropping drops = {1, at, run->steps_taken + number,",
        "dropping drops = {1, at, run->steps_taken,",
        "a call's batches share their masks",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "run->exchange ? total : 1, b->partial",
        "run->exchange ? (double)m : 1, b->partial",
        "the gradient of all ranks is divided by the rows of one",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "if (m == 0 || !isfinite(sums->loss)) memset(",
        "if (!isfinite(sums->loss)) memset(",
        "a rank without rows in a batch adds its last gradient again",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "sum[p] += part[p];",
        "sum[p] = part[p];",
        "of the blocks that threads did by themselves the last counts alone",
    ),
    Mutant(
        "csrc/net/train.inc.h",
        "products(net, b, me, rows, run->trainable, added, added, when, b->gradient);",
        "products(net, b, me, rows, run->trainable, (mix){.alpha = 1}, added, when, b->gradient);",
        "dW has only its last block of rows",
    ),
    Mutant(
        "csrc/net/read.inc.h",
        "products(net, b, me, m, NULL, (mix){.alpha = 1, .beta = 1}, (mix){",
        "products(net, b, me, m, NULL, (mix){.alpha = 1}, (mix){",
        "a gradient is not added to what is there",
    ),
    Mutant(
        "csrc/net/read.inc.h",
        "row.a[l] = b->a[l] + i * b->ld[l];",
        "row.a[l] = b->a[l];",
        "∇C of each example has the first one's activations",
    ),
    Mutant(
        "csrc/net/read.inc.h",
        "        if (each || out->layers) targets.weight = NULL;\n",
        "",
        "∇C of each example is weighted",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "    if (norm > o->clip_norm * total) clip.factor",
        "    if (norm < o->clip_norm * total) clip.factor",
        "short gradients are clipped, long ones are not",
    ),
    Mutant(
        "csrc/net/net.inc.h",
        "norm > o->clip_norm * total",
        "norm > o->clip_norm",
        "the sum of all ranks' gradients is clipped, not their mean",
    ),
    Mutant(
        "csrc/net/read.inc.h",
        "job->inputs + to * n_in, n_out * n_in",
        "job->inputs + to * n_in, n_in",
        "a Jacobian of several outputs has its rows in wrong places",
    ),
    Mutant(
        "csrc/net/block.inc.h",
        "== STORED || net->dropout[l] > 0;",
        "== STORED;",
        "dropout has no slope to put its mask in",
    ),
    Mutant(
        "csrc/fnn.c",
        "made->biases_at[l] = at + spec->sizes[l] * spec->sizes[l + 1];",
        "made->biases_at[l] = at;",
        "biases lie on the first weights",
    ),
    Mutant("csrc/system/philox.h", "round < 10", "round < 9", "Philox has 9 rounds"),
    Mutant("csrc/system/philox.h", "^ c3 ^ k1;", "^ c3;", "half of the seed is not used"),
    Mutant(
        "csrc/system/philox.h",
        "c1 = (uint32_t)p1;",
        "c1 = (uint32_t)p0;",
        "Philox's words are the wrong way round",
    ),
    Mutant(
        "csrc/system/fpmode.h",
        "old | 0x9fc0",
        "old | 0x1fc0",
        "subnormal results are not flushed",
    ),
    Mutant(
        "csrc/system/fpmode.h",
        "old | 0x9fc0",
        "old | 0x9f80",
        "subnormal operands are not zero",
    ),
    Mutant(
        "csrc/system/fpmode.h",
        "fnn_fpmode_restore(fnn_fpmode old) { _mm_setcsr(old); }",
        "fnn_fpmode_restore(fnn_fpmode old) { (void)old; }",
        "the caller's arithmetic flushes subnormals from then on",
    ),
    Mutant(
        "csrc/system/parallel.c",
        "last = units * (me->rank + 1) / me->size;",
        "last = units * me->rank / me->size + units / me->size;",
        "shares leave gaps",
    ),
]

PYTHON = [
    Mutant(
        "fastnn/fit/training.py",
        'logs = {"loss": loss / weight}',
        'logs = {"loss": loss}',
        "the loss is a sum",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "core.cost(examples.rows, examples.targets, begin, end, None, n_threads, sums)",
        "core.cost(examples.rows, examples.targets, begin, end, None, n_threads)",
        "of an evaluation in several calls the last counts alone",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "-(-self._n_visited // fit_state.batch_size)",
        "self._n_visited // fit_state.batch_size",
        "an epoch leaves its last, smaller batch out",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "return self.epoch * self.steps_per_epoch + self._batch",
        "return self.epoch * self.steps_per_epoch",
        "schedules know whole epochs only",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "order[(self._batch - first) * size : (last - first) * size]",
        "order[: (last - self._batch) * size]",
        "every call of an epoch visits the same rows",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "rates if self._rate_factor == 1 else rates * self._rate_factor",
        "rates",
        "a rule's factor on the gradient is left out",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "        train_state.optimizer_state,  # whose steps are counted\n",
        "        None,\n",
        "Adam's steps are not counted from call to call",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "return rates * self.lr_scale",
        "return rates",
        "callbacks scale no rate",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "return _fastnn.permutation(self._train_state.rng, rows)",
        "return visit if visit is not None else _fastnn.permutation(self._train_state.rng, rows)",
        "rows are not shuffled where some weigh nothing",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "if whole or not self._fit_state.shuffle:",
        "if not whole:",
        "nothing is shuffled",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "[self.steps_per_epoch - 1 - self._batch :: self.steps_per_epoch] = rest",
        "[self.steps_per_epoch - 1 - self._batch :: self.steps_per_epoch] = size",
        "the penalty of the last, smaller batch is that of a whole one",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "m = np.array([used[begin : begin + size].sum() for begin in begins])",
        "m = np.array([1.0 * len(used[begin : begin + size]) for begin in begins])",
        "the penalty of a weighted batch goes by its rows",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "        set_params(core, best.params)\n",
        "",
        "a fit that diverges leaves the last parameters that it looked at",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "        self._train_state.optimizer_state.forget()\n",
        "",
        "a fit that diverges leaves its moments, which may be infinite",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "score < self._kept[-1].score",
        "score > self._kept[-1].score",
        "the worst weights so far are kept",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "int(np.argmin(losses))",
        "int(np.argmax(losses))",
        "of the weights kept the worse ones come back",
    ),
    Mutant(
        "fastnn/fit/training.py",
        "self._kept and not self._cost_is_finite():",
        "False:",
        "a last step that overflows is not undone",
    ),
    Mutant(
        "fastnn/optim.py",
        '{**super().constants, "decoupled": True}',
        "super().constants",
        "AdamW is Adam",
    ),
    Mutant(
        "fastnn/optim.py",
        '"beta2": self.betas[1],',
        '"beta2": self.betas[0],',
        "Adam's β2 is its β1",
    ),
    Mutant(
        "fastnn/optim.py",
        '"nesterov": bool(self.nesterov),',
        '"nesterov": False,',
        "Nesterov's momentum is not asked for",
    ),
    Mutant(
        "fastnn/optim.py",
        '"beta2": self.alpha,',
        '"beta2": 0.99,',
        "RMSprop's α is its default",
    ),
    Mutant(
        "fastnn/fit/state.py",
        'constants["eps"] /= factor',
        'constants["eps"] *= factor',
        "eps is scaled the wrong way by a rule's factor",
    ),
    Mutant(
        "fastnn/fit/state.py",
        'constants["weight_decay"] + self.alpha / m',
        "self.alpha / m",
        "a rule's penalty takes the place of the optimiser's decay",
    ),
    Mutant(
        "fastnn/fit/state.py",
        'if not constants.get("decoupled"):',
        "if True:",
        "a rule's factor scales a decay that is decoupled",
    ),
    Mutant(
        "fastnn/schedules.py",
        "t // (self.every * epoch)",
        "t // self.every",
        "Step counts batches for epochs",
    ),
    Mutant(
        "fastnn/schedules.py",
        "np.power(self.decay, t / epoch)",
        "np.power(self.decay, t // epoch)",
        "Exponential jumps once an epoch",
    ),
    Mutant(
        "fastnn/schedules.py",
        "np.minimum((t + 1) / warm, 1.0)",
        "np.minimum(t / warm, 1.0)",
        "the first batch of a warm-up has no rate",
    ),
    Mutant(
        "fastnn/schedules.py",
        "self.peak_at * total - 1",
        "self.peak_at * total",
        "OneCycle's peak is a step late",
    ),
    Mutant(
        "fastnn/schedules.py",
        "first * left + last * (1 - left)",
        "first * left",
        "Cosine and OneCycle end at 0",
    ),
    Mutant(
        "fastnn/targets.py",
        "n / (len(there) * rows)",
        "n / (len(counts) * rows)",
        '"balanced" counts classes that are not there',
    ),
    Mutant(
        "fastnn/targets.py",
        "counts = np.where(rows[:, None] > 0, weight, there)",
        "counts = np.where(rows[:, None] > 0, weight, 1.0)",
        "a row without targets has a cost of its own",
    ),
    Mutant(
        "fastnn/targets.py",
        "there * (weight[:, None] if by_row else weight)",
        "there",
        "weights are lost where targets are missing",
    ),
    Mutant(
        "fastnn/targets.py",
        "weight = by_class if weight is None else weight * by_class",
        "weight = by_class",
        "class_weight takes the place of sample_weight",
    ),
    Mutant(
        "fastnn/arrays.py",
        "np.full(self.n_in, 1 / 255)",
        "np.full(self.n_in, 1 / 256)",
        "bytes are read as fractions of 256",
    ),
    Mutant(
        "fastnn/targets.py",
        "labels = order[found].astype(np.int64)",
        "labels = found.astype(np.int64)",
        "labels are numbered by the alphabet",
    ),
    Mutant(
        "fastnn/init.py",
        "            limit = math.sqrt(6 / (n_in + n_out))",
        "            limit = math.sqrt(6 / n_in)",
        "glorot_uniform goes by the inputs alone",
    ),
    Mutant(
        "fastnn/init.py",
        " and l < len(weights) - 1",
        "",
        "sigmoid_uniform draws the output layer as wide as the others",
    ),
    Mutant(
        "fastnn/init.py",
        "b[:] = rng.uniform(-limit, limit, b.shape)",
        "pass",
        "the default's biases are 0",
    ),
    Mutant("fastnn/init.py", 'gain = 2 if init == "he_normal" else 1', "gain = 1", "he is lecun"),
    Mutant(
        "fastnn/init.py",
        "            b[:] = rng.standard_normal(b.shape)\n",
        "",
        "standard_normal leaves biases 0",
    ),
    Mutant(
        "fastnn/init.py",
        "math.sqrt(gain / n_in)",
        "math.sqrt(gain / n_out)",
        "variances go by the outputs",
    ),
]

MUTANTS = GEMM + ROW + SPARSE + ACTIVATIONS + LOSSES + OPTIMISERS + READING + NETWORK + PYTHON


def misplaced() -> list[str]:
    """Return a line for each mutant whose text does not stand exactly once in its file."""
    lines = []
    for mutant in MUTANTS:
        n = (ROOT / mutant.file).read_text("utf-8").count(mutant.old)
        if n != 1:
            lines.append(f"{mutant.file}: {mutant.old!r} stands there {n} times, not once")
    return lines
