import os
import signal
import time

import pytest

from tests.support.campaigns import attempts, left_behind, start, write_config


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_stop_from_the_terminal_reaches_every_process_and_is_one_line(tmp_path, number):
    config, folder = write_config(tmp_path / "config"), tmp_path / "campaign"
    driver = start(config, folder)
    deadline = time.monotonic() + 90
    while not attempts(folder, "atom") and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(driver.pid, number)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert "Traceback" not in output
    assert f"Stopped: {number.name}." in output
    assert left_behind(folder) == []
