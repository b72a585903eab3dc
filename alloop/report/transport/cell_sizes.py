"""The section of the report on the size of the cell. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alloop.report.blocks import Block, Section, grid, plot
from alloop.report.figure_style import Figure, axis, layout_of
from alloop.report.transport.figures import PLANES
from alloop.status.numbers import powers
from alloop.transport.cell_sizes import SizeSeries
from alloop.transport.results import Measured

HOW_SIZES = (
    "Tracer diffusivity of cells of several sizes against 1/L, with L the cube root of the volume, and a weighted "
    "straight line to an infinite cell. In a liquid periodic images slow diffusion down like 1/L (Yeh and Hummer "
    "2004); in a solid the line is a guide, not a law. Error bars are one standard error."
)


def size_section(series: Sequence[SizeSeries]) -> tuple[Section, ...]:
    """Return the section on the size of the cell; nothing where there was one."""
    if not series:
        return ()
    caption = "Tracer diffusivity against the inverse edge of the cell, with the line to an infinite one."
    rows = [
        [f"{one.element}, {one.temperature_K:g} K", _number(one.D_infinite_cm2_s), one.note, *(_cells(one))]
        for one in series
    ]
    head = ("Ions", "D of an infinite cell, cm²/s", "Remark", "D by number of atoms, cm²/s")
    blocks: tuple[Block, ...] = (*plot("transport-sizes", size_figure(series), caption), grid(head, rows, (1,)))
    return (Section("sizes", "Size of the cell", blocks, HOW_SIZES),)


def size_figure(series: Sequence[SizeSeries]) -> Figure:
    """Return D against 1/L with the lines."""
    traces: list[Figure] = []
    for number, one in enumerate(series):
        colour = PLANES[number % len(PLANES)]
        x = [1.0 / point.edge_A for point in one.points]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{one.element}, {one.temperature_K:g} K",
                "x": x,
                "y": [point.D_cm2_s.value for point in one.points],
                "error_y": {"type": "data", "array": [point.D_cm2_s.se for point in one.points]},
                "text": [f"{point.atoms} atoms" for point in one.points],
                "marker": {"size": 8, "color": colour},
            }
        )
        if one.D_infinite_cm2_s is not None and one.slope_A_cm2_s is not None:
            start, end = one.D_infinite_cm2_s.value, one.D_infinite_cm2_s.value + one.slope_A_cm2_s.value * max(x)
            traces.append({"type": "scatter", "mode": "lines", "x": [0.0, max(x)], "y": [start, end]})
            traces[-1] |= {"line": {"color": colour}, "hoverinfo": "skip", "showlegend": False}
    layout = layout_of(360, legend=True)
    layout["xaxis"] = axis("1 / L (1/Å)", rangemode="tozero")
    layout["yaxis"] = axis("D (cm²/s)", exponentformat="power")
    return {"data": traces, "layout": layout}


def _cells(series: SizeSeries) -> tuple[str]:
    return ("; ".join(f"{point.atoms}: {_number(point.D_cm2_s)}" for point in series.points) or "–",)


def _number(value: Measured | None) -> str:
    return "–" if value is None else powers(value.value, value.se)
