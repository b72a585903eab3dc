"""Numbers in words: every value with its unit and its error bar."""

from __future__ import annotations

import math
import re

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
UNKNOWN_ERROR = "error bar unknown"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


def finite(value: object) -> float | None:
    """Return a number as a float, or None if it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def plus_minus(value: float | None, error: float | None, unit: str) -> str:
    """Return a value with its standard error, rounded to two digits of the error.

    Examples
    --------
    >>> plus_minus(45.2134, 3.1415, "meV/Å")
    '45.2 ± 3.1 meV/Å'
    >>> plus_minus(45.2134, None, "meV/Å")
    '45.21 meV/Å (error bar unknown)'
    """
    value, error = finite(value), finite(error)
    if value is None:
        return "unmeasured"
    if error is None:
        return f"{value:.4g} {unit} ({UNKNOWN_ERROR})"
    decimals = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 3
    return f"{value:.{decimals}f} ± {error:.{decimals}f} {unit}"


def powers(value: float, error: float | None = None) -> str:
    """Return a number with its standard error and a power of ten.

    Examples
    --------
    >>> powers(1.2361e-6, 3.2e-8), powers(0.0612, 0.0093), powers(4e-9)
    ('(1.236 ± 0.032) × 10⁻⁶', '0.0612 ± 0.0093', '4 × 10⁻⁹')
    """
    power = math.floor(math.log10(abs(value))) if value else 0
    if -3 < power < 4:
        return f"{value:.3g}" if error is None else plus_minus(value, error, "").strip()
    scale = f" × 10{str(power).translate(_RAISED)}"
    if error is None:
        return f"{value / 10.0**power:.3g}{scale}"
    return f"({plus_minus(value / 10.0**power, error / 10.0**power, '').strip()}){scale}"


def duration(seconds: float) -> str:
    """Return a time span for people.

    Examples
    --------
    >>> [duration(s) for s in (7.4, 200, 7500, 200000)]
    ['7 s', '3 min 20 s', '2 h 05 min', '2 d 7 h']
    """
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def many(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> many(1, "label"), many(2, "label")
    ('1 label', '2 labels')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def clipped(text: str, width: int = 120) -> str:
    """Return a text as one printable line of at most `width` columns, without control characters."""
    clean = _UNPRINTABLE.sub(" ", text).rstrip()
    return clean if len(clean) <= width else clean[: width - 1] + "…"
