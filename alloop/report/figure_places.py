"""Place figures in the sections about transport, and write cells of their tables."""

from __future__ import annotations

from alloop.report.figure_style import Figure, text
from alloop.status.numbers import plus_minus
from alloop.transport.results import Measured


class Places:
    """Collects figures while the places they are drawn in are written."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def plot(self, figure: Figure | None, name: str) -> str:
        """Return the place of a figure, nothing without one."""
        if figure is None:
            return ""
        place = f"transport-{name}"
        self.figures[place] = figure
        return f'<div class="plot" id="{place}"></div>'


def number(value: Measured | None) -> str:
    """Return a number with its error bar for a column that names the unit."""
    if value is None:
        return "–"
    return text(plus_minus(value.value, value.se, "").replace("  ", " ").strip())
