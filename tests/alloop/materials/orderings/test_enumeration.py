"""All orderings of small cells."""

import numpy as np
import pytest
from ase.build import bulk
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.io.ase import AseAtomsAdaptor

from alloop.materials.orderings.cells import supercell
from alloop.materials.orderings.crystal import OrderingError, from_atoms, substituted
from alloop.materials.orderings.energy import PairEnergy
from alloop.materials.orderings.enumeration import enumerated
from tests.support.disordered import layered_halide, mixed_chloride, nasicon, problem


def salt(repeat=1):
    return supercell(from_atoms(bulk("NaCl", "rocksalt", a=5.6, cubic=True)), np.diag([1, 1, repeat]))


def test_half_of_a_face_centred_cube_is_one_ordering():
    classes = enumerated(problem(salt(), {"Na": {"Na": 0.5, "Li": 0.5}}))
    assert classes.multiplicities.tolist() == [6]


def test_as_many_orderings_as_pymatgen_tells_apart():
    lattice = problem(salt(2), {"Na": {"Na": 0.5, "Li": 0.5}})
    classes = enumerated(lattice)
    atoms = [lattice.structure(configuration).to_atoms() for configuration in classes.configurations]
    structures = [AseAtomsAdaptor.get_structure(one) for one in atoms]
    matcher = StructureMatcher(primitive_cell=False, scale=False, stol=0.05)
    assert classes.multiplicities.sum() == lattice.orderings() == 70
    assert len(matcher.group_structures(structures)) == len(classes.configurations) == 8


@pytest.mark.parametrize("crystal", [mixed_chloride(5, 5, 5), mixed_chloride()])
def test_orderings_of_one_class_have_one_energy(crystal):
    lattice = problem(crystal)
    energy, classes = PairEnergy(lattice, 1.0), enumerated(lattice)
    rng = np.random.default_rng(0)
    every = energy.of_all(np.unique([lattice.random(rng) for _ in range(500)], axis=0))
    assert len(every) == lattice.orderings() == classes.multiplicities.sum() == 12
    expected = np.repeat(energy.of_all(classes.configurations), classes.multiplicities)
    assert np.sort(every) == pytest.approx(np.sort(expected))


def test_too_many_orderings_are_counted_and_refused():
    with pytest.raises(OrderingError, match=r"344622096 orderings are too many .* `method: monte_carlo`") as told:
        enumerated(problem(nasicon()))
    assert told.value.where == ("orderings", "method")


def test_composition_of_two_sublattices():
    lattice = problem(substituted(layered_halide(), {"In": {"In": 0.5, "Y": 0.5}, "Cl2": {"Br": 0.5, "Cl": 0.5}}))
    assert lattice.orderings() == 2 * 6
    assert enumerated(lattice).multiplicities.sum() == 12
