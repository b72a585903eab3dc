import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from alloop.checks.structures import find_in_systems, notes_on_systems, read_systems
from alloop.config import ConfigError, load_config
from tests.support.cifs import NAMED, cif
from tests.support.configs import BASE

STRUCTURE = "structure: structures/LiCl.extxyz"


def test_a_repeat_that_was_mistyped_is_refused_before_it_fills_the_memory(folder):
    with pytest.raises(
        ConfigError, match=r"systems\[0\]\.repeat: 500 × 500 × 500 cells of 2 atoms are 250000000 atoms"
    ):
        read_systems(load_config(folder.broken("repeat: [1, 1, 1]", "repeat: [500, 500, 500]")))


@pytest.mark.parametrize("length", [1e308, 5e5])
def test_a_cell_that_cannot_be_in_angstrom_is_refused_at_once(folder, length):
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    atoms.cell[0, 0] = length
    folder.frames("structures/LiCl.extxyz", atoms)
    with pytest.raises(ConfigError, match="more than 2000 Å"):
        read_systems(load_config(folder.config(BASE)))


@pytest.mark.parametrize(
    "cell", [[[100, 0, 0], [0, 100, 0], [100, 100, 1e-3]], [[5, 0, 0], [1900, 5, 0], [1900, 1900, 5]]]
)
def test_a_cell_with_too_many_images_to_look_at_is_refused_at_once(folder, cell):
    folder.frames("structures/LiCl.extxyz", Atoms("LiCl", [(0, 0, 0), (2.5, 2.5, 2.5)], cell=cell, pbc=True))
    with pytest.raises(ConfigError, match="Å thick; give its shortest cell vectors"):
        read_systems(load_config(folder.config(BASE)))


def test_digits_of_another_script_are_no_number_of_atoms(folder):
    path = folder.frames("structures/LiCl.extxyz", bulk("LiCl", "rocksalt", a=5.14))
    path.write_text(path.read_text().replace("2", "\u00b2", 1))
    with pytest.raises(ConfigError, match="begins with `²`, not with a number of atoms"):
        read_systems(load_config(folder.config(BASE)))


@pytest.mark.parametrize("number", [-5, 0, 119])
def test_a_number_of_no_element_is_refused(folder, number):
    header = 'Lattice="5 0 0 0 5 0 0 0 5" Properties=Z:I:1:pos:R:3 pbc="T T T"'
    (folder.root / "structures/LiCl.extxyz").write_text(f"2\n{header}\n3 0 0 0\n{number} 2.5 2.5 2.5\n")
    with pytest.raises(ConfigError, match="holds atoms without an element"):
        read_systems(load_config(folder.config(BASE)))


def test_one_atom_is_refused_with_its_mend_and_two_are_not(folder):
    folder.frames("structures/LiCl.extxyz", bulk("Cu", "fcc", a=3.6))
    assert [
        "molecular dynamics need at least two" in what for _, what in find_in_systems(load_config(folder.config(BASE)))
    ]
    mended = load_config(folder.broken("repeat: [1, 1, 1]", "repeat: [2, 1, 1]"))
    assert list(find_in_systems(mended)) == []


@pytest.mark.parametrize(("cutoff", "refused"), [(0.35, True), (2.4, True), (2.7, False), (5.0, False)])
def test_a_cutoff_within_which_atoms_are_alone_is_refused(folder, cutoff, refused):
    text = BASE.replace("committee: 4", f"committee: 4\n  architecture: {{cutoff_A: {cutoff}}}")
    found = list(find_in_systems(load_config(folder.config(text))))
    assert [key for key, _ in found] == [("potential", "architecture", "cutoff_A")] * refused
    assert not refused or "2.57 Å" in found[0][1]


def test_doubts_of_a_cif_refuse_it_and_its_notes_are_told(folder):
    (folder.root / "a.cif").write_text(cif(NAMED + "_chemical_formula_sum 'Li Cl H'\n"))
    config = load_config(folder.broken(STRUCTURE, "structure: a.cif"))
    ((key, what),) = find_in_systems(config)
    assert key == ("systems", 0, "structure")
    assert what.startswith("`a.cif` says the formula `Li Cl H` under `_chemical_formula_sum`")
    (folder.root / "a.cif").write_text(cif(NAMED, ["Li1 Li 0 0 0", "D1 D .5 .5 .5"]))
    assert "moves with the mass of H" in next(notes_on_systems(config))


def test_contacts_of_lost_occupancies_are_told(folder):
    assert list(notes_on_systems(load_config(folder.config(BASE)))) == []
    crystal = bulk("LiCl", "rocksalt", a=5.14, cubic=True)
    crystal += Atoms("Li", positions=[crystal.positions[1] + (0.9, 0.9, 0.9)])
    folder.frames("structures/LiCl.extxyz", crystal)
    (note,) = notes_on_systems(load_config(folder.config(BASE)))
    assert "were partial occupancies lost" in note


@pytest.mark.parametrize("change", ["far outside the cell", "left-handed", "another choice of vectors"])
def test_the_same_crystal_written_otherwise_is_read_as_well(folder, change):
    crystal = bulk("LiCl", "rocksalt", a=5.14, cubic=True)
    if change == "far outside the cell":
        crystal.positions += np.array([37, -12, 4]) @ crystal.cell.array
    elif change == "left-handed":
        crystal.cell[2] *= -1
    else:
        crystal = make_supercell(crystal, [[1, 0, 0], [5, 1, 0], [0, -4, 1]], wrap=False)
    folder.frames("structures/LiCl.extxyz", crystal)
    config = load_config(folder.config(BASE))
    assert list(find_in_systems(config)) == list(notes_on_systems(config)) == []
    assert read_systems(config)["LiCl"].formula() == "LiCl"


def test_a_file_that_was_changed_is_read_anew(folder):
    config = load_config(folder.config(BASE))
    before = read_systems(config)
    folder.frames("structures/LiCl.extxyz", bulk("NaCl", "rocksalt", a=5.64))
    assert read_systems(config) != before
