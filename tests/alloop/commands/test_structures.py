"""``alloop structures``: what it lists and writes."""

import io
import json

import pytest
from ase.io import read
from rich.console import Console

from alloop.commands.structures import run_structures
from alloop.config import ConfigError
from alloop.outputs.models import ExportError
from tests.support.configs import BASE, Folder, make_folder
from tests.support.disordered import cif_text, layered_halide, nasicon

NOTES = ("P–Si", "equal charges", "3 annealings")
SYSTEMS = """\
  - name: NZSP
    structure: structures/nasicon.cif
    cell: {atoms: 40}
    orderings: {method: monte_carlo, samples: 1, sweeps: 20}
  - name: halide
    structure: structures/halide.cif
    substitute: {Cl1: {Br: x, Cl: 1 - x}}
    x: [0, 0.5]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Folder:
    home = make_folder(tmp_path)
    monkeypatch.chdir(home.root)
    (home.root / "structures/nasicon.cif").write_text(cif_text(nasicon()))
    (home.root / "structures/halide.cif").write_text(cif_text(layered_halide()))
    home.config(BASE.replace("data:\n", f"{SYSTEMS}\ndata:\n"))
    return home


def structures(folder, **options) -> str:
    out = io.StringIO()
    run_structures(folder.root / "small.yaml", console=Console(file=out, width=160), **options)
    return out.getvalue()


def test_lists_every_structure_and_writes_three_files_of_each(folder):
    shown = structures(folder)
    for words in (
        "LiCl",
        "NZSP-ground",
        "NZSP-sample1",
        "halide-x0 ",
        "halide-x0.5",
        "C2/m (12)",
        "Na3Zr2Si2PO12",
        *NOTES,
    ):
        assert words in shown
    written = sorted(path.name for path in (folder.root / "structures/small").iterdir())
    assert len(written) == 15
    ground = read(folder.root / "structures/small/NZSP-ground.extxyz")
    again = read(folder.root / "structures/small/NZSP-ground.cif")
    assert len(ground) == len(again) == 40
    assert ground.get_chemical_formula() == again.get_chemical_formula() == "Na6O24P2Si4Zr4"
    assert (folder.root / "structures/small/NZSP-ground.png").read_bytes().startswith(b"\x89PNG")


def test_json_holds_the_numbers_of_the_table(folder, monkeypatch):
    monkeypatch.setattr("alloop.outputs.structures.draw", lambda *args: None)
    told = json.loads(structures(folder, as_json=True))
    ground, sample = (one for one in told["systems"] if one["composition"] == "NZSP")
    assert (ground["charge_e"], ground["atoms"], ground["method"]) == (0, 40, "monte_carlo")
    assert ground["energy_meV_per_atom"] == 0 <= sample["energy_meV_per_atom"]
    assert 0 < sample["acceptance"] < 1
    assert 1.5 < sample["shortest_A"] < 1.7
    assert set(sample["neighbours"]) == {"P–Si", "Na–vacancy"}
    assert told["systems"][0]["method"] == "file"


def test_no_structure_is_shown_in_place_of_another_of_its_name(folder):
    """An ordering of a family whose name another system has."""
    other = "  - {name: halide-x0.5, structure: structures/LiCl.extxyz}\n"
    folder.config(BASE.replace("data:\n", f"{SYSTEMS}{other}\ndata:\n"))
    with pytest.raises(ConfigError, match=r"systems\[3\].name: `halide-x0.5` names two systems"):
        structures(folder)


def test_places_that_cannot_be_written_and_bad_configs_end_in_one_line(folder):
    (folder.root / "taken").write_text("")
    with pytest.raises(ExportError, match="name another place with --output"):
        structures(folder, output=folder.root / "taken")
    folder.config(BASE.replace("repeat: [1, 1, 1]", "substitute: {Li: {Mg: 1}}"))
    with pytest.raises(ConfigError, match=r"small.yaml:5: systems\[0\].oxidation_states: no common oxidation states"):
        structures(folder)
