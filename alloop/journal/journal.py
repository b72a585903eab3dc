"""Write and read the journal: one SQLite file per campaign, written by one driver, the only source of truth."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from alloop.failures import first_line
from alloop.files.locks import WantedLocks, lock_kind
from alloop.files.mounts import mount_of
from alloop.journal.driver_lock import DriverError, DriverLock, cannot_write, living_driver
from alloop.journal.events import AnyEvent, Event, TaskPlanned, event_from_json
from alloop.journal.file import (
    JOURNAL_FILE,
    SNAPSHOT_FILE,
    JournalError,
    Snapshot,
    check_format,
    check_tables,
    open_local,
    open_reading,
    open_shared,
    transaction,
)

__all__ = ["JOURNAL_FILE", "SNAPSHOT_FILE", "Entry", "Journal", "JournalError", "living_driver", "read_entries"]

_TRIES = 3
LATEST_T = 1e11
"""A time (s since the epoch) later than any event."""


@dataclass(frozen=True)
class Entry:
    """One event of the journal; `t` is in seconds since the epoch."""

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
    locks : {"auto", "flock", "lease"}
        How the driver and its workers hold what is theirs.
    say : callable
        Is told for whom this waits.

    Attributes
    ----------
    locks : {"flock", "lease"}
        The kind of locks that was chosen.

    Raises
    ------
    JournalError
        If another driver holds the campaign, or the file is not a journal of this format.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        *,
        locks: WantedLocks = "auto",
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = Path(folder)
        self._clock = clock
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.locks = lock_kind(self.folder, locks)
            self._lock = DriverLock(self.folder, self.locks, say)
        except OSError as error:
            raise JournalError(cannot_write(self.folder, error)) from error
        except DriverError as error:
            raise JournalError(str(error)) from error
        self._snapshot: Snapshot | None = None
        try:
            if self.locks == "flock" and not mount_of(self.folder).shared:
                self._db = open_local(self.folder)
            else:
                self._db = open_shared(self.folder, posix_locks=self.locks == "flock")
                self._snapshot = Snapshot(self._db, self.folder)
                self.publish(now=True)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another driver in."""
        if self._lock.intact():
            self.publish(now=True)
        self._db.close()
        self._lock.release()

    def append(self, events: Sequence[Event], results: Mapping[str, bytes] | None = None) -> list[Entry]:
        """Write events, and the result files that belong to them, in one durable transaction.

        Raises
        ------
        JournalError
            If this process is no longer the driver.
        """
        if not self._lock.intact():
            what = "this driver stood still or was cut off for so long that another may have taken over; it stops"
            raise JournalError(f"{self.folder}: {what}")
        t = self._clock()
        rows = [(t, event.kind, event.model_dump_json()) for event in events]
        entries = []
        with transaction(self._db):
            for (_, kind, body), event in zip(rows, events, strict=True):
                cursor = self._db.execute("INSERT INTO event (t, kind, body) VALUES (?, ?, ?)", (t, kind, body))
                entries.append(Entry(int(cursor.lastrowid or 0), t, event))  # type: ignore[arg-type]
            for key, content in (results or {}).items():
                self._db.execute("INSERT OR IGNORE INTO result (key, content) VALUES (?, ?)", (key, content))
        return entries

    def publish(self, *, now: bool = False) -> None:
        """Renew the snapshot that readers see where they cannot read the journal itself, if it is due or wanted now."""
        if self._snapshot is not None:
            self._snapshot.renew(now=now)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield the events with a larger sequence number, in order."""
        path = self.folder / JOURNAL_FILE
        try:
            yield from _entries(self._db, path, after)
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{path}: not a readable journal ({error}); restore it from a copy") from error

    def planned(self, purpose: str) -> dict[str, Any] | None:
        """Return the request of a task as it was planned."""
        query = "SELECT body FROM event WHERE kind = 'task_planned' AND body ->> 'purpose' = ? ORDER BY seq DESC"
        row = self._db.execute(query, (purpose,)).fetchone()
        event = event_from_json(row[0]) if row else None
        return event.request if isinstance(event, TaskPlanned) else None

    def result(self, key: str) -> bytes | None:
        """Return the stored result file of a label."""
        row = self._db.execute("SELECT content FROM result WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def result_keys(self) -> list[str]:
        """Return the keys of all stored result files."""
        return [row[0] for row in self._db.execute("SELECT key FROM result")]


def read_entries(folder: Path, after: int = 0) -> list[Entry]:
    """Return the events of a campaign without locking or writing, a running one included.

    Where the journal is on a file system that other hosts see, the events are those of its last snapshot.

    Raises
    ------
    JournalError
        If the folder holds no journal.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _read_entries(Path(folder), after)
        except sqlite3.DatabaseError as error:
            # A file that was replaced a moment ago cannot be read to its end from another host.
            if not left:
                raise JournalError(f"{Path(folder) / JOURNAL_FILE}: not a readable journal ({error})") from error
    raise AssertionError


def _read_entries(folder: Path, after: int) -> list[Entry]:
    with open_reading(folder) as database:
        check_format(database, folder / JOURNAL_FILE)
        check_tables(database, folder / JOURNAL_FILE)
        return list(_entries(database, folder / JOURNAL_FILE, after))


def _entries(database: sqlite3.Connection, path: Path, after: int) -> Iterator[Entry]:
    for seq, t, body in database.execute("SELECT seq, t, body FROM event WHERE seq > ? ORDER BY seq", (after,)):
        try:
            entry = Entry(seq, t, event_from_json(body))
        except (ValueError, RecursionError) as error:
            what = f"event {seq} was not written by this version of alloop ({first_line(error)})"
            mend = "use the version that wrote it, or restore the journal from a copy"
            raise JournalError(f"{path}: {what}; {mend}") from error
        if not 0 <= t < LATEST_T:
            raise JournalError(f"{path}: event {seq} has an impossible time stamp; restore the journal from a copy")
        yield entry
