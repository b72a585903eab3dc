"""A campaign on leases instead of file locks, its driver killed in the middle."""

import json
import os
import signal

import pytest

from alloop.journal.journal import SNAPSHOT_FILE, living_driver
from tests.support.campaigns import attempts, folded, left_behind, run, start, write_config
from tests.support.driving import QUICK
from tests.support.waiting import wait_for

LEASES = {**QUICK, "locks": "lease"}
ONE_RUNG = {"rungs": [4], "fits": 2}


@pytest.mark.slow
def test_kill_9_of_the_driver_on_leases_loses_no_label_and_repeats_none(tmp_path):
    config, folder = write_config(tmp_path / "config", execution=LEASES, ladder=ONE_RUNG), tmp_path / "campaign"
    driver = start(config, folder)
    assert wait_for(lambda: attempts(folder, "label") or driver.poll() is not None, 90)
    assert living_driver(folder) == f"pid {driver.pid} on {os.uname().nodename}"
    code, output = run(config, folder)
    assert code == 2
    assert f"another driver runs this campaign (pid {driver.pid} on {os.uname().nodename})" in output
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    begun = attempts(folder, "label")
    assert living_driver(folder) is None
    assert folded(folder).created is not None
    code, output = run(config, folder)
    assert code == 0, output
    labels, state = attempts(folder, "label"), folded(folder)
    assert sum(labels.values()) - len(labels) <= 2
    assert all(count == 1 for key, count in labels.items() if key not in begun)
    assert state.verdict is not None
    assert all(task.status == "ok" for task in state.tasks.values() if task.task == "label")
    assert left_behind(folder, 20) == []
    held = [json.loads(path.read_text().splitlines()[0]) for path in (folder / "locks").glob("*.lease/*")]
    assert len(held) >= len(labels)
    assert [path for path in (folder / "locks").iterdir() if path.is_file()] == []
    assert (folder / SNAPSHOT_FILE).is_file()
