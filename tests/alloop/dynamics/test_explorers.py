from dataclasses import dataclass, field

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixCom
from ase.md.langevinbaoab import LangevinBAOAB

from alloop.dynamics import MDState, fresh_state, temperature_limit
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.noise import generator
from tests.support.potentials import Answer, Einstein, FromAse, OfArrays


@dataclass
class Watched(OfArrays):
    """A force field whose committee doubts what is far from the sites; it can be spoiled for one walker."""

    inner: object
    sites_A: np.ndarray
    spoilt: int | None = None
    after: int = 0
    value: float = np.nan
    calls: int = field(default=0, init=False)

    def answer(self, positions_A, walkers, stretches=None):
        found = self.inner.answer(positions_A, walkers)
        self.calls += 1
        forces = found.forces_eV_per_A.copy()
        if self.calls > self.after and self.spoilt in walkers:
            forces[list(walkers).index(self.spoilt), 0] = self.value
        return Answer(found.energies_eV, forces, found.contacts)

    def disagreement(self, positions_A, walkers, stretches=None):
        return np.linalg.norm(positions_A.numpy() - self.sites_A, axis=2)


def electrolyte():
    positions = np.random.default_rng(1).uniform(0, 6, (10, 3))
    return Atoms("Li3InCl6", positions=positions, cell=[6, 6, 6], pbc=True)


def explorers(atoms, inner=None, temperatures_K=(600.0,), **changes):
    starts = [fresh_state(atoms, t, np.random.default_rng(i)) for i, t in enumerate(temperatures_K)]
    watched = Watched(inner or Einstein(atoms.positions.copy()), atoms.positions.copy())
    for name in ("spoilt", "after", "value"):
        setattr(watched, name, changes.pop(name, getattr(watched, name)))
    standard = {
        "temperatures_K": temperatures_K,
        "limits_K": [temperature_limit(t, 4.0, len(atoms)) for t in temperatures_K],
        "seeds": range(7, 7 + len(starts)),
        "timestep_fs": 2.0,
        "friction_per_fs": 0.02,
        "stop_contact": 0.0,
        "memory": 4,
    }
    return ExplorerBatch(changes.pop("starts", starts), watched, **{**standard, **changes})


def test_a_step_is_that_of_ase():
    atoms = bulk("Cu", cubic=True)
    atoms.symbols[3] = "Au"
    ours = explorers(atoms, FromAse(atoms, EMT()), (500.0, 900.0))
    theirs = []
    for walker, temperature_K in enumerate((500.0, 900.0)):
        one = ours.see(walker).state.to_atoms()
        one.set_constraint(FixCom())
        one.calc = EMT()
        friction = {"temperature_K": temperature_K, "T_tau": units.fs / 0.02}
        run = LangevinBAOAB(one, 2.0 * units.fs, rng=np.random.default_rng(0), **friction)
        run.rng = SameNoise(7 + walker)
        theirs.append((one, run))
    for _ in range(10):
        ours.run(1)
        for walker, (one, run) in enumerate(theirs):
            run.step()
            np.testing.assert_allclose(ours.see(walker).state.positions_A, one.positions, atol=1e-9)
            np.testing.assert_allclose(ours.see(walker).state.momenta, one.get_momenta(), atol=1e-8)


class SameNoise:
    """The noise of one of our walkers, in the order in which ASE asks for it."""

    def __init__(self, seed):
        self.seed, self.step = seed, 0

    def normal(self, size):
        self.step += 1
        return generator(self.seed, "exploration", self.step - 1).standard_normal(size)


def test_every_walker_has_its_temperature_in_every_degree_of_freedom():
    atoms, targets_K = electrolyte(), np.repeat([300.0, 900.0], 60)
    ours = explorers(atoms, temperatures_K=targets_K)
    ours.run(250)
    potential, kinetic = [], []
    for _ in range(50):
        ours.run(8)
        potential.append([_spring_energy(ours.see(w).state, atoms) for w in range(120)])
        kinetic.append([ours.see(w).state.temperature() for w in range(120)])
    assert ours.walkers == tuple(range(120))
    for target_K in (300.0, 900.0):
        own = targets_K == target_K
        expected_eV = 27 / 2 * units.kB * target_K
        assert np.mean(np.array(potential)[:, own]) == pytest.approx(expected_eV, rel=0.03)
        assert np.mean(np.array(kinetic)[:, own]) == pytest.approx(target_K, rel=0.02)
        assert np.std(np.array(kinetic)[:, own]) == pytest.approx(target_K * np.sqrt(2 / 27), rel=0.05)
    means_K = [ours.mean_temperature(w) for w in range(60)]
    assert np.mean(means_K) == pytest.approx(300.0, rel=0.03)


