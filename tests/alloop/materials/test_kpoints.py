"""Grids of k-points that are equally dense in cells of different sizes."""

import pytest
from ase.build import bulk, make_supercell
from ase.calculators.calculator import kptdensity2monkhorstpack

from alloop.materials.kpoints import grid_for
from alloop.materials.structure import Structure

ROCK_SALT = bulk("NaCl", "rocksalt", 5.6)
SLANTED = make_supercell(ROCK_SALT, [[2, 1, 0], [0, 1, 0], [1, 0, 3]])


@pytest.mark.parametrize("atoms", [ROCK_SALT, SLANTED, ROCK_SALT.repeat((1, 2, 3))], ids=["one", "slanted", "repeated"])
@pytest.mark.parametrize("spacing", [0.1, 0.17, 0.25, 0.6])
def test_a_spacing_is_one_over_the_density_of_gpaw(atoms, spacing):
    assert grid_for(Structure.from_atoms(atoms), spacing) == tuple(kptdensity2monkhorstpack(atoms, 1 / spacing, False))


def test_a_supercell_has_the_same_points_and_noise_of_the_cell_adds_none():
    spacing = 2 * 3.141592653589793 / (5.6 * 4)
    cubic = bulk("NaCl", "rocksalt", 5.6, cubic=True)
    assert grid_for(Structure.from_atoms(cubic), spacing) == (4, 4, 4)
    assert grid_for(Structure.from_atoms(cubic.repeat((1, 2, 4))), spacing) == (4, 2, 1)
    cubic.set_cell(cubic.cell * (1 - 1e-9))
    assert grid_for(Structure.from_atoms(cubic), spacing) == (4, 4, 4)
