"""Densities of several sources side by side, with sites and paths, seen along two lattice vectors. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alloop.report.figure_style import Figure, axis
from alloop.report.panels import name_once, panels, set_axes
from alloop.report.transport.density_figure import DensityView, Floats
from alloop.report.transport.paths import path_arrows
from alloop.report.transport.projection import COLOURS_OF_DENSITY, DIRECTIONS, outline, projected, site_markers


def sides_figure(views: Sequence[DensityView]) -> Figure | None:
    """Return a row of panels per source: the density, summed along a and along b, with sites and likeliest paths.

    Nothing where there are not two sources to compare. Panels of a direction have one scale of colours.
    """
    if len(views) < 2:
        return None
    places = [(view, along) for view in views for along in range(len(DIRECTIONS))]
    titles = [f"{name}, along {direction}" for name in _names(views) for direction in DIRECTIONS]
    layout, suffixes = panels(titles, 360, wide=len(DIRECTIONS))
    seen = [projected(view.grid_per_A3, np.array(view.result.density.cell_A), along) for view, along in places]
    highest = [max(float(np.nanmax(seen[i][2])) for i in range(along, len(seen), 2)) for along in (0, 1)]
    traces: list[Figure] = []
    for suffix, (view, along), (x, y, values) in zip(suffixes, places, seen, strict=True):
        where = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        cell = np.array(view.result.density.cell_A)
        own = [_map(x, y, values, highest[along]), outline(cell, along)]
        own += [*site_markers(view, along), *path_arrows(view, along)]
        traces += (trace | where for trace in own)
        set_axes(layout, suffix, axis("Å"), axis("Å", scaleanchor=f"x{suffix}"))
    name_once(traces)
    return {"data": traces, "layout": layout}


def _names(views: Sequence[DensityView]) -> list[str]:
    """Return source and temperature of every view: of the words of the sources the first few that tell them apart."""
    words = [view.source.split(", ") for view in views]
    most = max(map(len, words))
    enough = (few for few in range(2, most) if len({tuple(one[:few]) for one in words}) == len(words))
    few = next(enough, most)
    kelvins = (view.result.density.temperature_K for view in views)
    return [f"{', '.join(one[:few])}, {kelvin:g} K" for one, kelvin in zip(words, kelvins, strict=True)]


def _map(x: Floats, y: Floats, values: Floats, highest: float) -> Figure:
    return {
        "type": "heatmap",
        "x": [round(float(one), 2) for one in x],
        "y": [round(float(one), 2) for one in y],
        "z": [[None if np.isnan(one) else float(f"{one:.3g}") for one in row] for row in values],
        "zmin": 0.0,
        "zmax": float(f"{highest:.3g}"),
        "colorscale": COLOURS_OF_DENSITY,
        "showscale": False,
        "hovertemplate": "%{z} Å⁻²<extra></extra>",
    }
