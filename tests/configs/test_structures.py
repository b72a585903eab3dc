"""Structures that ship with alloop are what their table says."""

from pathlib import Path

import numpy as np
from ase.geometry import get_distances
from ase.io import read

FOLDER = Path(__file__).parents[2] / "configs" / "structures"


def test_the_conventional_cell_is_the_primitive_crystal():
    primitive, conventional = (read(FOLDER / f"Li3InCl6{name}.extxyz") for name in ("", "_conventional"))
    doubled = primitive.repeat((2, 2, 1))
    assert len(conventional) == 2 * len(primitive)
    for atom in conventional:
        same = doubled[doubled.numbers == atom.number]
        _, distances = get_distances([atom.position], same.positions, cell=doubled.cell, pbc=True)
        assert distances.min() < 1e-6
    assert np.allclose(conventional.cell.cellpar(), (6.419, 11.028, 6.423, 90, 109.2, 90), atol=1e-3)
