"""Formulas of x and y: what they mean, their exact gradients, and that nothing else gets in."""

import ast
import inspect
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastnn.explain import expression
from fastnn.explain.expression import MAX_DEPTH, MAX_LENGTH, parse

X, Y = 0.7, -1.3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3.0),
        (" .5 + 1. + 1e2 + 2.5E-1 ", 101.75),
        ("x - y - 1", X - Y - 1),
        ("8 / 4 / 2", 1.0),
        ("2 + 3 * 4", 14.0),
        ("(2 + 3) * 4", 20.0),
        ("2**3**2", 512.0),
        ("-2**2", -4.0),
        ("2**-1", 0.5),
        ("--x", X),
        ("+x", X),
        ("2*-x", -2 * X),
        ("pi + e", math.pi + math.e),
        ("sin(x)*cos(y) + 0.1*(x**2 + y**2)", math.sin(X) * math.cos(Y) + 0.1 * (X**2 + Y**2)),
        ("tan(x) + exp(y)", math.tan(X) + math.exp(Y)),
        ("log(x) + sqrt(x) + abs(y)", math.log(X) + math.sqrt(X) + 1.3),
        ("tanh(x) + sinh(x) + cosh(x) + arctan(y)", math.tanh(X) + math.exp(X) + math.atan(Y)),
        ("min(x, y) + 10*max(x, y)", Y + 10 * X),
        ("min(3, x, y, 2)", Y),
        ("x\n + \t y", X + Y),
    ],
)
def test_a_formula_means_what_it_says(text, value):
    assert parse(text)(X, Y) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "dx", "dy"),
    [
        ("3", 0.0, 0.0),
        ("x*y", Y, X),
        ("x**2 + 3*y", 2 * X, 3.0),
        ("x/y", 1 / Y, -X / Y**2),
        ("-x", -1.0, 0.0),
        ("exp(2*x)", 2 * math.exp(2 * X), 0.0),
        ("log(x) + arctan(y)", 1 / X, 1 / (1 + Y**2)),
        ("x**x", X**X * (math.log(X) + 1), 0.0),
        ("abs(y)", 0.0, -1.0),
        ("min(x, y)", 0.0, 1.0),
        ("max(x, y)", 1.0, 0.0),
    ],
)
def test_the_gradient_is_exact(text, dx, dy):
    assert parse(text).gradient(X, Y) == pytest.approx((dx, dy), rel=1e-14)


def test_powers_have_slopes_where_logarithms_have_none():
    f = parse("x**2 + y**1 + x**0 + 0**y")
    assert f.gradient(0.0, 2.0) == (0.0, 1.0)
    assert parse("x**3").gradient(-2.0, 0.0) == (12.0, 0.0)


def test_arrays_give_arrays_of_their_common_shape():
    x, y = np.linspace(-1, 1, 4), np.linspace(0, 2, 3)[:, None]
    f = parse("x**2 * y")
    np.testing.assert_allclose(f(x, y), x**2 * y)
    dx, dy = f.gradient(x, y)
    np.testing.assert_allclose(dx, 2 * x * y)
    np.testing.assert_allclose(dy, np.broadcast_to(x**2, (3, 4)))
    assert parse("3")(x, y).shape == (3, 4)
    assert parse("x")(x, y).shape == (3, 4)


def test_numbers_give_python_floats():
    f = parse("x + 1")
    assert type(f(np.float32(1), 2)) is float
    assert [type(slope) for slope in f.gradient(1, 2)] == [float, float]


def test_what_is_not_defined_is_nan_and_what_is_too_large_infinite_without_a_warning():
    assert math.isnan(parse("sqrt(0 - 1)")(0, 0))
    assert math.isnan(parse("log(x)")(-1, 0))
    assert parse("1/x")(0, 0) == math.inf
    assert parse("9**9**9**9**9")(0, 0) == math.inf
    assert parse("exp(exp(exp(x)))").gradient(9, 0)[0] == math.inf


# Random formulas beside Python's own arithmetic --------------------------------------------------

ONE = {"sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "tanh": np.tanh}
ONE |= {"sinh": np.sinh, "cosh": np.cosh, "arctan": np.arctan, "abs": np.abs}
ONE |= {"sqrt": np.sqrt, "log": np.log}
TWO = {"min": np.minimum, "max": np.maximum}
SIGNS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power}

