"""The driver terminated: it ends within seconds, says how to go on, and nothing is left."""

import os
import signal

import psutil

from tests.support.campaigns import attempts, folded, start, write_config
from tests.support.waiting import wait_for


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


def _one_executor():
    return {"executors": {"local": {"kind": "local", "workers": 2}}, "heartbeat_s": 1, "heartbeat_limit_s": 4}
