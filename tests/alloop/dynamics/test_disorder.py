from itertools import combinations

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT

from alloop.dynamics.disorder import DisorderSettings, OrderMeter, begin, sample
from alloop.dynamics.phase import Evaluation
from alloop.dynamics.swaps import SwapSettings
from alloop.materials.orderings.crystal import Crystal
from alloop.materials.orderings.lattice import lattice_of
from alloop.materials.orderings.neighbours import correlations
from tests.support.potentials import Answer, FromAse, OfArrays

T_K = 800.0


def run(
    atoms, field, blocks, places=None, *, temperatures_K=(T_K,), attempts=4, every=2, stop_contact=0.0, timestep_fs=4.0
):
    elements = tuple(dict.fromkeys(atoms.symbols))
    settings = DisorderSettings(SwapSettings((elements,), every), timestep_fs, 0.01, attempts, blocks, stop_contact)
    seeds, limits_K = range(len(temperatures_K)), [1e5] * len(temperatures_K)
    places = begin(atoms, temperatures_K, seeds) if places is None else places
    return sample(atoms, temperatures_K, limits_K, seeds, places, field, settings)


def alloy():
    atoms = bulk("Cu", cubic=True)
    atoms.symbols[[0, 1]] = "Au"
    return atoms


def test_segments_joined_are_one_long_run_to_the_last_bit():
    atoms = alloy()
    whole = run(atoms, FromAse(atoms, EMT()), 3, temperatures_K=(T_K, 500.0))
    first = run(atoms, FromAse(atoms, EMT()), 1, temperatures_K=(T_K, 500.0))
    places = {walker: chain.last for walker, chain in first.items()}
    rest = run(atoms, FromAse(atoms, EMT()), 2, places, temperatures_K=(T_K, 500.0))
    for walker, chain in whole.items():
        assert chain.blocks == first[walker].blocks + rest[walker].blocks
        np.testing.assert_array_equal(chain.last.point.positions_A, rest[walker].last.point.positions_A)
        np.testing.assert_array_equal(chain.last.point.momenta, rest[walker].last.point.momenta)
        np.testing.assert_array_equal(chain.last.occupants, rest[walker].last.occupants)
    assert sum(accepted for chain in whole.values() for block in chain.blocks for _, accepted in block.swaps.values())


class Ordered(OfArrays):
    """No forces; the energy of a cell of cold atoms is that of the sites where its gold is."""

    def __init__(self, atoms, energies_eV):
        self.sites_A, self.gold, self.energies_eV = atoms.positions, atoms.numbers == 79, energies_eV

    def sites(self, positions_A):
        away = np.linalg.norm(positions_A[self.gold][:, None] - self.sites_A[None], axis=2)
        return tuple(sorted(away.argmin(axis=1).tolist()))

    def answer(self, positions_A, walkers, stretches=None):
        energies = np.array([self.energies_eV[self.sites(one)] for one in positions_A])
        return Answer(energies, np.zeros_like(positions_A), np.ones(len(positions_A)))


def chain_of_six():
    """Six sites in a row, three of them gold: 20 orderings, of which those without gold neighbours differ."""
    positions = np.arange(6)[:, None] * [2.5, 0.0, 0.0]
    return Atoms("Au3Cu3", positions=positions, cell=[15.0, 30.0, 30.0], pbc=True)


def test_energies_and_order_are_those_of_the_boltzmann_distribution():
    atoms = chain_of_six()
    every = list(combinations(range(6), 3))
    energies = dict(zip(every, np.random.default_rng(4).normal(scale=0.03, size=20), strict=True))
    meter = OrderMeter(atoms, [("Au", "Cu")])
    orders = {}
    for gold in every:
        left = [site for site in range(6) if site not in gold]
        occupants = np.empty(6, dtype=int)
        occupants[[*gold, *left]] = range(6)
        orders[gold] = meter.of(occupants)["Au–Cu"]
    cold_K = 60.0
    weights = np.exp(-np.array(list(energies.values())) / (units.kB * cold_K))
    exact = [np.average(list(values.values()), weights=weights) for values in (energies, orders)]
    assert np.mean(list(orders.values())) == pytest.approx(0.0, abs=1e-12)
    chains = run(
        atoms, Ordered(atoms, energies), 5, temperatures_K=(cold_K,) * 30, attempts=30, every=1, timestep_fs=0.5
    )
    counted = [chain.blocks[1:] for chain in chains.values()]
    for expected, of in zip(exact, (lambda b: b.energy_eV, lambda b: b.order["Au–Cu"]), strict=True):
        means = [np.mean([of(block) for block in blocks]) for blocks in counted]
        error = np.std(means, ddof=1) / np.sqrt(len(means))
        assert abs(np.mean(means) - expected) < 3.5 * error
        assert error < 0.2 * np.std(list((energies if expected is exact[0] else orders).values()))


def test_a_site_holds_the_atom_that_is_there():
    atoms = chain_of_six()
    (chain,) = run(
        atoms, Ordered(atoms, dict.fromkeys(combinations(range(6), 3), 0.0)), 2, temperatures_K=(1.0,)
    ).values()
    place = chain.last
    np.testing.assert_allclose(place.point.positions_A[place.occupants], atoms.positions, atol=0.2)
    assert sorted(place.occupants) == list(range(6))
    assert not np.array_equal(place.occupants, np.arange(6))


def test_a_walker_that_breaks_off_keeps_its_whole_blocks_and_goes_nowhere():
    atoms, calls = chain_of_six(), []

    def field(positions_A, walkers, stretches=None):
        calls.append(1)
        contact = 0.1 if len(calls) > 15 else 1.0
        told = (torch.zeros(1), torch.zeros_like(positions_A), torch.full((1,), contact))
        return Evaluation(*(one.double() for one in told))

    (chain,) = run(atoms, field, 3, temperatures_K=(1.0,), stop_contact=0.5).values()
    assert (chain.ended, len(chain.blocks), chain.last) == ("contact", 1, None)


def test_order_is_that_of_the_orderings_of_a_crystal():
    cell_A = np.diag([3.0, 3.1, 3.2]) * 3
    grid = np.array([(x, y, z) for x in range(3) for y in range(3) for z in range(3)]) / 3.0
    crystal = Crystal(cell_A, grid, ({"Cl": 18 / 27, "Br": 9 / 27},) * 27, tuple(f"X{n}" for n in range(27)))
    lattice = lattice_of(crystal, {"Cl": 0.0, "Br": 0.0})
    configuration = lattice.random(np.random.default_rng(1))
    atoms = Atoms([lattice.species[ion] for ion in configuration], scaled_positions=grid, cell=cell_A, pbc=True)
    (expected,) = correlations(lattice, configuration)
    assert OrderMeter(atoms, [("Br", "Cl")]).of(np.arange(27)) == {"Br–Cl": pytest.approx(expected.order)}
