"""Formulas of x and y, which `descend` takes as text: value and exact gradient.

A text may come from anybody. It is cut into numbers, known names and signs, and all else is refused
with its place; only then does `ast.parse` see it, and of its tree only a white list of nodes is
taken. Nothing is compiled or evaluated by Python: length and depth are bounded, and all arithmetic
is float64, in which a huge power is infinity rather than a number of a million digits.

The tree becomes a program for a stack machine (reverse Polish), so that evaluating needs no
recursion. On the stack lie dual numbers (v, dv), with dv the slope by x or by y: the chain rule at
every step. A slope that is 0 everywhere is None, so that x**2 at 0 needs no ln 0.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import pairwise
from reprlib import repr as shorten
from typing import Any, NoReturn

import numpy as np

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 50  # parentheses, signs and powers within one another


def _power_by_base(a: Any, b: Any) -> Any:
    return np.where(b == 0, 0.0, b * np.power(a, b - 1))


def _power_by_exponent(a: Any, b: Any) -> Any:
    return np.where((a == 0) & (b > 0), 0.0, np.power(a, b) * np.log(a))


# f and its partial derivatives. Where a = b, min and max go with a.
_OF_ONE: dict[str, tuple[Any, ...]] = {
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda a: -np.sin(a)),
    "tan": (np.tan, lambda a: 1 + np.tan(a) ** 2),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda a: 1 / a),
    "sqrt": (np.sqrt, lambda a: 0.5 / np.sqrt(a)),
    "abs": (np.abs, np.sign),
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "arctan": (np.arctan, lambda a: 1 / (1 + a * a)),
}
_OF_SEVERAL: dict[str, tuple[Any, ...]] = {  # of two values or more, from the left
    "min": (np.minimum, lambda a, b: np.float64(a <= b), lambda a, b: np.float64(b < a)),
    "max": (np.maximum, lambda a, b: np.float64(a >= b), lambda a, b: np.float64(b > a)),
}
_SIGNS: dict[type[ast.AST], tuple[Any, ...]] = {
    ast.UAdd: (lambda a: a, lambda a: 1.0),
    ast.USub: (np.negative, lambda a: -1.0),
    ast.Add: (np.add, lambda a, b: 1.0, lambda a, b: 1.0),
    ast.Sub: (np.subtract, lambda a, b: 1.0, lambda a, b: -1.0),
    ast.Mult: (np.multiply, lambda a, b: b, lambda a, b: a),
    ast.Div: (np.divide, lambda a, b: 1 / b, lambda a, b: -a / b / b),
    ast.Pow: (np.power, _power_by_base, _power_by_exponent),
}
_CALLED: dict[type[ast.AST], str] = {
    **{ast.USub: "neg", ast.Add: "add", ast.Sub: "sub"},
    **{ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"},
}
CONSTANTS = {"pi": np.pi, "e": np.e}
FUNCTIONS = (*_OF_ONE, *_OF_SEVERAL)
_VALUES = ("x", "y", *CONSTANTS)

_Dual = tuple[Any, Any]
# "x", "y", a number, or a rule of the tables above with how many values it takes.
_Step = str | float | tuple[tuple[Any, ...], int]


@dataclass(frozen=True)
class Expression:
    """A formula of x and y, as a function of numbers or arrays; made by `parse`.

    Attributes
    ----------
    text : str
        The formula, unchanged.

    Examples
    --------
    >>> f = parse("x**2 + 3*y")
    >>> f(2, 1)
    7.0
    >>> f.gradient(2, 1)
    (4.0, 3.0)
    """

    text: str
    _program: tuple[_Step, ...]

    def __call__(self, x: Any, y: Any) -> Any:
        """Return the value: a float, or an array of the shape that x and y have together."""
        return self._run(x, y)[0]

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return (∂f/∂x, ∂f/∂y), exact but for rounding, each shaped like the value."""
        return self._run(x, y, "x")[1], self._run(x, y, "y")[1]

    @property
    def steps(self) -> list[str | float | tuple[str, int]]:
        """The program in reverse Polish order, by names.

        A number, "x" or "y" goes on the stack; (name, k) takes the last k values from it and puts
        the function of them there: one of `FUNCTIONS`, or add, sub, mul, div, pow of two, neg.
        """
        plus = (_SIGNS[ast.UAdd], 1)  # which changes nothing
        return [
            step if isinstance(step, str | float) else _named(*step)
            for step in self._program
            if step != plus
        ]

    def _run(self, x: Any, y: Any, by: str | None = None) -> _Dual:
        """Return the value and its slope by one of x and y."""
        inputs = {"x": np.asarray(x, np.float64), "y": np.asarray(y, np.float64)}
        stack: list[_Dual] = []
        with np.errstate(all="ignore"):  # what is not defined is NaN, what is too large infinite
            for step in self._program:
                if isinstance(step, str):
                    stack.append((inputs[step], np.float64(1) if step == by else None))
                elif isinstance(step, float):
                    stack.append((np.float64(step), None))
                else:
                    rule, count = step
                    values = stack[-count:]
                    del stack[-count:]
                    stack.append(_apply(rule, *values))
        shape = np.broadcast_shapes(*(value.shape for value in inputs.values()))
        v, dv = stack.pop()
        return _shaped(v, shape), _shaped(0.0 if dv is None else dv, shape)


