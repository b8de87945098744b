"""Templates of the C file: literals, tables, layers and entry functions.

In the templates ``@name@`` is the prefix of all identifiers, ``@NAME@`` that of macros, ``@real@``
the type of the numbers, and ``f(1.5)`` a literal of it. Static functions are written only where
they are called: an unused one is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..layout import Array

_WIDTH = 110  # of a line of numbers

# At -O2 gcc vectorises loops with a constant number of iterations over separate arrays, without
# branches. So activations work on four numbers at a time, and arrays of sums have room for a
# multiple of four. Limits have their own loop: within the loop of the exponential gcc would branch
# for values beyond them. For the same reason no product or sum is in one arm of ?: only.
BLOCK = 4


def literal(value: float, dtype: str) -> str:
    """Return the shortest C literal that is read as the same number."""
    text = str(np.dtype(dtype).type(value))
    if not any(mark in text for mark in ".en"):
        text += ".0"
    return text + ("f" if dtype == "float32" else "")


def string(text: str) -> str:
    r"""Return a C string literal: non-ASCII letters as octal bytes of UTF-8, ? as \?."""

    def escaped(byte: int) -> str:
        if chr(byte) in '"\\?':  # ??/ would be a backslash: a trigraph
            return "\\" + chr(byte)
        return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"

    return '"' + "".join(map(escaped, text.encode("utf-8", "replace"))) + '"'


def comment(text: str) -> str:
    """Return a user's text without letters that could end a comment or a line."""
    return re.sub(r"[^A-Za-z0-9 _.,:()+%=\[\]-]", "_", text)


def table(name: str, values: Array, c_type: str) -> str:
    """Return a static table; a new line for each row of a matrix."""
    n = values.size
    dtype = values.dtype.name
    rows = values if values.ndim == 2 else values[None]
    lines = []
    for row in rows:
        # As Python's numbers, whose conversion to text is ten times as fast.
        if dtype == "float32":
            texts = [str(value) for value in row]
            texts = [(t if "." in t or "e" in t else t + ".0") + "f" for t in texts]
        else:
            texts = [repr(value) for value in row.tolist()]
        lines += _wrapped(texts)
    body = "\n".join(lines)
    return f"@TABLE@ {c_type} {name}[{n}] = {{\n{body}\n}};\n"


def _wrapped(texts: Iterable[str]) -> list[str]:
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text},"
    lines.append(line)
    return lines


def fill(template: str, dtype: str, **names: str) -> str:
    """Return a template with its names and literals filled in."""
    text = re.sub(r"\bf\((-?[0-9.e+-]+)\)", lambda found: literal(float(found[1]), dtype), template)
    names["real"] = "float" if dtype == "float32" else "double"
    return re.sub(r"@(\w+)@", lambda found: names[found[1]], text)


# ---- layers --------------------------------------------------------------------------------------

ADD = """\
/* z += v w, with w a row of W: what an input adds to the sums of a layer of @n_out@ */
static inline void @name@_add_@n_out@(@real@ v, const @FLASH@ @real@ *@NAME@_RESTRICT w,
    @real@ *@NAME@_RESTRICT z)
{
    int j;
@loops@
}
"""
ADD_FOUR = """\
/* z += v w for four inputs and rows of W in turn: z is read and written once */
static inline void @name@_add_four_@n_out@(const @real@ *v, const @FLASH@ @real@ *@NAME@_RESTRICT w,
    @real@ *@NAME@_RESTRICT z)
{
    const @real@ v0 = v[0], v1 = v[1], v2 = v[2], v3 = v[3];
    int j;
@loops@
}
"""
START = """\
static void @name@_start(int n_out, const @FLASH@ @real@ *b, @real@ *z)
{
    int j;
    for (j = 0; j < n_out; j++) z[j] = b[j];
    for (; j % 4; j++) z[j] = 0; /* activations take four at a time */
}
"""
LAYER = """\
/* z = x W + b, W (@n_in@, @n_out@): every sum starts with b and runs in the order of x */
static void @name@_layer@l@(const @real@ *x, @real@ *z)
{
    int i;
    @name@_start(@n_out@, @name@_b@l@, z);
@adds@
}
"""
_ADDS = {
    4: "for (i = 0; i < @end@; i += 4) "
    "@name@_add_four_@n_out@(x + i, @name@_W@l@ + (long)i * @n_out@, z);",
    1: "for (i = @end@; i < @n_in@; i++) "
    "@name@_add_@n_out@(x[i], @name@_W@l@ + (long)i * @n_out@, z);",
}


def strides(n_in: int) -> list[int]:
    """Return the numbers of inputs added at a time: four, and one if n_in is no multiple."""
    return [4] * (n_in >= 4) + [1] * (n_in % 4 > 0)


def adds(n_in: int) -> str:
    """Return the loops over the inputs of a layer."""
    lines = (_ADDS[stride].replace("@end@", str(n_in - n_in % 4)) for stride in strides(n_in))
    return "\n".join(f"    {line}" for line in lines)


