"""Densities of several sources side by side, seen along the first and the second lattice vector. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from alloop.report.figure_style import Figure, axis, text
from alloop.report.panels import panels, set_axes
from alloop.report.transport.density_figure import (
    HOST,
    INTERSTITIAL,
    DensityView,
    Floats,
    folded_sites,
)

PIXELS = 70
DIRECTIONS = ("a", "b")


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
        traces += (trace | where for trace in _sites(view, along))
        set_axes(layout, suffix, axis("Å"), axis("Å", scaleanchor=f"x{suffix}"))
    named: set[str] = set()
    for trace in traces:
        if trace["type"] == "scatter":
            trace["showlegend"] = trace["name"] not in named
            named.add(trace["name"])
    return {"data": traces, "layout": layout}


def plane(cell_A: Floats, along: int) -> Floats:
    """Return the two other lattice vectors as seen along one of them (Å), shape (2, 2); the first points right."""
    looking = cell_A[along] / np.linalg.norm(cell_A[along])
    flat = np.array([vector - (vector @ looking) * looking for i, vector in enumerate(cell_A) if i != along])
    right = flat[0] / np.linalg.norm(flat[0])
    return np.array(flat @ np.array([right, np.cross(looking, right)]).T)


def projected(grid_per_A3: Floats, cell_A: Floats, along: int) -> tuple[Floats, Floats, Floats]:
    """Return pixels of one cell seen along a lattice vector (Å), and the density summed along it there (Å⁻²).

    Pixels outside the cell have no number.
    """
    from scipy.ndimage import map_coordinates

    column = grid_per_A3.mean(axis=along) * np.linalg.norm(cell_A[along])
    vectors = plane(cell_A, along)
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ vectors
    x, y = (np.linspace(corners[:, i].min(), corners[:, i].max(), PIXELS) for i in (0, 1))
    scaled = np.stack(np.meshgrid(x, y), axis=-1) @ np.linalg.inv(vectors)
    values = map_coordinates(
        column, np.moveaxis(scaled, -1, 0) * np.array(column.shape)[:, None, None], order=1, mode="grid-wrap"
    )
    outside = ((scaled < -1e-9) | (scaled > 1 + 1e-9)).any(axis=-1)
    return x, y, np.where(outside, np.nan, values)


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


def _sites(view: DensityView, along: int) -> Iterator[Figure]:
    density = view.result.density
    cell = np.array(density.cell_A)
    others = [i for i in range(3) if i != along]
    for kind, colour in (("host", HOST), ("interstitial", INTERSTITIAL)):
        sites = [site for site in view.result.sites.sites if site.kind == kind]
        if not sites:
            continue
        places, held = folded_sites(sites, np.asarray(density.repeat), cell)
        flat = places[:, others] @ plane(cell, along)
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": f"{kind} sites",
            "legendgroup": kind,
            "x": [round(float(one), 2) for one in flat[:, 0]],
            "y": [round(float(one), 2) for one in flat[:, 1]],
            "text": [text(f"{kind} site, occupancy {value:.3g}") for value in held],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"size": 9, "color": colour, "line": {"color": "#243240", "width": 1.5}},
        }
