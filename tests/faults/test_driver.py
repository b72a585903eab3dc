"""The driver killed, interrupted and terminated at arbitrary moments: nothing lost, nothing twice, nothing left."""

import os
import random
import signal
import time
from functools import partial

import psutil
import pytest

from tests.support.campaigns import attempts, folded, left_behind, run, start, write_config
from tests.support.waiting import wait_for


@pytest.mark.slow
def test_kill_9_of_the_driver_loses_no_label_and_repeats_none(tmp_path):
    config, folder = write_config(tmp_path / "config", execution=_one_executor()), tmp_path / "campaign"
    moments = random.Random(4)
    kills, in_flight = 0, 0
    for _ in range(3):
        done = sum(attempts(folder, "label").values())
        driver = start(config, folder)
        wait_for(partial(_another_label_or_end, folder, done, driver), 90)
        time.sleep(moments.uniform(0.0, 1.0))
        if driver.poll() is not None:
            break
        running = [task for task in folded(folder).running.values() if task.slot_kind == "label"]
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        kills, in_flight = kills + 1, in_flight + len(running)
    assert kills
    code, output = run(config, folder)
    assert code == 0, output
    labels = attempts(folder, "label")
    state = folded(folder)
    assert sum(labels.values()) - len(labels) <= in_flight
    assert all(task.status == "ok" for task in state.tasks.values() if task.task == "label")
    assert left_behind(folder, 20) == []


def test_a_stop_is_clean_and_says_how_to_go_on(tmp_path):
    config, folder = write_config(tmp_path / "config", execution=_one_executor()), tmp_path / "campaign"
    driver = start(config, folder)
    assert wait_for(lambda: bool(attempts(folder, "atom")), 90)
    family = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
    os.kill(driver.pid, signal.SIGTERM)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert "run the same command again" in output
    assert "Traceback" not in output
    assert wait_for(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], 15)
    assert folded(folder).running


def _another_label_or_end(folder, done, driver):
    return sum(attempts(folder, "label").values()) > done or driver.poll() is not None


def _one_executor():
    return {"executors": {"local": {"kind": "local", "workers": 2}}, "heartbeat_s": 1, "heartbeat_limit_s": 4}
