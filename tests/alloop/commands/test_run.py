import os
import signal

import pytest

from tests.support.campaigns import attempts, left_behind, start, write_config
from tests.support.waiting import wait_for


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_stop_from_the_terminal_reaches_every_process_and_is_one_line(tmp_path, number):
    config, folder = write_config(tmp_path / "config"), tmp_path / "campaign"
    driver = start(config, folder)
    assert wait_for(lambda: attempts(folder, "atom"), 90)
    os.killpg(driver.pid, number)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, output
    assert "Traceback" not in output
    assert f"Stopped: {number.name}." in output
    assert left_behind(folder) == []
