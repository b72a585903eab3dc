"""Disks that are full: one line, a pause or a stop, and the same command goes on when there is room again."""

import subprocess
from pathlib import Path

import pytest

from alloop.journal.events import DriverStopped
from alloop.journal.journal import read_entries
from tests.support.campaigns import THREADS, attempts, folded, write_config
from tests.support.driving import QUICK, driving, labelled, many_first_labels
from tests.support.small_disk import NoSmallDisk, fill, make_room, small_disk
from tests.support.waiting import wait_for

LABELS = 8
SLOW = {"engine": "ase", "calculator": "tests.support.slow_labels:SlowEMT", "arguments": {"pause_s": 0.4}}


def config_in(tmp_path, execution):
    return write_config(tmp_path / "config", execution=execution, label=SLOW, **many_first_labels(LABELS))


@pytest.fixture
def disk(tmp_path):
    try:
        with small_disk(tmp_path / "disk", 8):
            yield tmp_path / "disk"
    except NoSmallDisk as reason:
        pytest.skip(str(reason))


@pytest.mark.slow
def test_a_full_disk_stops_the_driver_in_one_line_and_nothing_is_lost(tmp_path, disk):
    config, folder = config_in(tmp_path, QUICK), disk / "campaign"
    with driving(config, folder) as driver:
        driver.until(labelled(2))
        fill(disk)
        driver.end()
    assert driver.code == 75, driver.output
    assert driver.output.count("alloop: the journal cannot be read or written (database or disk is full)") == 1
    last = driver.output.strip().splitlines()[-1]
    assert last.endswith("nothing is lost: correct that and run the same command again")
    assert "Traceback" not in driver.output
    assert driver.left == []
    make_room(disk)
    standing = [path.stem for path in (folder / "results" / "label").glob("*.json")]
    with driving(config, folder) as driver:
        driver.until(labelled(LABELS))
    counts = attempts(folder, "label")
    assert {counts[key] for key in standing} == {1}
    assert not folded(folder).failures


def test_a_full_disk_behind_the_output_stops_nothing(tmp_path):
    config, folder = config_in(tmp_path, THREADS), tmp_path / "campaign"
    with Path("/dev/full").open("w") as full, driving(config, folder, stdout=full, stderr=full) as driver:
        driver.until(labelled(2))
    assert driver.code == 130
    stopped = [entry.event for entry in read_entries(folder) if isinstance(entry.event, DriverStopped)]
    assert [event.reason for event in stopped] == ["SIGTERM"]


def test_a_reader_who_leaves_stops_nothing(tmp_path):
    config, folder = config_in(tmp_path, THREADS), tmp_path / "campaign"
    with driving(config, folder, stderr=subprocess.DEVNULL) as driver:
        assert wait_for(lambda: attempts(folder, "atom"), 60)
        driver.process.stdout.close()
        driver.process.stdout = None
        driver.until(labelled(2))
    assert driver.code == 130
