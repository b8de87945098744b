"""Begin and end of the C file: comment and declarations, and the program with the self-test."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..layout import Array
from . import c_jacobian, facts
from . import c_source as source
from .arithmetic import Measured

if TYPE_CHECKING:
    from .c_writer import Writer

_ROWS = 6  # of the self-test, of which the last is bytes
_NAMED_INPUTS = 200  # more names than these are not listed


def header_comment(w: Writer, measured: Measured | None, file_name: str) -> str:
    """Return the first comment: description, use, and memory."""
    net, name, upper = w.net, w.name, w.name.upper()
    kind = "int8 weights, float activations" if w.int8 else w.c_type
    lines = [
        f"{file_name}: a neural network, written by fastnn {__version__} (fastnn export).",
        "",
        f"Network    {w.words}",
        f"Arithmetic {kind}; no library but the C compiler's own headers",
        f"Flash      {w.flash:,} bytes of tables, and some kilobytes of code",
        f"RAM        {w.ram:,} bytes of stack for a call, beside x and a",
        f"           (-D{upper}_SCRATCH=static: static memory instead; then one call at a time)",
    ]
    if w.int8:
        lines += _int8_lines(measured)
    inputs = "as they are" if w.scaled is None else "in their own units, scaled by the file itself"
    image = w.metadata.get("image_shape")
    if isinstance(image, list) and len(image) == 2:
        inputs = f"the pixels of an image, row by row, {inputs}"
    lines += [
        "",
        f"Inputs     {net.sizes[0]:,} numbers: {inputs}",
        *_input_names(net),
        f"Outputs    {net.sizes[-1]:,}",
        "",
        f"Use        #define {upper}_DECLARATIONS_ONLY",
        f'           #include "{file_name}"',
        "           in your own source, C or C++, and compile this file beside it (Arduino: put it",
        "           into the sketch's folder). Then:",
        *_variables(w),
        f"               {name}_predict(x, a);",
    ]
    also = f"{name}_predict_u8 takes"
    if w.classifies:
        lines.append(f"               int best = {name}_classify(x);")
        also = f"{name}_predict_u8 and {name}_classify_u8 take"
    if w.jacobian:
        lines.append(f"               {name}_jacobian(x, J); with {w.c_type} J[outputs x inputs]")
    meaning = "" if net._old_bytes is None else ", which count as x / 255"
    lines.append(f"           {also} bytes{meaning}.")
    lines += [
        f"Test       cc -std=c99 -O2 -D{upper}_MAIN {file_name} -o {name} && ./{name}",
        f"           checks it against fastnn; ./{name} - reads rows of {net.sizes[0]} numbers",
        f"           from the standard input, ./{name} u8 rows of bytes",
    ]
    return (
        "/* " + "\n * ".join(lines).replace("\n *  \n", "\n *\n").replace(" * \n", " *\n") + "\n */"
    )


def _variables(w: Writer) -> list[str]:
    """Return the declarations of x and a in the example of how to use the file."""
    upper = w.name.upper()
    x, a = f"x[{upper}_N_IN] = {{...}}", f"a[{upper}_N_OUT]"
    if w.x_type == w.a_type:
        return [f"               {w.x_type} {x}, {a};"]
    return [f"               {w.x_type} {x};", f"               {w.a_type} {a};"]


def _int8_lines(measured: Measured | None) -> list[str]:
    if measured is None:
        return ["Accuracy   not measured: no examples were given when this was exported"]
    n = measured.n
    lines = [f"Accuracy   on {n:,} examples, weights in full -> int8, with this file's arithmetic:"]
    for key in ("accuracy", "loss"):
        if key in measured.before:
            form = "{:.2%}" if key == "accuracy" else "{:.6g}"
            pair = " -> ".join(form.format(v[key]) for v in (measured.before, measured.after))
            lines.append(f"           {key} {pair}")
    lines.append(f"           largest change of an output {measured.largest_change:.3g}")
    return lines


def _input_names(net: object) -> list[str]:
    names = facts.feature_names(facts.check(net))
    if names is None or len(names) > _NAMED_INPUTS:
        return []
    text = ", ".join(source.comment(name)[:40] for name in names)
    return textwrap.wrap(
        text, 100, initial_indent=" " * 11, subsequent_indent=" " * 11, break_on_hyphens=False
    )


_DECLARATIONS = """\
#ifndef @NAME@_DECLARED
#define @NAME@_DECLARED

