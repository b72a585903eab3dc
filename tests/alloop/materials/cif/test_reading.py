import pytest
from ase.formula import Formula

from alloop.materials.cif.reading import read_cif
from alloop.materials.cif.tags import CifError
from tests.support.cifs import COLUMNS, NAMED, SILICON, cif

OPERATIONS = "loop_\n_symmetry_equiv_pos_as_xyz\n"
DIAMOND, GENERAL = ["Si1 Si 0.125 0.125 0.125"], ["Li1 Li 0.1 0.2 0.3", "Cl1 Cl 0.35 0.1 0.6"]
UNTYPED = "label fract_x fract_y fract_z"
MONOCLINIC = (6, 7, 8, 90, 100, 90)


def name(text):
    return f"_symmetry_space_group_name_H-M '{text}'\n"


def only(text):
    (reading,) = read_cif(text, 1000)
    return reading


RIGHT = {
    "Hermann-Mauguin": (cif(), "Li4Cl4"),
    "Hall symbol alone": (cif("_space_group_name_Hall '-F 4 2 3'\n"), "Li4Cl4"),
    "number alone": (cif("_space_group_IT_number 225\n"), "Li4Cl4"),
    "name of old tables": (cif(name("F m 3 m")), "Li4Cl4"),
    "unknown symmetry but P 1": (cif(name("P 1") + OPERATIONS + "'x, y, z'\n"), "LiCl"),
    "operations with spaces": (cif(name("P -1") + OPERATIONS + "x, y, z\n-x, -y, -z\n", GENERAL), "Li2Cl2"),
    "a Hall symbol that spglib lacks": (cif(NAMED + "_space_group_name_Hall '-F 4 2 3 (x,y,z)'\n"), "Li4Cl4"),
    "formula of the cell": (cif(NAMED + "_chemical_formula_sum 'Li4 Cl4'\n_cell_formula_units_Z 4\n"), "Li4Cl4"),
    "origin after a colon": (cif(name("F d -3 m :2"), DIAMOND, SILICON), "Si8"),
    "origin as ICSD writes it": (cif(name("F d -3 m Z"), DIAMOND, SILICON), "Si8"),
    "first origin": (cif(name("F d -3 m S"), ["Si1 Si 0 0 0"], SILICON), "Si8"),
    "origin by its code": (
        cif("_space_group_IT_number 227\n_space_group_IT_coordinate_system_code 2\n", DIAMOND, SILICON),
        "Si8",
    ),
    "origin by formula and Z": (
        cif(name("F d -3 m") + "_chemical_formula_sum Si\n_cell_formula_units_Z 8\n", DIAMOND, SILICON),
        "Si8",
    ),
    "origin by multiplicity": (
        cif(name("F d -3 m"), ["Si1 Si 0.125 0.125 0.125 8"], SILICON, f"{COLUMNS} symmetry_multiplicity"),
        "Si8",
    ),
    "hexagonal axes": (
        cif(name("R -3 c"), ["Al1 Al 0 0 0.352", "O1 O 0.306 0 0.25"], (4.758, 4.758, 12.99, 90, 90, 120)),
        "Al12O18",
    ),
    "rhombohedral axes": (
        cif(name("R -3 c"), ["Al1 Al 0.352 0.352 0.352", "O1 O 0.556 0.944 0.25"], (5.128,) * 3 + (55.28,) * 3),
        "Al4O6",
    ),
    "cell choice": (cif(name("P 21/n"), GENERAL, MONOCLINIC), "Li4Cl4"),
    "standard axes of a number": (cif("_symmetry_Int_Tables_number 14\n", GENERAL, MONOCLINIC), "Li4Cl4"),
    "monoclinic with right angles": (cif(name("C 2/m"), GENERAL, (6, 7, 8, 90, 90, 90)), "Li8Cl8"),
    "rounded coordinates": (cif(name("P 63/m m c"), ["Mg Mg .333 .667 .25"], (3.21, 3.21, 5.21, 90, 90, 120)), "Mg2"),
    "ratios": (cif(sites=["Li1 Li 0 0 0", "Cl1 Cl 1/2 1/2 1/2"]), "Li4Cl4"),
    "symbols in capitals": (cif(sites=["LI1 LI1+ 0 0 0", "CL1 CL1- .5 .5 .5"]), "Li4Cl4"),
    "label in capitals, told by the formula": (
        cif(NAMED + "_chemical_formula_sum 'Li Cl'\n", ["LI1 0 0 0", "CL1 .5 .5 .5"], columns=UNTYPED),
        "Li4Cl4",
    ),
    "quotes in labels": (cif(sites=["Li1' Li 0 0 0", 'Cl1" Cl .5 .5 .5']), "Li4Cl4"),
    "orders of site symmetry for multiplicities": (
        cif(sites=["Li1 Li 0 0 0 48", "Cl1 Cl .5 .5 .5 48"], columns=f"{COLUMNS} symmetry_multiplicity"),
        "Li4Cl4",
    ),
    "cobalt in capitals": (cif(sites=["CO1 CO2+ 0 0 0", "O1 O .5 .5 .5"]), "Co4O4"),
    "a block that begins in a text": (cif(NAMED + "_publ_section_title\n;\ndata_of others\n;\n"), "Li4Cl4"),
    "a block without a structure": ("data_global\n_journal_year 2001\n" + cif(), "Li4Cl4"),
}  # fmt: skip


