"""Figure of the curves of a study as a plain plotly dictionary. Every text is escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alloop.report.figure_style import Figure, axis, text
from alloop.report.panels import panels, set_axes
from alloop.studies.plot import Line, Plot

COLOURS = ("#2f6db5", "#d9822b", "#3a9d6e", "#8a63c7", "#8c99a6")
LIMIT = "#c8443c"
LOG = {"type": "log", "exponentformat": "power"}


def curves_figure(curves: Sequence[Plot]) -> Figure | None:
    """Return a panel per plot, a colour per group of lines; a triangle on the x axis is a line's mark."""
    if not curves:
        return None
    layout, suffixes = panels([plot.title for plot in curves], 250)
    groups = list(dict.fromkeys(line.group for plot in curves for line in plot.lines))
    colours = {group: COLOURS[place % len(COLOURS)] for place, group in enumerate(groups)}
    traces: list[Figure] = []
    for suffix, plot in zip(suffixes, curves, strict=True):
        traces += (trace for line in plot.lines for trace in _traces(plot, line, colours, suffix))
        set_axes(layout, suffix, *_axes(plot))
    named: set[str] = set()
    for trace in traces:
        trace["showlegend"] = trace["showlegend"] and trace["legendgroup"] not in named
        named |= {trace["legendgroup"]} if trace["showlegend"] else set()
    layout["shapes"] = [_upright(s, plot.limit) for s, plot in zip(suffixes, curves, strict=True) if plot.limit]
    return {"data": traces, "layout": layout}


def _axes(plot: Plot) -> tuple[Figure, Figure]:
    linear = {} if plot.log_x or plot.log_y else {"rangemode": "tozero"}
    return axis(plot.x, **(LOG if plot.log_x else linear)), axis(plot.y, **(LOG if plot.log_y else linear))


def _traces(plot: Plot, line: Line, colours: Mapping[str, str], suffix: str) -> Iterator[Figure]:
    colour, group = colours[line.group], text(line.group)
    where = {"legendgroup": group, "name": group, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "type": "scatter"}
    errors = [None if error is None else float(f"{error:.2g}") for error in line.errors]
    bars = {"error_y": {"array": errors, "thickness": 1}} if errors else {}
    yield (
        where
        | bars
        | {
            **_look(line, colour),
            "showlegend": True,
            "x": [float(f"{x:.4g}") for x in line.x],
            "y": [float(f"{y:.4g}") for y in line.y],
            "hovertemplate": f"%{{x}}: %{{y}}<extra>{text(line.name)}</extra>",
        }
    )
    if line.mark is not None:
        yield where | {
            "mode": "markers",
            "showlegend": False,
            "x": [float(f"{line.mark:.4g}")],
            "y": [0.0],
            "marker": {"color": colour, "size": 10, "symbol": "triangle-up"},
            "hovertemplate": f"shortest: %{{x}}, {text(plot.x)}<extra>{text(line.name)}</extra>",
        }


def _look(line: Line, colour: str) -> Figure:
    if line.points:
        return {"mode": "markers", "marker": {"color": colour, "size": 8}}
    return {"mode": "lines", "line": {"color": colour, "width": 1.4}}


def _upright(suffix: str, x: float) -> Figure:
    place = {"type": "line", "xref": f"x{suffix}", "yref": f"y{suffix} domain", "x0": x, "x1": x, "y0": 0, "y1": 1}
    return place | {"line": {"color": LIMIT, "width": 1, "dash": "dash"}}
