import hashlib
import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from alloop.commands.sync import _absent, _publishes, campaign_outputs, run_sync, send_outputs
from alloop.config.errors import ConfigError
from alloop.config.machine import WandbConfig
from alloop.journal.events import DriverStarted, DriverStopped
from alloop.journal.journal import Entry, Journal
from alloop.monitor.wandb_artifacts import Upload
from alloop.monitor.wandb_sync import Synced
from alloop.monitor.wandb_upload import catch_up
from alloop.reading import ReadCampaign
from tests.support.journals import play
from tests.support.stories import USUAL
from tests.support.wandb_server import serving

ROOT = Path(__file__).parents[3]
KEY = "0123456789" * 4
RUN = USUAL.run_id


def sync(folder: Path, server) -> subprocess.CompletedProcess[str]:
    """Run ``alloop sync`` with an account at a server."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    account = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "alloop", "sync", str(folder)]
    return subprocess.run(command, env=clean | account, capture_output=True, text=True, timeout=400)


def outputs(folder: Path) -> None:
    """Write files as a finished campaign leaves them."""
    (folder / "export").mkdir()
    (folder / "export" / "dataset.extxyz").write_bytes(b'2\nLattice="1"\n' * 2 + b"frames" * 50_000)
    (folder / "export" / "leader.model").write_bytes(b"model" * 1000)
    (folder / "export" / "README.json").write_text('{"models": [{"rung": 48, "sha256": "abc"}], "seed": 7}')
    (folder / "report.html").write_text("<html>")


@pytest.fixture
def campaign(tmp_path):
    play(tmp_path)
    outputs(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Return a campaign's folder, the server that got it twice, the report changed in between, and what was printed."""
    folder = tmp_path_factory.mktemp("campaign")
    play(folder)
    outputs(folder)
    with serving() as server:
        first = sync(folder, server.url)
        (folder / "report.html").write_text("<html>new")
        return folder, server, first, sync(folder, server.url)


def test_the_server_gets_every_row_once_and_artifacts_only_when_they_are_new(sent):
    folder, server, first, second = sent
    wanted = [item.seq for item in catch_up(ReadCampaign(folder).entries) if item.row is not None]
    assert [(done.returncode, done.stderr) for done in (first, second)] == [(0, "")] * 2
    assert f"{len(wanted)} rows were missing" in first.stdout
    assert "dataset v0 (0.3 MB), model v0 (5.1 kB), report v0 (0.0 kB), config v0 (" in first.stdout
    assert "W&B: 0 rows were missing" in second.stdout
    assert "dataset v0 (0.3 MB), model v0 (5.1 kB), report v1 (0.0 kB), config v0 (" in second.stdout
    assert sorted(server.uploads) == sorted(["report.html", *server.files])
    assert sorted(server.files) == ["README.json", "config.yaml", "dataset.extxyz", "leader.model", "report.html"]
    assert [row["seq"] for row in server.rows[RUN]] == wanted
    assert not any(KEY in body for body in server.bodies)


def test_artifacts_say_what_they_are_made_from(sent):
    folder, server, *_ = sent
    about = {one["type"]: json.loads(one["metadata"] or "{}") for one in server.artifacts}
    dataset = (folder / "export" / "dataset.extxyz").read_bytes()
    assert about["dataset"]["frames"] == 2
    assert about["dataset"]["sha256"] == about["model"]["dataset_sha256"] == hashlib.sha256(dataset).hexdigest()
    assert about["model"]["models"] == [{"rung": 48, "sha256": "abc"}]
    assert all(one["state"] == "COMMITTED" for one in server.artifacts)
    assert set(server.used) == {(RUN, "quickstart-dataset")}
    config = yaml.safe_load(server.files["config.yaml"])
    assert config["label"]["cutoff_eV"] == 340
    assert not {"execution", "monitor"} & set(config)


def test_the_user_is_alerted_of_the_verdict_once(sent):
    _, server, *_ = sent
    (alert,) = [one for one in server.alerts if one["title"] == "alloop: converged"]
    assert alert["severity"] == "INFO"
    assert alert["text"] == next(row["reason"] for row in server.rows[RUN] if "verdict" in row)


