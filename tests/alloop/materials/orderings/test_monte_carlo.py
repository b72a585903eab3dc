"""Monte Carlo samples the Boltzmann distribution, and repeats itself."""

from collections import Counter

import numpy as np
import pytest
from ase.units import kB
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from alloop.materials.orderings.energy import PairEnergy
from alloop.materials.orderings.enumeration import enumerated
from alloop.materials.orderings.monte_carlo import Sampler, anneal, quench
from tests.support.disordered import mixed_chloride, nasicon, problem

LATTICE = problem(mixed_chloride())
ENERGY = PairEnergy(LATTICE, 10.0)
LARGE = problem(nasicon())
LARGE_ENERGY = PairEnergy(LARGE, 10.0)


def all_orderings():
    rng = np.random.default_rng(0)
    return np.unique([LATTICE.random(rng) for _ in range(500)], axis=0)


def test_samples_the_boltzmann_distribution():
    temperature_K, samples = 900.0, 1500
    orderings = all_orderings()
    energies_eV = ENERGY.of_all(orderings)
    weights = np.exp(-(energies_eV - energies_eV.min()) / (kB * temperature_K))
    expected = samples * weights / weights.sum()
    assert expected.max() > 2.5 * expected.min() > 60
    sampler, seen = Sampler(LATTICE, ENERGY, np.random.default_rng(5)), Counter()
    for _ in range(samples):
        sampler.sweep(4, temperature_K)
        seen[sampler.configuration.tobytes()] += 1
    counts = [seen[configuration.tobytes()] for configuration in orderings]
    assert chisquare(counts, expected).pvalue > 1e-3


@given(st.integers(0, 2**32 - 1), st.sampled_from([500.0, 2000.0]))
@settings(max_examples=4, deadline=None)
def test_every_two_orderings_are_left_for_each_other_as_often(seed, temperature_K):
    """Detailed balance: the flow between two orderings is the same both ways."""
    sampler, flows = Sampler(LATTICE, ENERGY, np.random.default_rng(seed)), Counter()
    sampler.sweep(50, temperature_K)
    last = [sampler.configuration.tobytes()]

    def observe(configuration, _):
        now = configuration.tobytes()
        flows[last[0], now] += 1
        last[0] = now

    sampler.sweep(1000, temperature_K, observe)
    for one, other in flows:
        there, back = flows[one, other], flows[other, one]
        assert abs(there - back) <= 5 * np.sqrt(there + back) + 1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_composition_is_kept_and_energies_are_right(seed):
    lattice, energy = LARGE, LARGE_ENERGY
    sampler = Sampler(lattice, energy, np.random.default_rng(seed))
    sampler.sweep(5, 3000.0)
    for sublattice in lattice.sublattices:
        ions = sampler.configuration[sublattice.members]
        assert {species: int((ions == species).sum()) for species in sublattice.counts} == dict(sublattice.counts)
    assert sampler.energy_eV == pytest.approx(energy.of(sampler.configuration), abs=1e-9)


def test_same_seed_gives_the_same_chain():
    chains = [Sampler(LATTICE, ENERGY, np.random.default_rng(9)) for _ in range(2)]
    runs = [chain.sweep(30, 2000.0) for chain in chains]
    assert runs[0] == runs[1]
    assert 0 < runs[0].acceptance < 1
    assert (chains[0].configuration == chains[1].configuration).all()


def test_annealing_finds_the_lowest_ordering():
    lowest = ENERGY.of_all(enumerated(LATTICE).configurations).min()
    sampler = Sampler(LATTICE, ENERGY, np.random.default_rng(1))
    found, energy_eV = anneal(sampler, LATTICE, ENERGY, 100)
    assert energy_eV == pytest.approx(lowest) == pytest.approx(ENERGY.of(found))
    assert (quench(found, LATTICE, ENERGY) == found).all()
