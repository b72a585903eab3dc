"""The demo up to its second rung, killed once on the way: real GPAW, teacher and foundation."""

import os
import re
import shutil
import signal

import numpy as np
import pytest
from ase import units
from ase.io import read
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from alloop.config.examples import examples_folder
from alloop.materials.contacts import min_contact
from alloop.monitor.wandb_segments import published_rows, segments
from alloop.tasks.contract.explore import ExploreSummary
from tests.support.campaigns import attempts, folded, left_behind, run, start
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    home = tmp_path_factory.mktemp("quickstart")
    folder, config = home / "campaign", home / "config" / "quickstart.yaml"
    shutil.copytree(examples_folder(), config.parent)
    text = config.read_text()
    assert "rungs: [12, 24, 48]" in text
    config.write_text(text.replace("rungs: [12, 24, 48]", "rungs: [12, 24]"))
    driver = start(config, folder)
    assert wait_for(lambda: sum(attempts(folder, "label").values()) >= 10 or driver.poll() is not None, 1500, 0.5)
    in_flight = sum(task.slot_kind == "label" for task in folded(folder).running.values())
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    code, output = run(config, folder, timeout_s=2400)
    assert code == 0, output
    return folder, output, in_flight


def test_the_taught_committee_is_good_from_the_first_rung_on_and_the_last_has_the_lowest_error_within_its_bar(finished):
    folder, output, _ = finished
    table = folded(folder).judged[-1].table
    errors = [row["rmse_forces_meV_per_A"] for row in table]
    bars = [row["se_forces_meV_per_A"] for row in table]
    assert [row["size"] for row in table] == [12, 24]
    assert all(bar > 0 for bar in bars)
    assert errors[1] < errors[0] + bars[1]
    assert errors[0] < 40.0 + bars[0]
    assert errors[1] < 40.0
    assert re.search(r"ladder.exhausted|converged", output)


def test_no_walker_breaks_before_24_labels(finished):
    folder, _, _ = finished
    state = folded(folder)
    young = [task for task in state.tasks.values() if task.task == "explore" and task.context["generation"] < 2]
    summaries = [ExploreSummary.model_validate(task.finished.summary) for task in young if task.finished]
    ended = {walker.ended for summary in summaries for walker in summary.walkers}
    assert ended <= {"length", "disagreement"}


def test_after_kill_9_no_label_was_computed_twice_but_those_in_flight(finished):
    folder, _, in_flight = finished
    counts = attempts(folder, "label")
    assert sum(counts.values()) - len(counts) <= in_flight
    assert left_behind(folder) == []


def test_the_exported_model_runs_2_ps_at_600_k_without_a_short_contact(finished):
    from alloop.potential.mace_api import MACECalculator

    folder, _, _ = finished
    model = next((folder / "export").glob("*.model"))
    atoms = next(a for a in read(folder / "export" / "dataset.extxyz", ":") if a.info["use"] == "train")
    atoms.calc = MACECalculator(model_paths=[str(model)], device="cpu", default_dtype="float32")
    rng = np.random.default_rng(0)
    MaxwellBoltzmannDistribution(atoms, temperature_K=600, rng=rng)
    dynamics = Langevin(atoms, 2 * units.fs, temperature_K=600, friction=0.01 / units.fs, rng=rng)
    shortest = min(min_contact(atoms) for _ in dynamics.irun(1000))
    assert shortest > 0.6


def test_the_dataset_loads_in_ase_with_all_labels(finished):
    folder, _, _ = finished
    state = folded(folder)
    frames = read(folder / "export" / "dataset.extxyz", ":")
    assert len(frames) == state.labelled("train") + state.labelled("heldout") == 30
    assert all(atoms.arrays["REF_forces"].shape == (10, 3) and "REF_energy" in atoms.info for atoms in frames)


def test_the_offline_run_holds_the_learning_curve_once(finished):
    folder, _, _ = finished
    rows = [row for part in segments(folder, folded(folder).created.run_id) for row in published_rows(part)]
    sequence = [row["seq"] for row in rows]
    assert len(sequence) == len(set(sequence))
    assert {row["labels"] for row in rows if "heldout/force_rmse_meV_per_A" in row} == {12, 24}
