"""Formulas of x and y, read by a grammar of our own: what `descend` takes as text.

A text may come from anybody, so it never reaches Python: no ``eval``, no Python parser, no
attributes, no names but those below. Lengths and depths are bounded; all arithmetic is float64, in
which a huge power is infinity rather than a number of a million digits.

    sum      = product (("+" | "-") product)*
    product  = signed (("*" | "/") signed)*
    signed   = ("-" | "+") signed | power
    power    = atom ["**" signed]
    atom     = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"

The parser writes a program for a stack machine (reverse Polish), so evaluating needs no recursion.
What lies on the stack are dual numbers (v, ∂v/∂x, ∂v/∂y): the gradient is exact, by the chain rule
at every step. A slope that is 0 whatever x and y are is None, so that x**2 at 0 needs no ln 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 50  # parentheses, signs and powers within one another

# f(a) and f'(a).
_UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
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
    "negative": (np.negative, lambda a: -1.0),
}


def _power_by_base(a: Any, b: Any) -> Any:
    return np.where(b == 0, 0.0, b * np.power(a, b - 1))


def _power_by_exponent(a: Any, b: Any) -> Any:
    return np.where((a == 0) & (b > 0), 0.0, np.power(a, b) * np.log(a))


# f(a, b), ∂f/∂a and ∂f/∂b. Where a = b, min and max go with a.
_Binary = Callable[[Any, Any], Any]
_BINARY: dict[str, tuple[_Binary, _Binary, _Binary]] = {
    "+": (np.add, lambda a, b: 1.0, lambda a, b: 1.0),
    "-": (np.subtract, lambda a, b: 1.0, lambda a, b: -1.0),
    "*": (np.multiply, lambda a, b: b, lambda a, b: a),
    "/": (np.divide, lambda a, b: 1 / b, lambda a, b: -a / b / b),
    "**": (np.power, _power_by_base, _power_by_exponent),
    "min": (np.minimum, lambda a, b: np.float64(a <= b), lambda a, b: np.float64(b < a)),
    "max": (np.maximum, lambda a, b: np.float64(a >= b), lambda a, b: np.float64(b > a)),
}

CONSTANTS = {"pi": np.pi, "e": np.e}
_SEVERAL = ("min", "max")  # of two values or more
FUNCTIONS = (*(name for name in _UNARY if name != "negative"), *_SEVERAL)

# One step of a program: ("x", 0), ("number", 2.5), or the name of an operation.
_Step = tuple[str, float]
_Dual = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Expression:
    """A formula of x and y, as a function of numbers or arrays; made by `parse`.

    Attributes
    ----------
    text : str
        As it was written.

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
        return self._run(x, y, slopes=False)[0]

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return (∂f/∂x, ∂f/∂y), exact but for rounding, each shaped like the value."""
        _, dx, dy = self._run(x, y, slopes=True)
        return dx, dy

    def _run(self, x: Any, y: Any, slopes: bool) -> tuple[Any, Any, Any]:
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        one = np.float64(1) if slopes else None
        start: dict[str, _Dual] = {"x": (x, one, None), "y": (y, None, one)}
        stack: list[_Dual] = []
        with np.errstate(all="ignore"):  # what is not defined is NaN, what is too large infinite
            for name, number in self._program:
                if name == "number":
                    stack.append((np.float64(number), None, None))
                elif name in start:
                    stack.append(start[name])
                elif name in _UNARY:
                    stack.append(_apply(*_UNARY[name], stack.pop()))
                else:
                    b = stack.pop()
                    stack.append(_combine(*_BINARY[name], stack.pop(), b))
        (result,) = stack
        shape = np.broadcast_shapes(x.shape, y.shape)
        v, dx, dy = (_shaped(part, shape) for part in result)
        return v, dx, dy


def _apply(f: Callable[[Any], Any], slope: Callable[[Any], Any], a: _Dual) -> _Dual:
    """Return f(a) with df = f'(a) da."""
    partial = slope(a[0]) if _varies(a) else None
    return f(a[0]), _times(partial, a[1]), _times(partial, a[2])


def _combine(f: _Binary, by_a: _Binary, by_b: _Binary, a: _Dual, b: _Dual) -> _Dual:
    """Return f(a, b) with df = ∂f/∂a da + ∂f/∂b db."""
    p = by_a(a[0], b[0]) if _varies(a) else None
    q = by_b(a[0], b[0]) if _varies(b) else None
    dx, dy = (_plus(_times(p, a[i]), _times(q, b[i])) for i in (1, 2))
    return f(a[0], b[0]), dx, dy


def _varies(a: _Dual) -> bool:
    return a[1] is not None or a[2] is not None


def _times(partial: Any, slope: Any) -> Any:
    return None if slope is None else partial * slope


def _plus(p: Any, q: Any) -> Any:
    return q if p is None else p if q is None else p + q


