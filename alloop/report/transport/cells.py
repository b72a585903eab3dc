"""Cells of tables about transport."""

from __future__ import annotations

from alloop.status.numbers import plus_minus
from alloop.transport.results import Measured


def number(value: Measured | None) -> str:
    """Return a number with its error bar for a column that names the unit."""
    return "–" if value is None else plus_minus(value.value, value.se, "").replace("  ", " ").strip()
