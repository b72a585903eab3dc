"""What follows a tiny campaign that measures transport, through the command line: real MACE and MD."""

import csv
import json
import shutil
import tarfile

import pytest

from alloop.commands.prune import prunable
from alloop.reading import read
from tests.support.campaigns import THREADS, attempts, command_line, folded, in_process, run, write_config
from tests.support.shared import LADDER, MEASURE, tiny_campaign, tiny_config

pytestmark = pytest.mark.slow

OTHER = {**MEASURE, "temperatures_K": [300, 500], "max_ps": 2 * MEASURE["max_ps"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The config and the folder of a finished campaign."""
    home = tiny_campaign(tmp_path_factory)
    return home / "tiny.yaml", home / "runs" / "tiny"


def test_ions_that_did_not_move_are_unmeasured_and_never_agreement(finished):
    _, folder = finished
    state = folded(folder)
    assert state.verdict.verdict == "ladder_exhausted"
    assert "unmeasured" in state.verdict.reason
    for row in state.judged[-1].table:
        (system,) = row["transport"]
        assert system["activation_energy_eV"] is None
        assert "0 of 2 temperatures can be used" in system["unmeasured"]
        assert "limited by size" in system["narrow"]


def test_the_report_shows_transport_and_the_tables_are_exported(finished):
    _, folder = finished
    page = (folder / "report.html").read_text()
    assert "Conductivity and activation energy by dataset size" in page
    with (folder / "export" / "transport_temperatures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["labels"], row["temperature_K"]) for row in rows} == {
        (size, kelvin) for size in ("4", "8") for kelvin in ("300", "400")
    }
    assert all(row["unmeasured"] for row in rows)


def test_a_ladder_of_random_subsets_buys_no_label_and_leaves_the_verdict(finished):
    config, folder = finished
    before, verdict = attempts(folder, "label"), folded(folder).verdict
    code, told = command_line("measure", config, "--ladder", "--folder", folder, "--plain")
    assert code == 0, told
    state = folded(folder)
    assert [row["size"] for row in state.subsets_judged.table] == [4, 8]
    assert state.verdict == verdict
    assert attempts(folder, "label") == before
    assert "random nested subsets: not converged" in told
    assert "random subset" in (folder / "report.html").read_text()


def test_production_runs_and_models_leave_the_house(finished, tmp_path):
    _, folder = finished
    words = ("export", folder, "--output", tmp_path / "out", "--trajectories")
    in_process(*words, "extxyz")
    code, told = command_line(*words, "h5md", "--lammps")
    assert code == 0, told
    assert all(line.startswith(str(tmp_path / "out")) for line in told.splitlines()), told
    for form in ("extxyz", "h5md"):
        names = {path.name for path in (tmp_path / "out" / "trajectories").glob(f"*.{form}")}
        assert names == {f"CuAl-{kelvin}K-rung8-fit{fit}-replica0.{form}" for kelvin in (300, 400) for fit in (0, 1)}
    assert (tmp_path / "out" / "lammps" / "leader.model-mliap_lammps.pt").exists()
    about = json.loads((tmp_path / "out" / "README.json").read_text())
    assert about["status"].startswith("finished: ladder_exhausted")
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert set(about["files"]) == written - {"README.json"}


def test_an_archive_holds_all_that_report_and_export_are_made_of(finished, tmp_path):
    _, folder = finished
    in_process("export", folder, "--output", tmp_path / "out", "--archive")
    with tarfile.open(tmp_path / "out" / "archive.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / "tiny"
    in_process("export", unpacked)
    in_process("report", unpacked)
    in_process("report", folder, "--output", tmp_path / "report.html")
    assert (unpacked / "report.html").read_bytes() == (tmp_path / "report.html").read_bytes()
    for path in (unpacked / "export").rglob("*"):
        if path.is_file() and path.name != "README.json":
            assert path.read_bytes() == (tmp_path / "out" / path.relative_to(unpacked / "export")).read_bytes()
    assert (unpacked / "export" / "leader.model").exists()


def test_a_pruned_campaign_reports_exports_and_extends_without_computing_anything_twice(finished, tmp_path):
    _, folder = finished
    root = shutil.copytree(folder, tmp_path / "campaign")
    ladder, files = read(root).status.rungs, prunable(read(root))
    labels = {path.name: path.read_bytes() for path in (root / "results" / "label").iterdir()}
    in_process("prune", root, "--delete")
    assert not any(one.path.exists() for one in files)
    assert {path.name: path.read_bytes() for path in (root / "results" / "label").iterdir()} == labels
    assert read(root).status.rungs == ladder
    for words in (("report", root), ("export", root, "--committee", "--trajectories", "h5md")):
        in_process(*words)
    longer = tiny_config(tmp_path / "config", ladder={**LADDER, "rungs": [4, 8, 10]})
    code, output = run(longer, root)
    assert code == 0, output
    assert [row.size for row in read(root).status.rungs] == [4, 8, 10]
    assert set((attempts(root, "fit") + attempts(root, "produce") + attempts(root, "label")).values()) == {1}


def test_other_settings_measure_again_without_a_label_and_runs_too_short_go_on_to_their_longest(finished, tmp_path):
    _, folder = finished
    config = tiny_config(tmp_path / "config", measure=OTHER)
    before = attempts(folder, "label") + attempts(folder, "fit")
    code, told = command_line("measure", config, "--folder", folder, "--plain")
    assert code == 0, told
    assert attempts(folder, "label") + attempts(folder, "fit") == before
    assert set(attempts(folder, "produce").values()) == {1}
    state = folded(folder)
    lengths = {task.context["production_ps"] for task in state.tasks.values() if task.task == "measure"}
    assert lengths == {MEASURE["max_ps"], OTHER["max_ps"]}
    assert {at.temperature_K for at in next(iter(state.transports.values())).transport.temperatures} == {300, 500}
    assert state.verdict is not None


def test_an_imported_dataset_has_a_ladder_of_its_own(finished, tmp_path):
    _, folder = finished
    data = {"initial": [str(folder / "export" / "dataset.extxyz")], "reference": "same"}
    ladder = {**LADDER, "rungs": [3, 6]}
    changes = {"ladder": ladder, "initial": {"frames": 0}, "execution": THREADS}
    config = write_config(tmp_path / "config", data=data, **changes)
    code, told = command_line("measure", config, "--ladder", "--folder", tmp_path / "campaign", "--plain")
    assert code == 0, told
    state = folded(tmp_path / "campaign")
    assert [row["size"] for row in state.subsets_judged.table] == [3, 6]
    assert len(state.drawn.heldout) >= 3
    assert not attempts(tmp_path / "campaign", "label")
