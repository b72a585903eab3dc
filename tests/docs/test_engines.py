"""The configs of docs/engines.md: the inputs that a label writes, and labels; and the engine of docs/own_engine.md."""

import os
import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk

from alloop.config import label as label_models
from alloop.config.label import AseLabel
from alloop.failures import TaskFailure
from alloop.labelling.ase_engine import ENGINE
from alloop.labelling.ranks import Launch
from alloop.labelling.registry import label_settings
from tests.support.programs import write_programs

DOCS = Path(__file__).parents[2] / "docs"
PAGE, OWN = ((DOCS / name).read_text(encoding="utf-8") for name in ("engines.md", "own_engine.md"))
EXPECTED = Path(__file__).parent / "engines"
PROGRAMS = {"vasp": "vasp_std", "espresso": "pw.x", "cp2k": "cp2k.psmp"}


def blocks(language, page=PAGE):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def settings_of(module):
    """Return the label settings of the block for a calculator of ASE."""
    (block,) = (block for block in blocks("yaml") if f"ase.calculators.{module}:" in block)
    return label_settings(yaml.safe_load(block)["label"])


def salt():
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    atoms.positions[0] += [0.1, 0.04, 0.0]
    return atoms


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Prepare a machine as the page says, with programs that keep their input and end."""
    ini = "".join(blocks("ini"))
    assert ini.count("/path/to/") == 2
    (tmp_path / "config.ini").write_text(ini.replace("/path/to/", f"{tmp_path}/"))
    monkeypatch.setenv("ASE_CONFIG_PATH", str(tmp_path / "config.ini"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONHASHSEED", "0")  # ASE writes the kinds of CP2K in the order of a set
    write_programs(tmp_path / "bin")
    for name in ("Li_sv", "Cl"):
        dataset = tmp_path / "potentials" / "potpaw_PBE" / name / "POTCAR"
        dataset.parent.mkdir(parents=True)
        dataset.write_text(f"PAW_PBE {name}, not a potential\n")
    return tmp_path


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_label_writes_the_expected_input(module, machine):
    folder, label = machine / "scratch", settings_of(module)
    folder.mkdir()
    assert ENGINE.check(label, ["Li", "Cl"]) == []
    with pytest.raises(TaskFailure, match=r"^dft: "):
        ENGINE.single_point(salt(), label, {}, folder, Launch(limit_s=120))
    for expected in sorted((EXPECTED / module).iterdir()):
        written = (folder / expected.name).read_text()
        assert plain(written, folder, machine) == expected.read_text(), expected.name


def plain(text, folder, machine):
    """Return a text without the folders of this machine."""
    return text.replace(str(folder), "SCRATCH").replace(str(machine), "/path/to").replace("\r\n", "\n")


@pytest.mark.parametrize("module", PROGRAMS)
def test_the_program_labels_a_frame(module, tmp_path):
    if shutil.which(PROGRAMS[module]) is None:
        pytest.skip(f"needs `{PROGRAMS[module]}`, and its section in ASE's configuration file")
    point = ENGINE.compute(salt(), settings_of(module), tmp_path)
    assert np.abs(point.forces_eV_per_A.sum(axis=0)).max() < 0.05
    assert point.forces_eV_per_A[0, 0] < -0.05
    assert point.stress_eV_per_A3.shape == (6,)


def test_no_path_or_command_is_in_a_config_of_the_page():
    for block in blocks("yaml"):
        arguments = str(AseLabel.model_validate(yaml.safe_load(block)["label"]).arguments)
        assert not re.search(r"command|/\w+/|mpirun|srun", arguments)


def test_the_engine_of_the_page_labels(tmp_path, monkeypatch):
    section, engine = blocks("python", OWN)
    module = types.ModuleType("lj_engine")
    names = dict(vars(label_models))
    monkeypatch.setitem(sys.modules, "alloop.config.label", types.ModuleType("label"))
    exec(section, names)
    vars(sys.modules["alloop.config.label"]).update(names)
    exec(engine, vars(module))
    label = names["LjLabel"](engine="lj", sigma_A=2.2, epsilon_eV=0.1)
    point = module.ENGINE.single_point(salt(), label, module.ENGINE.identity(label, ["Li", "Cl"]), tmp_path)
    assert point.energy_eV < 0
    assert np.abs(point.forces_eV_per_A.sum(axis=0)).max() < 1e-9
    atom = module.ENGINE.atom("Li", label, {}, tmp_path)
    assert abs(atom.energy_eV) < abs(point.energy_eV) / 10
