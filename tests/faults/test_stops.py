"""Every signal that asks a driver to stop, at every stage of its life."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.campaigns import THREADS, attempts, folded, left_behind, run, start, write_config
from tests.support.driving import ONE_WORKER, driving
from tests.support.victims import living
from tests.support.waiting import wait_for

SLOW = {"engine": "ase", "calculator": "tests.support.slow_labels:SlowEMT", "arguments": {"pause_s": 600.0}}
"""Labels so long that a driver which waits for one is told from a slow machine."""
ROOT = Path(__file__).parents[2]


def test_a_warning_while_the_workers_start_stops_them_and_leaves_nothing(tmp_path):
    folder, number = tmp_path / "campaign", signal.SIGUSR2
    driver = start(write_config(tmp_path / "config", execution=ONE_WORKER), folder)
    assert wait_for(lambda: living(folder, "interchange"), 60)
    driver.send_signal(number)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert output.splitlines()[-1].startswith(f"Stopped: {number.name}. Nothing is lost; run the same command again")
    assert "Traceback" not in output
    assert left_behind(folder) == []


def test_ctrl_c_before_anything_was_started_is_one_line(tmp_path):
    folder = tmp_path / "campaign"
    driver = start(write_config(tmp_path / "config", execution=ONE_WORKER), folder)
    assert wait_for(lambda: "pydantic_core" in Path(f"/proc/{driver.pid}/maps").read_text(), 30)
    for _ in range(3):
        driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert output == "Stopped before anything was started; run the same command again.\n"
    assert left_behind(folder) == []


def test_any_number_of_ctrl_c_hurries_nothing_into_a_traceback(tmp_path):
    folder = tmp_path / "campaign"
    with driving(write_config(tmp_path / "config", execution=ONE_WORKER, label=SLOW), folder) as driver:
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
    config = write_config(tmp_path / "config", execution=THREADS)
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


@pytest.mark.slow
def test_ctrl_c_while_the_report_is_written_says_what_is_there_and_what_is_not(tmp_path):
    folder = tmp_path / "campaign"
    config = write_config(tmp_path / "config", execution=THREADS, ladder={"rungs": [4], "fits": 2})
    driver = start(config, folder)
    assert wait_for(lambda: (folder / "export" / "dataset.extxyz").exists(), 240)
    for _ in range(3):
        driver.send_signal(signal.SIGINT)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert "\nStopped while dataset, models and report were written; no result is lost" in output
    assert folded(folder).verdict is not None
    code, output = run(config, folder)
    assert code == 0, output
    assert (folder / "report.html").exists()


def test_what_tests_start_hears_what_nohup_ignores():
    """`nohup make test &` passes, and goes on when its terminal is closed."""
    child = "import signal; print([signal.getsignal(n) == signal.SIG_DFL for n in (signal.SIGHUP, signal.SIGQUIT)])"
    code = f"""
import subprocess, sys
from tests.conftest import pytest_configure
class Config:
    def getoption(self, *words): return None
pytest_configure(Config())
signal.raise_signal(signal.SIGHUP)
subprocess.run([sys.executable, "-c", {child!r}], check=True)
"""
    ignore = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)]"
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    words = [sys.executable, "-c", f"{ignore}\n{code}"]
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "[True, True]\n"