def _spring_energy(state, atoms):
    return float(((state.positions_A - atoms.positions) ** 2).sum())


def test_a_healthy_small_walker_never_counts_as_exploded():
    limit_K = temperature_limit(600.0, 1.01, 10)
    ours = explorers(electrolyte(), temperatures_K=[600.0] * 20, limits_K=[limit_K] * 20)
    assert ours.run(500) == {}
    hot = np.random.default_rng(0).chisquare(27, 2_000_000).max() / 27
    assert hot > 2.5
    assert limit_K > 600.0 * hot


def test_the_centre_of_mass_stays_where_it_is():
    atoms = electrolyte()
    ours = explorers(atoms)
    masses, before = atoms.get_masses(), atoms.positions
    ours.run(300)
    state = ours.see(0).state
    assert np.abs(masses @ (state.positions_A - before)).max() / masses.sum() < 1e-10
    assert np.abs(state.momenta.sum(axis=0)).max() < 1e-10


def test_what_a_walker_does_depends_on_no_other():
    atoms = electrolyte()
    together = explorers(atoms, temperatures_K=(300.0, 600.0, 900.0))
    together.run(20)
    together.take_out(1)
    together.run(20)
    start = fresh_state(atoms, 900.0, np.random.default_rng(2))
    alone = explorers(atoms, temperatures_K=(900.0,), starts=[start], seeds=[9])
    alone.run(40)
    np.testing.assert_allclose(together.see(2).state.positions_A, alone.see(0).state.positions_A, rtol=1e-12)
    assert together.mean_temperature(2) == pytest.approx(alone.mean_temperature(0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_walker_whose_force_is_no_number_leaves_at_its_step_and_the_others_go_on(value):
    ours = explorers(electrolyte(), temperatures_K=(600.0, 600.0), spoilt=0, after=8, value=value)
    stopped = ours.run(50)
    assert {walker: (sight.step, sight.fault) for walker, sight in stopped.items()} == {0: (8, "nan")}
    assert (ours.step, ours.walkers) == (8, (1,))
    assert [step for step, _ in ours.recent(0)] == [7, 6, 5]
    assert all(state.is_finite() for _, state in ours.recent(0))
    assert np.isfinite(ours.mean_temperature(0))
    assert ours.run(30) == {}
    assert (ours.step, ours.walkers) == (38, (1,))


@pytest.mark.parametrize("value", [1e4, 1e30])
def test_an_enormous_force_shows_as_temperature_before_it_throws_an_atom(value):
    ours = explorers(electrolyte(), spoilt=0, after=3, value=value)
    (sight,) = ours.run(50).values()
    assert (sight.fault, sight.step) == ("temperature", 3)
    assert np.abs(sight.state.positions_A).max() < 20.0


def test_a_bad_start_is_a_fault_before_the_first_step():
    ours = explorers(electrolyte(), spoilt=0, value=np.nan)
    (sight,) = ours.run(0).values()
    assert (sight.fault, sight.step, ours.walkers, ours.recent(0), ours.mean_temperature(0)) == ("nan", 0, (), [], None)


def test_the_seed_decides_and_pieces_do_not_matter():
    ends = []
    for seed, pieces in ((5, (30,)), (5, (1, 12, 17)), (6, (30,))):
        ours = explorers(electrolyte(), seeds=[seed])
        for steps in pieces:
            ours.run(steps)
        ends.append(ours.see(0).state.positions_A)
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_disagreement_is_asked_of_those_that_are_named():
    ours = explorers(electrolyte(), temperatures_K=(600.0, 600.0, 600.0))
    ours.run(10)
    found = ours.disagreements([2, 0])
    assert list(found) == [2, 0]
    for walker, disagreement in found.items():
        np.testing.assert_array_equal(disagreement, ours.disagreement_at(ours.see(walker).state))


def test_what_cannot_move_or_is_of_another_cell_is_refused():
    lonely = Atoms("Li", cell=[3] * 3, pbc=True)
    with pytest.raises(ValueError, match="two atoms"):
        explorers(lonely, starts=[MDState.of(lonely)])
    wider = electrolyte()
    wider.set_cell([7, 6, 6])
    with pytest.raises(ValueError, match="same atoms and cell"):
        explorers(electrolyte(), starts=[MDState.of(electrolyte()), MDState.of(wider)], temperatures_K=(600.0, 600.0))
