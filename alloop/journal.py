"""What happened, durable: one SQLite file per campaign, written by one driver, the only source of truth."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from alloop.events import AnyEvent, Event, event_from_json
from alloop.journal_views import VIEWS

JOURNAL_FILE = "journal.sqlite"
LOCK_FILE = "driver.lock"
FORMAT = 1
OLDEST_SQLITE = (3, 38)

_TABLES = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, t REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_kind ON event (kind);
CREATE INDEX IF NOT EXISTS planned ON event (body ->> 'purpose') WHERE kind = 'task_planned';
CREATE INDEX IF NOT EXISTS finished ON event (body ->> 'purpose') WHERE kind = 'task_finished';
CREATE TABLE IF NOT EXISTS result (key TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
"""


class JournalError(Exception):
    """The journal cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class Entry:
    """One event as it stands in the journal; `t` is in seconds since the epoch."""

    seq: int
    t: float
    event: AnyEvent


class Journal:
    """Append-only events, and the whole result file of every label.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    clock : callable
        Returns the time (s since the epoch) stamped on events.

    Raises
    ------
    JournalError
        If another driver holds the campaign, or the file is no journal of this format.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = Path(folder)
        self._clock = clock
        self._lock = _take_lock(self.folder / LOCK_FILE)
        try:
            self._db = _open(self.folder / JOURNAL_FILE)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another driver in."""
        self._db.close()
        os.close(self._lock)

    def append(self, events: Sequence[Event], results: Mapping[str, bytes] | None = None) -> list[Entry]:
        """Write events, and the result files that belong to them, in one durable transaction."""
        t = self._clock()
        rows = [(t, event.kind, event.model_dump_json()) for event in events]
        entries = []
        with _transaction(self._db):
            for (_, kind, body), event in zip(rows, events, strict=True):
                cursor = self._db.execute("INSERT INTO event (t, kind, body) VALUES (?, ?, ?)", (t, kind, body))
                entries.append(Entry(int(cursor.lastrowid or 0), t, event))  # type: ignore[arg-type]
            for key, content in (results or {}).items():
                self._db.execute("INSERT OR IGNORE INTO result (key, content) VALUES (?, ?)", (key, content))
        return entries

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the events with a larger sequence number, in order."""
        return _entries(self._db, after)

    def result(self, key: str) -> bytes | None:
        """Return the stored result file of a label."""
        row = self._db.execute("SELECT content FROM result WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def result_keys(self) -> list[str]:
        """Return the keys of all stored result files."""
        return [row[0] for row in self._db.execute("SELECT key FROM result")]


def read_entries(folder: Path, after: int = 0) -> list[Entry]:
    """Return the events of a campaign without taking part in it, a running one included.

    Raises
    ------
    JournalError
        If the folder holds no journal.
    """
    path = Path(folder) / JOURNAL_FILE
    if not path.is_file():
        raise JournalError(f"{folder}: no campaign here (no {JOURNAL_FILE}); start one with `alloop run CONFIG`")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?{_reading(path)}", uri=True, timeout=30)
    try:
        _check_format(database, path)
        return list(_entries(database, after))
    except sqlite3.DatabaseError as error:
        raise JournalError(f"{path}: not a readable journal ({error})") from error
    finally:
        database.close()


def living_driver(folder: Path) -> str | None:
    """Return the driver that runs a campaign now (process and host), or None."""
    try:
        with (Path(folder) / LOCK_FILE).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(200).decode(errors="replace").strip() or "unknown"
    except OSError:
        return None
    return None


def _reading(path: Path) -> str:
    """Return how to open a journal for reading: one in an archive that nobody can write has no driver and no log."""
    archived = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    return "mode=ro&immutable=1" if archived else "mode=ro"


def _entries(database: sqlite3.Connection, after: int) -> Iterator[Entry]:
    for seq, t, body in database.execute("SELECT seq, t, body FROM event WHERE seq > ? ORDER BY seq", (after,)):
        yield Entry(seq, t, event_from_json(body))


def _take_lock(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JournalError(f"{path.parent}: cannot be written ({error.strerror}); name another folder") from error
    try:
        _lock(descriptor)
    except BlockingIOError:
        holder = os.read(descriptor, 200).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise JournalError(f"{path.parent}: another driver runs this campaign ({holder}); stop it first") from None
    except OSError as error:
        os.close(descriptor)
        mend = "put the campaign on a file system that can, with --folder"
        raise JournalError(f"{path.parent}: files cannot be locked here ({error.strerror}); {mend}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"pid {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
    return descriptor


def _lock(descriptor: int) -> None:
    """Lock for writing; a second try outlasts somebody who only looks (`living_driver`)."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.2)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _open(path: Path) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise JournalError(
            f"this Python has SQLite {sqlite3.sqlite_version}, the journal needs {oldest}; use another Python"
        )
    database = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone():
            database.execute(f"PRAGMA user_version={FORMAT}")
        _check_format(database, path)
        database.executescript(_TABLES + VIEWS)
    except sqlite3.DatabaseError as error:
        database.close()
        raise JournalError(f"{path}: not a usable journal ({error}); restore it from a copy") from error
    return database


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found != FORMAT:
        raise JournalError(f"{path}: journal format {found}, this alloop reads {FORMAT}; use the alloop that wrote it")


class _transaction:  # noqa: N801
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.execute("ROLLBACK" if error else "COMMIT")
