"""Checks of numeric arguments: one wording for every setting that is a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import TypeGuard


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer, Python's or NumPy's; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_number(
    name: str, value: object, expected: str, accept: Callable[[float], bool] = lambda _: True
) -> float:
    """Return `value` as a float, or raise one sentence: "`name` must be `expected`, got ..."."""
    if not is_number(value):
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an int of hundreds of digits
        number = math.inf
    if not math.isfinite(number) or not accept(number):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return number


def check_count(name: str, value: object, at_least: int) -> int:
    """Return `value` as an int of `at_least` or more, or raise one sentence."""
    expected = f"an integer of {at_least} or more"
    if not is_whole(value):
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return int(value)
