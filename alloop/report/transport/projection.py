"""A cell as it is seen along one of its lattice vectors: its outline, a grid summed along it, sites. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from alloop.report.figure_style import AXIS, Figure, text
from alloop.report.transport.density_figure import EDGE, HOST, INTERSTITIAL, DensityView, folded_sites

Floats = NDArray[np.float64]

DIRECTIONS = ("a", "b")
"""Lattice vectors along which pictures are made."""
COLOURS_OF_DENSITY = [[0, "rgba(217,176,43,0)"], [0.5, "#e9cf7a"], [1, "#8a6a08"]]
_PIXELS = 80


def others_of(along: int) -> list[int]:
    """Return the two lattice vectors that are seen along the third."""
    return [i for i in range(3) if i != along]


def plane(cell_A: Floats, along: int) -> Floats:
    """Return the lattice vectors as seen along one of them (Å), shape (3, 2).

    The first of the two others points right, the second upwards.
    """
    right_of, up_of = (cell_A[i] for i in others_of(along))
    normal = cell_A[along] / np.linalg.norm(cell_A[along])
    right = right_of - (right_of @ normal) * normal
    right /= np.linalg.norm(right)
    up = np.cross(normal, right)
    up *= np.copysign(1.0, up_of @ up)
    return np.asarray(cell_A @ np.stack([right, up], axis=1))


def projected(grid_per_A3: Floats, cell_A: Floats, along: int) -> tuple[Floats, Floats, Floats]:
    """Return pixels of one cell seen along a lattice vector (Å), and the density summed along it there (Å⁻²).

    Pixels outside the cell have no number.
    """
    from scipy.ndimage import map_coordinates

    column = grid_per_A3.mean(axis=along) * np.linalg.norm(cell_A[along])
    vectors = plane(cell_A, along)[others_of(along)]
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ vectors
    x, y = (np.linspace(corners[:, i].min(), corners[:, i].max(), _PIXELS) for i in (0, 1))
    scaled = np.stack(np.meshgrid(x, y), axis=-1) @ np.linalg.inv(vectors)
    places = np.moveaxis(scaled, -1, 0) * np.array(column.shape)[:, None, None]
    values = map_coordinates(column, places, order=1, mode="grid-wrap")
    outside = ((scaled < -1e-9) | (scaled > 1 + 1e-9)).any(axis=-1)
    return x, y, np.where(outside, np.nan, values)


def outline(cell_A: Floats, along: int) -> Figure:
    """Return the edges of the cell as it is seen along a lattice vector."""
    vectors = plane(cell_A, along)[others_of(along)]
    x, y = (np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ vectors).T.round(3).tolist()
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": EDGE}, "hoverinfo": "skip"}


def site_markers(view: DensityView, along: int) -> Iterator[Figure]:
    """Yield the sites of each kind, folded into the cell and seen along a lattice vector."""
    density = view.result.density
    cell = np.array(density.cell_A)
    for kind, colour in (("host", HOST), ("interstitial", INTERSTITIAL)):
        sites = [site for site in view.result.sites.sites if site.kind == kind]
        if not sites:
            continue
        places, held = folded_sites(sites, np.asarray(density.repeat), cell)
        x, y = (places @ plane(cell, along)).T.round(2).tolist()
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": f"{kind} sites",
            "legendgroup": kind,
            "x": x,
            "y": y,
            "text": [text(f"{kind} site, occupancy {value:.3g}") for value in held],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"size": 9, "color": colour, "line": {"color": AXIS, "width": 1.5}},
        }
