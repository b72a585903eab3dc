"""The SCF ladder with real GPAW: whichever attempt converges, the answer is the one of a direct calculation."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.config.label import GpawLabel
from alloop.labelling.errors import NotConvergedError
from alloop.labelling.gpaw_engine import compute
from alloop.labelling.gpaw_keywords import gpaw_job
from alloop.labelling.gpaw_scf_ladder import atom_ladder, frame_ladder

HOW = {"maxiter", "mixer", "start_width_eV"}
SALT = GpawLabel(cutoff_eV=200)
POOR_MIXING = {"mixer": {"name": "no-mixing"}}


def salt():
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    atoms.positions[0] += [0.1, 0.04, 0.0]
    return atoms


def answer(folder, atoms, label, attempts=None):
    """Return what the ladder answers, or some of its attempts."""
    job = gpaw_job(atoms, label)
    ladder = job["ladder"] if attempts is None else [job["ladder"][number] for number in attempts]
    return compute({**job, "ladder": ladder}, folder / "log.txt")


def assert_same(one, other, atoms):
    assert one["energy_eV"] == pytest.approx(other["energy_eV"], abs=5e-4 * len(atoms))
    assert np.array(one["forces_eV_per_A"]) == pytest.approx(np.array(other["forces_eV_per_A"]), abs=3e-3)
    assert np.array(one["stress_eV_per_A3"]) == pytest.approx(np.array(other["stress_eV_per_A3"]), abs=3e-4)
    assert one["magnetic_moment_muB"] == pytest.approx(other["magnetic_moment_muB"], abs=0.01)


@given(
    maxiter=st.integers(1, 500),
    smearing_eV=st.floats(0.001, 1.0),
    spin=st.sampled_from([None, True, False]),
    mixer=st.sampled_from([{}, POOR_MIXING]),
)
@settings(deadline=None)
def test_attempts_say_how_and_never_what(maxiter, smearing_eV, spin, mixer):
    label = GpawLabel(maxiter=maxiter, smearing_eV=smearing_eV, spin=spin, gpaw=mixer)
    ladder = frame_ladder(label)
    assert ladder[0] == {}
    assert all(set(attempt) <= HOW for attempt in [*ladder, *atom_ladder()])
    assert all(attempt["maxiter"] > maxiter for attempt in ladder[1:])
    assert all(attempt.get("start_width_eV", 10.0) > smearing_eV for attempt in ladder)


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    return answer(tmp_path_factory.mktemp("direct"), salt(), SALT)


@pytest.mark.parametrize("attempt", range(1, len(frame_ladder(SALT))))
def test_every_attempt_gives_the_answer_of_the_first(direct, tmp_path, attempt):
    assert_same(answer(tmp_path, salt(), SALT, [attempt]), direct, salt())


def test_a_warm_start_keeps_the_moment_and_ends_at_the_configured_smearing(tmp_path):
    atom = Atoms("Cl", cell=[5.5, 5.8, 6.1], pbc=True)
    label = GpawLabel(cutoff_eV=200, kpts=(1, 1, 1), spin=True, magmoms={"Cl": 1}, smearing_eV=0.15)
    first = answer(tmp_path, atom, label, [0])
    assert first["magnetic_moment_muB"] == pytest.approx(0.991, abs=0.002)
    assert_same(answer(tmp_path, atom, label, [2]), first, atom)


def test_a_mixer_that_fails_is_replaced_and_every_iteration_is_counted(direct, tmp_path):
    poor = SALT.model_copy(update={"gpaw": POOR_MIXING, "maxiter": 25})
    with pytest.raises(NotConvergedError):
        answer(tmp_path, salt(), poor, [0])
    climbed = answer(tmp_path, salt(), poor)
    assert (climbed["scf_attempt"], direct["scf_attempt"]) == (1, 0)
    assert 25 + 5 < climbed["scf_iterations"] < 25 + 50
    assert_same(climbed, direct, salt())


def test_the_end_of_the_ladder_is_told_with_its_attempts_and_iterations(tmp_path):
    with pytest.raises(NotConvergedError) as caught:
        answer(tmp_path, salt(), SALT.model_copy(update={"maxiter": 1}))
    assert str(caught.value) == "no self-consistency in 4 SCF attempts, 11 iterations"
    assert (tmp_path / "log.txt").read_text().count("SCF iterations") == 6


@pytest.mark.slow
def test_a_rattled_magnetic_metal_climbs_to_what_patience_finds(tmp_path):
    metal = bulk("Mn", "fcc", a=3.6, cubic=True)
    metal.rattle(0.15, seed=2)
    impatient = GpawLabel(cutoff_eV=150, kpts=(1, 1, 1), spin=True, magmoms={"Mn": 2}, maxiter=12)
    with pytest.raises(NotConvergedError):
        answer(tmp_path, metal, impatient, [0])
    climbed = answer(tmp_path, metal, impatient)
    assert climbed["scf_attempt"] > 0
    assert_same(climbed, answer(tmp_path, metal, impatient.model_copy(update={"maxiter": 200}), [0]), metal)
