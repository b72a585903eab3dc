"""Ordered cells of a config: names, structures, and one line for what cannot be ordered."""

import pytest
from ase.build import bulk

from alloop.campaign.checking import check
from alloop.campaign.opening import create, resume
from alloop.checks import orderings
from alloop.checks.crosscheck import cross_check
from alloop.checks.structures import compositions_of, ordered_systems, read_systems, with_all_systems
from alloop.config import ConfigError, load_config
from alloop.journal.journal import Journal
from alloop.tasks.workspace import Workspace
from tests.support.configs import BASE, Folder
from tests.support.disordered import cif_text, layered_halide, mixed_chloride, nasicon

OLD = "  - name: LiCl\n    structure: structures/LiCl.extxyz\n    repeat: [1, 1, 1]\n"
FAMILY = """\
  - name: LIYBC
    structure: structures/halide.cif
    substitute: {In: {In: x, Y: 1 - x}, Cl: {Br: y, Cl: 1 - y}}
    x: [0.5, 1]
    oxidation_states: {In: 3, Y: 3}
    y: 1 - x
    orderings: {samples: 1}
"""


def write_systems(folder: Folder, systems: str, **changes: str):
    for name, crystal in (("halide", layered_halide()), ("nasicon", nasicon()), ("mixed", mixed_chloride())):
        (folder.root / f"structures/{name}.cif").write_text(cif_text(crystal))
    text = BASE.replace(OLD, systems)
    for old, new in changes.items():
        text = text.replace(f"{old}: ", f"{old}: {new} #")
    return load_config(folder.config(text))


def system(**keys: str) -> str:
    return "".join(f"    {key}: {value}\n" for key, value in keys.items()).replace("    ", "  - ", 1)


def test_family_becomes_one_system_per_composition_and_ordering(folder: Folder):
    loaded = write_systems(folder, FAMILY)
    systems = read_systems(loaded)
    assert list(systems) == ["LIYBC-x0.5-y0.5-ground", "LIYBC-x0.5-y0.5-sample1", "LIYBC-x1-y0"]
    assert [one.formula() for one in systems.values()] == ["Li6YInBr6Cl6", "Li6YInBr6Cl6", "Li3InCl6"]
    assert [one.composition for one in ordered_systems(loaded, 0)] == ["LIYBC-x0.5-y0.5"] * 2 + ["LIYBC-x1-y0"]
    assert list(compositions_of(loaded).values()) == ["LIYBC-x0.5-y0.5"] * 2 + ["LIYBC-x1-y0"]
    assert [one.name for one in with_all_systems(loaded).systems] == list(systems)


def test_every_ordering_counts_where_systems_are_counted(folder: Folder):
    told = check(write_systems(folder, FAMILY, rungs="[30, 48]", labels="100", kpts="[1, 1, 1]").path)
    assert told.problems == ()
    assert [one.atoms for one in told.cost.systems] == [20, 20, 20]
    with pytest.raises(ConfigError, match=r"smaller than the 16 initial frames \(2 compositions × 8\)"):
        cross_check(write_systems(folder, FAMILY))


def test_each_system_is_told_with_the_grid_of_its_cell_where_k_points_are_a_spacing(folder: Folder):
    told = check(write_systems(folder, FAMILY, rungs="[30, 48]", labels="100", kpts="{spacing_per_A: 0.3}").path)
    assert [one.per_cell for one in told.cost.systems] == ["k 4×2×4"] * 3
    assert {one.composition: one.labels for one in told.cost.systems}.keys() == {"LIYBC-x0.5-y0.5", "LIYBC-x1-y0"}


def test_disordered_cif_is_ordered_unasked_where_it_is_small(folder: Folder):
    loaded = write_systems(folder, system(name="mixed", structure="structures/mixed.cif"))
    (made,) = ordered_systems(loaded, 0)
    assert (made.name, made.structure.formula(), made.made.method) == ("mixed", "Na2MgCl4", "enumerate")


