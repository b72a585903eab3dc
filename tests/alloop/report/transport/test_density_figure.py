import math

import numpy as np
import pytest

from alloop.report.transport.density_figure import DensityView, coarse, density_figure, isosurface
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import LEANING, hopping
from tests.support.transports import valid


@pytest.fixture(scope="module")
def view() -> DensityView:
    story = hopping(cell=LEANING)
    settings = DensitySettings(resolution_A=0.3, smear_A=0.4, repeat=(2, 2, 2), level_per_A3=0.05)
    result, grid = analyse_density([story.run], settings, story.start)
    return DensityView("Li3InCl6", "acquired", 100, 0, result, grid)


def test_the_isosurface_lies_where_the_density_has_the_level():
    cell = np.array([[10.0, 0, 0], [2.0, 9.0, 0], [0, 1.0, 11.0]])
    index = np.stack(np.meshgrid(*(np.arange(36) / 36,) * 3, indexing="ij"), axis=-1)
    apart = index - 0.5
    grid = np.exp(-((apart @ cell) ** 2).sum(axis=-1) / 8.0)
    corners, triangles = isosurface(grid, math.exp(-0.5), cell)
    away = np.linalg.norm(corners - 0.5 * cell.sum(axis=0), axis=1)
    assert away == pytest.approx(np.full(len(away), 2.0), abs=0.05)
    assert triangles.max() == len(corners) - 1
    assert isosurface(grid, 2.0, cell) is None


def test_coarsening_rings_nowhere():
    grid = np.zeros((60, 30, 80))
    grid[30, 10, 40] = 1.0
    thin = coarse(grid)
    assert thin.shape == (40, 30, 40)
    assert thin.min() == 0.0
    assert np.argwhere(thin > 0).tolist() == [[20, 10, 20]]


def test_density_figure_has_surface_and_sites_in_one_unit_cell(view):
    figure = valid(density_figure(view))
    named = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert len(named["host sites"]["x"]) == 4
    assert len(named["interstitial sites"]["x"]) == 4
    surface = named["n = 0.05 Å⁻³"]
    assert max(surface["i"]) < len(surface["x"])
    assert "occupancy" in named["host sites"]["text"][0]
