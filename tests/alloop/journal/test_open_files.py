"""The journal of a running driver removed, replaced or moved: it stops with one line, and what it held is saved."""

import os
import shutil

import pytest

from alloop.files import locks
from alloop.files.mounts import Mount
from alloop.journal import driver_lock
from alloop.journal import journal as journal_room
from alloop.journal.events import DriverStarted, Tick
from alloop.journal.journal import JOURNAL_FILE, Journal, JournalError, living_driver, read_entries
from alloop.journal.open_files import SAVED_FILE
from tests.support.faults import is_shown_as
from tests.support.journals import play

STARTED = DriverStarted(host="h", pid=1, version="0")
NFS = Mount("/", "nfs4", frozenset({"local_lock=none"}))
SAVED = f"all it held is saved in .*{SAVED_FILE}"
SHOWN_AS_SAVED = (
    "journal.sqlite: was removed or replaced while its driver ran, which stops; "
    "all it held is saved in …/journal.saved.sqlite: move that to …"
)
SHOWN_AS_OPENED = "journal.sqlite: was removed while it was opened; all it held is saved in …"
SHOWN_AS_MOVED_AT_ONCE = "…: was moved or removed while its journal was opened; name its place with --folder"
SHOWN_AS_CUT_OFF = (
    "…: was removed or replaced while its driver ran, which stops; "
    "what it held could not be saved (…); restore it from a copy, or move it away and run again: …"
)
SHOWN_AS_WHOLE = (
    "journal.sqlite-…: was removed or replaced while its driver ran, which stops; "
    "nothing is lost: run the same command again"
)  # fmt: skip
SHOWN_AS_MOVED = "… was moved to … while its driver ran, which stops; nothing is lost: go on there: …"
SHOWN_AS_TAKEN = "this driver does not hold the campaign any more (…)"


@pytest.fixture(params=["local", "lease", "nfs"])
def how(request, monkeypatch):
    """How to open a journal on every kind of file system."""
    if request.param == "nfs":
        for room in (journal_room, driver_lock, locks):
            monkeypatch.setattr(room, "mount_of", lambda path: NFS)
    return {"locks": "lease"} if request.param == "lease" else {}


def refused(journal, match, *words):
    """The driver refuses to write and to go on, in one line that is as the page of faults shows it."""
    for attempt in (lambda: journal.append([Tick()]), journal.check):
        with pytest.raises(JournalError, match=match) as caught:
            attempt()
        assert "\n" not in str(caught.value)
        assert any(is_shown_as(one, str(caught.value)) for one in words)


def moved_back(folder):
    """Do what the line says: put the saved copy in the place of the journal."""
    (folder / SAVED_FILE).rename(folder / JOURNAL_FILE)


@pytest.mark.parametrize("manner", ["removed", "replaced by a copy", "replaced by another", "cut to nothing"])
def test_a_journal_that_is_gone_is_saved_whole(tmp_path, how, manner):
    folder, path = tmp_path / "run", tmp_path / "run" / JOURNAL_FILE
    other = tmp_path / "other"
    play(other, upto=3)
    with Journal(folder, **how) as journal:
        journal.append([STARTED], {"k": b"label"})
        journal.append([Tick()])
        if manner == "removed":
            path.unlink()
        elif manner == "replaced by a copy":
            shutil.copy(path, tmp_path / "copy")
            (tmp_path / "copy").replace(path)
        else:
            content = b"" if manner == "cut to nothing" else (other / JOURNAL_FILE).read_bytes()
            (tmp_path / "new").write_bytes(content)
            (tmp_path / "new").replace(path)
        with pytest.raises(JournalError, match=SAVED) as caught:
            journal.append([Tick()])
    assert is_shown_as(SHOWN_AS_SAVED, str(caught.value))
    assert living_driver(folder) is None
    path.unlink(missing_ok=True)
    moved_back(folder)
    assert [entry.event.kind for entry in read_entries(folder)] == ["driver_started", "tick"]
    with Journal(folder, **how) as journal:
        assert journal.result("k") == b"label"
        journal.append([Tick()])


