"""Style that all figures of the report share, as plain plotly dictionaries."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from alloop.status.numbers import clipped

Figure = dict[str, Any]

LOG_TICKS = tuple(digit * 10.0**power for power in range(-5, 3) for digit in (1, 2, 5))
INK, GRID, AXIS = "#243240", "#e6ebf0", "#b8c2cc"
DARK = {
    INK: "#e3e8ed",
    GRID: "#333d47",
    AXIS: "#5d6975",
    "#46327e": "#9b87e0",
    "#365c8d": "#6ea3e0",
    "#277f8e": "#4fb3c4",
    "#3b5bb5": "#7d9cf0",
    "#8b1a1a": "#d9605a",
    "#2f6db5": "#5c9be6",
    "#8a63c7": "#ab8be0",
    "#7f8c99": "#a7b2bd",
    "#c8443c": "#ec6f66",
    "#e3e8ee": "#46525e",
    "#c3ccd6": "#7c8894",
    "#9fb3c8": "#8299b0",
}
"""Colours of figures on a light ground, and what they become on a dark one."""


def text(value: object, width: int = 160) -> str:
    """Return a value as escaped text of one line, for HTML and for plotly, which reads HTML too."""
    return html.escape(clipped(str(value), width), quote=True)


def ticks(sizes: Sequence[float]) -> dict[str, Any]:
    """Return ticks at these values and nowhere else."""
    return {"tickvals": list(sizes), "ticktext": [f"{size:g}" for size in sizes]}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis with its title, unit included."""
    look = {"gridcolor": GRID, "zeroline": False, "linecolor": AXIS, "ticks": "outside", "tickcolor": AXIS}
    return {"title": {"text": title, "font": {"size": 13}}, **look, **more}


def layout_of(height: int, legend: bool = False) -> dict[str, Any]:
    """Return the layout of a figure of that height in pixels."""
    return {
        "height": height,
        "margin": {"l": 64, "r": 24, "t": 36 if legend else 12, "b": 52},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "traceorder": "normal"},
        "hovermode": "closest",
    }