def add(n_out: int, stride: int) -> str:
    """Return the function for rows of W; its loop over a multiple of four becomes vectors."""
    main, step = n_out - n_out % BLOCK, " z[j] += v * w[j];"
    if stride == 4:
        terms = "".join(f" + v{k} * w[j + {k * n_out}]" for k in (1, 2, 3))
        step = f"\n        z[j] = z[j] + v0 * w[j]{terms};"
    ends = [(0, main)] * (main > 0) + [(main, n_out)] * (main < n_out)
    loops = [f"    for (j = {begin}; j < {end}; j++){step}" for begin, end in ends]
    return (ADD_FOUR if stride == 4 else ADD).replace("@loops@", "\n".join(loops))


LAYER_INT8 = """\
/* z_j = scale_j step sum_i W_ji q_i + b_j, W (n_out, n_in). The largest |q| of each layer, its
 * limit, was chosen so that no sum can leave 32 bits. */
static void @name@_layer(int n_in, int n_out, const @FLASH@ int8_t *W, const @FLASH@ float *scale,
    const @FLASH@ float *b, const int16_t *q, float step, float *z)
{
    int i, j;
    for (j = 0; j < n_out; j++, W += n_in) {
        int32_t sum = 0;
        for (i = 0; i < n_in; i++) sum += (int32_t)W[i] * q[i];
        z[j] = (float)sum * (scale[j] * step) + b[j];
    }
    for (; j % 4; j++) z[j] = 0; /* activations take four at a time */
}
"""
QUANTIZE_VALUE = """\
static int16_t @name@_round(float v, float limit) /* to the nearest whole number within the limit */
{
    v = v > limit ? limit : v;
    v = v > -limit ? v : -limit;
    return (int16_t)(v + (v < 0 ? -0.5f : 0.5f));
}
"""
QUANTIZE = """\
/* q_i = a_i / step, rounded; the largest becomes the limit. Returns the step. */
static float @name@_quantize(int n, const float *a, float limit, int16_t *q)
{
    float most = 0, factor;
    int i;
    for (i = 0; i < n; i++) {
        float size = a[i] < 0 ? -a[i] : a[i];
        most = most < size ? size : most;
    }
    factor = most > 1e-30f ? limit / most : 0; /* 1 / step must not overflow */
    for (i = 0; i < n; i++) q[i] = @name@_round(a[i] * factor, limit);
    return most > 1e-30f ? most / limit : 0;
}
"""
# The entries, one for each type of input; @input@ is input i as the network reads it.
ENTRY = """\
void @name@_predict@suffix@(const @type@ x[@NAME@_N_IN], @a_type@ a[@NAME@_N_OUT])
{
    @NAME@_SCRATCH @real@ z[@room@];
    @real@ v[4]@check_begin@;
    int i;
    @name@_start(@width@, @name@_b1, z);
    for (i = 0; i < @NAME@_N_IN; i++) {
        v[i % 4] = @input@;
@check@@add_four@    }
@add_rest@    @name@_finish(z, a);
@check_end@}
"""
ENTRY_ADDS = {  # many inputs are zero where they are pixels
    4: "        if (i % 4 == 3 && (v[0] != 0 || v[1] != 0 || v[2] != 0 || v[3] != 0))\n"
    "            @name@_add_four_@width@(v, @name@_W1 + (long)(i - 3) * @width@, z);\n",
    1: "    for (i = @end@; i < @NAME@_N_IN; i++)\n"
    "        @name@_add_@width@(v[i % 4], @name@_W1 + (long)i * @width@, z);\n",
}
ENTRY_INT8 = """\
void @name@_predict@suffix@(const @type@ x[@NAME@_N_IN], @a_type@ a[@NAME@_N_OUT])
{
    @NAME@_SCRATCH float z[@room@];
    @NAME@_SCRATCH int16_t q[@most_in@];
    float step;
    int i;
@quantize@    @name@_layer(@NAME@_N_IN, @width@, @name@_W1, @name@_scale1, @name@_b1, q, step, z);
    @name@_finish(@finish@);
@check_end@}
"""
QUANTIZE_INPUTS = """\
    float most = 0, factor, bad = 0;
    for (i = 0; i < @NAME@_N_IN; i++) {
        float v = @input@;
        bad += (float)x[i] - (float)x[i];
        v = v < 0 ? -v : v;
        most = most < v ? v : most;
    }
    factor = most > 1e-30f ? @limit@ / most : 0; /* 1 / step must not overflow */
    step = most > 1e-30f ? most / @limit@ : 0;
    for (i = 0; i < @NAME@_N_IN; i++) q[i] = @name@_round(@input@ * factor, @limit@);
"""
CLASSIFY = """\
int @name@_classify@suffix@(const @type@ x[@NAME@_N_IN])
{
    @real@ a[@NAME@_N_OUT];
    @name@_predict@suffix@(x, a);
    return @name@_class_of(a);
}
"""
CLASS_OF = """\
/* the largest output, the first of equals */
static int @name@_class_of(const @real@ a[@NAME@_N_OUT])
{
    int j, best = 0;
    for (j = 0; j < @compared@; j++) {
        if (!(a[j] == a[j])) return -1;
        if (a[j] > a[best]) best = j;
    }
    return best;
}
"""
CLASS_OF_ONE = """\
/* the second class where the output is at least 1/2 */
static int @name@_class_of(const @real@ a[1])
{
    return a[0] == a[0] ? a[0] >= f(0.5) : -1;
}
"""
