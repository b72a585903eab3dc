from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alloop.campaign.loop import Listener
from alloop.config.machine import WandbConfig
from alloop.journal.journal import Journal, read_entries
from alloop.monitor.wandb_segments import published_rows, segments
from alloop.monitor.wandb_upload import WandbView, catch_up
from tests.support.calibrations import calibrated, told
from tests.support.journals import play
from tests.support.wandb_server import serving

DRIVER = Path(__file__).parents[2] / "support" / "wandb_driver.py"
RUN = "alloop0test"
KEY = "0123456789" * 4
WAITS_S = 2.0
"""A driver held up for this long waited for W&B, which gives up after 3 s here; a busy machine takes less."""


def drive(folder: Path, first: int, last: int, fate: str = "", **environ: str) -> dict:
    """Run a driver over some entries and return what it says; fails if it prints anything else."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    command = [sys.executable, "-P", str(DRIVER), str(folder), str(first), str(last), *([fate] if fate else [])]
    done = subprocess.run(
        command,
        env=clean | {"HOME": str(home)} | environ,
        capture_output=True,
        text=True,
        timeout=300,
        start_new_session=True,
    )
    if fate == "killed":
        assert done.returncode == -9
        return {}
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    if fate != "core-killed":
        assert done.stderr == ""
    return json.loads(done.stdout)


def published(folder: Path) -> list[dict]:
    return [row for segment in segments(folder, RUN) for row in published_rows(segment)]


@pytest.fixture
def campaign(tmp_path):
    return tmp_path, len(play(tmp_path))


def test_an_offline_run_holds_the_learning_curve_by_number_of_labels(campaign):
    folder, length = campaign
    told = drive(folder, 0, length)
    assert "offline" in told["note"]
    assert told["slowest_s"] < WAITS_S
    rows = published(folder)
    curve = {row["labels"]: row["heldout/force_rmse_meV_per_A"] for row in rows if "heldout/frames" in row}
    assert sorted(curve) == [12, 24, 48]
    assert curve[12] > curve[24] > curve[48]
    assert all("heldout/force_rmse_se_meV_per_A" in row for row in rows if "heldout/frames" in row)
    (segment,) = segments(folder, RUN)
    metrics = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(segment)], capture_output=True, text=True
    ).stdout
    assert '"glob_name":"heldout/*"' in metrics
    assert '"step_metric":"labels"' in metrics


def test_an_online_run_takes_over_what_was_offline_and_goes_on_after_a_restart(campaign):
    folder, length = campaign
    drive(folder, 0, 100)
    with serving() as server:
        online = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}
        told = drive(folder, 100, 250, **online)
        assert server.url in told["note"]
        drive(folder, 260, length, **online)
        seqs = [row["seq"] for row in server.rows[RUN]]
        assert seqs == sorted(set(seqs))
        assert sum("label/max_force_eV_per_A" in row for row in server.rows[RUN]) == 60
        assert not any(KEY in body for body in server.bodies)
    (offline,) = [segment for segment in segments(folder, RUN) if segment.name.startswith("offline-")]
    assert list(offline.glob("*.wandb.synced"))


@pytest.mark.slow
def test_killed_three_times_with_the_server_away_in_between_the_history_is_that_of_the_journal(campaign):
    folder, _ = campaign
    items = [item for item in catch_up(read_entries(folder)) if item.row is not None]
    with serving() as server:
        online = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}
        away = online | {"WANDB_BASE_URL": "http://127.0.0.1:9"}
        drive(folder, 0, 100, **online)
        for (first, last), environ in zip([(110, 170), (180, 240), (250, 330)], (away, online, away), strict=True):
            drive(folder, first, last, "killed", **environ)
        assert 0 < len(server.rows[RUN]) < len(items)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "alloop", "sync", str(folder)],
            env=os.environ | online | {"HOME": str(folder), "WANDB_MODE": "online"},
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    told = [{name: row[name] for name in item.row} for item, row in zip(items, server.rows[RUN], strict=True)]
    assert told == [item.row for item in items]
    assert [alert["title"] for alert in server.alerts] == [item.alert.title for item in items if item.alert]


def test_ctrl_c_to_the_whole_group_loses_no_row(campaign):
    folder, _ = campaign
    told = drive(folder, 0, 200, "interrupted")
    assert told["close_s"] < 5
    assert sum("label/max_force_eV_per_A" in row for row in published(folder)) >= 25


@pytest.mark.slow
def test_the_reliability_plot_is_made_from_the_journal_and_one_that_cannot_be_made_costs_no_row(tmp_path):
    length = len(play(tmp_path, upto=60))
    summaries = calibrated(frames=30, probes=6), calibrated(frames=60, probes=12)
    with Journal(tmp_path) as journal:
        for number, summary in enumerate(summaries):
            journal.append(told(number, summary))
    broken = tmp_path / "broken" / "plotly"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('no plots today')")
    paths = [str(broken.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    drive(tmp_path, length, length + 2, PYTHONPATH=os.pathsep.join(paths))
    (row,) = (row for row in published(tmp_path) if "calibration/trusted" in row)
    assert row["calibration/Li/ratio"] > 0
    assert not list((tmp_path / "wandb").rglob("*.plotly.json"))
    with serving() as server:
        drive(tmp_path, length + 2, length + 4, WANDB_API_KEY=KEY, WANDB_BASE_URL=server.url)
        rows = [row for row in server.rows[RUN] if "calibration/trusted" in row]
    assert [row["calibration/generation"] for row in rows] == [0, 1]
    assert all(row["calibration/reliability"]["_type"] == "plotly-file" for row in rows)
    figures = [json.loads(path.read_text()) for path in sorted((tmp_path / "wandb").rglob("*.plotly.json"))]
    drawn = [trace["y"] for figure in figures for trace in figure["data"] if trace.get("name") == "random probes"]
    for summary in summaries:
        assert [row.observed_eV_per_A for row in summary.table if row.among == "probe"] in drawn


@pytest.mark.slow
def test_a_crash_of_wandbs_own_process_costs_nothing(campaign):
    folder, length = campaign
    told = drive(folder, 0, length, "core-killed")
    assert told["slowest_s"] < WAITS_S
    seqs = [row["seq"] for row in published(folder)]
    assert seqs == sorted(set(seqs))
    assert sum("label/max_force_eV_per_A" in row for row in published(folder)) == 60


def test_a_disabled_run_writes_nothing(tmp_path):
    entries = play(tmp_path, upto=50)
    view = WandbView(WandbConfig(enabled=False), RUN, "quickstart", tmp_path, entries)
    view.close()
    assert isinstance(view, Listener)
    assert not (tmp_path / "wandb").exists()
