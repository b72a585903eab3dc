"""Calculations that begin where the one before ended, with a stand-in for GPAW."""

import io

import pytest
from gpaw.new.symmetry import SymmetryBrokenError

from alloop.labelling import gpaw_job
from alloop.labelling.gpaw_job import NOT_CONVERGED, JobError, Series

JOB = {
    "numbers": [3],
    "positions_A": [[0.0, 0.0, 0.0]],
    "cell_A": [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]],
    "pbc": [True, True, True],
    "moments_muB": None,
    "keywords": {},
    "ladder": [{}, {"mixer": 1}],
    "derivatives": True,
    "stress": False,
}


class Calculator:
    def get_potential_energy(self, atoms, force_consistent=False):
        return float(atoms.positions[0, 0])

    def get_magnetic_moment(self, atoms):
        return 0.0

    def get_forces(self, atoms):
        return atoms.positions


def at(x):
    return {**JOB, "positions_A": [[x, 0.0, 0.0]]}


def series(monkeypatch, converges):
    """Return a series, and the list of the calculators that it makes.

    `converges` says whether each SCF does, or what GPAW raises.
    """
    made, outcomes = [], iter(converges)

    def make(keywords, log):
        made.append(Calculator())
        return made[-1]

    def converge(calculator, atoms):
        outcome = next(outcomes)
        if isinstance(outcome, bool):
            return outcome, 5
        raise outcome

    monkeypatch.setattr(gpaw_job, "_calculator", make)
    monkeypatch.setattr(gpaw_job, "_converge", converge)
    return Series(io.StringIO()), made


def test_frames_follow_each_other_in_one_calculator(monkeypatch):
    frames, made = series(monkeypatch, [True] * 3)
    answers = [frames.next(at(x)) for x in (0.0, 0.1, 0.2)]
    assert len(made) == 1
    assert [answer["energy_eV"] for answer in answers] == [0.0, 0.1, 0.2]
    assert [answer["scf_iterations"] for answer in answers] == [5, 5, 5]
    assert answers[0]["stress_eV_per_A3"] is None


def test_a_frame_that_does_not_converge_from_the_one_before_begins_anew(monkeypatch):
    frames, made = series(monkeypatch, [True, False, False, True, True])
    frames.next(at(0.0))
    again = frames.next(at(0.1))
    assert (len(made), again["scf_attempt"], again["scf_iterations"]) == (3, 1, 15)
    frames.next(at(0.2))
    assert len(made) == 3


def test_a_frame_that_lost_a_symmetry_begins_anew_and_the_next_goes_on_from_it(monkeypatch):
    frames, made = series(monkeypatch, [True, SymmetryBrokenError(), True, True])
    answers = [frames.next(at(x)) for x in (0.0, 0.1, 0.2)]
    assert len(made) == 2
    assert [answer["scf_iterations"] for answer in answers] == [5, 5, 5]


def test_after_a_failure_the_next_frame_begins_anew(monkeypatch):
    frames, made = series(monkeypatch, [False, False, True])
    with pytest.raises(JobError) as failed:
        frames.next(at(0.0))
    assert failed.value.kind == NOT_CONVERGED
    frames.next(at(0.1))
    assert len(made) == 3
