"""Views that fail: the campaign goes its way, and its user is told once."""

import socket

import pytest

from alloop.journal.journal import read_entries
from alloop.monitor.wandb_segments import segments
from alloop.monitor.wandb_upload import catch_up
from tests.support.campaigns import folded, write_config
from tests.support.driving import ONE_WORKER, driving
from tests.support.small_disk import NoSmallDisk, fill, small_disk
from tests.support.wandb_server import serving

pytestmark = pytest.mark.slow

ENABLED = {"wandb": {"enabled": True}}
SMALL = {"ladder": {"rungs": [4], "fits": 2}, "execution": ONE_WORKER}
"""Sections of a short campaign, whose driver does nothing that would keep W&B waiting."""


def account(server):
    """Return the environment of a user with an account at a server."""
    return {"WANDB_BASE_URL": server, "WANDB_API_KEY": "0123456789" * 4, "WANDB_MODE": "online"}


@pytest.fixture
def server():
    """Return the address of a server that takes connections and says nothing."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(64)
        yield f"http://127.0.0.1:{one.getsockname()[1]}"


def test_a_server_that_does_not_answer_changes_nothing_and_is_told_once(tmp_path, server):
    config, folder = write_config(tmp_path / "config", monitor=ENABLED, **SMALL), tmp_path / "campaign"
    with driving(config, folder, environ=account(server)) as driver:
        driver.end()
    assert driver.code == 0, driver.output
    assert driver.output.count("W&B:") == 1
    assert "W&B: offline; upload with `alloop sync" in driver.output
    assert "Traceback" not in driver.output
    assert "0123456789" not in driver.output
    assert segments(folder, folded(folder).created.run_id)
    assert driver.left == []


def test_a_campaign_ends_with_its_outputs_at_the_server(tmp_path):
    monitor = {"wandb": {"enabled": True, "artifacts": True}}
    config, folder = write_config(tmp_path / "config", monitor=monitor, **SMALL), tmp_path / "campaign"
    with serving() as server:
        with driving(config, folder, environ=account(server.url)) as driver:
            driver.end()
        assert driver.code == 0, driver.output
        assert driver.output.count("W&B:") == 1
        assert f"W&B: {server.url}" in driver.output
        assert "dataset v0 (" in driver.output
        wanted = [item.row for item in catch_up(read_entries(folder)) if item.row is not None]
        (rows,) = server.rows.values()
        assert [row["seq"] for row in rows] == [row["seq"] for row in wanted]
        assert "charts/parity" in next(row for row in rows if "heldout/frames" in row)
        assert server.files["dataset.extxyz"] == (folder / "export" / "dataset.extxyz").read_bytes()
        assert [one["title"] for one in server.alerts] == ["alloop: ladder exhausted"]


def test_a_server_that_falls_silent_costs_a_campaign_a_few_seconds_and_one_line(tmp_path):
    config, folder = write_config(tmp_path / "config", monitor=ENABLED, **SMALL), tmp_path / "campaign"
    with serving() as server:
        with driving(config, folder, environ=account(server.url)) as driver:
            driver.until(lambda state: state.labelled("train") >= 4)
            server.silent = True
            driver.end()
        assert driver.code == 0, driver.output
        assert driver.output.count("W&B:") == 1
        assert f"`alloop sync {folder}` sends the rest" in driver.output
        assert driver.left == []
        server.silent = False


def test_a_full_disk_under_the_run_changes_nothing(tmp_path):
    config, folder = write_config(tmp_path / "config", monitor=ENABLED, **SMALL), tmp_path / "campaign"
    with driving(config, folder) as driver:
        driver.until(lambda state: state.labelled("train") >= 4)
    assert driver.code == 130, driver.output
    try:
        with small_disk(folder / "wandb", 1):
            fill(folder / "wandb")
            with driving(config, folder) as again:
                again.end()
    except NoSmallDisk as reason:
        pytest.skip(str(reason))
    assert again.code == 0, again.output
    assert again.output.count("W&B:") == 1
    assert "Verdict: ladder exhausted" in again.output
    assert "Traceback" not in again.output
    assert again.left == []
