"""Densities seen along lattice vectors."""

from dataclasses import replace

import numpy as np
import pytest

from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.density_sides import plane, projected, sides_figure
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import LEANING, hopping
from tests.support.transports import valid

CELL = np.array([[10.0, 0.0, 0.0], [2.0, 9.0, 0.0], [0.5, 1.0, 11.0]])


@pytest.mark.parametrize("along", [0, 1, 2])
def test_lengths_and_angles_across_the_line_of_sight_are_kept(along):
    seen, looking = plane(CELL, along), CELL[along] / np.linalg.norm(CELL[along])
    others = [vector - (vector @ looking) * looking for i, vector in enumerate(CELL) if i != along]
    assert seen @ seen.T == pytest.approx(np.array(others) @ np.array(others).T)
    assert seen[0] == pytest.approx([np.linalg.norm(others[0]), 0.0])


@pytest.mark.parametrize("along", [0, 1])
def test_the_sum_along_a_vector_holds_all_ions_and_its_maximum_is_where_they_are(along):
    index = np.stack(np.meshgrid(*(np.arange(36) / 36,) * 3, indexing="ij"), axis=-1)
    where = np.array([0.25, 0.5, 0.75])
    apart = (index - where + 0.5) % 1.0 - 0.5
    grid = np.exp(-((apart @ CELL) ** 2).sum(axis=-1) / 2.0) / (2 * np.pi) ** 1.5
    x, y, values = projected(grid, CELL, along)
    pixel = (x[1] - x[0]) * (y[1] - y[0])
    assert np.nansum(values) * pixel == pytest.approx(1.0, abs=0.02)
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    others = [i for i in range(3) if i != along]
    assert [x[column], y[row]] == pytest.approx(where[others] @ plane(CELL, along), abs=0.2)


def test_two_sources_stand_side_by_side_and_one_alone_does_not():
    story = hopping(cell=LEANING)
    settings = DensitySettings(resolution_A=0.5, smear_A=0.4, repeat=(2, 2, 2))
    result, grid = analyse_density([story.run], settings, story.start)
    model = DensityView("Li3InCl6", "acquired", 100, 0, result, grid)
    assert sides_figure([model]) is None
    figure = valid(sides_figure([model, replace(model, kind="AIMD", grid_per_A3=2 * grid)]))
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    assert [one["zmax"] for one in maps[:2]] == [one["zmax"] for one in maps[2:]]
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert titles == [f"<b>{who}, along {way}</b>" for who in ("100 labels, fit 0", "AIMD") for way in "ab"]
    assert len(maps) == 4
