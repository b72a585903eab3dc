import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from alloop.files import locks
from alloop.files.mounts import Mount
from alloop.journal import driver_lock, file
from alloop.journal import journal as journal_room
from alloop.journal.events import DriverStarted, DriverStopped, Tick
from alloop.journal.journal import JOURNAL_FILE, SNAPSHOT_FILE, Journal, JournalError, living_driver, read_entries
from alloop.journal.tail import TAIL_FILE
from tests.support.appender import TOGETHER

STARTED = DriverStarted(host="h", pid=1, version="0")
NFS = Mount("/", "nfs4", frozenset({"local_lock=none"}))


@pytest.fixture
def on_nfs(monkeypatch):
    for room in (journal_room, driver_lock, locks):
        monkeypatch.setattr(room, "mount_of", lambda path: NFS)


@pytest.fixture(params=["nfs", "lease"])
def shared(request):
    """How to open a journal on a file system that other hosts see: with locks, and without."""
    if request.param == "nfs":
        request.getfixturevalue("on_nfs")
        return {}
    return {"locks": "lease"}


def kinds(folder):
    return [entry.event.kind for entry in read_entries(folder)]


def mode(folder):
    return (folder / JOURNAL_FILE).read_bytes()[18:20]


def appender(folder, locks):
    command = [sys.executable, "-m", "tests.support.appender", str(folder), locks]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_readers_see_a_snapshot_and_never_the_live_file(tmp_path, shared):
    with Journal(tmp_path, **shared) as journal:
        journal.append([STARTED], {"k": b"label"})
        assert kinds(tmp_path) == []
        journal.publish(now=True)
        (tmp_path / JOURNAL_FILE).rename(tmp_path / "moved")
        assert kinds(tmp_path) == ["driver_started"]
        (tmp_path / "moved").rename(tmp_path / JOURNAL_FILE)
        journal.append([Tick()])
        assert kinds(tmp_path) == ["driver_started"]
    assert kinds(tmp_path) == ["driver_started", "tick"]
    assert mode(tmp_path) == b"\x01\x01"
    assert {path.name for path in tmp_path.iterdir()} <= {
        *(JOURNAL_FILE, SNAPSHOT_FILE, f"{JOURNAL_FILE}-journal", TAIL_FILE, "driver.lock", "driver.lease")
    }


def test_a_second_driver_is_refused_with_the_first_ones_name(tmp_path, shared):
    with Journal(tmp_path, **shared) as journal:
        assert journal.locks == shared.get("locks", "flock")
        assert f"pid {os.getpid()}" in living_driver(tmp_path)
        for wish in ({}, {"locks": "lease"}, {"locks": "flock"}):
            with pytest.raises(JournalError, match=f"another driver runs this campaign .pid {os.getpid()} on"):
                Journal(tmp_path, **wish)
    assert living_driver(tmp_path) is None
    Journal(tmp_path, **shared).close()


def test_a_snapshot_has_the_views_and_is_renewed_as_events_come_but_not_all_the_time(tmp_path, monkeypatch, shared):
    with Journal(tmp_path, **shared) as journal:
        written = (tmp_path / SNAPSHOT_FILE).stat().st_ino
        journal.append([STARTED])
        journal.publish()
        assert (tmp_path / SNAPSHOT_FILE).stat().st_ino == written
        monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + file.SNAPSHOT_EVERY_S + 1)
        journal.publish()
        assert kinds(tmp_path) == ["driver_started"]
        written = (tmp_path / SNAPSHOT_FILE).stat().st_mtime_ns
        monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 1000)
        journal.publish()
        assert (tmp_path / SNAPSHOT_FILE).stat().st_mtime_ns == written
    database = sqlite3.connect(tmp_path / SNAPSHOT_FILE)
    assert database.execute("SELECT count(*) FROM task").fetchone() == (0,)


def test_long_copies_are_rare(tmp_path, monkeypatch):
    now, copies = [0.0], []

    def slow(self):
        now[0] += 1.0
        copies.append(now[0])

    monkeypatch.setattr(file.Snapshot, "_copy", slow)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE t (x)")
    snapshot = file.Snapshot(database, tmp_path)
    while now[0] < 1000:
        database.execute("INSERT INTO t VALUES (1)")
        snapshot.renew()
        now[0] += 0.5
    assert 15 < len(copies) < 25


def test_a_full_disk_costs_a_snapshot_and_not_the_campaign(tmp_path, monkeypatch, shared):
    def full(temporary, path):
        raise OSError(28, "No space left on device")

    with Journal(tmp_path, **shared) as journal:
        journal.append([STARTED])
        with monkeypatch.context() as patched:
            patched.setattr(file, "replace_durably", full)
            journal.publish(now=True)
        assert kinds(tmp_path) == []
        journal.publish(now=True)
        assert kinds(tmp_path) == ["driver_started"]


