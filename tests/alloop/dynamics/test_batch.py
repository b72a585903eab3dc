"""Many walkers at once: each goes its own way and ends for its own reason."""

from dataclasses import dataclass

import numpy as np
import pytest

from alloop.dynamics.phase import Phase
from alloop.dynamics.production import begin, produce
from alloop.dynamics.recorder import ProductionSettings, empty_trajectory, energy_drift
from alloop.dynamics.state import Point
from alloop.dynamics.trajectory import concatenate
from tests.support.potentials import Answer, Einstein, LennardJones, OfArrays, argon

ATOMS = argon()
MOBILE = np.arange(0, 32, 4)
FIELD = LennardJones(float(ATOMS.cell.lengths()[0]))
TEMPERATURES_K = [60.0, 120.0, 240.0]
SEEDS = [5, 6, 7]


def settings(**changes):
    fields = {
        "ensemble": "bussi",
        "timestep_fs": 5.0,
        "thermostat_fs": 100.0,
        "equilibration_steps": 30,
        "steps": 60,
        "sample_every_steps": 5,
        "snapshot_every": 4,
        "stop_temperature_factor": 20.0,
        "stop_contact": 0.5,
    }
    return ProductionSettings(**{**fields, **changes})


def run(field, temperatures_K=TEMPERATURES_K, seeds=SEEDS, **changes):
    how = settings(**changes)
    points, stopped = begin(ATOMS, temperatures_K, seeds, field, how)
    return produce(ATOMS, MOBILE, temperatures_K, seeds, points, field, how), stopped


@dataclass
class Spoiled(OfArrays):
    """A potential that spoils the answer about one walker from one evaluation on."""

    walker: int
    evaluation: int
    what: str
    evaluations: int = 0

    def answer(self, positions_A, walkers, stretches=None):
        found = FIELD.answer(positions_A, walkers)
        self.evaluations += 1
        if self.evaluations < self.evaluation or self.walker not in walkers:
            return found
        row = list(walkers).index(self.walker)
        energies, forces, contacts = found.energies_eV.copy(), found.forces_eV_per_A.copy(), found.contacts.copy()
        if self.what == "nan":
            forces[row, 0, 0] = np.nan
        elif self.what == "energy":
            energies[row] = np.inf
        elif self.what == "contact":
            contacts[row] = 0.4
        elif self.what == "temperature":
            forces[row, 0] = 1e6
        return Answer(energies, forces, contacts)


@pytest.mark.parametrize("ensemble", ["nve", "bussi", "nose_hoover"])
def test_walkers_of_a_batch_are_walkers_alone(ensemble):
    together, _ = run(FIELD, ensemble=ensemble)
    for walker, (temperature_K, seed) in enumerate(zip(TEMPERATURES_K, SEEDS, strict=True)):
        alone, _ = run(FIELD, [temperature_K], [seed], ensemble=ensemble)
        np.testing.assert_allclose(together[walker].last.positions_A, alone[0].last.positions_A, atol=1e-9)
        np.testing.assert_allclose(together[walker].trajectory.kinetic_K, alone[0].trajectory.kinetic_K, rtol=1e-7)


@pytest.mark.parametrize(
    ("what", "ended"), [("nan", "nan"), ("energy", "nan"), ("contact", "contact"), ("temperature", "temperature")]
)
def test_a_walker_that_stops_leaves_the_batch_and_the_others_do_not_notice(what, ended):
    clean, _ = run(FIELD)
    runs, stopped = run(Spoiled(walker=1, evaluation=32 + 23, what=what))
    assert stopped == {}
    assert [runs[walker].ended for walker in range(3)] == ["length", ended, "length"]
    assert runs[1].last is None
    assert runs[1].trajectory.samples == 5
    assert len(runs[1].trajectory.snapshots_A) == 2
    np.testing.assert_array_equal(runs[1].trajectory.mobile_A, clean[1].trajectory.mobile_A[:5])
    assert np.isfinite(runs[1].trajectory.conserved_eV).all()
    for walker in (0, 2):
        np.testing.assert_allclose(runs[walker].last.positions_A, clean[walker].last.positions_A, atol=1e-9)
    assert (runs[1].shortest_contact == 0.4) == (what == "contact")


def test_a_walker_may_stop_before_production_begins():
    runs, stopped = run(Spoiled(walker=2, evaluation=10, what="contact"))
    assert stopped == {2: "contact"}
    assert sorted(runs) == [0, 1]
    assert {one.ended for one in runs.values()} == {"length"}


def test_a_batch_of_which_nobody_is_left_ends():
    runs, stopped = run(FIELD, stop_contact=5.0)
    assert stopped == dict.fromkeys(range(3), "contact")
    assert runs == {}


def test_what_a_trajectory_holds_is_what_was_simulated():
    runs, _ = run(FIELD, equilibration_steps=0)
    one = runs[0].trajectory
    assert one.samples == 13
    assert len(one.snapshots_A) == 4
    np.testing.assert_allclose(one.mobile_A[0], ATOMS.positions[MOBILE], atol=1e-5)
    np.testing.assert_allclose(one.mobile_A[-1], runs[0].last.positions_A[MOBILE], atol=1e-5)
    np.testing.assert_array_equal(one.snapshots_A[:, MOBILE], one.mobile_A[::4])
    framework = np.setdiff1d(np.arange(32), MOBILE)
    moved = (one.snapshots_A - one.snapshots_A[0])[:, framework].mean(axis=1)
    np.testing.assert_allclose(one.drift_A[::4], moved, atol=1e-5)
    assert energy_drift(one) is not None


def test_an_outer_field_cannot_move_the_centre_of_mass():
    sites = ATOMS.positions + np.array([0.3, 0.0, 0.0])
    points, _ = begin(ATOMS, TEMPERATURES_K, SEEDS, Einstein(sites), settings())
    for point in points.values():
        np.testing.assert_allclose(point.positions_A.mean(axis=0), ATOMS.positions.mean(axis=0), atol=1e-9)


def test_segments_after_the_end_of_a_walker_are_passed_over():
    runs, _ = run(FIELD)
    nothing = empty_trajectory(ATOMS, MOBILE, 60.0, settings())
    assert nothing.samples == 0
    assert energy_drift(nothing) is None
    assert concatenate([runs[0].trajectory, nothing, nothing]).samples == 13
    assert concatenate([nothing, nothing]).samples == 0


def test_a_batch_does_not_mix_walkers_of_different_age():
    points, _ = begin(ATOMS, TEMPERATURES_K, SEEDS, FIELD, settings())
    older = Point(7, *(getattr(points[1], name) for name in ("positions_A", "momenta", "chain", "chain_rate")), 0.0)
    with pytest.raises(ValueError, match="same number of steps"):
        Phase.of([points[0], older], [0, 1], ATOMS.get_masses(), [60.0, 60.0], [1, 2], FIELD)
