import numpy as np
import pytest

from alloop.checks.label_units import force_order_doubt, force_unit_fault, named_as_virial, stress_unit_fault
from alloop.checks.labelled_frames import LabelledFrame
from tests.support.labelled_frames import emt_frames, scaled

HARTREE, BOHR = 27.211386, 0.529177


def labels(frames):
    return [
        LabelledFrame(n, atoms, atoms.info["REF_energy"], atoms.arrays["REF_forces"], atoms.info["REF_stress"])
        for n, atoms in enumerate(frames, start=1)
    ]


@pytest.mark.parametrize("strain", [0.0, 0.02, 0.05])
def test_labels_of_one_potential_belong_together(strain):
    frames = labels(emt_frames(16, strain))
    assert (force_unit_fault(frames), stress_unit_fault(frames), force_order_doubt(frames)) == (None, None, None)


@pytest.mark.parametrize(
    ("energy", "forces", "words"),
    [
        (1 / HARTREE, 1, "the energies are in hartree"),
        (1, BOHR / HARTREE, "the forces are in hartree/bohr"),
        (1 / HARTREE, BOHR / HARTREE, "energies are in hartree and forces in hartree/bohr"),
        (23.06, 1, "kcal/mol"),
        (1000, 1, "meV"),
        (0.25, 1, "per atom"),
        (1, -1, "gradients"),
        (200, 1, "check the units"),
    ],
)
def test_another_unit_or_sign_of_energies_or_forces_shows(energy, forces, words):
    assert words in force_unit_fault(labels(scaled(emt_frames(12), energy, forces)))


@pytest.mark.parametrize(
    ("strain", "stress", "words"),
    [
        (0.0, 160.2, "is it a virial"),
        (0.0, -1602, "is it a virial"),
        (0.0, -55, "is it a virial"),
        (0.02, -1, "sign of a pressure"),
        (0.02, 1 / 183.63, "hartree/bohr³"),
        (0.02, 1 / 20, "check its unit"),
    ],
)
def test_another_unit_or_sign_of_the_stress_shows(strain, stress, words):
    assert words in stress_unit_fault(labels(scaled(emt_frames(16, strain, rattle_A=0.02), stress=stress)))


def test_cells_whose_mean_is_none_tell_nothing():
    frames = emt_frames(6)
    frames[3].set_cell(-frames[3].cell.array, scale_atoms=True)
    assert force_unit_fault(labels(frames)) is None


def test_stress_under_the_pressure_that_is_asked_for_is_plausible():
    frames = labels(scaled(emt_frames(4), stress=20.0))
    assert stress_unit_fault(frames) is not None
    assert stress_unit_fault(frames, pressure_GPa=100.0) is None


def test_frames_that_have_nothing_in_common_tell_nothing():
    random, frames = np.random.default_rng(2), emt_frames(8)
    for atoms in frames:
        atoms.set_scaled_positions(random.random((4, 3)))
    assert force_unit_fault(labels(frames)) is None
    assert force_unit_fault(labels(frames)[:2]) is None


def test_a_virial_is_known_by_its_name():
    assert [named_as_virial(key) for key in ("REF_virials", "virial", "REF_stress")] == [True, True, False]
