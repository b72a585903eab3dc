"""A whole tiny campaign that measures transport, through the command line: real Parsl processes, MACE and MD."""

import csv
import json
import shutil
import subprocess
import sys

import pytest

from alloop.commands.prune import prunable
from alloop.reading import read
from tests.support.campaigns import attempts, environment, folded, left_behind, run, write_config

pytestmark = pytest.mark.slow

MEASURE = {
    "mobile": "Al",
    "temperatures_K": [300, 400],
    "repeat": [2, 2, 2],
    "equilibration_ps": 0.02,
    "production_ps": 0.4,
    "max_ps": 0.8,
    "segment_ps": 0.2,
    "sample_fs": 4,
    "snapshot_samples": 5,
}

LADDER = {"rungs": [4, 8], "fits": 2, "tolerance_energy": 50.0, "tolerance_forces": 50.0}
"""Held-out errors always agree, so transport decides."""
OTHER = {**MEASURE, "temperatures_K": [300, 500], "max_ps": 0.4}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transport")
    config = write_config(folder / "config", measure=MEASURE, ladder=LADDER)
    code, output = run(config, folder / "campaign")
    assert code == 0, output
    return config, folder / "campaign", output


def alloop(*words):
    command = [sys.executable, "-m", "alloop", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)


def test_ions_that_did_not_move_are_unmeasured_and_never_agreement(finished):
    _, folder, _ = finished
    state = folded(folder)
    assert state.verdict.verdict == "ladder_exhausted"
    assert "unmeasured" in state.verdict.reason
    for row in state.judged[-1].table:
        (system,) = row["transport"]
        assert system["activation_energy_eV"] is None
        assert "0 of 2 temperatures can be used" in system["unmeasured"]
        assert "limited by size" in system["narrow"]


def test_runs_too_short_to_measure_went_on_to_their_longest(finished):
    _, folder, _ = finished
    state = folded(folder)
    lengths = {task.context["production_ps"] for task in state.tasks.values() if task.task == "measure"}
    assert lengths == {0.4, 0.8}
    assert set(attempts(folder, "produce").values()) == {1}
    assert left_behind(folder) == []


def test_the_report_shows_transport_and_the_tables_are_exported(finished):
    _, folder, _ = finished
    page = (folder / "report.html").read_text()
    assert "Conductivity and activation energy by dataset size" in page
    with (folder / "export" / "transport_temperatures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["labels"], row["temperature_K"]) for row in rows} == {
        (size, kelvin) for size in ("4", "8") for kelvin in ("300", "400")
    }
    assert all(row["unmeasured"] for row in rows)


def test_a_ladder_of_random_subsets_buys_no_label_and_leaves_the_verdict(finished):
    config, folder, _ = finished
    before, verdict = attempts(folder, "label"), folded(folder).verdict
    told = alloop("measure", config, "--ladder", "--folder", folder, "--plain")
    assert told.returncode == 0, told.stdout + told.stderr
    state = folded(folder)
    assert [row["size"] for row in state.subsets_judged.table] == [4, 8]
    assert state.verdict == verdict
    assert attempts(folder, "label") == before
    assert "random nested subsets: not converged" in told.stdout
    assert "random subset" in (folder / "report.html").read_text()


def test_production_runs_and_models_leave_the_house(finished, tmp_path):
    _, folder, _ = finished
    for form in ("extxyz", "h5md"):
        told = alloop("export", folder, "--output", tmp_path / "out", "--lammps", "--trajectories", form)
        assert told.returncode == 0, told.stderr
        names = {path.name for path in (tmp_path / "out" / "trajectories").glob(f"*.{form}")}
        assert names == {f"CuAl-{kelvin}K-rung8-fit{fit}-replica0.{form}" for kelvin in (300, 400) for fit in (0, 1)}
    assert told.stderr == ""
    assert (tmp_path / "out" / "lammps" / "leader.model-mliap_lammps.pt").exists()
    about = json.loads((tmp_path / "out" / "README.json").read_text())
    assert about["status"].startswith("finished: ladder_exhausted")
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert set(about["files"]) == written - {"README.json"}


def test_a_pruned_campaign_reports_exports_and_extends_without_computing_anything_twice(finished, tmp_path):
    _, folder, _ = finished
    root = shutil.copytree(folder, tmp_path / "campaign")
    ladder, files = read(root).status.rungs, prunable(read(root))
    labels = {path.name: path.read_bytes() for path in (root / "results" / "label").iterdir()}
    told = alloop("prune", root, "--delete")
    assert told.returncode == 0, told.stderr
    assert not any(one.path.exists() for one in files)
    assert {path.name: path.read_bytes() for path in (root / "results" / "label").iterdir()} == labels
    assert read(root).status.rungs == ladder
    for words in (("report", root), ("export", root, "--committee", "--trajectories", "h5md")):
        assert alloop(*words).returncode == 0
    longer = write_config(tmp_path / "config", measure=MEASURE, ladder={**LADDER, "rungs": [4, 8, 12]})
    code, output = run(longer, root)
    assert code == 0, output
    assert [row.size for row in read(root).status.rungs] == [4, 8, 12]
    assert set((attempts(root, "fit") + attempts(root, "produce") + attempts(root, "label")).values()) == {1}


def test_other_settings_measure_again_without_a_label(finished, tmp_path):
    _, folder, _ = finished
    config = write_config(tmp_path / "config", measure=OTHER, ladder=LADDER)
    before = attempts(folder, "label") + attempts(folder, "fit")
    told = alloop("measure", config, "--folder", folder, "--plain")
    assert told.returncode == 0, told.stdout + told.stderr
    assert attempts(folder, "label") + attempts(folder, "fit") == before
    state = folded(folder)
    assert {at.temperature_K for at in next(iter(state.transports.values())).transport.temperatures} == {300, 500}
    assert state.verdict is not None


def test_an_imported_dataset_has_a_ladder_of_its_own(finished, tmp_path):
    _, folder, _ = finished
    data = {"initial": [str(folder / "export" / "dataset.extxyz")], "reference": "same"}
    ladder = {**LADDER, "rungs": [3, 6]}
    config = write_config(tmp_path / "config", data=data, ladder=ladder, initial={"frames": 0}, measure=None)
    told = alloop("measure", config, "--ladder", "--folder", tmp_path / "campaign", "--plain")
    assert told.returncode == 0, told.stdout + told.stderr
    state = folded(tmp_path / "campaign")
    assert [row["size"] for row in state.subsets_judged.table] == [3, 6]
    assert len(state.drawn.heldout) >= 3
    assert not attempts(tmp_path / "campaign", "label")
