"""No process between driver and workers, or no workers, however often they are started: the driver ends in one line."""

import time

import pytest

from tests.support.campaigns import left_behind, run, start, write_config
from tests.support.driving import ONE_WORKER, QUICK
from tests.support.victims import living


@pytest.mark.slow
def test_an_interchange_that_dies_whenever_it_starts_ends_the_driver_after_three_restarts(tmp_path):
    config, folder = write_config(tmp_path / "config", execution=ONE_WORKER), tmp_path / "campaign"
    driver = start(config, folder)
    killed = set()
    while driver.poll() is None:
        if fresh := [p for p in living(folder, "interchange") if p.pid not in killed]:
            killed |= {p.pid for p in fresh}
            fresh[0].kill()
        time.sleep(0.02)
    output, _ = driver.communicate()
    assert driver.returncode == 75, output
    assert output.count("The driver starts again in place") == 3
    assert "died while it started. 3 restarts did not help; see logs/interchange.txt" in output
    assert output.strip().endswith("Nothing is lost; run the same command again to continue.")
    assert "Traceback" not in output
    assert left_behind(folder) == []


def test_workers_that_never_come_up_end_the_driver_at_once_with_what_they_said(tmp_path):
    execution = {**QUICK, "executors": {"local": {"kind": "local", "worker_init": "echo no such module >&2; exit 3"}}}
    config, folder = write_config(tmp_path / "config", execution=execution), tmp_path / "campaign"
    begin = time.monotonic()
    code, output = run(config, folder)
    assert time.monotonic() - begin < 60
    assert code == 2, output
    said = "3 blocks in a row ended before a worker came up (no such module); see `worker_init`"
    assert said in output.splitlines()[-1]
    assert "Traceback" not in output
    assert left_behind(folder) == []
