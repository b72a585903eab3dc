"""Every signal that asks a driver to stop, at every stage of its life."""

import signal
import time
from pathlib import Path

import pytest

from tests.support.campaigns import attempts, folded, left_behind, start, write_config
from tests.support.driving import QUICK, driving
from tests.support.victims import living
from tests.support.waiting import wait_for

SLOW = {"engine": "ase", "calculator": "tests.support.slow_labels:SlowEMT", "arguments": {"pause_s": 600.0}}
"""Labels so long that a driver which waits for one is told from a slow machine."""
WARNINGS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.mark.parametrize("number", WARNINGS)
def test_a_warning_while_the_workers_start_stops_them_and_leaves_nothing(tmp_path, number):
    folder = tmp_path / "campaign"
    driver = start(write_config(tmp_path / "config", execution=QUICK), folder)
    assert wait_for(lambda: living(folder, "interchange"), 60)
    driver.send_signal(number)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert output.splitlines()[-1].startswith(f"Stopped: {number.name}. Nothing is lost; run the same command again")
    assert "Traceback" not in output
    assert left_behind(folder) == []


def test_ctrl_c_before_anything_was_started_is_one_line_at_most(tmp_path):
    folder = tmp_path / "campaign"
    driver = start(write_config(tmp_path / "config", execution=QUICK), folder)
    assert wait_for(lambda: "pydantic_core" in Path(f"/proc/{driver.pid}/maps").read_text(), 30)
    driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode in (130, -signal.SIGINT), output
    assert output in ("", "Stopped before anything was started; run the same command again.\n")
    assert left_behind(folder) == []


def test_any_number_of_ctrl_c_hurries_nothing_into_a_traceback(tmp_path):
    folder = tmp_path / "campaign"
    with driving(write_config(tmp_path / "config", execution=QUICK, label=SLOW), folder) as driver:
        driver.until(lambda state: attempts(folder, "label"))

        def one_more() -> bool:
            driver.process.send_signal(signal.SIGINT)
            return driver.process.poll() is not None

        assert wait_for(one_more, 120)
        driver.end()
    assert driver.code == 130
    assert driver.output.count("Stopped: SIGINT. Nothing is lost") == 1
    assert "Traceback" not in driver.output
    assert "Aborted" not in driver.output
    assert driver.left == []
    assert folded(folder).running


def test_a_driver_under_nohup_outlives_its_terminal(tmp_path):
    folder = tmp_path / "campaign"
    config = write_config(tmp_path / "config", execution=QUICK)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with driving(config, folder) as driver:
            driver.until(lambda state: attempts(folder, "atom"))
            driver.process.send_signal(signal.SIGHUP)
            time.sleep(1.0)
            assert driver.process.poll() is None
    finally:
        signal.signal(signal.SIGHUP, before)
    assert driver.code == 130
    assert "Stopped: SIGTERM" in driver.output