def test_another_campaigns_log_in_the_place_of_the_own_one_is_left_alone(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    with Journal(one) as journal, Journal(other) as precious:
        journal.append([STARTED])
        precious.append([STARTED, Tick()])
        for suffix in ("", "-wal", "-shm"):
            (one / (JOURNAL_FILE + suffix)).unlink()
            shutil.copy(other / (JOURNAL_FILE + suffix), one / (JOURNAL_FILE + suffix))
        with pytest.raises(JournalError, match=SAVED):
            journal.append([Tick()])
        journal.close()
        assert (one / f"{JOURNAL_FILE}-wal").read_bytes() == (other / f"{JOURNAL_FILE}-wal").read_bytes()


@pytest.mark.parametrize("size", [0, 4096])
def test_a_journal_that_is_cut_off_in_place_ends_the_driver_in_one_line(tmp_path, how, size):
    play(tmp_path, upto=60)
    with Journal(tmp_path, **how) as journal:
        os.truncate(tmp_path / JOURNAL_FILE, size)
        refused(journal, "was removed or replaced while its driver ran", SHOWN_AS_SAVED, SHOWN_AS_CUT_OFF)
    saved = list(tmp_path.glob("journal.saved*"))
    if saved:
        saved[0].rename(tmp_path / JOURNAL_FILE)
        with Journal(tmp_path, **how) as journal:
            assert len(list(journal.entries())) == 60
    else:
        with pytest.raises(JournalError, match="from a copy"):
            read_entries(tmp_path)


def test_a_journal_that_vanishes_while_it_is_opened_is_saved_and_one_that_is_moved_is_left_alone(
    tmp_path, how, monkeypatch
):
    old, new = tmp_path / "old", tmp_path / "new"
    vanish = iter([lambda: (old / JOURNAL_FILE).unlink(), lambda: old.rename(new)])

    class OpenFiles(journal_room.OpenFiles):
        def __init__(self, folder):
            next(vanish, lambda: None)()
            super().__init__(folder)

    play(old, upto=60)
    monkeypatch.setattr(journal_room, "OpenFiles", OpenFiles)
    for words, mend in ((SHOWN_AS_OPENED, moved_back), (SHOWN_AS_MOVED_AT_ONCE, lambda folder: None)):
        with pytest.raises(JournalError) as caught:
            Journal(old, **how)
        assert "\n" not in str(caught.value)
        assert is_shown_as(words, str(caught.value))
        mend(old)
    assert not old.exists()
    with Journal(new, **how) as journal:
        assert len(list(journal.entries())) == 60


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_log_that_is_gone_costs_a_start_and_no_event(tmp_path, suffix):
    with Journal(tmp_path) as journal:
        journal.append([STARTED, Tick()], {"k": b"label"})
        (tmp_path / (JOURNAL_FILE + suffix)).unlink()
        refused(journal, f"{suffix}: was removed or replaced", SHOWN_AS_WHOLE)
    with Journal(tmp_path) as journal:
        assert [entry.event.kind for entry in journal.entries()] == ["driver_started", "tick"]
        assert journal.result("k") == b"label"


def test_a_folder_that_is_moved_keeps_its_journal_and_the_line_says_where(tmp_path, how):
    old, new = tmp_path / "old", tmp_path / "new"
    with Journal(old, **how) as journal:
        journal.append([STARTED])
        old.rename(new)
        refused(journal, f"was moved to {new} while its driver ran.*--folder {new}", SHOWN_AS_MOVED)
    assert not old.exists()
    with Journal(new, **how) as journal:
        assert [entry.event.kind for entry in journal.entries()] == ["driver_started"]
    assert not list(new.glob("*saved*"))


def test_a_folder_that_is_moved_and_linked_to_goes_on(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    with Journal(old) as journal:
        journal.append([STARTED])
        old.rename(new)
        old.symlink_to(new)
        journal.append([Tick()])
        journal.check()
    assert len(read_entries(new)) == 2


def test_a_folder_that_is_removed_comes_back_with_what_the_journal_held(tmp_path, how):
    with Journal(tmp_path / "run", **how) as journal:
        journal.append([STARTED], {"k": b"label"})
        shutil.rmtree(tmp_path / "run")
        with pytest.raises(JournalError, match=SAVED):
            journal.check()
    moved_back(tmp_path / "run")
    with Journal(tmp_path / "run", **how) as journal:
        assert journal.result("k") == b"label"


def test_a_removed_lock_is_taken_again_and_lets_nobody_in(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([STARTED])
        (tmp_path / "driver.lock").unlink()
        with pytest.raises(JournalError, match="another driver runs this campaign"):
            Journal(tmp_path)
        assert living_driver(tmp_path) is not None
        journal.append([Tick()])
        assert f"pid {os.getpid()}" in living_driver(tmp_path)
        (tmp_path / "new").touch()
        (tmp_path / "new").replace(tmp_path / "driver.lock")
        journal.check()
        assert f"pid {os.getpid()}" in living_driver(tmp_path)
    assert living_driver(tmp_path) is None


def test_a_lock_that_somebody_else_took_ends_the_driver(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([STARTED])
        (tmp_path / "driver.lock").unlink()
        held = locks.take(tmp_path / "driver.lock", "flock")
        refused(journal, "does not hold the campaign any more", SHOWN_AS_TAKEN)
        held.release()
    assert len(read_entries(tmp_path)) == 1