def test_a_judged_rung_comes_with_the_curves_of_the_report(sent):
    _, server, *_ = sent
    judged = [row for row in server.rows[RUN] if "heldout/frames" in row]
    assert len(judged) == 3
    for row in judged:
        assert row["charts/learning_curve"]["_type"] == row["charts/fits"]["_type"] == "plotly-file"


def test_the_run_has_its_group_job_type_and_tags(sent):
    _, server, *_ = sent
    run = server.runs[RUN]
    assert (run["groupName"], run["jobType"]) == ("quickstart", "campaign")
    assert {"Li", "gpaw", "disagreement"} <= set(run["tags"])


@pytest.mark.slow
def test_a_server_that_is_away_or_no_account_end_in_one_line(campaign, monkeypatch):
    away = sync(campaign, "http://127.0.0.1:9")
    assert (away.returncode, away.stderr) == (75, "")
    assert away.stdout.startswith("W&B: the server did not take everything")
    assert away.stdout.count("\n") == 1
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(campaign))
    monkeypatch.setenv("NETRC", str(campaign / "none"))
    with pytest.raises(ConfigError, match="wandb login"):
        run_sync(campaign, ReadCampaign(campaign), Console(file=io.StringIO()))


def test_a_link_among_the_outputs_is_not_uploaded(campaign, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("mine")
    (campaign / "report.html").unlink()
    (campaign / "report.html").symlink_to(secret)
    scratch = tmp_path_factory.mktemp("scratch")
    found = campaign_outputs(ReadCampaign(campaign).state, campaign, scratch)
    assert [one.kind for one in found] == ["dataset", "model", "config"]


@pytest.mark.parametrize(
    ("section", "says"), [({"enabled": False}, "set it to true"), ({"entity": "somebody"}, "name its config")]
)
def test_whether_and_for_whom_it_is_published_is_the_users_to_say(tmp_path, monkeypatch, section, says):
    with Journal(tmp_path) as journal:
        (created,) = (entry.event for entry in play(tmp_path / "other", upto=1))
        journal.append([created.model_copy(update={"config": created.config | {"monitor": {"wandb": section}}})])
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with pytest.raises(ConfigError, match=says):
        run_sync(tmp_path, ReadCampaign(tmp_path), Console(file=io.StringIO()))


@pytest.mark.parametrize("place", ["campaign", "working folder"])
def test_a_folder_that_names_a_server_of_its_own_never_gets_the_key(tmp_path, monkeypatch, place):
    root, elsewhere = tmp_path / "campaign", tmp_path / "elsewhere"
    play(root, upto=1)
    strange = root if place == "campaign" else elsewhere
    (strange / "wandb").mkdir(parents=True)
    elsewhere.mkdir(exist_ok=True)
    (strange / "wandb" / "settings").write_text("[default]\nbase_url = http://127.0.0.1:9\n")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    campaign = ReadCampaign(root)
    with pytest.raises(ConfigError, match="remove it"):
        run_sync(root, campaign, Console(file=io.StringIO()))
    assert "not used" in send_outputs(WandbConfig(), root, campaign.state, campaign.entries)


def test_what_is_not_written_yet_is_named_with_the_command_that_writes_it(tmp_path):
    synced = Synced("https://there", "me", "alloop", 0, (Upload("model", 1, "v0"), Upload("config", 1, "v0")))
    told = _absent(synced, tmp_path)
    assert told.startswith("W&B: no dataset, report is written yet")
    assert f"`alloop export {tmp_path}` and `alloop report {tmp_path}`" in told


def test_only_a_segment_of_the_driver_that_runs_now_counts_as_sending(tmp_path):
    entries = play(tmp_path)
    later = entries[-1].t + 3600.0
    entries += [Entry(9001, later, DriverStopped(reason="killed"))]
    entries += [Entry(9002, later + 60.0, DriverStarted(host="node1", pid=2, version="1"))]

    def segment(t: float) -> None:
        (tmp_path / "wandb" / f"run-{datetime.fromtimestamp(t):%Y%m%d_%H%M%S}-{RUN}").mkdir(parents=True)

    segment(entries[0].t)
    assert not _publishes(tmp_path, entries)
    segment(later + 58.0)
    assert _publishes(tmp_path, entries)
