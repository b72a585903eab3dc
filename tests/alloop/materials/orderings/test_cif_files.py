"""Disordered crystals as CIFs write them."""

import gzip
import re

import pytest

from alloop.materials.orderings.cif_files import from_cif
from alloop.materials.orderings.crystal import OrderingError
from tests.support.cifs import COLUMNS, NAMED, SILICON, cif

OCCUPIED = f"{COLUMNS} occupancy"
HALF = ("Li1 Li 0 0 0 0.5", "Cl1 Cl 0.5 0.5 0.5 1")
SALT = {"Li": 2.0, "Cl": 4.0}
DIAMOND = ("Si1 Si 0.125 0.125 0.125 0.5",)
CIF = """\
data_x
_symmetry_space_group_name_H-M 'P 1'
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{first}
M2 Y3+ 0 0 0 0.25
X1 Cl- 0.5 0.5 0.5 1
loop_
_atom_type_symbol
_atom_type_oxidation_number
In3+ 3
Y3+ 3
Cl- -1
"""


def test_cif_gives_occupancies_labels_and_oxidation_states(tmp_path):
    path = tmp_path / "x.cif"
    path.write_text(CIF.format(first="M1 In3+ 0 0 0 0.5"))
    crystal = from_cif(path)
    sites = dict(zip(crystal.labels, crystal.occupancies, strict=True))
    assert sites["M2"] == {"In": 0.5, "Y": 0.25, "vacancy": 0.25}
    assert sites["X1"] == {"Cl": 1.0}
    assert crystal.oxidation_states == {"In": 3.0, "Y": 3.0, "Cl": -1.0}


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ("M1 In3+ 0 0 0 0.95", "sum to 1.2; they are 1 at most"),
        ("M1 Qq 0 0 0 0.5", "the type `Qq` (`_atom_site_type_symbol`), which is not an element"),
    ],
)
def test_cif_that_is_no_crystal_is_told(tmp_path, first, says):
    path = tmp_path / "x.cif"
    path.write_text(CIF.format(first=first))
    with pytest.raises(OrderingError, match=re.escape(says)) as told:
        from_cif(path)
    assert told.value.where == ("structure",)


def half(tags=NAMED, sites=HALF, **changes):
    return cif(tags, sites, columns=changes.pop("columns", OCCUPIED), **changes)


def name(text):
    return f"_symmetry_space_group_name_H-M '{text}'\n"


READ = {
    "a Hall symbol alone": (half("_space_group_name_Hall '-F 4 2 3'\n"), SALT),
    "a choice of origin": (half(name("F d -3 m :2"), DIAMOND, cell=SILICON), {"Si": 4.0}),
    "a choice of cell": (
        half(name("P 21/n"), ("Li1 Li .1 .2 .3 0.5", "Cl1 Cl .35 .1 .6 1"), cell=(6, 7, 8, 90, 100, 90)),
        SALT,
    ),
    "rhombohedral axes": (
        half(name("R -3 c"), ("Al Al .352 .352 .352 .5", "O O .556 .944 .25 1"), cell=(5.128,) * 3 + (55.28,) * 3),
        {"Al": 2.0, "O": 6.0},
    ),
    "an occupancy that is not given": (half(sites=(HALF[0], "Cl1 Cl 0.5 0.5 0.5 .")), SALT),
    "tags in capitals": (half().upper().replace("F M -3 M", "F m -3 m"), SALT),
    "quotes in labels": (half("_space_group_name_Hall '-F 4 2 3'\n", ("Li1' Li 0 0 0 0.5", HALF[1])), SALT),
}


@pytest.mark.parametrize("what", READ)
def test_the_right_crystal_is_made_of_what_the_file_names(tmp_path, what):
    text, composition = READ[what]
    path = tmp_path / "x.cif"
    path.write_text(text)
    assert from_cif(path).composition() == pytest.approx(composition)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_marks_and_encodings_change_no_crystal(tmp_path, encoding):
    path = tmp_path / "x.cif"
    path.write_bytes((half() + "_author 'Müller'\n").replace("\n", "\r\n").encode(encoding))
    assert from_cif(path).composition() == SALT


def test_a_compressed_file_is_read_as_any_other(tmp_path):
    path = tmp_path / "x.cif.gz"
    path.write_bytes(gzip.compress(half().encode()))
    assert from_cif(path).composition() == SALT


def test_oxidation_states_survive_a_crystal_that_is_read_in_plain_words(tmp_path):
    path = tmp_path / "x.cif"
    states = "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nLi1+ 1\nCl1- -1\nCl ?\n"
    path.write_text(half("_space_group_name_Hall '-F 4 2 3'\n", ("Li1 Li1+ 0 0 0 0.5", "Cl1 Cl1- .5 .5 .5 1")) + states)
    crystal = from_cif(path)
    assert (crystal.composition(), crystal.oxidation_states) == (SALT, {"Li": 1.0, "Cl": -1.0})


REFUSED = {
    "no space group": (half(name("F q -9 m")), "`F q -9 m`"),
    "water": (half(sites=(*HALF, "Wat1 Wat .25 .25 .25 0.5")), "the type `Wat`"),
    "a label of water": (
        half(sites=("Li1 0 0 0 .5", "Wat2 .5 .5 .5 1"), columns="label fract_x fract_y fract_z occupancy"),
        "`Wat2`",
    ),
    "a negative occupancy": (half(sites=("Li1 Li 0 0 0 -0.5", HALF[1])), "the occupancy -0.5"),
    "an atom that is far away": (half(sites=("Li1 Li 1e308 0 0 0.5", HALF[1])), "puts `Li1` 1e+308 cells away"),
    "hydrogen without positions": (
        half(sites=tuple(f"{site} 2" for site in HALF), columns=f"{OCCUPIED} attached_hydrogens"),
        "has 2 hydrogen at `Li1` without a position",
    ),
    "modulated": (half(f"{NAMED}_cell_modulation_dimension 1\n"), "is modulated"),
    "two crystals": (half() + half(), "holds 2 crystals"),
    "no crystal": ("data_x\n_a 1\n", "holds 0 crystals"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_crystal_is_refused_with_its_tag(tmp_path, what):
    text, words = REFUSED[what]
    path = tmp_path / "x.cif"
    path.write_text(text)
    with pytest.raises(OrderingError, match=re.escape(words)):
        from_cif(path)
