"""The studies of relaxed lattices and of energies above the hull, by the command line, with real models."""

import json

import pytest
from ase.build import bulk
from ase.io import read, write

from tests.support.campaigns import attempts, command_line, folded, in_process, write_config
from tests.support.shared import tiny_campaign, tiny_config

pytestmark = pytest.mark.slow

PHASES = [{"name": "copper", "structure": "Cu.extxyz"}, {"name": "aluminium", "structure": "Al.cif"}]
STUDIES = {"relax": {"max_force_eV_per_A": 2.0}, "hull": {"families": [{"name": "metals", "phases": PHASES}]}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The config of studies and the folder of a finished campaign."""
    home = tiny_campaign(tmp_path_factory)
    config = tiny_config(home, studies=STUDIES)
    write(home / "Cu.extxyz", bulk("Cu", "fcc", 3.7))
    write(home / "Al.cif", bulk("Al", "fcc", 4.1))
    return config, home / "runs" / "tiny"


def study(name, config, folder, *options):
    code, told = command_line("study", name, config, "--folder", folder, "--plain", *options)
    assert code == 0, told
    return told


def test_a_study_is_computed_once_and_shown_everywhere_and_a_hull_relaxes_nothing_twice(finished):
    config, folder = finished
    before = folded(folder)
    assert "Relaxed lattices" in study("relax", config, folder, "--dft", "1")
    assert "config changed: studies" not in study("relax", config, folder, "--dft", "1")
    assert set(attempts(folder, "relax").values()) == set(attempts(folder, "relaxbylabels").values()) == {1}
    assert attempts(folder, "relax").total() == 2
    assert "Energies above the hull" in study("hull", config, folder)
    # Two fits and the committee's second member: three models, each with two phases, and CuAl3 by the third alone.
    assert attempts(folder, "relax").total() == 2 + 7

    after = folded(folder)
    assert (after.verdict, after.labels_spent()) == (before.verdict, before.labels_spent())
    rows = json.loads(in_process("status", folder, "--json"))["studies"]
    assert [row["lattice"] for row in rows["relax"]][-1] == "label engine"
    (row,) = rows["hull"]
    assert row["hull of"] == "metals (copper, aluminium, relaxed by the same models)"
    assert row["note"] == "no label has the composition of copper, aluminium; fixed cells"

    in_process("export", folder)
    relaxed = read(folder / "export" / "studies" / "hull.extxyz", ":")
    assert len([atoms for atoms in relaxed if atoms.info.get("fit") == 0]) == 3
    in_process("report", folder)
    page = (folder / "report.html").read_text()
    assert "Relaxed lattices" in page
    assert "Energies above the hull" in page


def test_a_hull_without_phases_is_refused_in_one_line(tmp_path):
    code, told = command_line("study", "hull", write_config(tmp_path), "--folder", tmp_path / "run")
    assert code == 2
    assert "a hull is made of phases" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