#include <stdint.h>

#define @NAME@_N_IN @n_in@
#define @NAME@_N_OUT @n_out@

#ifdef __cplusplus
extern "C" {
#endif

/* a = the network's outputs for the inputs x; all NaN if an input is NaN or infinite. */
void @name@_predict(const @x_type@ x[@NAME@_N_IN], @a_type@ a[@NAME@_N_OUT]);
void @name@_predict_u8(const uint8_t x[@NAME@_N_IN], @a_type@ a[@NAME@_N_OUT]);
@more@
#ifdef __cplusplus
}
#endif
#endif

#ifndef @NAME@_DECLARATIONS_ONLY
@string_h@
#if defined(__GNUC__) || defined(_MSC_VER)
#define @NAME@_RESTRICT __restrict
#else
#define @NAME@_RESTRICT
#endif
#ifndef @NAME@_SCRATCH
#define @NAME@_SCRATCH /* or static */
#endif
#ifndef @NAME@_FLASH /* what makes a table stay in flash, where const alone does not */
#if defined(__AVR__) && !defined(__cplusplus) && !defined(__STRICT_ANSI__)
#define @NAME@_FLASH __flash
#else
#define @NAME@_FLASH
#endif
#endif
"""
_OF_CLASSES = """\

/* The position of the most likely class, 0 to {last}; -1 if an output is NaN. */
int @name@_classify(const @x_type@ x[@NAME@_N_IN]);
int @name@_classify_u8(const uint8_t x[@NAME@_N_IN]);
"""


def declarations(w: Writer) -> str:
    """Return the declarations for other sources, which come first in the file."""
    more, n = "", max(w.net.sizes[-1], 2)
    if w.classifies:
        labels = w.net.classes
        n = n if labels is None else len(labels)
        more = _OF_CLASSES.format(last=n - 1)
        if labels is not None:
            more += f"extern const char *const @name@_labels[{n}]; /* UTF-8, by position */\n"
    if w.jacobian:
        more += c_jacobian.DECLARATION
    exponentials = {*w.net.activation, w.net.output} - {"identity", "relu", "leaky_relu"}
    return w.fill(
        _DECLARATIONS,
        n_in=str(w.net.sizes[0]),
        n_out=str(w.net.sizes[-1]),
        more=w.fill(more),
        string_h="\n#include <string.h>\n" if exponentials else "",
    )


_MAIN = """\
#ifdef @NAME@_MAIN
#include <stdio.h>
#include <string.h>

/* Inputs, what fastnn computes for them, and what rounding may change. */
@tables@
static int @name@_test(void)
{
    @a_type@ a[@NAME@_N_OUT], worst = 0;
    int row, j, wrong = 0@wrong_more@;
    for (row = 0; row < @rows@; row++) {
        if (row < @floats@) @name@_predict(@name@_test_x + row * @NAME@_N_IN, a);
        else @name@_predict_u8(@name@_test_bytes, a);
        for (j = 0; j < @NAME@_N_OUT; j++) {
            @a_type@ expected = @name@_test_a[row * @NAME@_N_OUT + j], off = a[j] - expected;
            off = off < 0 ? -off : off;
            worst = off > worst ? off : worst;
            if (!(off <= @name@_test_tolerance[row * @NAME@_N_OUT + j])) {
                printf("row %d, output %d: %.9g, expected %.9g\\n",
                       row, j, (double)a[j], (double)expected);
                wrong++;
            }
        }
    }
    printf("@name@: %d of %d outputs as expected; largest difference %.2g\\n",
           @rows@ * @NAME@_N_OUT - wrong, @rows@ * @NAME@_N_OUT, (double)worst);
@test_more@    return wrong != 0@or_more@;
}