@pytest.mark.parametrize("what", RIGHT)
def test_the_right_crystal_is_read_without_a_doubt(what):
    text, formula = RIGHT[what]
    reading = only(text)
    assert reading.atoms.symbols.formula.count() == Formula(formula).count()
    assert (reading.doubts, reading.notes) == ((), ())


DOUBTS = {
    "hydrogen is missing": (cif(NAMED + "_chemical_formula_sum 'Li1 Cl1 H1'\n"), "_chemical_formula_sum"),
    "Z without its symmetry": (
        cif("_chemical_formula_sum 'Li Cl'\n_cell_formula_units_Z 4\n"),
        "_cell_formula_units_Z",
    ),
    "one of two origins": (cif(name("F d -3 m"), DIAMOND, SILICON), "choice of origin"),
    "operations were lost": (cif(NAMED + OPERATIONS + "'x,y,z'\n"), "`F m -3 m`, which has 192"),
    "operations are half a group": (cif(OPERATIONS + "'x,y,z'\n'-y,x,z'\n"), "no whole group"),
    "nanometres and a volume": (cif(NAMED + "_cell_volume 135.8\n", cell=(0.514,) * 3 + (90,) * 3), "_cell_volume"),
    "a quarter of the density": (cif("_exptl_crystal_density_diffrn 2.07\n"), "_exptl_crystal_density_diffrn"),
}


@pytest.mark.parametrize("what", DOUBTS)
def test_what_the_file_says_of_its_crystal_is_held_against_it(what):
    text, words = DOUBTS[what]
    assert any(words in doubt for doubt in only(text).doubts)


