import gzip

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from alloop.materials.structure_files import StructureFileError, partly_occupied, read_structures
from tests.support.cifs import NAMED, cif

LITHIUM_CHLORIDE = bulk("LiCl", "rocksalt", a=5.14, cubic=True)
POSCAR = "LiCl\n1.0\n5.14 0 0\n0 5.14 0\n0 0 5.14\nLi Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
PDB = (
    "CRYST1    5.140    5.140    5.140  90.00  90.00  90.00 {group:11s}\n"
    "ATOM      1  LI  MOL     1       0.000   0.000   0.000  {share:4.2f}  0.00          LI\n"
    "ATOM      2  CL  MOL     1       2.570   2.570   2.570  1.00  0.00          CL\nEND\n"
)
SHELX = "TITL x\nCELL 1.0 5.14 5.14 5.14 90 90 90\nLATT -1\nSFAC Li Cl\nLi 1 0 0 0 {share}\nCl 2 .5 .5 .5 11.0\nEND\n"


def one(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (reading,) = read_structures(path)
    return reading


def extxyz(tmp_path, atoms=LITHIUM_CHLORIDE, **options):
    write(tmp_path / "a.extxyz", atoms, **options)
    return (tmp_path / "a.extxyz").read_text()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_marks_and_ends_of_lines_change_no_cif(tmp_path, mark, end):
    content = mark + cif().encode().replace(b"\n", end)
    assert len(one(tmp_path, "a.cif", content).atoms) == 8


def test_a_compressed_cif_is_read_as_any_other(tmp_path):
    text = cif("_space_group_name_Hall '-F 4 2 3'\n")
    assert len(one(tmp_path, "a.cif.gz", gzip.compress(text.encode())).atoms) == 8
    with pytest.raises(StructureFileError, match="cannot be unpacked"):
        one(tmp_path, "a.cif.gz", gzip.compress(text.encode())[:-20])


def test_marks_change_no_other_format(tmp_path):
    for name, text in (("a.extxyz", extxyz(tmp_path)), ("POSCAR", POSCAR)):
        plain = one(tmp_path, name, text).atoms
        assert one(tmp_path, name, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()).atoms == plain


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("POSCAR", POSCAR.replace("1 1\n", "1 999999999\n"), "says 999999999 in line 7"),
        ("a.xsf", "CRYSTAL\nPRIMVEC\n5 0 0\n0 5 0\n0 0 5\nPRIMCOORD\n999999999 1\nLi 0 0 0\n", "line 7"),
        ("a.extxyz", "999999999\nLattice=\"5 0 0 0 5 0 0 0 5\"\nLi 0 0 0\n", "the file holds 1 of them"),
        ("a.extxyz", "3\nLattice=\"5 0 0 0 5 0 0 0 5\"\nLi 0 0 0\n", "says 3 atoms, and the file holds 1"),
        ("a.extxyz", "1\nLattice=\"5 0 0 0 5 0 0 0 5\"\nLi1 0 0 0\n", "`Li1`, which is not an element"),
        ("POSCAR", POSCAR.replace("Li Cl", "Li D"), "isotope `D`; write H"),
        ("POSCAR", POSCAR.replace("0.5 0.5 0.5\n", ""), "is it cut off?"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_what_it_says_is_refused_at_once(tmp_path, name, content, words):
    with pytest.raises(StructureFileError, match=words) as caught:
        one(tmp_path, name, content)
    assert "\n" not in str(caught.value)


def test_whole_numbers_that_count_nothing_are_no_claims(tmp_path):
    titled = POSCAR.replace("LiCl\n1.0\n", "26204\n0.01\n").replace("5.14", "514")
    assert one(tmp_path, "POSCAR", titled).atoms.cell.volume == pytest.approx(5.14**3)
    assert len(one(tmp_path, "a.cif", cif() + "_publ_section_title\n;\n20260101\n;\n").atoms) == 8


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_occupancies_of_pdb_files_count(tmp_path, share):
    atoms = one(tmp_path, "a.pdb", PDB.format(group="P 1", share=share)).atoms
    assert partly_occupied(atoms) == (share < 1)


def test_symmetry_that_is_not_read_is_doubted(tmp_path):
    assert one(tmp_path, "a.pdb", PDB.format(group="P 1", share=1.0)).doubts == ()
    assert "`F m -3 m`" in one(tmp_path, "a.pdb", PDB.format(group="F m -3 m", share=1.0)).doubts[0]
    assert one(tmp_path, "a.res", SHELX.format(share=11.0)).doubts == ()
    assert "partially" in one(tmp_path, "a.res", SHELX.format(share=10.5)).doubts[0]
    assert "SYMM" in one(tmp_path, "a.res", SHELX.format(share=11.0).replace("LATT -1", "LATT 1")).doubts[0]


@pytest.mark.parametrize("occupancy", [1.0, "full", {"0": {"Li": 1}}, {"0": 1.0}])
def test_a_key_called_occupancy_is_no_occupancy_by_its_name_alone(occupancy):
    atoms = LITHIUM_CHLORIDE.copy()
    atoms.info["occupancy"] = occupancy
    assert not partly_occupied(atoms)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("initial_magmoms", 4.0, "`label.spin` and `label.magmoms`"),
        ("initial_charges", 1.0, "atomic charges"),
        ("masses", 6.015, "masses (Li 6.015 u"),
    ],
)
def test_what_a_file_carries_in_vain_is_noted(tmp_path, key, value, words):
    atoms = Atoms(LITHIUM_CHLORIDE)
    atoms.set_array(key, np.where(atoms.numbers == 3, value, atoms.get_masses() if key == "masses" else 0.0))
    text = extxyz(tmp_path, atoms, columns=["symbols", "positions", key])
    assert words in one(tmp_path, "b.extxyz", text).notes[0]


def test_selective_dynamics_and_velocities_are_noted(tmp_path):
    held = POSCAR.replace("Direct", "Selective dynamics\nDirect").replace("0 0 0\n0.5", "0 0 0 F F F\n0.5")
    assert "all atoms move" in one(tmp_path, "POSCAR", held.replace("0.5 0.5 0.5", "0.5 0.5 0.5 T T T")).notes[0]
    assert "velocities" in one(tmp_path, "POSCAR", POSCAR + "\n 0.1 0 0\n 0 0 0\n").notes[0]


def test_datasets_named_with_a_hash_are_elements(tmp_path):
    assert (
        str(one(tmp_path, "CONTCAR", POSCAR.replace("Li Cl\n", "Li_sv/cbd1a78b Cl/1a2b3c4d\n")).atoms.symbols) == "LiCl"
    )


def test_notes_of_a_cif_are_kept(tmp_path):
    assert "mass of H" in one(tmp_path, "a.cif", cif(NAMED, ["Li1 Li 0 0 0", "D1 D .5 .5 .5"])).notes[0]
