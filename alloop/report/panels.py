"""Lay out the panels of a figure and their axes, as plain plotly dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alloop.report.figure_style import Figure, layout_of, text

BELOW_PX = 62
"""Room (px) below a panel: numbers and title of its axis, and the title of the panel below."""
MOST_PANELS_WIDE = 3


def place_axes(
    layout: Figure,
    suffix: str,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    *,
    across: Sequence[float],
    up: Sequence[float] | None = None,
) -> None:
    """Add the axes of a panel.

    Parameters
    ----------
    layout : dict
        Layout of the figure; gets the axes.
    suffix : str
        What the names of the panel's axes end in: empty for the first one, then ``2``, ``3`` …
    x, y : mapping
        How the axes look.
    across, up : sequence of float
        From where to where the panel reaches, in parts of the figure's width and height; `up` is all of it if None.
    """
    layout[f"xaxis{suffix}"] = dict(x) | {"domain": list(across), "anchor": f"y{suffix}"}
    layout[f"yaxis{suffix}"] = dict(y) | {"anchor": f"x{suffix}"} | ({} if up is None else {"domain": list(up)})


def set_axes(layout: Figure, suffix: str, x: Mapping[str, Any], y: Mapping[str, Any]) -> None:
    """Give the axes of a panel their looks."""
    layout[f"xaxis{suffix}"] = dict(x) | layout[f"xaxis{suffix}"]
    layout[f"yaxis{suffix}"] = dict(y) | layout[f"yaxis{suffix}"]


def panels(names: Sequence[str], height: int, wide: int = MOST_PANELS_WIDE) -> tuple[Figure, list[str]]:
    """Return a layout with a titled panel per name, row by row, and the suffix of each panel's axes."""
    columns = min(wide, len(names))
    rows = -(-len(names) // columns)
    layout = layout_of(rows * height + 60, legend=True)
    layout["margin"] |= {"t": 72, "l": 84}
    drawn = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1 + 26 / drawn, "yanchor": "bottom", "traceorder": "normal"}
    layout["annotations"] = []
    suffixes = []
    for number, name in enumerate(names):
        row, column = divmod(number, columns)
        left, width = column / columns, 1 / columns
        top, tall = 1 - row / rows, 1 / rows
        suffix = "" if number == 0 else str(number + 1)
        x = [left + (0.075 if column else 0.0), left + width - 0.015]
        y = [top - tall + (BELOW_PX / drawn if row < rows - 1 else 0.0), top - 0.04 * tall]
        place_axes(layout, suffix, {}, {}, across=x, up=y)
        layout["annotations"].append(
            {"text": f"<b>{text(name)}</b>", "x": x[0], "y": y[1], "xref": "paper", "yref": "paper"}
            | {"showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"size": 13}}
        )
        suffixes.append(suffix)
    return layout, suffixes


def name_once(traces: Sequence[Figure]) -> None:
    """Let each name stand in the legend once, with the first trace that has it; a trace without name never."""
    seen: set[str] = set()
    for trace in traces:
        name = trace.get("name", "")
        trace["showlegend"] = bool(name) and name not in seen
        seen.add(name)
