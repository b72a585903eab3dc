from collections import Counter
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from alloop.dynamics import fresh_state
from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.integrators import Langevin
from alloop.dynamics.limits import Limits
from alloop.dynamics.phase import Phase
from alloop.dynamics.state import CHAIN, Point
from alloop.dynamics.swaps import Swapping, Swaps, SwapSettings
from alloop.materials.metropolis import accepts
from tests.support.potentials import Answer, FromAse, OfArrays

T_K = 900.0
NUMBERS = np.array([3, 35, 35, 17, 17])
SITES_A = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]])
ANIONS = SwapSettings((("Br", "Cl"),), 1)


@dataclass
class Orderings(OfArrays):
    """The energy is that of the sites which bromine has; contacts and energies can be spoilt."""

    energies_eV: dict
    spoilt: frozenset = frozenset()
    how: str = "contact"

    def answer(self, positions_A, walkers, stretches=None):
        which = [ordering(one) for one in positions_A]
        bad = np.array([one in self.spoilt for one in which])
        energies = np.array([self.energies_eV[one] for one in which])
        contacts = np.where(bad & (self.how == "contact"), 0.1, 1.0)
        energies[bad & (self.how == "nan")] = np.nan
        return Answer(energies, np.zeros_like(positions_A), contacts)


def ordering(positions_A):
    """The sites of the two bromine ions."""
    return tuple(sorted(int(x) for x in positions_A[NUMBERS == 35, 0]))


ALL = sorted({tuple(sorted(one[:2])) for one in permutations((1, 2, 3, 4))})


def drawn(seed):
    return dict(zip(ALL, np.random.default_rng(seed).normal(scale=0.1, size=len(ALL)), strict=True))


def weights(energies_eV):
    found = np.exp(-np.array([energies_eV[one] for one in ALL]) / (units.kB * T_K))
    return found / found.sum()


def points(count, places=None):
    placed = np.broadcast_to(SITES_A, (count, *SITES_A.shape)) if places is None else places
    zeros = np.zeros(CHAIN)
    return [Point(0, one, np.ones_like(one), zeros, zeros, 0.0) for one in placed]


def at_rest(field, count, places=None):
    return Phase.of(points(count, places), range(count), np.ones(5), [T_K] * count, range(count), field)


def placed(bromine):
    sites = list(bromine) + [site for site in (1, 2, 3, 4) if site not in bromine]
    return SITES_A[[0, *sites]]


def test_swaps_sample_the_boltzmann_distribution_of_a_cell_that_can_be_enumerated():
    energies = drawn(1)
    field, swaps = Orderings(energies), Swaps(NUMBERS, ANIONS, 0.5)
    phase = at_rest(field, 1000)
    for _ in range(14):
        swaps.attempt(phase, field)
        phase.step += 1
    found = Counter(ordering(one) for one in phase.positions_A.numpy())
    expected = 1000 * weights(energies)
    assert sum((found[one] - e) ** 2 / e for one, e in zip(ALL, expected, strict=True)) < chi2.ppf(0.999, len(ALL) - 1)


def test_as_many_swaps_lead_from_one_ordering_to_another_as_back():
    energies = drawn(2)
    field, swaps = Orderings(energies), Swaps(NUMBERS, ANIONS, 0.5)
    start = np.random.default_rng(3).choice(len(ALL), 1000, p=weights(energies))
    phase = at_rest(field, 1000, [placed(ALL[one]) for one in start])
    flows = Counter()
    for _ in range(6):
        before = [ordering(one) for one in phase.positions_A.numpy()]
        swaps.attempt(phase, field)
        phase.step += 1
        flows.update(zip(before, (ordering(one) for one in phase.positions_A.numpy()), strict=True))
    pairs = [(flows[a, b], flows[b, a]) for a in ALL for b in ALL if a < b and flows[a, b] + flows[b, a]]
    assert len(pairs) == 12
    assert sum((there - back) ** 2 / (there + back) for there, back in pairs) < chi2.ppf(0.999, len(pairs))


@given(st.floats(-2, 2), st.floats(0.01, 0.3), st.floats(0, 1, exclude_max=True))
def test_a_change_and_its_reverse_are_accepted_in_the_ratio_of_their_weights(cost_eV, kT_eV, number):
    chance = {cost: min(1.0, np.exp(-cost / kT_eV)) for cost in (cost_eV, -cost_eV)}
    assert chance[cost_eV] / chance[-cost_eV] == pytest.approx(np.exp(-cost_eV / kT_eV))
    for cost in chance:
        assert accepts(cost, kT_eV, lambda: number) == (number < chance[cost])
    assert not accepts(float("nan"), kT_eV, lambda: number)