leaves = st.one_of(
    st.just(("x", lambda x, y: x)),
    st.just(("y", lambda x, y: y)),
    st.floats(0.1, 5).map(lambda c: (repr(c), lambda x, y: np.float64(c))),
)


def _larger(inner):
    def sign(op, a, b):
        return f"({a[0]}) {op} ({b[0]})", lambda x, y: SIGNS[op](a[1](x, y), b[1](x, y))

    def one(name, a):
        return f"{name}({a[0]})", lambda x, y: ONE[name](a[1](x, y))

    def two(name, a, b):
        return f"{name}({a[0]}, {b[0]})", lambda x, y: TWO[name](a[1](x, y), b[1](x, y))

    return st.one_of(
        st.builds(sign, st.sampled_from(sorted(SIGNS)), inner, inner),
        st.builds(one, st.sampled_from(sorted(ONE)), inner),
        st.builds(two, st.sampled_from(sorted(TWO)), inner, inner),
        inner.map(lambda a: (f"-({a[0]})", lambda x, y: -a[1](x, y))),
    )


formulas = st.recursive(leaves, _larger, max_leaves=6)
# Never 0, and x never y: there 0/0 and √0 have limits that no chain rule finds.
places = st.integers(-192, 192).map(lambda k: k / 64 + 0.0031)


@settings(max_examples=300, deadline=None)
@given(formulas, places, places.map(lambda y: y + 0.0017))
def test_any_formula_has_the_value_that_numpy_gives(formula, x, y):
    text, twin = formula
    assume(len(text) <= MAX_LENGTH)
    with np.errstate(all="ignore"):
        expected = twin(np.float64(x), np.float64(y))
    np.testing.assert_allclose(parse(text)(x, y), expected, rtol=1e-12)


@settings(max_examples=300, deadline=None)
@given(formulas, places, places.map(lambda y: y + 0.0017))
def test_any_gradient_agrees_with_central_differences(formula, x, y):
    text, twin = formula
    assume(len(text) <= MAX_LENGTH)
    h = 1e-4
    with np.errstate(all="ignore"):
        coarse, fine = (
            np.array([twin(x + s, y) - twin(x - s, y), twin(x, y + s) - twin(x, y - s)]) / (2 * s)
            for s in (h, h / 2)
        )
        # Both sides of a corner of abs, min or max have slopes of their own: no gradient there.
        sides = np.array([twin(x + h, y), twin(x, y + h)]) - twin(x, y) - coarse * h
    assume(np.isfinite(coarse).all() and np.abs(coarse).max() < 1e6)
    scale = 1 + np.abs(coarse).max() + abs(twin(np.float64(x), np.float64(y)))
    assume(np.abs(coarse - fine).max() < 1e-6 * scale and np.abs(sides).max() < 1e-3 * h * scale)
    found = parse(text).gradient(x, y)
    assume(not np.isnan(found).any())  # sqrt(log(1)*x): 0 · ∞
    np.testing.assert_allclose(found, fine, rtol=0, atol=2e-3 * scale)


@pytest.mark.parametrize("name", ONE)
def test_every_function_has_its_slope(name):
    h, f = 1e-6, ONE[name]
    expected = (f(X + h) - f(X - h)) / (2 * h)
    assert parse(f"{name}(x)").gradient(X, Y) == pytest.approx((expected, 0), rel=1e-8)