def _apply(rule: tuple[Any, ...], *duals: _Dual) -> _Dual:
    """Return f(a, b, ...) with df = ∂f/∂a da + ∂f/∂b db; min and max of many from the left."""
    f, *partials = rule
    if len(duals) > len(partials):
        duals = (_apply(rule, *duals[:-1]), duals[-1])
    values, total = [v for v, _ in duals], None
    for partial, (_, slope) in zip(partials, duals, strict=True):
        if slope is not None:
            term = partial(*values) * slope
            total = term if total is None else total + term
    return f(*values), total


def _named(rule: tuple[Any, ...], count: int) -> tuple[str, int]:
    named: dict[str, tuple[Any, ...]] = _OF_ONE | _OF_SEVERAL
    words = {id(one): name for name, one in named.items()}
    words |= {id(_SIGNS[kind]): name for kind, name in _CALLED.items()}
    return words[id(rule)], count


def _shaped(part: Any, shape: tuple[int, ...]) -> Any:
    full = np.broadcast_to(part, shape)
    return full.copy() if shape else float(full)


def parse(text: str) -> Expression:
    """Read a formula of x and y.

    Parameters
    ----------
    text : str
        Made of numbers, x, y, pi, e, ``+ - * / **``, parentheses, and the functions sin, cos, tan,
        exp, log (natural), sqrt, abs, tanh, sinh, cosh, arctan, min, max. Powers bind as in
        Python: ``-x**2`` is −(x²). At most 1000 characters.

    Returns
    -------
    Expression
        A function of x and y, floats or arrays, with its exact ``gradient``.

    Raises
    ------
    TypeError, ValueError
        It is not a string, or not such a formula; the sentence says where.

    Examples
    --------
    >>> parse("sin(x) * cos(y)")(0.0, 0.0)
    0.0
    >>> parse("x.__class__")
    Traceback (most recent call last):
    ...
    ValueError: expression 'x.__class__': '.' at character 2 means nothing here
    """
    if not isinstance(text, str):
        raise TypeError(f"expression must be a string such as 'x**2 + y**2', got {text!r}")
    if len(text) > MAX_LENGTH:
        raise ValueError(
            f"expression must be at most {MAX_LENGTH} characters long, got {len(text):,}"
        )
    if not text.strip():
        raise ValueError("expression is empty; expected a formula such as 'x**2 + y**2'")
    return Expression(text, _program(text))


_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<sign>\*\*|[-+*/(),])|(?P<end>$)|(?P<strange>.))"
)
_Token = tuple[str, str, int]  # number, name, sign, end or strange; its text; where it begins


