"""A whole tiny campaign through the command line: real MACE, EMT labels, and worker processes for its last rung."""

import csv
import json
import shutil
import subprocess
import sys

import pytest
from ase.io import read

from alloop.commands.outputs import write_figures
from alloop.reading import ReadCampaign
from alloop.report.heldout.data import heldout_data
from tests.support.campaigns import TINY, attempts, environment, folded, run
from tests.support.driving import QUICK
from tests.support.shared import LADDER, tiny_campaign, tiny_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    home = tiny_campaign(tmp_path_factory)
    return home / "tiny.yaml", home / "runs" / "tiny", (home / "output.txt").read_text()


def alloop(*words):
    return subprocess.run(
        [sys.executable, "-m", "alloop", *map(str, words)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=120,
    )


def test_it_ends_with_a_verdict_and_says_where_everything_is(finished):
    _, folder, output = finished
    state = folded(folder)
    assert state.verdict.verdict in ("converged", "ladder_exhausted")
    assert sorted(state.rungs) == [4, 8]
    for name in ("report.html", "dataset.extxyz", ".model"):
        assert name in output


def test_every_key_was_computed_once(finished):
    _, folder, _ = finished
    for kind in ("label", "explore", "fit", "evaluate", "atom"):
        counts = attempts(folder, kind)
        assert counts, kind
        assert set(counts.values()) == {1}, kind


def test_the_dataset_loads_in_ase_with_all_labels(finished):
    _, folder, _ = finished
    state = folded(folder)
    frames = read(folder / "export" / "dataset.extxyz", ":")
    assert len(frames) == state.labelled("train") + state.labelled("heldout")
    for atoms in frames:
        assert atoms.arrays["REF_forces"].shape == (len(atoms), 3)
        assert isinstance(float(atoms.info["REF_energy"]), float)


def test_running_a_finished_campaign_again_computes_nothing_and_repeats_the_outputs(finished, tmp_path):
    _, folder, _ = finished
    before = attempts(folder, "label")
    code, output = run(tiny_config(tmp_path, budget={"failed_labels": 7}), folder)
    assert code == 0, output
    assert "config changed: budget.failed_labels" in output
    assert "report.html" in output
    assert attempts(folder, "label") == before


def test_status_is_readable_by_scripts_and_people(finished):
    _, folder, _ = finished
    status = json.loads(alloop("status", folder, "--json").stdout)
    assert status["labels"]["train"] == 8
    assert alloop("status", folder).returncode == 0


def test_a_change_of_the_science_is_refused_in_one_line(finished, tmp_path):
    _, folder, _ = finished
    science = tiny_config(tmp_path / "science", seed=2)
    refused = alloop("run", science, "--folder", folder)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "seed" in refused.stderr


@pytest.mark.slow
def test_worker_processes_add_a_rung_to_a_finished_campaign_and_buy_only_the_labels_that_it_lacks(finished, tmp_path):
    _, folder, _ = finished
    longer = tmp_path / "longer"
    shutil.copytree(folder, longer)
    before = folded(longer)
    config = tiny_config(tmp_path / "config", ladder={**LADDER, "rungs": [4, 8, 10]}, execution=QUICK)
    code, output = run(config, longer)
    assert code == 0, output
    assert "ladder.rungs: [4, 8] -> [4, 8, 10]" in output
    after = folded(longer)
    assert sorted(after.rungs) == [4, 8, 10]
    assert after.train_order[: len(before.train_order)] == before.train_order
    assert after.heldout_order[: len(before.heldout_order)] == before.heldout_order
    assert after.rungs[8].models == before.rungs[8].models
    assert set(attempts(longer, "label").values()) == {1}
    assert after.verdict is not None
    assert after.verdict.reason != before.verdict.reason
    code, output = run(tiny_config(tmp_path / "less"), longer)
    assert code == 2
    assert "rungs can be added to a campaign, not taken away" in output


def test_the_numbers_of_every_figure_can_be_written_and_parity_gives_the_error_that_was_judged(finished, tmp_path):
    _, folder, _ = finished
    campaign = ReadCampaign(folder)
    written = {path.stem: path for path in write_figures(campaign, tmp_path / "figures", "csv")}
    assert {"learning-curve", "parity", "fits", "label-costs"} <= set(written)
    with written["parity"].open() as file:
        rows = [row for row in csv.DictReader(file) if "force component" in row["y_is"] and row["series"]]
    found = heldout_data(campaign.state, campaign.workspace)
    components = sum(3 * len(frame.symbols) for frame in found.frames)
    assert len(rows) == components
    squared = sum((float(row["x"]) - float(row["y"])) ** 2 for row in rows) / components
    judged = sum(frame.forces_squared_error * 3 * len(frame.symbols) for frame in found.frames) / components
    assert squared == pytest.approx(judged, rel=0.01)


def test_the_committee_can_be_exported(finished, tmp_path):
    _, folder, _ = finished
    exported = alloop("export", folder, "--committee", "--output", tmp_path / "out")
    assert (exported.returncode, exported.stderr) == (0, "")
    assert len(list((tmp_path / "out").glob("*.model"))) == 2


def test_what_keeps_a_study_from_being_done_is_one_line(finished, tmp_path):
    _, folder, _ = finished
    stiff = tiny_config(
        tmp_path / "stiff", studies={"relax": {"cell": True}}, fit={**TINY["fit"], "stress_weight": 0.0}
    )
    for words in (("relax", stiff), ("relaxx", stiff)):
        refused = alloop("study", *words, "--folder", folder)
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1
        assert "relax" in refused.stderr
