"""Figures of the likeliest paths of mobile ions as plain plotly dictionaries. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alloop.report.figure_style import Figure, axis, layout_of, text
from alloop.report.panels import panels, set_axes
from alloop.report.transport.density_figure import EDGE, DensityView
from alloop.report.transport.projection import DIRECTIONS, others_of, plane, projected, site_markers
from alloop.transport.migration import MigrationPath

Floats = NDArray[np.float64]

COLOURS = {"a": "#c8443c", "b": "#2f6db5", "c": "#8a63c7"}
_FAINTEST, _ARROW_EVERY = -3.0, 6


def projection_figure(view: DensityView) -> Figure:
    """Return the density as seen along a and along b, with sites and the likeliest paths, in one cell."""
    cell = np.array(view.result.density.cell_A)
    layout, suffixes = panels([f"seen along {name}" for name in DIRECTIONS], 420, wide=2)
    traces: list[Figure] = []
    for seen_along, suffix in enumerate(suffixes):
        vectors, others = plane(cell, seen_along), others_of(seen_along)
        own = [_heat(view.grid_per_A3, cell, seen_along), _outline(vectors[others])]
        own += site_markers(view, seen_along)
        own += [_way(path, vectors) for path in _found(view)]
        for trace in own:
            trace |= {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
            trace["showlegend"] = bool(trace.get("name")) and suffix == suffixes[0]
        traces += own
        level = {"scaleanchor": f"x{suffix}", "scaleratio": 1}
        set_axes(layout, suffix, axis(f"along {'abc'[others[0]]} (Å)"), axis("across it (Å)", **level))
    return {"data": traces, "layout": layout}


def profile_figure(view: DensityView) -> Figure | None:
    """Return the free energy along the likeliest paths; None where none was seen."""
    found = _found(view)
    if not found:
        return None
    names = site_names(view)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"along {path.along}",
            "x": list(path.distance_A),
            "y": list(path.free_energy_eV),
            "line": {"color": COLOURS[path.along]},
            "marker": {"size": 4},
            "text": [text("sites " + ", ".join(names[site] for site in path.sites))] * len(path.distance_A),
            "hovertemplate": "%{x:.2f} Å: %{y:.3f} eV<br>%{text}<extra>%{fullData.name}</extra>",
        }
        for path in found
    ]
    layout = layout_of(340, legend=True)
    layout |= {"xaxis": axis("distance along the path (Å)"), "yaxis": axis("free energy (eV)", rangemode="tozero")}
    return {"data": traces, "layout": layout}


def site_names(view: DensityView) -> list[str]:
    """Return what the sites are called, in the order of the list of sites."""
    return [f"{site.kind} {number}" for number, site in enumerate(view.result.sites.sites)]


def _found(view: DensityView) -> list[MigrationPath]:
    migration = view.result.migration
    return [path for path in migration.paths if path.scaled] if migration else []


def _heat(grid_per_A3: Floats, cell_A: Floats, seen_along: int) -> Figure:
    x, y, seen = projected(grid_per_A3, cell_A, seen_along)
    shown = np.log10(np.maximum(seen / np.nanmax(seen), 10**_FAINTEST))
    return {
        "type": "heatmap",
        "x": x.round(3).tolist(),
        "y": y.round(3).tolist(),
        "z": [[None if math.isnan(value) else round(value, 2) for value in row] for row in shown.tolist()],
        "zmin": _FAINTEST,
        "zmax": 0.0,
        "colorscale": [[0, "rgba(217,176,43,0)"], [0.5, "#e9cf7a"], [1, "#8a6a08"]],
        "showscale": False,
        "hoverinfo": "skip",
    }


def _outline(vectors: Floats) -> Figure:
    x, y = (np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ vectors).T.round(3).tolist()
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": EDGE}, "hoverinfo": "skip"}


def _way(path: MigrationPath, vectors: Floats) -> Figure:
    """Return a path with arrows, cut where it leaves the cell and goes on at the other side."""
    colour = COLOURS[path.along]
    x, y, sizes = [], [], []
    for piece in _pieces(np.array(path.scaled)):
        points = piece @ vectors
        x += [*points[:, 0].round(3).tolist(), None]
        y += [*points[:, 1].round(3).tolist(), None]
        sizes += [*(10 if number % _ARROW_EVERY == _ARROW_EVERY - 1 else 0 for number in range(len(points))), 0]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"likeliest path along {path.along}",
        "x": x,
        "y": y,
        "line": {"color": colour, "width": 2.5},
        "marker": {"symbol": "arrow", "angleref": "previous", "size": sizes, "color": colour},
        "hovertemplate": "%{fullData.name}<extra></extra>",
    }


def _pieces(scaled: Floats) -> Sequence[Floats]:
    """Return a path in pieces that lie in the cell; each begins with the end of the one before, in its own cell."""
    cells = np.floor(scaled + 1e-9)
    cuts = np.flatnonzero((np.diff(cells, axis=0) != 0).any(axis=1)) + 1
    pieces = []
    for begin, end in zip([0, *cuts], [*cuts, len(scaled)], strict=True):
        first = max(begin - 1, 0)
        pieces.append(scaled[first:end] - cells[begin])
    return pieces