REFUSED = {
    "label of water": (cif(sites=["Li1 0 0 0", "Wat2 .5 .5 .5"], columns=UNTYPED), "`Wat2`"),
    "carbon or chlorine": (cif(sites=["Li1 0 0 0", "CL1 .5 .5 .5"], columns=UNTYPED), "`CL1`"),
    "water": (cif(sites=["Li1 0 0 0", "H2O1 .5 .5 .5"], columns=UNTYPED), "`H2O1`"),
    "tetrahedral site": (cif(sites=["T1 0 0 0", "O1 .5 .5 .5"], columns=UNTYPED), "`T1`"),
    "isotope of lithium": (cif(sites=["Li1 7Li 0 0 0", "Cl1 Cl .5 .5 .5"]), "`7Li`"),
    "ammonium": (cif(sites=["N1 NH4 0 0 0", "Cl1 Cl .5 .5 .5"]), "the type `NH4`"),
    "ammonium and its charge": (cif(sites=["N1 NH4+ 0 0 0", "Cl1 Cl .5 .5 .5"]), "the type `NH4+`"),
    "carbonate": (cif(sites=["Li1 Li 0 0 0", "C1 CO3-2 .5 .5 .5"]), "the type `CO3-2`"),
    "operation of no coordinates": (cif(OPERATIONS + "'x,y,z'\n'a,b,c'\n"), "cannot be read (`a,b,c`)"),
    "operations without end": (cif(OPERATIONS + "'x,y,z'\n" * 3000), "lists 3000 symmetry operations"),
    "vacancy": (cif(sites=["Li1 Li 0 0 0", "V1 Vac .5 .5 .5"]), "`Vac`"),
    "unknown coordinate": (cif(sites=["Li1 Li 0 0 0", "Cl1 Cl ? ? ?"]), "`_atom_site_fract_x` of `Cl1`"),
    "coordinate of too many digits": (cif(sites=["Li1 Li 0 0 0", f"Cl1 Cl {'9' * 5000}/1 .5 .5"]), "not a number"),
    "coordinate without end": (cif(sites=["Li1 Li 0 0 0", f"Cl1 Cl {'9' * 400} .5 .5"]), "not a number"),
    "an atom that is far away": (cif(sites=["Li1 Li 0 0 0", "Cl1 Cl .5 1e17 .5"]), "puts `Cl1` 1e+17 cells away"),
    "number of the group without end": (cif(f"_space_group_IT_number {'9' * 5000}\n"), "_space_group_IT_number"),
    "operation without end": (cif(f"{OPERATIONS}'x,y,z'\n'x+{'9' * 5000},y,z'\n"), "cannot be read (`x+999"),
    "more sites than atoms": (cif("", [f"Li Li 0 0 .{i:04d}" for i in range(1001)]), "lists 1001 sites"),
    "more atoms than can be": (
        cif(sites=[f"Li Li .{i}1 .{i}2 .{i}3" for i in range(1, 8)]),
        "makes more than 1000 atoms of its 7 sites and `F m -3 m`",
    ),
    "decimal comma": (cif(cell=("5,14", 5.14, 5.14, 90, 90, 90)), "`_cell_length_a` as `5,14`"),
    "radians": (cif(cell=(5.14,) * 3 + (1.5708,) * 3), "angles are in degrees"),
    "a flat cell": (cif(cell=(5, 5, 5, 180, 90, 90)), "make no cell"),
    "a cell of three vectors in a plane": (cif(cell=(5, 5, 5, 120, 120, 120)), "make no cell"),
    "no length": (cif().replace("_cell_length_b 5.14\n", ""), "_cell_length_b"),
    "cell of another group": (cif(cell=(5.14, 5.14, 6.2, 90, 90, 90)), "cannot have"),
    "two groups": (cif(NAMED + "_symmetry_Int_Tables_number 221\n"), "_symmetry_Int_Tables_number"),
    "no group": (cif("_symmetry_space_group_name_H-M F m -3 m\n"), "`F` under `_symmetry_space_group_name_H-M`"),
    "hydrogen without positions": (
        cif(sites=["Li1 Li 0 0 0 0", "O1 O .5 .5 .5 1"], columns=f"{COLUMNS} attached_hydrogens"),
        "_atom_site_attached_hydrogens",
    ),
    "dummy": (cif(sites=["Li1 Li 0 0 0 d", "X1 Cl .5 .5 .5 dum"], columns=f"{COLUMNS} calc_flag"), "`X1`"),
    "exclusive sites": (
        cif(sites=["Li1 Li 0 0 0 1", "Cl1 Cl .5 .5 .5 2"], columns=f"{COLUMNS} disorder_group"),
        "_atom_site_disorder_group",
    ),
    "occupancy of 4": (cif(sites=["Li1 Li 0 0 0 4", "Cl1 Cl .5 .5 .5 4"], columns=f"{COLUMNS} occupancy"), "between"),
    "partial occupancy": (
        cif(sites=["Li Li 0 0 0 0.4", "Li Na 0 0 0 0.4", "Cl Cl .5 .5 .5 1"], columns=f"{COLUMNS} occupancy"),
        "partially occupied sites; order them first",
    ),
    "magnetic": (cif("_space_group_symop_magn_operation.xyz x,y,z,+1\n"), "_space_group_symop_magn_operation.xyz"),
    "modulation": (cif("_cell_modulation_dimension 1\n"), "_cell_modulation_dimension"),
    "superspace group": (cif("_space_group_ssg_name 'Fm-3m(00g)s00'\n"), "_space_group_ssg_name"),
    "cut off": (cif(sites=["Li1 Li 0 0 0", "Cl1 Cl 0.5 0.5"]), "is it cut off?"),
    "a web page": ("<html>not found</html>", "data_"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_ordered_crystal_is_refused_with_its_tag(what):
    text, words = REFUSED[what]
    with pytest.raises(CifError) as caught:
        read_cif(text, 1000)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (cif(sites=["Li1 Li 0 0 0", "D1 D .5 .5 .5"]), "D (`D1`) is read as H and moves with the mass of H"),
        (
            cif(sites=["Li1 Li 0 0 0 ?", "Cl1 Cl .5 .5 .5 ."], columns=f"{COLUMNS} occupancy"),
            "the occupancy of `Li1`, `Cl1` is not given and counts as full",
        ),
        (cif(""), "names no symmetry"),
        (
            cif() + "loop_\n_atom_site_moment.label\n_atom_site_moment.crystalaxis_z\nLi1 3\n",
            "its magnetic moments (`_atom_site_moment.label`) are not used",
        ),
        (cif(sites=["Li1 Li 0 0 0", "D1 2H .5 .5 .5"]), "is read as H"),
        (cif(sites=["Li1 0 0 0", "OW1 .5 .5 .5"], columns=UNTYPED), "`OW1` is read as O"),
    ],
)
def test_what_is_read_otherwise_than_it_is_written_is_noted(text, words):
    reading = only(text)
    assert reading.doubts == ()
    assert words in reading.notes[0]
