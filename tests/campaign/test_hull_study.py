"""The study of energies above the hull, by the command line, with real workers and models."""

import json

import pytest
from ase.build import bulk
from ase.io import read, write

from tests.support.campaigns import attempts, command_line, run, write_config

pytestmark = pytest.mark.slow

PHASES = [{"name": "copper", "structure": "Cu.extxyz"}, {"name": "aluminium", "structure": "Al.cif"}]
STUDIES = {"relax": {"max_force_eV_per_A": 2.0}, "hull": {"families": [{"name": "metals", "phases": PHASES}]}}


def test_one_command_gives_pymatgens_number_and_relaxes_nothing_twice(tmp_path):
    config = write_config(tmp_path, studies=STUDIES)
    write(tmp_path / "Cu.extxyz", bulk("Cu", "fcc", 3.7))
    write(tmp_path / "Al.cif", bulk("Al", "fcc", 4.1))
    folder = tmp_path / "run"
    assert run(config, folder)[0] == 0
    assert command_line("study", "relax", config, "--folder", folder, "--plain")[0] == 0
    assert attempts(folder, "relax").total() == 2

    code, told = command_line("study", "hull", config, "--folder", folder, "--plain")
    assert code == 0, told
    assert "Energies above the hull" in told
    # Two fits and the committee's second member: three models, each with two phases, and CuAl3 by the third alone.
    assert attempts(folder, "relax").total() == 2 + 7
    (row,) = json.loads(command_line("status", folder, "--json")[1])["studies"]["hull"]
    assert row["hull of"] == "metals (copper, aluminium, relaxed by the same models)"
    assert row["note"] == "no label has the composition of copper, aluminium; fixed cells"

    assert command_line("export", folder)[0] == 0
    relaxed = read(folder / "export" / "studies" / "hull.extxyz", ":")
    assert len([atoms for atoms in relaxed if atoms.info.get("fit") == 0]) == 3
    assert "Energies above the hull" in (folder / "report.html").read_text()


def test_a_hull_without_phases_is_refused_in_one_line(tmp_path):
    code, told = command_line("study", "hull", write_config(tmp_path), "--folder", tmp_path / "run")
    assert code == 2
    assert "a hull is made of phases" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
