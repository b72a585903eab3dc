"""Figures of the likeliest paths of mobile ions as plain plotly dictionaries. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from alloop.report.figure_style import Figure, axis, layout_of, text
from alloop.report.panels import name_once, panels, set_axes
from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.paths import COLOURS, found_paths, path_arrows
from alloop.report.transport.projection import (
    COLOURS_OF_DENSITY,
    DIRECTIONS,
    others_of,
    outline,
    projected,
    site_markers,
)

Floats = NDArray[np.float64]

_FAINTEST = -3.0


def projection_figure(view: DensityView) -> Figure:
    """Return the density as seen along a and along b, with sites and the likeliest paths, in one cell."""
    cell = np.array(view.result.density.cell_A)
    layout, suffixes = panels([f"seen along {name}" for name in DIRECTIONS], 420, wide=2)
    traces: list[Figure] = []
    for seen_along, suffix in enumerate(suffixes):
        own = [_heat(view.grid_per_A3, cell, seen_along), outline(cell, seen_along)]
        own += [*site_markers(view, seen_along), *path_arrows(view, seen_along)]
        traces += (trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"} for trace in own)
        level = {"scaleanchor": f"x{suffix}", "scaleratio": 1}
        right = axis(f"along {'abc'[others_of(seen_along)[0]]} (Å)")
        set_axes(layout, suffix, right, axis("across it (Å)", **level))
    name_once(traces)
    return {"data": traces, "layout": layout}


def profile_figure(view: DensityView) -> Figure | None:
    """Return the free energy along the likeliest paths; None where none was seen."""
    found = found_paths(view)
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
        "colorscale": COLOURS_OF_DENSITY,
        "showscale": False,
        "hoverinfo": "skip",
    }
