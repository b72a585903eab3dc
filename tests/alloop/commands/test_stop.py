import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from alloop.campaign.stop_request import REQUEST_FILE, ask_to_stop, forget_request, stop_requested
from alloop.commands.run import _stop_signals
from alloop.commands.stop import run_stop
from alloop.config.errors import ConfigError
from alloop.journal.driver_lock import LOCK_FILE
from alloop.journal.journal import Journal, living_driver

DRIVER = """
import signal, sys, time
from pathlib import Path
from alloop.journal.journal import Journal
with Journal(Path(sys.argv[1])):
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
"""


def stop(root, wait_s=30.0):
    console = Console(file=io.StringIO(), width=200)
    return run_stop(root, console, wait_s), console.file.getvalue()


def test_a_driver_on_this_host_is_sent_a_signal_and_waited_for(tmp_path):
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})"
    command = [sys.executable, "-c", block + DRIVER, str(tmp_path)]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert driver.stdout.readline() == "ready\n"
    stopped, told = stop(tmp_path)
    assert driver.wait(timeout=30) == 0
    assert stopped
    assert f"process {driver.pid} was sent a signal" in told
    assert "continues it" in told
    driver.stdout.close()


def test_a_driver_elsewhere_finds_a_request_in_the_folder_once(tmp_path):
    with Journal(tmp_path):
        told = ask_to_stop(tmp_path, "pid 1 on another-host")
        assert "finds a request" in told
        assert stop_requested(tmp_path) == "`alloop stop`"
        forget_request(tmp_path)
        assert stop_requested(tmp_path) is None


def test_no_process_is_signalled_that_does_not_hold_the_lock(tmp_path):
    (tmp_path / LOCK_FILE).touch()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ask_to_stop(tmp_path, f"pid {other.pid} on {os.uname().nodename}")
    assert (tmp_path / REQUEST_FILE).exists()
    assert other.poll() is None
    other.communicate(b"\n", timeout=30)


def test_a_request_is_a_reason_to_stop_for_a_driver_at_work_and_is_gone_after_it(tmp_path):
    with _stop_signals(tmp_path) as reason:
        assert reason() is None
        ask_to_stop(tmp_path, "pid 1 on another-host")
        assert reason() == "`alloop stop`"
    assert not (tmp_path / REQUEST_FILE).exists()


def test_what_does_not_run_needs_no_stop(tmp_path):
    with Journal(tmp_path):
        pass
    assert living_driver(tmp_path) is None
    stopped, told = stop(tmp_path)
    assert stopped
    assert "No driver runs" in told
    with pytest.raises(ConfigError, match="no campaign"):
        run_stop(tmp_path.parent, Console(file=io.StringIO()))
