import io
import re

import pytest
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal
from rich.console import Console

from alloop.checks.crosscheck import cross_check
from alloop.checks.structures import read_systems
from alloop.commands import init_crystal
from alloop.commands.init import Wishes, list_examples, run_init, run_init_crystal
from alloop.config import ConfigError, load_config
from tests.support.cifs import cif


def test_written_example_is_a_config_where_it_stands(tmp_path):
    path = run_init(tmp_path / "mine", "quickstart")
    assert load_config(path).config.name == "quickstart"
    assert sorted(p.name for p in path.parent.iterdir()) == ["quickstart.yaml", "schema.json", "structures"]


@pytest.mark.parametrize(("example", "work"), [("quickstart", "run"), ("electrolytes", "teach")])
def test_next_steps_are_told(tmp_path, example, work):
    out = io.StringIO()
    path = run_init(tmp_path / "mine", example, Console(file=out, width=40))
    assert f"alloop check {path}" in out.getvalue()
    assert f"alloop {work} {path}" in out.getvalue()


def test_empty_folder_is_used(tmp_path):
    assert run_init(tmp_path, "quickstart") == tmp_path / "quickstart.yaml"


@pytest.mark.parametrize("content", ["quickstart.yaml", "anything"])
def test_nothing_is_overwritten(tmp_path, content):
    (tmp_path / content).write_text("mine")
    with pytest.raises(ConfigError, match="choose a new folder"):
        run_init(tmp_path, "quickstart")
    assert [p.name for p in tmp_path.iterdir()] == [content]
    assert (tmp_path / content).read_text() == "mine"


def test_file_in_the_way_and_unknown_example_are_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError):
            run_init(target, "quickstart")
    with pytest.raises(ConfigError, match=r"is a file; `alloop init FOLDER --structure \S+file` writes its config"):
        run_init(tmp_path / "file", "quickstart")
    with pytest.raises(ConfigError, match="did you mean `quickstart`"):
        run_init(tmp_path / "new", "quikstart")
    assert not (tmp_path / "new").exists()


def test_quickstart_is_an_example():
    assert "quickstart" in list_examples()


LICL = cif(sites=("Li1 Li 0 0 0", "Cl1 Cl 0.5 0.5 0.5"))


@pytest.fixture
def bare(monkeypatch):
    """An installation without a teacher, whose foundation is not looked into."""
    monkeypatch.setattr(init_crystal, "installed_teacher", lambda: None)
    monkeypatch.setattr(init_crystal, "foundation_for", lambda elements: None)


def test_config_of_a_crystal_is_accepted_as_it_is_written(tmp_path, bare):
    (tmp_path / "salt.cif").write_text(LICL)
    out = io.StringIO()
    path = run_init_crystal(tmp_path / "my salt", tmp_path / "salt.cif", Wishes(), console=Console(file=out, width=40))
    assert path.name == "my-salt.yaml"
    loaded = load_config(path)
    cross_check(loaded)
    assert (loaded.config.name, loaded.config.measure.mobile) == ("my-salt", "Li")
    assert (path.parent / "salt.cif").read_text() == LICL
    assert "labels:" in out.getvalue()


def lithium_titanium_phosphate():
    """LiTi2(PO4)3 in the hexagonal cell that databases give: three primitive cells of 36 atoms.

    Hagman and Kierkegaard, Acta Chem. Scand. 22, 1822 (1968), NaTi2(PO4)3 type.
    """
    sites = [(0, 0, 0), (0, 0, 0.1411), (0.29, 0, 0.25), (0.1856, 0.9936, 0.1903), (0.1904, 0.1647, 0.0828)]
    return crystal("LiTiPOO", sites, spacegroup=167, cellpar=[8.511, 8.511, 20.843, 90, 90, 120])


@pytest.mark.parametrize(
    ("atoms", "labelled", "told"),
    [
        (lithium_titanium_phosphate(), 36, "the 108 atoms of the file are several primitive cells"),
        # No charges of these ions are known, so that no cell is made of them.
        (bulk("LiAg", "cesiumchloride", a=3.17).repeat((4, 4, 4)), 128, "labels of so many atoms take long"),
    ],
)
def test_large_conventional_cell_is_labelled_in_a_smaller_one(tmp_path, bare, atoms, labelled, told):
    write(tmp_path / "a.cif", atoms)
    path = run_init_crystal(tmp_path / "new", tmp_path / "a.cif", Wishes(mobile="Li"))
    loaded = load_config(path)
    cross_check(loaded)
    (structure,) = read_systems(loaded).values()
    assert len(structure.numbers) == labelled
    assert told in path.read_text()


@pytest.mark.parametrize(
    ("content", "wishes", "told"),
    [
        (LICL, Wishes(mobile="Na"), "holds Li, Cl and no `Na`"),
        (LICL.replace("Li", "Mg"), Wishes(), "name it with --mobile"),
        (LICL, Wishes(engine="ase"), "give --calculator module:Class"),
        (LICL, Wishes(engine="ase", calculator="EMT"), "import path"),
        ("no cif", Wishes(), "a.cif"),
    ],
)
def test_what_is_missing_or_wrong_is_told_and_nothing_is_written(tmp_path, bare, content, wishes, told):
    (tmp_path / "a.cif").write_text(content)
    with pytest.raises(ConfigError, match=re.escape(told)):
        run_init_crystal(tmp_path / "new", tmp_path / "a.cif", wishes)
    assert not (tmp_path / "new").exists()


def test_what_is_missing_is_asked_for_where_somebody_can_answer(tmp_path, bare):
    (tmp_path / "a.cif").write_text(LICL.replace("Li", "Mg"))
    asked = []
    path = run_init_crystal(tmp_path / "new", tmp_path / "a.cif", Wishes(), lambda text: asked.append(text) or "Mg")
    assert load_config(path).config.measure.mobile == "Mg"
    assert len(asked) == 1
