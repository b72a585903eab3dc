"""Every block of docs/elsewhere.md runs here, or the page says why it does not."""

import re
import threading
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
from ase.calculators.socketio import SocketIOCalculator

from alloop.outputs.trajectory_files import h5md_bytes
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.model_files import export_mace_model
from tests.support.models import lithium_chloride, small_model
from tests.support.trajectories import lithium_chloride_run

PAGE = (Path(__file__).parents[2] / "docs" / "elsewhere.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
RUN_HERE = {"ASE", "i-PI", "Trajectories"}


def block(title):
    (code,) = re.findall(r"^```python\n(.*?)^```$", SECTIONS[title], flags=re.MULTILINE | re.DOTALL)
    return code


@pytest.fixture
def exported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export" / "trajectories").mkdir(parents=True)
    atoms = lithium_chloride(3)
    ase.io.write("export/dataset.extxyz", atoms)
    export_mace_model(small_model(1), Path("export/leader.model"))
    atoms.calc = MACECalculator("export/leader.model", device="cpu", default_dtype="float64")
    return atoms


def test_every_section_with_code_says_how_it_was_tested():
    for title, text in SECTIONS.items():
        if "```" in text:
            here = "Tested by `tests/docs/test_elsewhere.py`" in text
            assert here == (title in RUN_HERE), title
            assert here or re.search(r"Not run in CI|By hand", text), title


def test_ase(exported, capsys):
    expected = exported.get_potential_energy()
    names = {}
    exec(block("ASE"), names)
    assert float(capsys.readouterr().out.split()[0]) == pytest.approx(expected, abs=1e-6)
    assert np.abs(names["atoms"].positions - exported.positions).max() > 1e-3


def test_i_pi(exported, tmp_path):
    """The client of the page answers a server of i-PI's protocol."""
    code = block("i-PI").replace('unixsocket="alloop"', f'unixsocket="{tmp_path.name}"')
    asked = lithium_chloride(4)
    exported.positions = asked.positions
    with SocketIOCalculator(unixsocket=tmp_path.name) as server:
        client = threading.Thread(target=exec, args=(code, {}), daemon=True)
        client.start()
        asked.calc = server
        assert asked.get_potential_energy() == pytest.approx(exported.get_potential_energy(), abs=1e-6)
        np.testing.assert_allclose(asked.get_forces(), exported.get_forces(), rtol=0, atol=1e-6)
    client.join(30)
    assert not client.is_alive()


def test_trajectories(exported, capsys):
    run = lithium_chloride_run()
    Path("export/trajectories/run.h5md").write_bytes(h5md_bytes(run))
    exec(block("Trajectories"), {"h5py": h5py})
    assert capsys.readouterr().out.split() == ["(9,", "4,", "3)", "Angstrom", "0.16", "ps"]