/* Reads rows of numbers, apart by spaces, commas or lines; prints a line of outputs for each. */
static int @name@_rows(int bytes)
{
    static @x_type@ x[@NAME@_N_IN];
    static uint8_t x8[@NAME@_N_IN];
    @a_type@ a[@NAME@_N_OUT];
    double value;
    int n = 0, found, j;
    while ((found = scanf("%lf", &value)) == 1) {
        if (bytes && !(value >= 0 && value <= 255 && value == (int)value)) {
            fprintf(stderr, "@name@: %g is no whole number from 0 to 255\\n", value);
            return 1;
        }
        x[n] = (@x_type@)value;
        x8[n] = (uint8_t)(bytes ? value : 0);
        if (++n == @NAME@_N_IN) {
            n = 0;
            if (bytes) @name@_predict_u8(x8, a);
            else @name@_predict(x, a);
@say_class@            for (j = 0; j < @NAME@_N_OUT; j++)
                printf(j ? " %.@digits@g" : "%.@digits@g", (double)a[j]);
            putchar('\\n');
        }
        if (scanf(" ,") == EOF) break;
    }
    if (n || found == 0) {
        fprintf(stderr, found ? "@name@: the last row has %d numbers, not %d\\n"
                              : "@name@: what follows number %d of a row of %d is not a number\\n",
                n, @NAME@_N_IN);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1) return @name@_test();
    if (argc == 2 && !strcmp(argv[1], "-")) return @name@_rows(0);
    if (argc == 2 && !strcmp(argv[1], "u8")) return @name@_rows(1);
    fprintf(stderr, "usage: %s         test it\\n"
                    "       %s - | u8  predict rows of numbers, or of bytes, from stdin\\n",
            argv[0], argv[0]);
    return 2;
}
#endif
"""


def program(
    w: Writer, predict: Callable[[Array], Array], tolerance: Callable[[Array], Array]
) -> str:
    """Return the program: rows to test, their predictions, and the tolerance."""
    rows, bytes_ = _test_rows(w)
    expected = np.concatenate([predict(rows), predict(bytes_)]).astype(w.a_real)
    allowed = np.concatenate([tolerance(rows), tolerance(bytes_)])
    if not np.isfinite(expected).all():
        raise ValueError("net has weights so large that its outputs overflow; it is not exported")
    allowed = np.minimum(allowed, np.finfo(w.a_real).max / 2).astype(w.a_real)
    tables = [
        source.table(f"{w.name}_test_x", rows, w.x_type),
        source.table(f"{w.name}_test_bytes", bytes_, "uint8_t"),
        source.table(f"{w.name}_test_a", expected, w.a_type),
        source.table(f"{w.name}_test_tolerance", allowed, w.a_type),
    ]
    more = dict.fromkeys(("wrong_more", "test_more", "or_more"), "")
    if w.jacobian:
        tables += c_jacobian.test_tables(w, rows)
        test = w.fill(c_jacobian.TEST, jacobian_rows=str(c_jacobian.ROWS))
        more = {"wrong_more": ", wrong_J = 0", "test_more": test, "or_more": " || wrong_J != 0"}
    say = ""
    if w.classifies:
        argument = f"{w.name}_class_of(a)"
        say = f'            printf("%d ", {argument});\n'
        if w.net.classes is not None:
            say = f"            j = {argument};\n"
            say += f'            printf("%s: ", j < 0 ? "?" : {w.name}_labels[j]);\n'
    return w.fill(
        _MAIN,
        tables="".join(tables).replace("@TABLE@", "static const").rstrip("\n"),
        rows=str(len(expected)),
        floats=str(len(rows)),
        digits="9" if w.a_real == "float32" else "17",
        say_class=say,
        **more,
    )


def _test_rows(w: Writer) -> tuple[Array, Array]:
    """Return typical inputs of the network, and one row of bytes; the same on every call."""
    rng = np.random.default_rng(0)
    n_in = w.net.sizes[0]
    X = np.round(rng.normal(size=(_ROWS - 1, n_in)), 2)  # rounded for a shorter file
    if w.scaled is not None:
        shift, scale = w.scaled
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            X = shift + X / scale
            steps = np.round(np.log10(np.abs(scale)) + 2)  # a hundredth of a deviation
        X = np.where(np.abs(X) < 1e30, X, 0)
        places = np.where(np.abs(steps) < 300, steps, 0).astype(int).tolist()
        X = np.array(
            [[round(x, n) for x, n in zip(row, places, strict=True)] for row in X.tolist()]
        )
    return X.astype(w.x_real), rng.integers(0, 256, size=(1, n_in), dtype=np.uint8)