def test_a_campaign_moves_between_local_and_shared_file_systems(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    with Journal(here) as journal:
        journal.append([STARTED], {"k": b"label"})
        assert mode(here) == b"\x02\x02"
        assert (here / f"{JOURNAL_FILE}-wal").stat().st_size
        # As a copy taken from a driver that was killed: most of it is still in the log.
        shutil.copytree(here, there, ignore=shutil.ignore_patterns("driver.*"))
    with Journal(there, locks="lease") as journal:
        assert journal.result("k") == b"label"
        journal.append([DriverStopped(reason="moved")])
        assert mode(there) == b"\x01\x01"
    assert {path.name for path in there.iterdir()} >= {JOURNAL_FILE, SNAPSHOT_FILE}
    assert not (there / f"{JOURNAL_FILE}-wal").exists()
    with Journal(there, locks="flock") as journal:
        assert journal.result("k") == b"label"
        journal.append([STARTED])
        assert mode(there) == b"\x02\x02"
        assert not (there / SNAPSHOT_FILE).exists()
        assert kinds(there) == ["driver_started", "driver_stopped", "driver_started"]


def test_a_journal_that_came_without_its_snapshot_can_be_read_unless_a_driver_is_at_it(tmp_path, shared):
    with Journal(tmp_path, **shared) as journal:
        journal.append([STARTED])
        (tmp_path / SNAPSHOT_FILE).unlink()
        with pytest.raises(JournalError, match="just starting"):
            read_entries(tmp_path)
    (tmp_path / SNAPSHOT_FILE).unlink()
    assert kinds(tmp_path) == ["driver_started"]
    (tmp_path / f"{JOURNAL_FILE}-journal").write_bytes(bytes(512))
    assert kinds(tmp_path) == ["driver_started"]
    (tmp_path / f"{JOURNAL_FILE}-journal").write_bytes(b"half a change")
    with pytest.raises(JournalError, match="alloop run"):
        read_entries(tmp_path)


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be read as one" * 30, b""])
def test_a_file_that_is_no_journal_is_one_line(tmp_path, content, shared):
    (tmp_path / JOURNAL_FILE).write_bytes(content)
    if content:
        with pytest.raises(JournalError, match="not a usable journal"):
            Journal(tmp_path, **shared)
        assert living_driver(tmp_path) is None
    else:
        Journal(tmp_path, **shared).close()


def test_a_driver_that_lost_its_lease_writes_nothing(tmp_path):
    with Journal(tmp_path, locks="lease") as journal:
        journal.append([STARTED])
        (lease,) = (held for held in journal._lock._held if hasattr(held, "_lost"))
        folder = tmp_path / "driver.lease"
        (folder / str(lease._number + 1)).write_bytes(b"")
        lease._beat()
        with pytest.raises(JournalError, match="another may have taken over"):
            journal.append([Tick()])
        assert [entry.event.kind for entry in journal.entries()] == ["driver_started"]


@pytest.mark.parametrize("locks", [pytest.param("lease", marks=pytest.mark.slow), "flock"])
def test_kill_9_in_the_middle_of_appends_loses_nothing_that_was_promised(tmp_path, locks):
    moments = random.Random(5)
    promised = seen = 0
    for _ in range(6):
        driver = appender(tmp_path, locks)
        promised = int(driver.stdout.readline())
        assert len(read_entries(tmp_path)) % TOGETHER == 0
        time.sleep(moments.uniform(0, 0.3))
        driver.send_signal(signal.SIGKILL)
        promised = int(([*driver.stdout.read().split("\n")[:-1]] or [promised])[-1])
        driver.communicate()
        read = read_entries(tmp_path)
        assert len(read) % TOGETHER == 0
        assert seen <= len(read)
        seen = len(read)
    with Journal(tmp_path, locks=locks) as journal:
        entries = list(journal.entries())
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert promised <= len(entries) <= promised + TOGETHER
        assert len(journal.result_keys()) == len(entries) // TOGETHER
        assert journal._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(read_entries(tmp_path)) == len(entries)


def test_whoever_reads_while_a_driver_writes_sees_whole_transactions_in_order(tmp_path, monkeypatch):
    driver = appender(tmp_path, "lease")
    driver.stdout.readline()
    lengths = []
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            entries = read_entries(tmp_path)
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert len(entries) % TOGETHER == 0
            lengths.append(len(entries))
    finally:
        driver.kill()
        driver.communicate()
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 1


def test_a_driver_that_begins_while_a_journal_is_read_is_seen(tmp_path, monkeypatch):
    with Journal(tmp_path) as journal:
        journal.append([STARTED])
    looks = iter([None, "pid 1 on h", None, None])
    monkeypatch.setattr(file, "living_driver", lambda folder: next(looks))
    assert kinds(tmp_path) == ["driver_started"]
    assert next(looks, "read twice") == "read twice"


def test_a_journal_that_vanishes_while_it_is_read_is_one_line(tmp_path, monkeypatch):
    with Journal(tmp_path) as journal:
        journal.append([STARTED])

    def vanish(folder):
        (folder / JOURNAL_FILE).unlink(missing_ok=True)

    monkeypatch.setattr(file, "living_driver", vanish)
    with pytest.raises(JournalError, match="no campaign here"):
        read_entries(tmp_path)


def test_what_readers_of_a_killed_drivers_journal_copy_is_gone_afterwards(tmp_path, monkeypatch):
    with Journal(tmp_path / "running") as journal:
        journal.append([STARTED])
        shutil.copytree(tmp_path / "running", tmp_path / "killed")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(file.tempfile, "tempdir", str(tmp_path / "temporary"))
    assert kinds(tmp_path / "killed") == ["driver_started"]
    assert list((tmp_path / "temporary").iterdir()) == []
