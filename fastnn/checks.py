"""Checks of arguments: numbers, with one wording for all, and the widths and dtype of a network.

Private: it may change without notice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np

_DTYPES = np.dtype(np.float32), np.dtype(np.float64)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number; True and False are not."""
    if type(value) is float or type(value) is int:  # most are; asking an ABC takes longer
        return True
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer, Python's or NumPy's; True and False are not."""
    return type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))


def check_number(
    name: str, value: object, expected: str, accept: Callable[[float], bool] = lambda _: True
) -> float:
    """Return `value` as a float; else raise "`name` must be `expected`, got ..."."""
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
    """Return `value` as an int of `at_least` or more; raise TypeError or ValueError otherwise."""
    if is_whole(value) and value >= at_least:
        return int(value)
    wrong = ValueError if is_whole(value) else TypeError
    raise wrong(f"{name} must be an integer of {at_least} or more, got {value!r}")


def one_each(argument: str, value: Any, n: int) -> tuple[Any, ...]:
    """Return a value for each hidden layer, from one for all or a sequence of one each."""
    if isinstance(value, str | float) or not isinstance(value, Sequence | np.ndarray):
        return (value,) * n
    if len(value) != n:
        layers_text = "layer" if n == 1 else "layers"
        raise ValueError(f"{argument} has {len(value)} values for {n} hidden {layers_text}")
    return tuple(value)


def check_quantile(value: Any) -> float | tuple[float, ...]:
    """Return a number between 0 and 1, or several in increasing order, or raise one sentence."""
    expected = "a number between 0 and 1"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return check_number("quantile", value, f"{expected}, or several", lambda q: 0 < q < 1)
    each = tuple(check_number("quantile", q, expected, lambda q: 0 < q < 1) for q in value)
    if not each or any(low >= high for low, high in pairwise(each)):
        raise ValueError(f"quantile must be numbers in increasing order, got {value!r}")
    return each


def check_widths(sizes: Any) -> tuple[int, ...]:
    """Return the widths of a network's layers; raise ValueError if they are wrong."""
    if isinstance(sizes, np.ndarray):
        sizes = sizes.tolist()
    if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) < 2:
        raise ValueError(f"sizes must be two or more layer widths, got {sizes!r}")
    widths = tuple(check_count("sizes", width, 1) for width in sizes)
    if max(widths) > 2**31 - 1:
        raise ValueError(f"sizes must be below 2**31, got {max(widths)}")
    return widths


def check_dtype(dtype: Any) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype; raise ValueError for others."""
    with suppress(TypeError, ValueError):
        for known in _DTYPES if dtype is not None else ():
            if np.dtype(dtype) == known:
                return known
    raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
