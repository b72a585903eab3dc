import pytest
from ase import Atoms
from ase.build import bulk

from alloop.materials.structure import Structure
from alloop.proposal.rules import (
    cutoff,
    explored_temperatures,
    kpoints,
    labelled_repeat,
    magnetic_moments,
    measured_temperatures,
    mobile_elements,
    production_repeat,
    rungs,
    timestep_fs,
)


def box(width_A, atoms):
    places = [(k / atoms, 0, 0) for k in range(atoms)]
    return Structure.from_atoms(Atoms(f"Li{atoms}", scaled_positions=places, cell=[width_A] * 3, pbc=True))


@pytest.mark.parametrize(
    ("elements", "value", "reason"),
    [
        (["Li", "In", "Cl"], 340, "halides"),
        (["Li", "P", "S"], 400, "thiophosphate"),
        (["Na", "P", "S"], 500, "no error is known here for Na"),
        (["Li", "Ge", "O"], 600, "O needs it"),
        (["Li", "P", "S", "F"], 600, "F: taken as hard as O"),
        (["Li", "In"], 500, "no error is known here for a compound of Li and In"),
    ],
)
def test_cutoff_follows_the_hardest_element_and_says_which(elements, value, reason):
    found = cutoff(elements)
    assert found.value == value
    assert reason in found.why


@pytest.mark.parametrize(
    ("faces_A", "grid"),
    [((5.8, 5.8, 5.8), (2, 2, 2)), ((6.0, 11.0, 6.0), (2, 1, 2)), ((4.0, 9.0, 30.0), (3, 2, 1))],
)
def test_kpoints_are_as_dense_along_every_vector(faces_A, grid):
    assert kpoints(faces_A).value == grid


def test_a_small_cell_is_repeated_for_labels_and_a_large_one_is_not():
    assert labelled_repeat(Structure.from_atoms(bulk("LiCl", "rocksalt", a=5.14))).value == (2, 2, 2)
    assert labelled_repeat(box(8.0, 20)).value == (1, 1, 1)
    narrow = labelled_repeat(box(4.0, 20))
    assert narrow.value == (1, 1, 1)
    assert "160 atoms are too many" in narrow.why


def test_a_cell_whose_faces_are_5_angstrom_apart_in_the_digits_shown_is_not_repeated():
    assert labelled_repeat(box(4.998, 24)).value == (1, 1, 1)
    assert labelled_repeat(box(4.94, 4)).value == (2, 2, 2)


@pytest.mark.parametrize(
    ("structure", "place", "repeat", "words"),
    [
        (box(6.5, 16), "laptop", (2, 2, 2), "128 atoms, 13.0 Å"),
        (box(6.5, 100), "laptop", (1, 1, 1), "flagged as limited by size"),
        (box(6.5, 100), "slurm", (2, 2, 2), "800 atoms"),
    ],
)
def test_production_cell_is_the_widest_that_a_place_affords(structure, place, repeat, words):
    found = production_repeat(structure, place)
    assert found.value == repeat
    assert words in found.why


@pytest.mark.parametrize(
    ("elements", "kind", "hottest"), [(["Li", "O"], "oxide", 1200), (["Li", "S", "Cl"], "sulfide and chloride", 1000)]
)
def test_temperatures_follow_the_anions(elements, kind, hottest):
    explored, measured = explored_temperatures(elements), measured_temperatures(elements)
    assert kind in explored.why
    assert explored.value[-1] == measured.value[-1] == hottest
    assert len(set(measured.value)) == 3


def test_large_cells_take_fewer_labels_and_a_cluster_one_rung_more():
    assert rungs(16, "laptop").value == (24, 48, 96)
    assert rungs(80, "laptop").value == (10, 20, 40)
    assert rungs(16, "slurm").value == (24, 48, 96, 192)


def test_hydrogen_shortens_the_step_and_3d_ions_get_moments():
    assert timestep_fs(["Li", "H"]).value < timestep_fs(["Li", "O"]).value
    assert magnetic_moments(["Li", "Fe", "O"]) == {"Fe": 5.0}
    assert mobile_elements(["Cl", "Na", "Li"]) == ("Li", "Na")
    assert mobile_elements(["Mg", "O"]) == ()
