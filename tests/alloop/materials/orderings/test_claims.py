"""Disordered crystals that are not what their CIFs say of them."""

import re

import pytest

from alloop.materials.orderings.cif_files import from_cif
from alloop.materials.orderings.claims import doubts_about, notes_about
from tests.support.cifs import COLUMNS, NAMED, cif

OCCUPIED = f"{COLUMNS} occupancy"
MIXED = ("Li1 Li 0 0 0 0.5", "Na1 Na 0 0 0 0.5", "Cl1 Cl 0.5 0.5 0.5 1")
FORMULA = "_chemical_formula_sum 'Cl1 Li0.5 Na0.5'\n_cell_formula_units_Z 4\n"
NO_GROUP = "_symmetry_space_group_name_H-M 'P 1'\n"
SPLIT = ("Li1 Li 0 0 0.02 0.5", "Li2 Li 0 0 -0.02 0.5", "Cl1 Cl 0.5 0.5 0.5 1")
COPIES = f"{OCCUPIED} site_symmetry_multiplicity"
MULTIPLE = tuple(f"{site} 4" for site in MIXED)


def doubts(tmp_path, tags=NAMED, sites=MIXED, columns=OCCUPIED, **changes):
    path = tmp_path / "x.cif"
    path.write_text(cif(tags, sites, columns=columns, **changes))
    return doubts_about(path, from_cif(path))


RIGHT = {
    "nothing more is said": {},
    "formula and Z": {"tags": NAMED + FORMULA},
    "formula of the cell": {"tags": NAMED + "_chemical_formula_sum 'Li2 Na2 Cl4'\n_cell_formula_units_Z 2\n"},
    "nominal formula, refined occupancies": {
        "tags": NAMED + FORMULA,
        "sites": ("Li1 Li 0 0 0 0.51(2)", "Na1 Na 0 0 0 0.482(9)", MIXED[2]),
    },
    "copies of a mixed site": {"sites": MULTIPLE, "columns": COPIES},
    "orders of site symmetry": {"sites": tuple(f"{site} 48" for site in MIXED), "columns": COPIES},
    "split site": {"tags": NO_GROUP, "sites": SPLIT},
    "volume and density": {"tags": f"{NAMED}_cell_volume 135.8(1)\n_exptl_crystal_density_diffrn 2.46\n"},
}


@pytest.mark.parametrize("crystal", RIGHT.values(), ids=RIGHT)
def test_disordered_crystal_that_is_what_its_file_says(tmp_path, crystal):
    assert doubts(tmp_path, **crystal) == []


WRONG = {
    "hydrogen without sites": (
        {"tags": NAMED + "_chemical_formula_sum 'Cl1 H1 Li0.5 Na0.5 O0.5'\n"},
        "its sites give Cl4 Li2 Na2 in the cell; add the sites that are missing",
    ),
    "other occupancies": (
        {"tags": NAMED + "_chemical_formula_sum 'Cl1 Li0.7 Na0.3'\n"},
        "says the formula `Cl1 Li0.7 Na0.3` under `_chemical_formula_sum`",
    ),
    "an element of traces without a site": (
        {"tags": NAMED + "_chemical_formula_sum 'Al0.05 Cl1 Li0.5 Na0.5'\n"},
        "says the formula `Al0.05 Cl1 Li0.5 Na0.5`",
    ),
    "lost symmetry, by Z": ({"tags": NO_GROUP + FORMULA}, "says Z = 4 formula units of .* gives 1 .2 atoms.; correct"),
    "lost symmetry, by multiplicities": (
        {"tags": NO_GROUP, "sites": MULTIPLE, "columns": COPIES},
        "says that `Na1` has 4 copies in the cell, and its symmetry gives 1; give the symmetry in full",
    ),
    "lengths of another cell": ({"tags": NAMED + "_cell_volume 1086.4\n"}, "says a volume of 1086.4 Å³ under"),
    "density": (
        {"tags": NAMED + "_exptl_crystal_density_diffrn 3.6\n"},
        "says a density of 3.6 g/cm³ under .* its sites with its symmetry give 2.47",
    ),
    "operations were lost": (
        {"tags": NAMED + "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n"},
        "lists 1 symmetry operations under .* which has 192; list them all",
    ),
    "one of two origins": (
        {"tags": "_symmetry_space_group_name_H-M 'F d -3 m'\n", "sites": ("Si1 Si 0.125 0.125 0.125 0.5",)},
        "which has a choice of origin or axes",
    ),
    "doubled site": (
        {"tags": NO_GROUP, "sites": (*SPLIT, "Cl2 Cl 0.503 0.5 0.5 1")},
        "has Cl and Cl 0.02 Å apart, on sites that are always occupied; correct their occupancies",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("crystal", "says"), WRONG.values(), ids=WRONG)
def test_disordered_crystal_that_is_not_what_its_file_says(tmp_path, crystal, says):
    (told, *_) = doubts(tmp_path, **crystal)
    assert re.search(says, told), told


def test_file_that_cannot_be_read_is_told_by_others(tmp_path):
    path = tmp_path / "x.cif"
    path.write_text(cif(NAMED, MIXED, columns=OCCUPIED))
    crystal = from_cif(path)
    path.write_text("data_x\nloop_\n_a\n_b\n1\n")
    assert doubts_about(path, crystal) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (cif("", MIXED, columns=OCCUPIED), "names no symmetry"),
        (cif(NAMED, (MIXED[0], "D1 D 0.5 0.5 0.5 1"), columns=OCCUPIED), "moves with the mass of H"),
        (cif(NAMED, (MIXED[0], "Cl1 Cl 0.5 0.5 0.5 ?"), columns=OCCUPIED), "`Cl1` is not given and counts as full"),
        ("no CIF", ""),
    ],
)
def test_what_is_read_otherwise_than_it_is_written_is_noted(tmp_path, text, words):
    path = tmp_path / "x.cif"
    path.write_text(text)
    assert words in "".join(notes_about(path))
