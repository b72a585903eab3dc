import errno
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from alloop.failures import PlaceError
from alloop.journal.driver_lock import LOCK_FILE
from alloop.journal.events import DriverStarted, DriverStopped, TaskFinished, TaskPlanned, Tick
from alloop.journal.journal import JOURNAL_FILE, Journal, JournalError, living_driver, read_entries
from tests.support.loops import config, loop
from tests.support.unwritable import unwritable

STARTED = DriverStarted(host="h", pid=1, version="0")


def test_events_come_back_in_order_with_their_times(tmp_path):
    times = iter([1.0, 2.0])
    with Journal(tmp_path, clock=lambda: next(times)) as journal:
        journal.append([STARTED, Tick()])
        journal.append([DriverStopped(reason="done")])
        entries = list(journal.entries())
    assert [(e.seq, e.t, e.event.kind) for e in entries] == [
        (1, 1.0, "driver_started"),
        (2, 1.0, "tick"),
        (3, 2.0, "driver_stopped"),
    ]
    assert read_entries(tmp_path, after=2) == entries[2:]


def test_a_second_driver_is_refused_with_the_first_ones_name(tmp_path):
    assert living_driver(tmp_path) is None
    with Journal(tmp_path):
        assert f"pid {os.getpid()}" in living_driver(tmp_path)
        with pytest.raises(JournalError, match=f"another driver.*pid {os.getpid()}"):
            Journal(tmp_path)
    assert living_driver(tmp_path) is None
    Journal(tmp_path).close()


def test_a_file_system_without_locks_is_not_taken_for_another_driver(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(JournalError, match="No locks available") as error:
        Journal(tmp_path, locks="flock")
    assert "another driver" not in str(error.value)
    assert "`execution.locks` to `lease`" in str(error.value)
    with Journal(tmp_path) as journal:
        assert journal.locks == "lease"
        with pytest.raises(JournalError, match=f"another driver.*pid {os.getpid()}"):
            Journal(tmp_path)


def test_a_campaign_that_cannot_be_written_for_now_is_no_reason_to_name_another_folder(tmp_path):
    new, campaign = tmp_path / "new", tmp_path / "campaign"
    new.mkdir()
    Journal(campaign).close()
    (campaign / LOCK_FILE).unlink()
    with unwritable(new), pytest.raises(JournalError, match=r"cannot be written .*; name another folder"):
        Journal(new)
    with unwritable(campaign), pytest.raises(PlaceError, match=f": {campaign}$"):
        Journal(campaign)
    Journal(campaign).close()


@pytest.mark.parametrize("locks", ["flock", "lease"])
def test_the_campaign_is_free_again_when_its_driver_was_killed(tmp_path, locks):
    opened = f"Journal({str(tmp_path)!r}, locks={locks!r})"
    script = f"from alloop.journal.journal import Journal; j = {opened}; print('held', flush=True); input()"
    driver = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert driver.stdout.readline().strip() == "held"
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    with Journal(tmp_path, locks=locks) as journal:
        assert list(journal.entries()) == []


def test_events_and_their_label_stand_together_or_not_at_all(tmp_path):
    class Unwritable(Tick):
        def model_dump_json(self, **keywords):
            return None

    with Journal(tmp_path) as journal:
        with pytest.raises(sqlite3.Error):
            journal.append([STARTED, Unwritable()], {"key": b"label"})
        assert list(journal.entries()) == []
        assert journal.result("key") is None
        journal.append([STARTED], {"key": b"label"})
        assert journal.result("key") == b"label"


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 30, b""])
def test_a_file_that_is_no_journal_is_one_line(tmp_path, content):
    (tmp_path / JOURNAL_FILE).write_bytes(content)
    if content:
        with pytest.raises(JournalError, match="not a usable journal"):
            Journal(tmp_path)
    with pytest.raises(JournalError):
        read_entries(tmp_path)


def test_a_journal_of_another_format_is_refused(tmp_path):
    Journal(tmp_path).close()
    database = sqlite3.connect(tmp_path / JOURNAL_FILE)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(JournalError, match="format 99"):
        Journal(tmp_path)


def test_no_campaign_says_how_to_start_one(tmp_path):
    with pytest.raises(JournalError, match="alloop run"):
        read_entries(tmp_path)


def test_views_show_tasks_frames_labels_generations_and_rungs(tmp_path):
    campaign = loop(tmp_path, config(), fail={"label/A.600K.0/": "scf"})
    campaign.run(STARTED)
    state = campaign.state
    campaign.journal.close()
    database = sqlite3.connect(tmp_path / JOURNAL_FILE)

    def rows(query: str) -> list[tuple]:
        return database.execute(query).fetchall()

    assert rows("SELECT count(*) FROM task")[0][0] == len(state.tasks)
    labelled = {f.id for f in state.frames.values() if f.status == "labelled"}
    assert {row[0] for row in rows("SELECT frame FROM label WHERE status = 'ok'")} == labelled
    assert rows("SELECT DISTINCT reason FROM label WHERE status = 'failed'") == [("scf",)]
    assert {row[0] for row in rows("SELECT id FROM frame")} == set(state.frames)
    chosen = rows("SELECT frame FROM selection WHERE outcome = 'chosen' ORDER BY seq, rank")
    assert [row[0] for row in chosen] == state.train_order
    assert rows("SELECT number FROM generation ORDER BY number")[-1][0] == state.generations[-1].number
    assert {row[0] for row in rows("SELECT size FROM rung")} == set(state.rungs)
    assert rows("SELECT count(*) FROM epoch")[0][0] > 0
    provenance = rows(
        "SELECT walker, step, generation, walker_temperature_K FROM frame WHERE offered_because = 'random'"
    )
    assert all(None not in row for row in provenance)
    assert json.loads(rows("SELECT numbers FROM rung")[0][0])["size"] == 6


def test_views_of_a_long_campaign_take_no_time(tmp_path):
    with Journal(tmp_path) as journal:
        for number in range(2000):
            names = {"purpose": f"label/A/{number}", "key": "k"}
            events = [
                TaskPlanned(**names, task="label", slot_kind="label", request={}),
                TaskFinished(**names, status="ok"),
            ]
            journal.append(events)
    database = sqlite3.connect(tmp_path / JOURNAL_FILE)
    begin = time.monotonic()
    for view in ("task", "label", "frame"):
        database.execute(f"SELECT * FROM {view}").fetchall()
    assert time.monotonic() - begin < 2


def test_a_task_that_was_lost_and_tried_again_is_one_row_with_its_last_end(tmp_path):
    names = {"purpose": "label/A/1", "key": "k"}
    with Journal(tmp_path) as journal:
        journal.append([TaskPlanned(**names, task="label", slot_kind="label", request={})])
        journal.append([TaskFinished(**names, status="failed", reason="lost"), TaskFinished(**names, status="ok")])
    database = sqlite3.connect(tmp_path / JOURNAL_FILE)
    assert database.execute("SELECT status FROM task").fetchall() == [("ok",)]
    assert database.execute("SELECT status FROM label").fetchall() == [("ok",)]


def test_a_journal_in_a_read_only_archive_can_be_read(tmp_path, monkeypatch):
    with Journal(tmp_path) as journal:
        journal.append([STARTED])
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert [entry.event.kind for entry in read_entries(tmp_path)] == ["driver_started"]
    assert not (tmp_path / f"{JOURNAL_FILE}-shm").exists()
