"""Energies of orderings, and what a swap costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice

from alloop.materials.orderings.energy import PairEnergy, swap_energies
from alloop.materials.orderings.ewald import EwaldSum
from tests.support.disordered import crystal_of, mixed_chloride, problem

LATTICE = problem(mixed_chloride())
ENERGY = PairEnergy(LATTICE, 3.0)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_cost_of_every_swap_is_the_difference_of_the_energies(seed):
    configuration = LATTICE.random(np.random.default_rng(seed))
    costs_eV = swap_energies(ENERGY, configuration, ENERGY.potential(configuration), range(4))
    for i in range(4):
        for j in range(4):
            swapped = configuration.copy()
            swapped[[i, j]] = swapped[[j, i]]
            assert costs_eV[i, j] == pytest.approx(ENERGY.of(swapped) - ENERGY.of(configuration), abs=1e-9)


def test_energy_is_that_of_all_charges_over_the_permittivity():
    configuration = LATTICE.random(np.random.default_rng(1))
    codes = LATTICE.settled.copy()
    codes[LATTICE.mixed] = configuration
    charges_e = LATTICE.charges_e[codes]
    whole = EwaldSum(LATTICE.cell_A, LATTICE.scaled @ LATTICE.cell_A).matrix(np.arange(8))
    assert ENERGY.of(configuration) == pytest.approx(0.5 * charges_e @ whole @ charges_e / 3.0)


def test_split_site_never_holds_two_ions():
    sites = {"Li1": ({"Li": 0.5}, (0.0, 0, 0)), "Li2": ({"Li": 0.5}, (0.1, 0, 0)), "F1": ({"F": 1}, (0.5, 0.5, 0.5))}
    lattice = problem(crystal_of("P1", Lattice.cubic(4), sites), oxidation_states={"Li": 1, "F": -1})
    assert lattice.orderings() == 2
    assert PairEnergy(lattice, np.inf).matrix_eV[0, 1] == 50.0
