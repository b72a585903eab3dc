"""Whatever is changed in an event or taken out is noticed when the journal is opened, and an older journal goes on."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alloop.journal.events import Tick
from alloop.journal.journal import JOURNAL_FILE, Journal, JournalError, read_entries
from alloop.reading import read
from tests.support.faults import is_shown_as
from tests.support.journals import play


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    play(folder, upto=40)
    return folder


@pytest.fixture
def folder(told, tmp_path):
    return Path(shutil.copytree(told, tmp_path / "run"))


def execute(folder, *statements):
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


OLDER = "DROP TABLE checksum"
"""Makes of a journal one of the time before checksums."""
CHANGES = {
    "a digit": "UPDATE event SET body = replace(body, '0.5', '0.6') WHERE seq = (SELECT max(seq) FROM event "
    "WHERE body LIKE '%0.5%')",
    "a time": "UPDATE event SET t = t + 0.001 WHERE seq = 12",
    "an event gone": "DELETE FROM event WHERE seq = 12",
    "two events exchanged": "UPDATE event SET body = (SELECT body FROM event WHERE seq = 1) WHERE seq = 2",
    "the tail gone": "DELETE FROM event WHERE seq > 30",
    "all gone": "DELETE FROM event",
    "an event more": """INSERT INTO event (t, kind, body) VALUES (1750001000, 'tick', '{"kind":"tick"}')""",
}


SHOWN_AS = (
    "event 37 does not match its checksum: it, or one before it, was changed or lost; "
    "restore it from a copy, or move it away and run again: …",
    "its last events are lost: it ends at event 30, and there were 40; …",
)


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_noticed_by_readers_and_drivers_in_one_line(folder, what):
    execute(folder, CHANGES[what])
    for opening in (lambda: read(folder), lambda: _entries_of_driver(folder)):
        with pytest.raises(JournalError, match=r"does not match its checksum|its last events are lost") as caught:
            opening()
        line = str(caught.value)
        assert any(is_shown_as(words, line) for words in SHOWN_AS)
        assert "restore it from a copy, or move it away and run again" in line
        assert "\n" not in line
        assert len(line) < 400


def _entries_of_driver(folder):
    with Journal(folder) as journal:
        return list(journal.entries())


def test_every_flipped_bit_of_an_event_is_noticed(folder):
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
        seq, body = database.execute("SELECT seq, body FROM event ORDER BY length(body) DESC LIMIT 1").fetchone()
    for place in range(0, len(body), len(body) // 20):
        changed = body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]
        with closing(sqlite3.connect(folder / JOURNAL_FILE)) as database:
            database.execute("UPDATE event SET body = ? WHERE seq = ?", (changed, seq))
            database.commit()
        with pytest.raises(JournalError, match=f"event {seq} does not match its checksum"):
            read_entries(folder)


def test_an_older_journal_is_read_and_goes_on_with_checksums(folder):
    entries = read_entries(folder)
    execute(folder, OLDER)
    assert read_entries(folder) == entries
    with Journal(folder) as journal:
        assert list(journal.entries()) == entries
        journal.append([Tick()])
    assert read_entries(folder, after=len(entries))[0].event == Tick()
    execute(folder, CHANGES["a time"])
    with pytest.raises(JournalError, match="event 12 does not match its checksum"):
        read_entries(folder)


def test_events_after_a_number_are_verified_too(folder):
    assert [entry.seq for entry in read_entries(folder, after=30)] == list(range(31, 41))
    execute(folder, "UPDATE event SET t = t + 1 WHERE seq = 35")
    with pytest.raises(JournalError, match="event 35"):
        read_entries(folder, after=30)
    assert [entry.seq for entry in read_entries(folder, after=35)] == list(range(36, 41))


def test_a_driver_notices_at_its_next_event_that_somebody_else_wrote(folder):
    with Journal(folder) as journal:
        execute(folder, CHANGES["an event more"])
        with pytest.raises(JournalError, match="another process wrote event 41"):
            journal.append([Tick()])
