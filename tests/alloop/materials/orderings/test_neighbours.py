"""Neighbours on a sublattice, compared with chance."""

import numpy as np
import pytest

from alloop.materials.orderings.cells import supercell
from alloop.materials.orderings.crystal import substituted
from alloop.materials.orderings.lattice import lattice_of
from alloop.materials.orderings.neighbours import correlations
from tests.support.disordered import layered_halide, mixed_chloride, problem

CHARGES = {"Li": 1, "In": 3, "Y": 3, "Cl": -1}


def test_expected_share_is_the_mean_over_all_orderings():
    lattice = problem(mixed_chloride())
    rng = np.random.default_rng(0)
    every = np.unique([lattice.random(rng) for _ in range(500)], axis=0)
    found = [correlations(lattice, configuration) for configuration in every]
    for of_pair in zip(*found, strict=True):
        assert np.mean([one.share for one in of_pair]) == pytest.approx(of_pair[0].expected)


def test_random_structures_agree_with_chance():
    crystal = substituted(layered_halide(), {"In": {"In": 0.5, "Y": 0.5}})
    lattice = lattice_of(supercell(crystal, np.diag([3, 2, 2])), CHARGES)
    rng = np.random.default_rng(4)
    orders = [correlations(lattice, lattice.random(rng))[0].order for _ in range(60)]
    assert abs(np.mean(orders)) < 4 * np.std(orders) / np.sqrt(60)


def test_apart_and_together():
    crystal = substituted(layered_halide(), {"In": {"In": 0.5, "Y": 0.5}})
    lattice = lattice_of(supercell(crystal, np.diag([4, 1, 2])), CHARGES)
    layer = lattice.scaled[lattice.mixed][:, 2] // 0.25 % 2
    (apart,) = correlations(lattice, (layer > 0).astype(np.int8))
    assert apart.pair == "In–Y"
    assert apart.order == pytest.approx(1.0)
