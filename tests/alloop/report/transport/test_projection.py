"""Cells seen along lattice vectors."""

import numpy as np
import pytest

from alloop.report.transport.projection import others_of, plane, projected

CELL = np.array([[10.0, 0.0, 0.0], [2.0, 9.0, 0.0], [0.5, 1.0, 11.0]])


@pytest.mark.parametrize("along", [0, 1, 2])
def test_lengths_and_angles_across_the_line_of_sight_are_kept_and_the_second_vector_points_up(along):
    seen, looking = plane(CELL, along)[others_of(along)], CELL[along] / np.linalg.norm(CELL[along])
    others = [vector - (vector @ looking) * looking for i, vector in enumerate(CELL) if i != along]
    assert seen @ seen.T == pytest.approx(np.array(others) @ np.array(others).T)
    assert seen[0] == pytest.approx([np.linalg.norm(others[0]), 0.0])
    assert seen[1, 1] > 0
    area = abs(np.linalg.det(CELL)) / np.linalg.norm(CELL[along])
    assert abs(np.linalg.det(seen)) == pytest.approx(area)
    assert plane(CELL, along)[along] == pytest.approx([0.0, 0.0], abs=1e-12)


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
    assert [x[column], y[row]] == pytest.approx(where @ plane(CELL, along), abs=0.2)