@settings(max_examples=20)
@given(st.integers(0, 2**62), st.integers(0, 10**9), st.sampled_from(ALL), st.sampled_from(ALL))
def test_which_ions_are_tried_depends_on_seed_and_step_alone(seed, step, one, other):
    field, swaps = Orderings(drawn(0)), Swaps(NUMBERS, ANIONS, 0.5)
    tried = []
    for bromine in (one, other):
        phase = at_rest(field, 1, [placed(bromine)])
        phase.seeds[0], phase.step = seed, step
        (swap,) = swaps.attempt(phase, field)
        tried.append(swap.atoms)
    assert tried[0] == tried[1]
    assert {int(NUMBERS[atom]) for atom in tried[0]} == {17, 35}


def test_ions_take_their_momenta_along_and_a_refused_swap_changes_nothing():
    field, swaps = Orderings(dict.fromkeys(ALL, 0.0) | {(1, 2): -9.0}), Swaps(NUMBERS, ANIONS, 0.5)
    low, free = SITES_A, placed((2, 3))
    phase = at_rest(field, 2, [low, free])
    momenta = phase.momenta
    told = swaps.attempt(phase, field)
    assert [swap.accepted for swap in told] == [False, True]
    one, other = told[1].atoms
    np.testing.assert_array_equal(phase.positions_A[0], low)
    np.testing.assert_array_equal(phase.positions_A[1][[one, other]], free[[other, one]])
    np.testing.assert_array_equal(phase.momenta, momenta)
    assert phase.energies_eV.tolist() == [-9.0, 0.0 if ordering(phase.positions_A[1].numpy()) != (1, 2) else -9.0]


@pytest.mark.parametrize("how", ["contact", "nan"])
def test_no_swap_leads_to_or_from_what_is_no_crystal(how):
    field = Orderings(dict.fromkeys(ALL, 0.0) | {(3, 4): -9.0}, frozenset({(3, 4)}), how)
    phase, swaps = at_rest(field, 200), Swaps(NUMBERS, ANIONS, 0.5)
    for _ in range(5):
        swaps.attempt(phase, field)
        phase.step += 1
    assert {ordering(one) for one in phase.positions_A.numpy()} == set(ALL) - {(3, 4)}
    lost = at_rest(field, 20, [placed((3, 4))] * 20)
    assert not any(swap.accepted for swap in swaps.attempt(lost, field))


def test_another_temperature_than_the_walkers_may_decide():
    energies = dict.fromkeys(ALL, 0.0) | {(1, 2): -0.3}
    field, accepted = Orderings(energies), []
    for temperature_K in (None, 20_000.0):
        swaps = Swaps(NUMBERS, SwapSettings((("Br", "Cl"),), 1, temperature_K), 0.5)
        accepted.append(sum(swap.accepted for swap in swaps.attempt(at_rest(field, 300), field)) / 300)
    assert accepted[0] == pytest.approx(np.exp(-0.3 / (units.kB * T_K)), abs=0.04)
    assert accepted[1] == pytest.approx(np.exp(-0.3 / (units.kB * 20_000)), abs=0.08)


def test_a_sublattice_needs_two_elements():
    with pytest.raises(ValueError, match="fewer than two of In, Y"):
        Swaps(NUMBERS, SwapSettings((("In", "Y"),), 1), 0.5)


def alloy():
    atoms = bulk("Cu", cubic=True)
    atoms.symbols[[0, 1]] = "Au"
    return atoms


def run(field, states, steps):
    """Walkers of the alloy that go on from some points."""
    masses = alloy().get_masses()
    phase = Phase.of(states, range(len(states)), masses, [500.0, T_K], [5, 6], field)
    method = Swapping(
        Langevin(4.0, 100.0, "exploration"), Swaps(alloy().numbers, SwapSettings((("Au", "Cu"),), 3), 0.1)
    )
    WalkerBatch(phase, field, Limits(np.full(2, 1e5), 0.1)).run(method, 4.0, steps)
    return [phase.point(row) for row in range(len(states))], method


def test_segments_joined_are_one_long_run_to_the_last_bit():
    atoms, zeros = alloy(), np.zeros(CHAIN)
    field = FromAse(atoms, EMT())
    starts = [fresh_state(atoms, T_K, np.random.default_rng(seed)) for seed in (1, 2)]
    begin = [Point(0, one.positions_A, one.momenta, zeros, zeros, 0.0) for one in starts]
    whole, method = run(field, begin, 40)
    half, _ = run(FromAse(atoms, EMT()), begin, 17)
    rest, _ = run(FromAse(atoms, EMT()), half, 23)
    for one, other in zip(whole, rest, strict=True):
        assert one.step == other.step == 40
        np.testing.assert_array_equal(one.positions_A, other.positions_A)
        np.testing.assert_array_equal(one.momenta, other.momenta)
    counts = [method.counts(walker)["Au/Cu"] for walker in (0, 1)]
    assert [attempted for attempted, _ in counts] == [13, 13]
    assert sum(accepted for _, accepted in counts) > 2