def test_parent_that_is_no_cif_and_repeated_cells(folder: Folder):
    folder.frames("structures/NaCl.extxyz", bulk("NaCl", "rocksalt", a=5.6, cubic=True))
    keys = {"name": "NaCl", "structure": "structures/NaCl.extxyz", "substitute": "{Na1: {Na: 0.5, Li: 0.5}}"}
    loaded = write_systems(folder, system(**keys, repeat="[1, 1, 2]"))
    assert read_systems(loaded)["NaCl"].formula() == "NaLiCl2"
    assert len(read_systems(loaded)["NaCl"].numbers) == 16


def test_equal_input_is_ordered_once(folder: Folder, monkeypatch):
    calls = []
    monkeypatch.setattr(orderings, "order", lambda *args, real=orderings.order: calls.append(1) or real(*args))
    loaded = write_systems(folder, FAMILY.replace("samples: 1", "samples: 2, seed: 77"))
    assert read_systems(loaded) == read_systems(load_config(loaded.path))
    assert len(calls) == 2


def test_campaign_keeps_its_orderings_when_it_resumes(folder: Folder, tmp_path):
    loaded = write_systems(folder, FAMILY)
    with Journal(tmp_path / "run") as journal:
        create(loaded, journal, Workspace(tmp_path / "run"), None)
        orderings._ordered.cache_clear()
        state, changes = resume(load_config(loaded.path), journal, Workspace(tmp_path / "run"))
    assert {one.name: one.structure for one in state.created.systems} == read_systems(loaded)
    assert changes == []
    other = write_systems(folder, FAMILY.replace("samples: 1", "samples: 1, seed: 1"))
    with Journal(tmp_path / "run") as journal, pytest.raises(ConfigError, match=r"systems\[0\].orderings.seed: 0 -> 1"):
        resume(other, journal, Workspace(tmp_path / "run"))


HALIDE = {"name": "a", "structure": "structures/halide.cif"}
NASICON = {"name": "a", "structure": "structures/nasicon.cif"}
REFUSED = [
    (HALIDE | {"substitute": "{In: {Zr: 0.5, In: 0.5}}"}, "systems[0].oxidation_states: ", 5, "balance"),
    (HALIDE | {"oxidation_states": "{Li: 2, In: 3, Cl: -1}"}, "systems[0].oxidation_states: ", 6, "sum to"),
    (HALIDE | {"oxidation_states": "{Na: 1}"}, "systems[0].oxidation_states.Na: ", 7, "elements are Cl, In, Li"),
    (HALIDE | {"substitute": "{In: {Y: 0.25, In: 0.75}}"}, "systems[0].cell: ", 5, "write `cell: {atoms: 40}`"),
    (HALIDE | {"substitute": "{In: {Y: 0.25, In: 0.75}}", "cell": "{atoms: 30}"}, "systems[0].cell.atoms: ", 8, "40"),
    (HALIDE | {"substitute": "{Yb: {Y: 1}}"}, "systems[0].substitute.Yb: ", 7, "sites are Cl1, Cl2, In1, Li1, Li2"),
    (HALIDE | {"substitute": "{In: {Jn: 1}}"}, "systems[0].substitute.In.Jn: ", 7, "is no element"),
    (
        HALIDE | {"substitute": "{In: {Yy: 1}}", "oxidation_states": "{Y: 3}"},
        "systems[0].substitute.In.Yy: ",
        7,
        "is no element",
    ),
    (HALIDE | {"x": "[1]", "oxidation_states": "{Y: 3}"}, "systems[0].x: ", 7, "changes nothing without"),
    (HALIDE | {"substitute": "{In: {Y: 0.7, In: 0.5}}"}, "systems[0].substitute.In: ", 7, "sum to 1.2"),
    (HALIDE | {"substitute": "{In: {Y: 1.5}}"}, "systems[0].substitute.In.Y: ", 7, "between 0 and 1"),
    (HALIDE | {"substitute": "{In: {Y: x}}"}, "systems[0].substitute.In.Y: ", 7, "names `x`"),
    (HALIDE | {"substitute": "{In: {Y: open('f')}}"}, "systems[0].substitute.In.Y: ", 7, "may hold only numbers"),
    (NASICON, "systems[0].structure: ", 6, "`cell: {atoms: 80}`"),
    (NASICON | {"orderings": "{method: enumerate}"}, "systems[0].orderings.method: ", 7, "344622096 orderings"),
    (
        NASICON | {"cell": "{matrix: [[1, 0, 0], [0, 1, 0], [1, 1, 0]]}"},
        "systems[0].cell.matrix: ",
        7,
        "not independent",
    ),
    (NASICON | {"orderings": "{sweeps: 100000000}"}, "systems[0].orderings.sweeps: ", 7, "hours"),
]


