"""Folders of a running campaign that cannot be written, or are moved or removed: the driver stops, no label is lost."""

import io
import os
import signal
import threading
from contextlib import ExitStack

import pytest
from rich.console import Console

from alloop.campaign.damaged_folders import without_journal
from alloop.commands.run import run_campaign
from alloop.config.errors import ConfigError
from alloop.journal.journal import JOURNAL_FILE, JournalError
from alloop.journal.open_files import SAVED_FILE
from alloop.tasks import worker
from alloop.workers import machine_faults
from tests.support.campaigns import THREADS, attempts, folded, write_config
from tests.support.driving import losses, many_first_labels
from tests.support.faults import is_documented, is_shown_as
from tests.support.small_disk import NoSmallDisk, fill, make_room, small_disk
from tests.support.unwritable import unwritable
from tests.support.waiting import wait_for

LABELS = 6
SLOW = {"engine": "ase", "calculator": "tests.support.slow_labels:SlowEMT", "arguments": {"pause_s": 0.4}}
TWO_THREADS = {"executors": {"local": {"kind": "threads", "workers": 2}}}


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "WAIT_FOR_PLACE_S", (0.2,))
    monkeypatch.setattr(machine_faults, "PAUSES_S", (0.2,))
    return write_config(tmp_path / "config", execution=TWO_THREADS, label=SLOW, **many_first_labels(LABELS))


def stop():
    os.kill(os.getpid(), signal.SIGTERM)


def drive(config, folder, disturb=stop, *, labels=LABELS, begun=0):
    """Run a campaign in this process and return exit code and output.

    It is disturbed when it has so many labels, or when so many were begun.
    """
    console, over = Console(record=True, width=400, file=io.StringIO()), threading.Event()

    def watch():
        if wait_for(lambda: over.is_set() or _is_there(folder, labels, begun), 100) and not over.is_set():
            disturb()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return run_campaign(config, folder, console, plain=True), console.export_text()
    finally:
        over.set()
        watcher.join()


def _is_there(folder, labels, begun):
    if begun:
        return sum(attempts(folder, "label").values()) >= begun
    try:
        state = folded(folder)
    except JournalError:
        return False
    return state.labelled("train") + state.labelled("heldout") >= labels


@pytest.mark.slow
def test_results_that_cannot_be_written_stop_the_driver_and_no_label_is_computed_again(config, tmp_path):
    folder = tmp_path / "campaign"
    with ExitStack() as opened:
        refused = unwritable(folder / "results" / "label")
        code, output = drive(config, folder, lambda: opened.enter_context(refused), begun=3)
    assert code == 75, output
    last = output.strip().splitlines()[-1]
    assert last.startswith("Stopped: the campaign's folder cannot be used where ")
    assert last.endswith("correct that. Nothing is lost; run the same command again to continue.")
    words = "Stopped: the campaign's folder cannot be used where label/… is computed (…); correct that"
    assert is_shown_as(words, last)
    assert {event.cost for event in losses(folder)} == {0.0}
    before = attempts(folder, "label")
    assert set(before.values()) == {1}
    assert folded(folder).labelled("train") == len(before)
    code, output = drive(config, folder)
    assert code == 130, output
    assert "missing or damaged, and written back from the journal" in output
    assert not folded(folder).failures
    assert set(attempts(folder, "label").values()) == {1}


@pytest.mark.slow
def test_a_full_disk_of_the_results_alone_lets_no_label_begin_that_could_not_be_written(config, tmp_path):
    config = write_config(tmp_path / "config", execution=THREADS, label=SLOW, **many_first_labels(LABELS))
    folder, results = tmp_path / "campaign", tmp_path / "campaign" / "results" / "label"
    try:
        # What one label gives back of the room that was held for it is less than the next one needs.
        with small_disk(results, 1):
            code, output = drive(config, folder, lambda: fill(results), begun=2)
            assert code == 75, output
            last = output.strip().splitlines()[-1]
            assert last.startswith("Stopped: the disk is full where label/")
            assert last.endswith("make room. Nothing is lost; run the same command again to continue.")
            assert is_documented(last)
            begun = attempts(folder, "label")
            assert set(begun.values()) == {1}
            assert folded(folder).labelled("train") == len(begun) == len(list(results.glob("*.json")))
            assert {event.cost for event in losses(folder)} == {0.0}
            make_room(results)
            code, output = drive(config, folder)
    except NoSmallDisk as reason:
        pytest.skip(str(reason))
    assert code in (0, 130), output
    assert f"Continuing with {len(begun)} labels" in output
    assert not folded(folder).failures
    assert set(attempts(folder, "label").values()) == {1}


@pytest.mark.slow
def test_a_campaign_that_is_moved_or_loses_its_journal_stops_and_goes_on(config, tmp_path):
    old, new = tmp_path / "campaign", tmp_path / "moved"
    with pytest.raises(JournalError, match=f"was moved to {new} while its driver ran.* --folder {new}`"):
        drive(config, old, lambda: old.rename(new), labels=2)
    assert not old.exists()
    with pytest.raises(JournalError, match=f"all it held is saved in {new}/{SAVED_FILE}"):
        drive(config, new, (new / JOURNAL_FILE).unlink, labels=4)
    with pytest.raises(ConfigError, match=f"{SAVED_FILE} is a copy of it: move that to {JOURNAL_FILE}, and run again"):
        drive(config, new)
    (new / SAVED_FILE).rename(new / JOURNAL_FILE)
    code, output = drive(config, new)
    assert code == 130, output
    assert not folded(new).failures
    # Two workers were at work when the folder was moved, and two when the journal vanished.
    assert sum(attempts(new, "label").values()) <= LABELS + 4
    assert folded(new).labelled("train") == LABELS
    assert without_journal(new) == []


@pytest.mark.slow
def test_a_campaign_without_its_journal_begins_anew_with_the_results_that_are_there(config, tmp_path):
    folder = tmp_path / "campaign"
    drive(config, folder)
    (folder / JOURNAL_FILE).unlink()
    code, output = drive(config, folder)
    assert code == 130, output
    assert "its journal.sqlite is gone; the campaign begins anew and finds the results" in output
    assert set(attempts(folder, "label").values()) == {1}
