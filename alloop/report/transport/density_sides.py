"""Densities of several sources side by side, seen along the first and the second lattice vector. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alloop.report.figure_style import Figure, axis
from alloop.report.panels import panels, set_axes
from alloop.report.transport.density_figure import DensityView, Floats
from alloop.report.transport.projection import DIRECTIONS, projected, site_markers


def sides_figure(views: Sequence[DensityView]) -> Figure | None:
    """Return a row of panels per source: the density, summed along a and along b, with the sites of each kind.

    Nothing where there are not two sources to compare. Panels of a direction have one scale of colours.
    """
    if len(views) < 2:
        return None
    places = [(view, along) for view in views for along in range(len(DIRECTIONS))]
    names = [f"{view.source}, along {DIRECTIONS[along]}" for view, along in places]
    layout, suffixes = panels(names, 360, wide=len(DIRECTIONS))
    seen = [projected(view.grid_per_A3, np.array(view.result.density.cell_A), along) for view, along in places]
    highest = [max(float(np.nanmax(seen[i][2])) for i in range(along, len(seen), 2)) for along in (0, 1)]
    traces: list[Figure] = []
    for suffix, (view, along), (x, y, values) in zip(suffixes, places, seen, strict=True):
        where = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        traces.append(_map(x, y, values, highest[along]) | where)
        traces += (trace | where for trace in site_markers(view, along))
        set_axes(layout, suffix, axis("Å"), axis("Å", scaleanchor=f"x{suffix}"))
    named: set[str] = set()
    for trace in traces:
        if trace["type"] == "scatter":
            trace["showlegend"] = trace["name"] not in named
            named.add(trace["name"])
    return {"data": traces, "layout": layout}


def _map(x: Floats, y: Floats, values: Floats, highest: float) -> Figure:
    return {
        "type": "heatmap",
        "x": [round(float(one), 2) for one in x],
        "y": [round(float(one), 2) for one in y],
        "z": [[None if np.isnan(one) else float(f"{one:.3g}") for one in row] for row in values],
        "zmin": 0.0,
        "zmax": float(f"{highest:.3g}"),
        "colorscale": "Cividis",
        "showscale": False,
        "hovertemplate": "%{z} Å⁻²<extra></extra>",
    }