@pytest.mark.parametrize(("keys", "key", "line", "says"), REFUSED)
def test_what_cannot_be_ordered_is_told_in_one_line_with_file_line_and_key(folder: Folder, keys, key, line, says):
    loaded = write_systems(folder, system(**keys))
    with pytest.raises(ConfigError) as told:
        read_systems(loaded)
    text = str(told.value)
    assert "\n" not in text
    assert says in text
    assert text.startswith(f"{loaded.path}:")
    assert key in text
    assert (told.value.problems[0].line or 0) >= line - 2


def test_cell_needs_one_of_its_keys(folder: Folder):
    with pytest.raises(ConfigError, match=r"systems\[0\].cell: needs one of `atoms` and `matrix`"):
        write_systems(folder, system(**HALIDE, cell="{}"))


def test_three_numbers_in_place_of_a_matrix_are_told_with_the_rows_that_they_mean(folder: Folder):
    rows = r"\[\[2, 0, 0\], \[0, 1, 0\], \[0, 0, 1\]\]"
    with pytest.raises(ConfigError, match=rf"systems\[0\].cell.matrix: needs three rows; .* write {rows}$"):
        write_systems(folder, system(**HALIDE, cell="{matrix: [2, 1, 1]}"))


def test_occupancies_over_one_are_told(folder: Folder):
    loaded = write_systems(folder, system(name="mixed", structure="structures/mixed.cif"))
    cif = folder.root / "structures/mixed.cif"
    cif.write_text(cif.read_text().replace("0.5000\n", "0.9000\n"))
    with pytest.raises(ConfigError, match=r"systems\[0\].structure: `structures/mixed.cif` .*1.15"):
        read_systems(loaded)


def test_two_systems_of_one_name_are_told(folder: Folder):
    with pytest.raises(ConfigError, match=r"systems\[1\].name: `LIYBC-x1-y0` names two systems"):
        read_systems(write_systems(folder, FAMILY + FAMILY.replace("[0.5, 1]", "[1]")))


@pytest.mark.parametrize("old", ["", "Mg"])
def test_disordered_crystal_that_is_not_what_its_cif_says_is_refused_with_its_tag(folder: Folder, old):
    """Whether it can be ordered or not: without Mg, its charges do not balance."""
    loaded = write_systems(folder, system(name="mixed", structure="structures/mixed.cif"))
    path = folder.root / "structures/mixed.cif"
    kept = [line for line in path.read_text().split("\n") if not old or f" {old} " not in line]
    path.write_text("\n".join([kept[0], "_chemical_formula_sum 'Na2 Mg Cl4 H4 O2'", *kept[1:]]))
    with pytest.raises(ConfigError, match="says the formula `Na2 Mg Cl4 H4 O2` under `_chemical_formula_sum`"):
        cross_check(loaded)


def test_a_system_must_not_have_the_name_of_a_composition_of_another(folder: Folder):
    with pytest.raises(ConfigError, match=r"systems\[1\].name: `LIYBC-x0.5-y0.5` names two systems or compositions"):
        cross_check(write_systems(folder, FAMILY + system(name="LIYBC-x0.5-y0.5", structure="structures/halide.cif")))
