"""Style that all figures of the report share, as plain plotly dictionaries."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from alloop.status.numbers import clipped

Figure = dict[str, Any]

INK, GRID = "#243240", "#e6ebf0"


def text(value: object, width: int = 160) -> str:
    """Return a value as escaped text of one line, for HTML and for plotly, which reads HTML too."""
    return html.escape(clipped(str(value), width), quote=True)


def ticks(sizes: Sequence[float]) -> dict[str, Any]:
    """Return ticks at these values and nowhere else."""
    return {"tickvals": list(sizes), "ticktext": [f"{size:g}" for size in sizes]}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis with its title, unit included."""
    look = {"gridcolor": GRID, "zeroline": False, "linecolor": "#b8c2cc", "ticks": "outside", "tickcolor": "#b8c2cc"}
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