# What is refused ---------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('true')",
    "x.__class__",
    "().__class__.__bases__",
    "x.real",
    "1 .real",
    "getattr(x, y)",
    "open(x)",
    "eval(x)",
    "exec(x)",
    "print(x)",
    "globals()",
    "lambda: x",
    "lambda x: x",
    "[x for x in y]",
    "(x for x in y)",
    "{x}",
    "x[0]",
    "'x'",
    '"x"',
    "f'{x}'",
    "b'x'",
    "`x`",
    "x if y else x",
    "x and y",
    "not x",
    "x == y",
    "x < y",
    "x := 1",
    "x = 1",
    "x; y",
    "x, y",
    "*x",
    "**x",
    "x // y",
    "x % y",
    "x @ y",
    "x ^ 2",
    "~x",
    "x | y",
    "x & y",
    "1 << 9999",
    "1_000",
    "0x10",
    "1j",
    "1e999",
    "nan",
    "inf",
    "True",
    "None",
    "sin",
    "sin x",
    "sin()",
    "sin(x, y)",
    "sin(x=1)",
    "sin(*x)",
    "min(x)",
    "x(y)",
    "pi(x)",
    "2x",
    "x y",
    "x +",
    "+",
    "(x",
    "x)",
    "()",
    "x # y",
    "x\\y",
    "x\x00",
    "np.sin(x)",
    "SIN(x)",
    "X",
    "z",
    "_",
    "ѕin(x)",  # a Cyrillic letter
    "ｘ + y",  # full width
    "𝐱 + y",  # mathematical bold
    "x + ２",
    "x − y",  # a minus sign that is no hyphen
    "x\u00a0+ y",  # a space that does not break
    "x²",
    "π",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_else_is_refused_with_its_place_in_one_sentence(text):
    with pytest.raises(ValueError, match=r"^expression .* at (character \d+|the end)") as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="xy().,*+-/ 019episnma_'[]{}=:^é\x00", max_size=40))
def test_any_text_is_a_formula_or_a_sentence(text):
    try:
        f = parse(text)
    except ValueError as error:
        assert str(error).startswith("expression ")
    else:
        f(0.5, 0.5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x.__class__", "expression 'x.__class__': '.' at character 2 means nothing here"),
        ("x ^ 2", "'^' at character 3 means nothing here (a power is written **)"),
        ("x + foo(y)", "unknown name 'foo' (known are x, y, pi, e, sin,"),
        ("2x", "expected an operator before 'x', at character 2"),
        ("x +", "expected a number, x, y, a function or '(', at the end"),
        ("(x", "expected ')', at the end"),
        ("x)", "there is no '(' for this ')', at character 2"),
        ("sin x", "sin needs its values in parentheses, at character 5"),
        ("sin(x, y)", "sin takes one value, got 2, at character 1"),
        ("min(x)", "min takes two values or more, got one, at character 1"),
        ("1e999", "1e999 is too large for a number, at character 1"),
    ],
)
def test_the_sentence_says_what_was_expected(text, sentence):
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_is_no_formula(text):
    with pytest.raises(ValueError, match="expression is empty"):
        parse(text)


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
def test_only_a_string_is_a_formula(text):
    with pytest.raises(TypeError, match="expression must be a string such as"):
        parse(text)


def test_long_texts_are_refused_before_they_are_read():
    with pytest.raises(ValueError, match="at most 1000 characters long, got 1,000,001"):
        parse("x" + "+" * 1_000_000)
    assert parse("x" + "+x" * ((MAX_LENGTH - 1) // 2))(1, 0) == 1 + (MAX_LENGTH - 1) // 2


@pytest.mark.parametrize(
    "nest",
    [
        lambda n: "(" * n + "x" + ")" * n,
        lambda n: "-" * n + "x",
        lambda n: "x" + "**x" * n,
        lambda n: "abs(" * n + "x" + ")" * n,
    ],
)
def test_deep_nesting_is_bounded(nest):
    assert parse(nest(MAX_DEPTH))(1, 0) in (1, -1)
    with pytest.raises(ValueError, match="more than 50 parentheses, signs or powers"):
        parse(nest(MAX_DEPTH + 1))


def test_a_place_in_a_long_text_is_shown_with_what_stands_about_it():
    with pytest.raises(ValueError) as caught:
        parse("x + " * 100 + "foo + " + "x + " * 50 + "x")
    assert "foo" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_parser_uses_nothing_that_runs_text():
    tree = ast.parse(inspect.getsource(expression))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"eval", "exec", "compile", "getattr", "setattr", "__import__", "globals"}


def test_a_program_is_told_by_names_in_reverse_polish_order():
    assert parse("-x**2 + 3/min(x, y, pi)").steps == [
        *("x", 2.0, ("pow", 2), ("neg", 1)),
        *(3.0, "x", "y", math.pi, ("min", 3), ("div", 2)),
        ("add", 2),
    ]
    assert parse("+x - +sin(y) * 1").steps == [
        *("x", "y", ("sin", 1), 1.0, ("mul", 2)),
        ("sub", 2),
    ]
