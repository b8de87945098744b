"""Values as text: numbers, shares and durations for people, and plain values for JSON.

Private: it may change without notice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

_MOST_TIMES = 1e6
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plural(n: int, noun: str) -> str:
    """Return "1 epoch", "4,000 epochs"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def number(value: Any) -> str:
    """Return a number with four significant digits; a string is returned unchanged.

    >>> [number(x) for x in (0.123456, -12345.6, 3, 0.0, 1.5e-9, "left")]
    ['0.1235', '−12,350', '3', '0', '1.5e−09', 'left']
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace("-", "−")
    if not isinstance(value, float | np.floating):
        return str(value)
    x = float(value) + 0.0  # −0 is 0
    if math.isnan(x) or math.isinf(x):
        return str(x).replace("-", "−")
    if x != 0 and not 1e-4 <= abs(x) < 1e6:
        mantissa, exponent = f"{x:.3e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    elif abs(x) >= 1000:
        text = f"{float(f'{x:.4g}'):,.0f}"
    else:
        text = f"{x:.4g}"
    return text.replace("-", "−")


def significant(value: float) -> str:
    """Return four digits, with an exponent only for very small or large numbers: "0.1268"."""
    size = abs(value)
    if not 1e-4 <= size < 1e9:
        return f"{value:.4g}"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}"


def four_decimals(value: float) -> str:
    """Return four decimals, or four digits and an exponent for very small or large numbers.

    >>> four_decimals(0.08123), four_decimals(0.0001), four_decimals(123456.0), four_decimals(0.0)
    ('0.0812', '1.000e-04', '1.235e+05', '0.0000')
    """
    if value == 0 or 1e-2 <= abs(value) < 1e4 or not math.isfinite(value):
        return f"{value:.4f}"
    return f"{value:.3e}"


def metric(value: float) -> str:
    """Return a metric in about six characters.

    >>> metric(0.08123), metric(0.00008123), metric(12345.6), metric(0.0)
    ('0.0812', '8.12e-05', '1.23e+04', '0.0000')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.4f}"
    return f"{value:.2e}"


def brief(value: float, digits: int = 2) -> str:
    """Return a short number: `digits` significant digits below 10, else four."""
    long = 10 <= abs(value) < 1e6
    text = f"{float(f'{value:.4g}'):,g}" if long else f"{value:.{digits}g}"
    return text.replace("-", "−")


def circled(value: float) -> str:
    """Return an activation in about four characters, to be drawn in its neuron."""
    text = f"{value:.0f}" if abs(value) >= 10 else f"{value:.{1 if value <= -1 else 2}f}"
    if len(text) > 5:
        text = f"{value:.0e}".replace("e+0", "e")
    return text.replace("-", "−").replace("0.", ".") if len(text) > 4 else text.replace("-", "−")


def ten_to_the(exponent: int) -> str:
    """Return a power of ten, "10⁻³", as mathematical text of normal size."""
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def with_unit(value: float) -> str:
    """Return three digits and a unit.

    >>> with_unit(1_523_000), with_unit(21_800), with_unit(940_000), with_unit(512)
    ('1.52 M', '21.8 k', '940 k', '512 ')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)):
        if value >= 0.9995 * size or not unit:
            break
    scaled = value / size
    decimals = 0 if scaled >= 99.95 or not unit else 1 if scaled >= 9.995 else 2
    return f"{scaled:.{decimals}f} {unit}"


def times(ratio: float) -> str:
    """Return a ratio with three significant digits, at most "over a million times".

    >>> times(8.5212), times(138000.0), times(4.36e15)
    ('8.52 times', '138,000 times', 'over a million times')
    """
    if not ratio <= _MOST_TIMES:
        return "over a million times"
    return f"{number(float(f'{ratio:.3g}'))} times"


def percent(share: float) -> str:
    """Return a share in percent, with a decimal if it is small."""
    return (f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}").replace("-", "−")


def whole_percent(share: float) -> str:
    """Return a share in whole percent, "<1%" where it is smaller."""
    return f"{share:.0%}" if share >= 0.01 else "<1%"


def seconds(value: float) -> str:
    """Return a duration: "0.23 s", "12.3 s", "2 min 5 s"."""
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def minutes(seconds: float) -> str:
    """Return minutes and seconds, and hours if there are any.

    >>> minutes(7.4), minutes(83), minutes(3723)
    ('0:07', '1:23', '1:02:03')
    """
    whole = round(max(seconds, 0.0))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def plain_value(value: Any) -> Any:
    """Return arrays, dataclasses and NumPy's numbers as JSON values, without private fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain_value(getattr(value, field.name))
            for field in fields(value)
            if not field.name.startswith("_") and field.metadata.get("plain", True)
        }
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain_value(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
