"""A journal that lost its last events, because its log is gone or cut off or an older copy is back, is noticed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alloop.journal.events import DriverStarted, Tick
from alloop.journal.journal import JOURNAL_FILE, Journal, read_entries, read_journal
from alloop.journal.tail import TAIL_FILE
from tests.support.faults import is_shown_as
from tests.support.journals import play

STARTED = DriverStarted(host="h", pid=1, version="0")
LOG = f"{JOURNAL_FILE}-wal"
KILLED = """
import os, signal
from alloop.journal.events import Tick
from alloop.journal.journal import Journal
journal = Journal({folder!r})
for _ in range(20):
    journal.append([Tick()])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    folder = tmp_path_factory.mktemp("left")
    with Journal(folder) as journal:
        journal.append([STARTED])
    done = subprocess.run([sys.executable, "-c", KILLED.format(folder=str(folder))], check=False)
    assert done.returncode == -signal.SIGKILL
    return folder


@pytest.fixture
def killed(left, tmp_path):
    """The folder of a driver that was killed after 21 events, of which the last 20 are in the log."""
    folder = Path(shutil.copytree(left, tmp_path / "run"))
    assert len(read_entries(folder)) == 21
    return folder


def opened(folder):
    """Return what a driver is told on opening a journal, and the events it finds."""
    told = []
    with Journal(folder, say=told.append) as journal:
        return told, len(list(journal.entries()))


def test_nothing_is_told_of_a_whole_journal(killed):
    assert read_journal(killed).lost is None
    assert opened(killed) == ([], 21)
    assert opened(killed) == ([], 21)


@pytest.mark.parametrize("bytes_left", [0, 5000, None])
def test_a_log_that_is_gone_or_cut_off_is_told_once_with_what_is_lost(killed, bytes_left):
    if bytes_left is None:
        (killed / LOG).unlink()
    else:
        os.truncate(killed / LOG, bytes_left)
    line = read_journal(killed).lost
    assert is_shown_as(
        "its last 20 events are lost: it ends at event 1, and there were 21 (was journal.sqlite-wal removed?); …",
        line,
    )
    assert "finished results are found again by their keys" in line
    assert opened(killed) == ([line], 1)
    with Journal(killed) as journal:
        journal.append([Tick()])
    assert opened(killed) == ([], 2)


def test_an_older_copy_in_the_place_of_a_journal_is_told(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([STARTED])
    shutil.copy(tmp_path / JOURNAL_FILE, tmp_path / "copy")
    with Journal(tmp_path) as journal:
        journal.append([Tick()])
    (tmp_path / "copy").rename(tmp_path / JOURNAL_FILE)
    assert "its last 1 events are lost" in read_journal(tmp_path).lost
    with Journal(tmp_path) as journal:
        journal.append([STARTED])
        journal.append([Tick(), Tick()])
    assert opened(tmp_path) == ([], 4)


def test_another_journal_in_its_place_is_told(tmp_path):
    for name in ("one", "other"):
        with Journal(tmp_path / name) as journal:
            journal.append([STARTED])
            journal.append([Tick()] * (1 + len(name)))
    shutil.copy(tmp_path / "other" / JOURNAL_FILE, tmp_path / "one" / JOURNAL_FILE)
    assert "is not the journal that its last driver wrote" in read_journal(tmp_path / "one").lost


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"000000000099 zz\n"])
def test_a_note_that_makes_no_sense_is_made_anew(tmp_path, content):
    play(tmp_path, upto=5)
    (tmp_path / TAIL_FILE).write_bytes(content)
    assert opened(tmp_path) == ([], 5)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_stranger_in_place_of_the_note_is_put_aside(tmp_path, kind):
    play(tmp_path / "run", upto=5)
    path, precious = tmp_path / "run" / TAIL_FILE, tmp_path / "precious"
    precious.write_text("mine")
    path.unlink()
    if kind == "link":
        path.symlink_to(precious)
    else:
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    assert len(read_entries(tmp_path / "run")) == 5
    with Journal(tmp_path / "run") as journal:
        journal.append([Tick()])
    assert precious.read_text() == "mine"
    assert path.read_bytes().startswith(b"000000000006 ")