def _shaped(part: Any, shape: tuple[int, ...]) -> Any:
    full = np.broadcast_to(np.float64(0) if part is None else part, shape)
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
    return Expression(text, _Parser(text).program())


def _brief(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<sign>\*\*|[-+*/(),])|(?P<end>$))"
)
_Token = tuple[str, str, int]  # number, name, sign or end; its text; where it begins


class _Parser:
    """One method a rule of the grammar; each writes the steps of what it has read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._cut()
        self._at = 0
        self._depth = 0
        self._steps: list[_Step] = []

    def program(self) -> tuple[_Step, ...]:
        self._sum()
        if self._next[0] != "end":
            found = self._next[1]
            if found == ")":
                self._refuse("there is no '(' for this ')'")
            self._refuse(f"expected an operator before {_brief(found)!r}")
        return tuple(self._steps)

    def _cut(self) -> list[_Token]:
        tokens: list[_Token] = []
        place = 0
        while not tokens or tokens[-1][0] != "end":
            match = _TOKEN.match(self._text, place)
            if match is None:
                rest = self._text[place:]
                place += len(rest) - len(rest.lstrip(" \t\r\n"))
                self._strange(place)
            assert match.lastgroup is not None
            tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            place = match.end()
        return tokens

    def _strange(self, place: int) -> NoReturn:
        character = self._text[place]
        hint = " (a power is written **)" if character == "^" else ""
        raise ValueError(
            f"expression {self._near(place)}: {character!r} at character {place + 1} "
            f"means nothing here{hint}"
        )

    def _refuse(self, what: str, token: _Token | None = None) -> NoReturn:
        kind, _, place = token or self._next
        where = "at the end" if kind == "end" else f"at character {place + 1}"
        raise ValueError(f"expression {self._near(place)}: {what}, {where}")

    def _near(self, place: int) -> str:
        """Return the text, or what stands about the place in a long one."""
        if len(self._text) <= 60:
            return repr(self._text)
        begin = max(0, place - 25)
        return f"…{self._text[begin : begin + 50]!r}…"

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *signs: str) -> str | None:
        """Return the next sign and go on, if it is one of these."""
        kind, text, _ = self._next
        if kind != "sign" or text not in signs:
            return None
        self._at += 1
        return text

    def _within(self, rule: Callable[[], None]) -> None:
        """Read a rule one level deeper; the bound keeps Python's own stack safe."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"more than {MAX_DEPTH} parentheses, signs or powers in one another")
        rule()
        self._depth -= 1

    def _sum(self) -> None:
        self._chain(("+", "-"), self._product)

    def _product(self) -> None:
        self._chain(("*", "/"), self._signed)

    def _chain(self, signs: Sequence[str], operand: Callable[[], None]) -> None:
        operand()
        while sign := self._take(*signs):
            operand()
            self._steps.append((sign, 0))

    def _signed(self) -> None:
        sign = self._take("-", "+")
        if sign is None:
            self._power()
            return
        self._within(self._signed)
        if sign == "-":
            self._steps.append(("negative", 0))

    def _power(self) -> None:
        self._atom()
        if self._take("**"):
            self._within(self._signed)
            self._steps.append(("**", 0))

    def _atom(self) -> None:
        token = kind, text, _ = self._next
        if self._take("("):
            self._within(self._sum)
            self._close()
            return
        if kind == "number":
            if not np.isfinite(float(text)):
                self._refuse(f"{_brief(text)} is too large for a number")
            self._steps.append(("number", float(text)))
        elif kind == "name" and text in ("x", "y"):
            self._steps.append((text, 0))
        elif kind == "name" and text in CONSTANTS:
            self._steps.append(("number", CONSTANTS[text]))
        elif kind == "name" and text in FUNCTIONS:
            self._call(token)
            return
        elif kind == "name":
            known = ", ".join(("x", "y", *CONSTANTS, *FUNCTIONS))
            self._refuse(f"unknown name {_brief(text)!r} (known are {known})")
        else:
            found = f", got {_brief(text)!r}" if text else ""
            self._refuse(f"expected a number, x, y, a function or '('{found}")
        self._at += 1

    def _call(self, token: _Token) -> None:
        self._at += 1
        name = token[1]
        if not self._take("("):
            self._refuse(f"{name} needs its values in parentheses")
        count = 0
        while True:
            self._within(self._sum)
            count += 1
            if name in _SEVERAL and count > 1:
                self._steps.append((name, 0))
            if not self._take(","):
                break
        self._close()
        if name in _SEVERAL and count < 2:
            self._refuse(f"{name} takes two values or more, got one", token)
        if name not in _SEVERAL:
            if count > 1:
                self._refuse(f"{name} takes one value, got {count}", token)
            self._steps.append((name, 0))

    def _close(self) -> None:
        if not self._take(")"):
            found = f", got {_brief(self._next[1])!r}" if self._next[1] else ""
            self._refuse(f"expected ')'{found}")
