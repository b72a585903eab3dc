"""The density of the mobile ions with their sites, as a plain plotly dictionary. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alloop.report.figure_style import GRID, Figure, layout_of, text
from alloop.report.transport.tables import Chosen, rung_label
from alloop.transport.sites import DensityResult, Site

Floats = NDArray[np.float64]

MOST_POINTS_PER_AXIS = 40
SURFACE, HOST, INTERSTITIAL, EDGE = "#d9b02b", "#2f9d55", "#ffffff", "#5d6b7a"
SAME_PLACE_A = 0.6


@dataclass(frozen=True, eq=False)
class DensityView:
    """A density to show.

    Attributes
    ----------
    system : str
        Name of the system.
    kind, size, fit
        The rung and the fit it comes from; see `RungTransport`.
    result : DensityResult
        The numbers.
    grid_per_A3 : ndarray
        The number density (Å⁻³).
    method : str
        The settings of the label engine, where it computed the forces.
    """

    system: str
    kind: Chosen
    size: int
    fit: int
    result: DensityResult
    grid_per_A3: Floats
    method: str = ""

    @property
    def title(self) -> str:
        """What is shown."""
        density = self.result.density
        return f"{density.element} in {self.system}, {density.temperature_K:g} K, {self.source}"

    @property
    def source(self) -> str:
        """What computed the forces."""
        label = rung_label(self.kind, self.size)
        if self.kind == "AIMD":
            return f"{label}, {self.method}" if self.method else label
        return f"{label}, fit {self.fit}"


def density_figure(view: DensityView) -> Figure:
    """Return the isosurface at the stated level, the cell, host sites (green) and interstitial sites (white)."""
    density = view.result.density
    cell = np.array(density.cell_A)
    traces = [_edges(cell)]
    surface = isosurface(view.grid_per_A3, density.level_per_A3, cell)
    if surface is not None:
        traces.append(_surface(*surface, f"n = {density.level_per_A3:.3g} Å⁻³"))
    for kind, colour in (("host", HOST), ("interstitial", INTERSTITIAL)):
        sites = [site for site in view.result.sites.sites if site.kind == kind]
        if sites:
            traces.append(_spheres(kind, sites, np.asarray(density.repeat), cell, colour))
    layout = layout_of(560, legend=True)
    plain: dict[str, Any] = {"showbackground": False, "gridcolor": GRID, "zeroline": False}
    layout["scene"] = {
        "aspectmode": "data",
        **{f"{name}axis": plain | {"title": {"text": f"{name} (Å)"}} for name in "xyz"},
        "camera": {"projection": {"type": "orthographic"}, "eye": {"x": 0.4, "y": -1.6, "z": 0.6}},
    }
    layout["margin"] |= {"l": 0, "r": 0, "b": 0}
    return {"data": traces, "layout": layout}


def coarse(grid: Floats, most: int = MOST_POINTS_PER_AXIS) -> Floats:
    """Return a periodic grid on fewer points, interpolated linearly: waves would ring around sharp maxima."""
    from scipy.ndimage import map_coordinates

    shape = [min(points, most) for points in grid.shape]
    if shape == list(grid.shape):
        return grid
    axes = [np.arange(few) * points / few for few, points in zip(shape, grid.shape, strict=True)]
    where = np.meshgrid(*axes, indexing="ij")
    return np.asarray(map_coordinates(grid, where, order=1, mode="grid-wrap"))


def isosurface(grid: Floats, level: float, cell_A: Floats) -> tuple[Floats, NDArray[np.int_]] | None:
    """Return corners (Å) and triangles of the surface where a periodic grid has a value, None if it nowhere has.

    The grid is closed at the faces of the cell, where the surface is cut.
    """
    from skimage.measure import marching_cubes

    thin = coarse(grid)
    closed = np.pad(thin, (0, 1), mode="wrap")
    if not closed.min() < level < closed.max():
        return None
    march: Any = marching_cubes
    corners, triangles, _, _ = march(closed, level=level)
    return (corners / np.array(thin.shape)) @ cell_A, triangles


def _surface(corners: Floats, triangles: NDArray[np.int_], name: str) -> Figure:
    x, y, z = (_short(column) for column in corners.T)
    i, j, k = (column.tolist() for column in triangles.T)
    return {
        "type": "mesh3d",
        "name": name,
        "showlegend": True,
        "x": x,
        "y": y,
        "z": z,
        "i": i,
        "j": j,
        "k": k,
        "color": SURFACE,
        "opacity": 0.45,
        "flatshading": False,
        "hoverinfo": "skip",
    }


def _spheres(kind: str, sites: list[Site], repeat: NDArray[np.int_], cell: Floats, colour: str) -> Figure:
    places, held = folded_sites(sites, repeat, cell)
    x, y, z = (_short(column) for column in (places @ cell).T)
    return {
        "type": "scatter3d",
        "mode": "markers",
        "name": f"{kind} sites",
        "x": x,
        "y": y,
        "z": z,
        "text": [text(f"{kind} site, occupancy {value:.3g}") for value in held],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": 7, "color": colour, "line": {"color": "#243240", "width": 2}},
    }


def folded_sites(sites: list[Site], repeat: NDArray[np.int_], cell: Floats) -> tuple[Floats, list[float]]:
    """Return scaled coordinates in the cell of the grid, each site once, and the mean occupancy of its images."""
    groups: list[tuple[Floats, list[float]]] = []
    for site in sites:
        place = np.mod(np.array(site.scaled) * repeat, 1.0)
        for known, held in groups:
            apart = place - known
            if np.linalg.norm((apart - np.round(apart)) @ cell) < SAME_PLACE_A:
                held.append(site.occupancy.value)
                break
        else:
            groups.append((place, [site.occupancy.value]))
    return np.array([place for place, _ in groups]), [float(np.mean(held)) for _, held in groups]


def _edges(cell: Floats) -> Figure:
    points: list[list[float | None]] = []
    for start in itertools.product((0, 1), repeat=3):
        for direction in range(3):
            if not start[direction]:
                end = list(start)
                end[direction] = 1
                points += [(np.array(start) @ cell).tolist(), (np.array(end) @ cell).tolist(), [None, None, None]]
    x, y, z = ([None if value is None else round(value, 3) for value in column] for column in zip(*points, strict=True))
    line = {"color": EDGE, "width": 2}
    return {"type": "scatter3d", "mode": "lines", "x": x, "y": y, "z": z, "line": line} | {
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _short(values: Floats) -> list[float]:
    return [round(float(value), 2) for value in values]
