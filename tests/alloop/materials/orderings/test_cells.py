"""Cells in which fractions are whole numbers of ions."""

import numpy as np
import pytest
from pymatgen.core import Lattice

from alloop.materials.orderings.cells import cell_of_atoms, most_cubic, primitive, supercell, whole_counts
from alloop.materials.orderings.crystal import OrderingError, substituted
from tests.support.disordered import crystal_of, layered_halide, mixed_chloride, nasicon


def test_primitive_cell_keeps_the_composition():
    whole, unit = nasicon(), primitive(nasicon())
    assert len(whole.scaled) == 3 * len(unit.scaled) == 126
    assert unit.composition() == pytest.approx({e: n / 3 for e, n in whole.composition().items()})
    assert np.linalg.det(whole.cell_A) == pytest.approx(3 * np.linalg.det(unit.cell_A))


def test_most_cubic_cell_of_a_face_centred_lattice_is_the_cube():
    fcc = 2.5 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=float)
    cell_A = most_cubic(fcc, 4) @ fcc
    assert np.linalg.norm(cell_A, axis=1) == pytest.approx([5, 5, 5])
    assert np.linalg.det(cell_A) == pytest.approx(125)


def test_cell_of_atoms_is_the_largest_that_makes_fractions_whole():
    cell = cell_of_atoms(nasicon(), 100)
    assert sum(cell.composition().values()) == pytest.approx(80, abs=0.1)
    assert whole_counts(cell)[1] == {"Na": 8, "vacancy": 4}


def test_supercell_holds_every_site_as_often():
    cell = supercell(layered_halide(), np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]]))
    assert cell.labels.count("In1") == 4
    assert len({tuple(row) for row in np.round(cell.scaled, 6)}) == 40


@pytest.mark.parametrize(
    ("make", "where", "says"),
    [
        (
            lambda c: cell_of_atoms(c, 20),
            ("cell", "atoms"),
            r"0\.75 In on `In1` as whole ions; write `cell: \{atoms: 40\}`",
        ),
        (lambda c: whole_counts(c), ("cell",), "no cell of 20 sites holds"),
        (lambda c: supercell(c, np.zeros((3, 3), dtype=int)), ("cell", "matrix"), "not independent"),
        (lambda c: supercell(c, 20 * np.eye(3, dtype=int)), ("cell", "matrix"), "at most 20000"),
        (lambda c: cell_of_atoms(c, 4), ("cell", "atoms"), r"the primitive cell has 10; write `cell: \{atoms: 10\}`"),
    ],
)
def test_impossible_cell_is_told(make, where, says):
    crystal = substituted(layered_halide(), {"In": {"In": 0.75, "Y": 0.25}})
    with pytest.raises(OrderingError, match=says) as told:
        make(crystal)
    assert told.value.where == where


def test_refined_occupancy_that_is_no_fraction_is_told():
    shares = {"Li1": 0.09492, "Li2": 0.53358, "Li3": 0.75378, "Li4": 0.61803, "Li5": 0.4142, "Li6": 0.7321}
    sites = {label: ({"Li": share}, (share, 0, 0)) for label, share in shares.items()}
    crystal = crystal_of("P1", Lattice.cubic(4), sites)
    with pytest.raises(OrderingError, match=r"as in `substitute: \{Li1: "):
        cell_of_atoms(crystal, 50)


def test_own_cell_is_kept_where_it_is_whole():
    assert whole_counts(mixed_chloride()) == {0: {"Na": 2, "Mg": 1, "vacancy": 1}, 1: {"Cl": 4}}
