"""Ewald's sum, compared with known constants and with pymatgen's."""

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Species, Structure

from alloop.materials.orderings.ewald import COULOMB_EV_A, EwaldSum


def energy_of(cell_A, positions_A, charges_e):
    return 0.5 * charges_e @ EwaldSum(cell_A, positions_A).matrix(np.arange(len(charges_e))) @ charges_e


@pytest.mark.parametrize(("crystal", "madelung"), [("rocksalt", 1.7475645946), ("cesiumchloride", 1.7626747731)])
def test_madelung_constants(crystal, madelung):
    atoms = bulk("LiCl", crystal, a=5.0)
    distance_A = 2.5 if crystal == "rocksalt" else 5.0 * np.sqrt(3) / 2
    found = energy_of(atoms.cell.array, atoms.positions, np.array([1.0, -1.0]))
    assert -found * distance_A / COULOMB_EV_A == pytest.approx(madelung, abs=1e-7)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_agrees_with_pymatgen_in_any_cell(seed):
    rng = np.random.default_rng(seed)
    cell_A = np.diag(rng.uniform(4, 9, 3)) + rng.uniform(-1, 1, (3, 3))
    scaled, charges_e = rng.random((6, 3)), np.array([1, 1, 2, -1, -1, -2.0])
    species = [Species("Li", charge) for charge in charges_e]
    theirs = EwaldSummation(Structure(Lattice(cell_A), species, scaled), acc_factor=14).total_energy
    assert energy_of(cell_A, scaled @ cell_A, charges_e) == pytest.approx(theirs, rel=1e-5, abs=1e-4)


def test_potentials_are_those_of_the_matrix():
    rng = np.random.default_rng(3)
    positions_A, charges_e = rng.random((7, 3)) * 6, rng.normal(size=7)
    ewald = EwaldSum(6 * np.eye(3), positions_A)
    every = np.arange(7)
    assert ewald.potential(charges_e) == pytest.approx(ewald.matrix(every) @ charges_e)
    assert ewald.matrix(every[2:5]) == pytest.approx(ewald.matrix(every)[2:5, 2:5])