def _program(text: str) -> tuple[_Step, ...]:
    """Return the steps in reverse Polish order: the operands of a node before the node."""
    tokens = [(str(t.lastgroup), t[t.lastgroup or 0], t.end()) for t in _TOKEN.finditer(text)]
    tokens = [(kind, word, end - len(word)) for kind, word, end in tokens]
    _check_words(text, tokens)
    _check_order(text, tokens)
    # Each token on a line of its own: a node's line says where it stands in the text.
    lines = (repr(float(word)) if kind == "number" else word for kind, word, _ in tokens)
    nodes = [ast.parse("(\n{}\n)".format("\n".join(lines)), mode="eval").body]
    steps: list[_Step] = []
    while nodes:
        match node := nodes.pop():
            case ast.Constant(value=float() as number):
                steps.append(number)
            case ast.Name(id="x" | "y" as name):
                steps.append(name)
            case ast.Name(id=name) if name in CONSTANTS:
                steps.append(CONSTANTS[name])
            case ast.UnaryOp(op=op, operand=a) if type(op) in _SIGNS:
                steps.append((_SIGNS[type(op)], 1))
                nodes.append(a)
            case ast.BinOp(left=a, op=op, right=b) if type(op) in _SIGNS:
                steps.append((_SIGNS[type(op)], 2))
                nodes += a, b
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                if name in _OF_SEVERAL and len(args) == 1:
                    what = f"{name} takes two values or more, got one"
                    _refuse(text, what, tokens[node.lineno - 2])
                if name in _OF_ONE and len(args) > 1:
                    what = f"{name} takes one value, got {len(args)}"
                    _refuse(text, what, tokens[node.lineno - 2])
                steps.append(((_OF_ONE | _OF_SEVERAL)[name], len(args)))
                nodes += args
            case _:
                what = f"a {type(node).__name__.lower()} is no part of a formula"
                _refuse(text, what, tokens[node.lineno - 2])
    return tuple(reversed(steps))


def _check_words(text: str, tokens: list[_Token]) -> None:
    """Refuse characters that begin nothing, unknown names and numbers that are infinite."""
    strange = [(word, place) for kind, word, place in tokens if kind == "strange"]
    for word, place in strange[:1]:
        hint = " (a power is written **)" if word == "^" else ""
        where = f"{word!r} at character {place + 1}"
        raise ValueError(f"expression {_near(text, place)}: {where} means nothing here{hint}")
    for token in tokens:
        kind, word, _ = token
        if kind == "name" and word not in ("x", "y", *CONSTANTS, *FUNCTIONS):
            known = ", ".join(("x", "y", *CONSTANTS, *FUNCTIONS))
            _refuse(text, f"unknown name {shorten(word)} (known are {known})", token)
        if kind == "number" and not np.isfinite(float(word)):
            _refuse(text, f"{shorten(word)[1:-1]} is too large for a number", token)


def _check_order(text: str, tokens: list[_Token]) -> None:
    """Refuse operands and operators that do not take turns, open parentheses, and great depth."""
    depths = [0]  # within each open parenthesis
    depth = 0
    for before, token in pairwise([("sign", "(", 0), *tokens]):
        kind, word, _ = token
        begins = kind in ("number", "name") or word == "("
        if before[1] in FUNCTIONS:
            if word != "(":
                _refuse(text, f"{before[1]} needs its values in parentheses", token)
        elif before[0] == "sign" and before[1] != ")":
            if not begins and word not in ("+", "-"):
                found = f", got {word!r}" if word else ""
                _refuse(text, f"expected a number, x, y, a function or '('{found}", token)
            depth += word in ("+", "-")
        elif begins:
            _refuse(text, f"expected an operator before {shorten(word)}", token)
        elif word == ")":
            if len(depths) == 1:
                _refuse(text, "there is no '(' for this ')'", token)
            depth = depths.pop() - 1
        elif kind == "end" and len(depths) > 1:
            _refuse(text, "expected ')'", token)
        else:  # the operand of a sum or product ends, and with it its signs and powers
            depth = depth + 1 if word == "**" else depths[-1]
        if word == "(":
            depth += 1
            depths.append(depth)
        if depth > MAX_DEPTH:
            within = f"more than {MAX_DEPTH} parentheses, signs or powers in one another"
            _refuse(text, within, token)


def _refuse(text: str, what: str, token: _Token) -> NoReturn:
    kind, _, place = token
    where = "at the end" if kind == "end" else f"at character {place + 1}"
    raise ValueError(f"expression {_near(text, place)}: {what}, {where}")


def _near(text: str, place: int) -> str:
    """Return the text, or what stands about the place in a long one."""
    if len(text) <= 60:
        return repr(text)
    begin = max(0, place - 25)
    return f"...{text[begin : begin + 50]!r}..."
