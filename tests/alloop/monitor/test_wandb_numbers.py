from __future__ import annotations

import json
import math

import pytest

from alloop.journal.events import (
    AttemptLost,
    DriverStarted,
    FramesSelected,
    RungJudged,
    TaskFinished,
    Tick,
    VerdictReached,
)
from alloop.journal.journal import Entry
from alloop.monitor.wandb_numbers import Publication, publication, rows
from alloop.state.fold import apply, fold
from alloop.state.state import CampaignState
from tests.support.calibrations import after, calibrated
from tests.support.histories import History
from tests.support.journals import play
from tests.support.stories import variant


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> list[tuple[Entry, Publication | None]]:
    state, seen = CampaignState(), []
    for entry in play(tmp_path_factory.mktemp("campaign")):
        apply(state, entry)
        seen.append((entry, publication(entry, state)))
    return seen


def rows_of(campaign, kind, **fields):
    return [
        item.row
        for entry, item in campaign
        if isinstance(entry.event, kind) and item and item.row and fields.items() <= vars(entry.event).items()
    ]


def test_the_learning_curve_is_against_the_rungs_labels_with_error_bars(campaign):
    curve = rows_of(campaign, RungJudged)
    assert [row["labels"] for row in curve] == [12, 24, 48]
    forces = [row["heldout/force_rmse_meV_per_A"] for row in curve]
    assert forces == sorted(forces, reverse=True)
    for row in curve:
        assert 0 < row["heldout/force_rmse_se_meV_per_A"] < row["heldout/force_rmse_meV_per_A"]
        assert 0 < row["heldout/energy_rmse_se_meV_per_atom"] < row["heldout/energy_rmse_meV_per_atom"]


def test_every_label_counts_once(campaign):
    labels = [row for row in rows_of(campaign, TaskFinished, status="ok") if "label/max_force_eV_per_A" in row]
    assert len(labels) == 60
    total = [row["labels"] + row["count/heldout"] for row in labels]
    assert total == list(range(1, 61))
    hours = [row["dft/core_hours"] for row in labels]
    assert hours == sorted(hours)
    assert hours[-1] == pytest.approx(60 * 12 / 3600, rel=0.2)
    assert labels[-1]["count/failed_labels"] == 2


def test_failures_and_lost_workers_are_counted(campaign):
    failed = rows_of(campaign, TaskFinished, status="failed")
    assert [row["count/failed_labels"] for row in failed] == [1, 2]
    assert rows_of(campaign, AttemptLost)[0]["count/broken_tasks"] == 1


def test_a_row_has_numbers_or_words_and_its_place_in_the_journal(campaign):
    for entry, item in campaign:
        if item is None or item.row is None:
            continue
        assert item.row["seq"] == entry.seq == item.seq
        assert item.row["wall_h"] >= 0
        assert all(isinstance(value, str) or math.isfinite(value) for value in item.row.values())
        json.dumps(item.row, allow_nan=False)


def test_leader_and_members_are_told_apart(campaign):
    leaders = [row for row in rows_of(campaign, TaskFinished) if "leader/rmse_forces_meV_per_A" in row]
    others = [row for row in rows_of(campaign, TaskFinished) if "fit/rmse_forces_meV_per_A" in row]
    assert [row["labels"] for row in leaders] == [8, 12, 14, 20, 24, 26, 32, 38, 44, 48]
    assert len(others) == 10 * 2 + 3
    assert {row.get("fit/rung") for row in others} == {None, 12, 24, 48}


def test_a_fit_of_a_study_is_no_fit_of_the_campaign():
    history = History().atoms().labelled(6).fitted(rung=6)
    assert rows(history.entries[-1], history.state) is not None
    history.do("fit/study", {"study": "scratch"})
    assert rows(history.entries[-1], history.state) is None


def test_time_alone_is_not_published(campaign):
    assert all(item is None for entry, item in campaign if isinstance(entry.event, Tick | DriverStarted))


def test_selection_and_verdict_are_published(campaign):
    assert sum(row["select/chosen"] for row in rows_of(campaign, FramesSelected)) == 50
    assert rows_of(campaign, VerdictReached)[0]["verdict"] == "converged"
    final: dict[str, object] = {}
    for _, item in campaign:
        final |= item.summary if item else {}
    assert final["verdict"] == "converged"
    assert final["rung_48/force_rmse_meV_per_A"] < final["rung_12/force_rmse_meV_per_A"]


def test_a_number_that_is_not_known_is_left_out(tmp_path):
    state = CampaignState()
    for entry in play(tmp_path, variant(rungs=(12,), heldout_fraction=0.09)):
        apply(state, entry)
        if isinstance(entry.event, RungJudged):
            row = rows(entry, state)
    assert "heldout/force_rmse_meV_per_A" in row
    assert "heldout/force_rmse_se_meV_per_A" in row
    unknown = Entry(
        state.seq + 1,
        0.0,
        RungJudged(size=12, heldout=2, table=({"size": 12, "rmse_forces_meV_per_A": math.nan},), judgements=()),
    )
    apply(state, unknown)
    assert not any(name.startswith("heldout/force") for name in rows(unknown, state))


def test_what_a_machine_needs_is_not_published(campaign):
    config = campaign[0][1].config
    assert config["label"]["cutoff_eV"] == 340
    assert config["versions"]
    assert not {"execution", "monitor"} & set(config)


def test_a_calibration_is_published_species_by_species_with_its_plot(tmp_path):
    summary = calibrated(frames=60, probes=12)
    entries = after(play(tmp_path), {3: summary})
    item = publication(entries[-1], fold(entries))
    row = item.row
    assert item.reliability == summary
    assert (row["calibration/generation"], row["calibration/frames"], row["calibration/probes"]) == (3, 60, 12)
    assert row["calibration/trusted"] == 1
    for one in summary.overall:
        group = f"calibration/{one.species}" + ("" if one.among == "probe" else "/selected")
        assert row[f"{group}/ratio"] == one.observed_eV_per_A / one.predicted_eV_per_A
        assert row[f"{group}/ratio_se"] == one.se_observed_eV_per_A / one.predicted_eV_per_A
        assert row[f"{group}/coverage"] == one.coverage
    doubtful = after(play(tmp_path / "other"), {1: calibrated(frames=12, probes=0)})
    row = publication(doubtful[-1], fold(doubtful)).row
    assert row["calibration/trusted"] == 0
    assert "calibration/Li/ratio" not in row
    assert "calibration/Li/selected/ratio" in row


def test_selections_are_published_by_reason(campaign):
    rows = rows_of(campaign, FramesSelected)
    assert sum(row.get("select/chosen_for/disagreement", 0) for row in rows) == 42
    assert sum(row.get("select/chosen_for/initial", 0) for row in rows) == 8
    for row in rows:
        rejected = [value for name, value in row.items() if name.startswith("select/rejected_for/")]
        assert sum(rejected) == row["select/rejected"]
    gated = [row for row in rows_of(campaign, TaskFinished) if row.get("explore/gated")]
    assert gated
    assert all(row["explore/gated_for/contact"] == row["explore/gated"] for row in gated)
