"""A page that shows several campaigns beside each other, in the style of the report. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alloop.report.blocks import Block, Section, grid, plot
from alloop.report.figure_style import LOG_TICKS, Figure, axis, layout_of, text, ticks
from alloop.report.page import Top, whole_page
from alloop.status.compared import Compared, rows_of

COLOURS = ("#2f6db5", "#d9822b", "#3a9d6e", "#8a63c7", "#c8443c", "#3f8f8b", "#b08d1e", "#7f8c99")
DASHES = ("solid", "dash", "dot", "dashdot")
LOGARITHMIC = ("σ", "D")
"""How the names of quantities begin whose values span decades."""
FOOTER = "Made by `alloop compare`. Figures: drag to zoom in, double-click to zoom out, hover for numbers."


def comparison_page(found: Sequence[Compared]) -> str:
    """Return the numbers of several campaigns as HTML, plotly.js included."""
    names = list(dict.fromkeys(one.campaign for one in found))
    sections = [section for section in (_curves(found), _numbers(found, names)) if section.blocks]
    return whole_page(Top("Comparison", " · ".join(names)), sections, FOOTER)


def _curves(found: Sequence[Compared]) -> Section:
    blocks: list[Block] = []
    for number, quantity in enumerate(dict.fromkeys(one.quantity for one in found if one.rung is not None)):
        points = [one for one in found if one.quantity == quantity and one.rung and one.value is not None]
        figure = _figure(points, quantity) if points else None
        blocks += plot(
            f"compared{number}",
            figure,
            f"{quantity[:1].upper()}{quantity[1:]} by training labels, ± one standard error.",
        )
    return Section("curves", "By training labels", tuple(blocks))


def _figure(points: Sequence[Compared], quantity: str) -> Figure:
    unit = next((one.unit for one in points if one.unit), "")
    layout = layout_of(340, legend=True)
    sizes = sorted({one.rung for one in points if one.rung})
    above = all(one.value is not None and one.value > 0 for one in points)
    kind = (
        {"type": "log", "tickvals": LOG_TICKS}
        if quantity.startswith(LOGARITHMIC) and above
        else {"rangemode": "tozero"}
    )
    layout["xaxis"] = axis("training labels", type="log") | ticks(sizes)
    layout["yaxis"] = axis(f"{text(quantity)} ({text(unit)})" if unit else text(quantity), **kind)
    return {"data": list(_lines(points, unit)), "layout": layout}


def _lines(points: Sequence[Compared], unit: str) -> Iterator[Figure]:
    for number, name in enumerate(dict.fromkeys(one.campaign for one in points)):
        own = sorted((one for one in points if one.campaign == name), key=lambda one: one.rung or 0)
        colour = COLOURS[number % len(COLOURS)]
        yield {
            "type": "scatter",
            "mode": "lines+markers",
            "name": text(name, 60),
            "x": [one.rung for one in own],
            "y": [one.value for one in own],
            "error_y": {"type": "data", "array": [one.se or 0.0 for one in own], "thickness": 1.6, "width": 6},
            "hovertemplate": f"%{{x}} labels: %{{y:.4g}} ± %{{error_y.array:.2g}} {text(unit)}",
            "marker": {"size": 9, "color": colour},
            "line": {"color": colour, "width": 2, "dash": DASHES[number // len(COLOURS) % len(DASHES)]},
        }


def _numbers(found: Sequence[Compared], names: Sequence[str]) -> Section:
    numeric = range(1, len(names) + 2)
    rows = rows_of(found)
    table = grid(("", "rung", *names), rows, numeric, "± one standard error.") if rows else None
    return Section("numbers", "All numbers", () if table is None else (table,))
