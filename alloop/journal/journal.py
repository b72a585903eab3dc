"""Write and read the journal: one SQLite file per campaign, written by one driver, the only source of truth."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from alloop.failures import UNUSABLE, PlaceError, blaming_place, first_line, one_line
from alloop.files.locks import WantedLocks, lock_kind
from alloop.files.mounts import mount_of
from alloop.journal.checksums import ChecksumError, add, end_of, verified
from alloop.journal.driver_lock import DriverError, DriverLock, cannot_write, living_driver
from alloop.journal.events import AnyEvent, Event, TaskPlanned, event_from_json
from alloop.journal.file import (
    JOURNAL_FILE,
    RESTORE,
    SNAPSHOT_FILE,
    JournalError,
    Snapshot,
    check_format,
    check_tables,
    fold_log,
    open_local,
    open_reading,
    open_shared,
    transaction,
    unusable,
)
from alloop.journal.open_files import OpenFiles, never_close, saved_copy
from alloop.journal.tail import Tail, emptied, lost_events

__all__ = ["JOURNAL_FILE", "SNAPSHOT_FILE", "Entry", "Journal", "JournalError", "living_driver", "read_entries"]

_TRIES, _LONGEST_MISFIT = 3, 160
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
    PlaceError
        If the folder of a campaign that is there cannot be written now.
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
            self._blame_place(error)
            raise JournalError(cannot_write(self.folder, error)) from error
        except DriverError as error:
            self._blame_place(error.__cause__)
            raise JournalError(str(error)) from error
        self._snapshot: Snapshot | None = None
        self._astray: str | None = None
        self._keep_open = self._closed = self._saved = False
        try:
            self._open(say)
        except BaseException:
            self._lock.release()
            raise

    def _blame_place(self, cause: BaseException | None) -> None:
        """Raise the error of a place that has a campaign already: no other place will do."""
        if isinstance(cause, OSError) and cause.errno in UNUSABLE and (self.folder / JOURNAL_FILE).exists():
            raise PlaceError(cause.errno, cause.strerror, str(self.folder)) from cause

    def _open(self, say: Callable[[str], None]) -> None:
        local = self.locks == "flock" and not mount_of(self.folder).shared
        self._db = open_local(self.folder) if local else open_shared(self.folder, posix_locks=self.locks == "flock")
        try:
            lost = lost_events(self.folder, self._db, JOURNAL_FILE)
            with transaction(self._db):
                self._end = end_of(self._db)
            with blaming_place(self.folder):
                self._tail, self._files = Tail(self.folder), OpenFiles(self.folder)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise unusable(self.folder / JOURNAL_FILE, error) from error
        except FileNotFoundError as error:
            said = self._gone_at_once()
            self._db.close()
            raise JournalError(said) from error
        except BaseException:
            self._db.close()
            raise
        if lost is not None:
            say(lost)
        if not local:
            self._snapshot = Snapshot(self._db, self.folder)
            self.publish(now=True)

    def _gone_at_once(self) -> str:
        """Say of a journal whose files vanish while it is opened what became of it; what it holds is saved."""
        if not self.folder.is_dir():
            return f"{self.folder}: was moved or removed while its journal was opened; name its place with --folder"
        what = f"{self.folder / JOURNAL_FILE}: was removed while it was opened"
        return f"{what}; {saved_copy(self._db, self.folder, self._end)}"

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another driver in; closing twice does nothing more."""
        if self._closed:
            return
        self._closed = True
        if self._astray is None and self._lock.intact():
            self.publish(now=True)
        if self._keep_open:
            never_close(self._db)
        else:
            self._db.close()
        if self._saved:
            self._files.remove_log()
        self._files.close()
        self._tail.close()
        self._lock.release()

    def append(self, events: Sequence[Event], results: Mapping[str, bytes] | None = None) -> list[Entry]:
        """Write events, and the result files that belong to them, in one durable transaction.

        Raises
        ------
        JournalError
            If this process is no longer the driver, or the journal is not where it was.
        """
        self.check()
        try:
            return self._written(events, results or {})
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise
            what = f"was changed by somebody else while its driver ran, which stops ({error})"
            raise self._stopped(f"{self.folder / JOURNAL_FILE}: {what}; {RESTORE}") from error

    def _written(self, events: Sequence[Event], results: Mapping[str, bytes]) -> list[Entry]:
        t, end, entries = float(self._clock()), self._end, []
        with transaction(self._db):
            self._refuse_others()
            for event in events:
                body = event.model_dump_json()
                cursor = self._db.execute("INSERT INTO event (t, kind, body) VALUES (?, ?, ?)", (t, event.kind, body))
                end = end.after((int(cursor.lastrowid or 0), t, event.kind, body))
                add(self._db, end)
                entries.append(Entry(end.seq, t, event))  # type: ignore[arg-type]
            for key, content in results.items():
                self._db.execute("INSERT OR IGNORE INTO result (key, content) VALUES (?, ?)", (key, content))
        self._end = end
        self._tail.note(end)
        return entries

    def check(self) -> None:
        """Look whether the journal is where it was and this process is its driver.

        Raises
        ------
        JournalError
            If not; what the journal holds is then saved in a file, if it would be lost.
        """
        if self._astray is not None:
            raise JournalError(self._astray)
        gone = self._files.gone()
        if gone is not None:
            raise self._stopped(self._strayed(gone))
        if not self._lock.intact():
            why = "its lock was taken away, or it stood still for so long that another may have taken over"
            raise self._stopped(f"{self.folder}: this driver does not hold the campaign any more ({why}); it stops")

    def _stopped(self, why: str) -> JournalError:
        """Return the error of a driver that must not write any more, not even later."""
        self._astray = why
        return JournalError(why)

    def _strayed(self, gone: str) -> str:
        """Save what the journal holds and return what happened, in one line."""
        moved = self._files.moved_to()
        if moved is not None:
            mend = f"go on there: `alloop run CONFIG --folder {moved}`"
            return f"{self.folder}: was moved to {moved} while its driver ran, which stops; nothing is lost: {mend}"
        what = f"{self.folder / gone}: was removed or replaced while its driver ran, which stops"
        if gone != JOURNAL_FILE and fold_log(self._db):
            return f"{what}; nothing is lost: run the same command again"
        self._keep_open = self._files.has_strange_log()
        self._saved = True
        self.publish(now=True)
        return f"{what}; {saved_copy(self._db, self.folder, self._end)}"

    def _refuse_others(self) -> None:
        last = self._db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
        if last != self._end.seq:
            what = f"another process wrote event {last} while this driver ran, which stops"
            raise self._stopped(f"{self.folder / JOURNAL_FILE}: {what}; run the same command again")

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


@dataclass(frozen=True)
class Reading:
    """The events of a journal, and in one line what it lacks of what its last driver wrote, or None."""

    entries: list[Entry]
    lost: str | None = None


def read_entries(folder: Path, after: int = 0) -> list[Entry]:
    """Return the events of a campaign without locking or writing, a running one included.

    Where the journal is on a file system that other hosts see, the events are those of its last snapshot.

    Raises
    ------
    JournalError
        If the folder holds no journal.
    """
    return read_journal(folder, after).entries


def read_journal(folder: Path, after: int = 0) -> Reading:
    """Return the events of a campaign as `read_entries` does, and what is missing.

    Raises
    ------
    JournalError
        If the folder holds no journal.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _read(Path(folder), after)
        except (sqlite3.DatabaseError, FileNotFoundError) as error:
            # A file that was replaced a moment ago cannot be read to its end from another host, and one may be gone.
            if not left:
                what = f"{Path(folder) / JOURNAL_FILE}: not a readable journal ({error}); {RESTORE}"
                raise JournalError(what) from error
    raise AssertionError


class KeptLabels:
    """The result files of labels as the journal of a campaign keeps them; it is opened when the first is asked for.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._opened = Path(folder), ExitStack()
        self._db: sqlite3.Connection | None = None

    def __call__(self, key: str) -> bytes | None:
        """Return the file of a label, or None if the journal keeps none that can be read."""
        try:
            if self._db is None:
                self._db = self._opened.enter_context(open_reading(self._folder))
            row = self._db.execute("SELECT content FROM result WHERE key = ?", (key,)).fetchone()
        except (JournalError, OSError, sqlite3.Error):
            return None
        return row[0] if row else None


def _read(folder: Path, after: int) -> Reading:
    path = folder / JOURNAL_FILE
    with open_reading(folder) as database:
        if (written := emptied(folder, database)) is not None:
            raise JournalError(f"{path}: holds no events, and its last driver wrote {written}; {RESTORE}")
        check_format(database, path)
        check_tables(database, path)
        entries = list(_entries(database, path, after))
        # Beside a driver at work, and in a snapshot, events are missing that are only younger than what is read.
        at_rest = not (folder / SNAPSHOT_FILE).is_file() and living_driver(folder) is None
        return Reading(entries, lost_events(folder, database, JOURNAL_FILE) if at_rest else None)


def _entries(database: sqlite3.Connection, path: Path, after: int) -> Iterator[Entry]:
    try:
        for seq, t, _, body in verified(database, after):
            yield _entry(path, seq, t, body)
    except ChecksumError as error:
        raise JournalError(f"{path}: {error}; {RESTORE}") from error


def _entry(path: Path, seq: int, t: float, body: str) -> Entry:
    try:
        entry = Entry(seq, t, event_from_json(body))
    except (ValueError, RecursionError) as error:
        what = f"event {seq} was not written by this version of alloop ({_misfit(error)})"
        mend = "use the version that wrote it, or restore the journal from a copy"
        raise JournalError(f"{path}: {what}; {mend}") from error
    if not 0 <= t < LATEST_T:
        raise JournalError(f"{path}: event {seq} has an impossible time stamp; restore the journal from a copy")
    return entry


def _misfit(error: Exception) -> str:
    """Return what is wrong with an event, shortly: pydantic names all events that there are."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return one_line(f"{'.'.join(map(str, first['loc'])) or 'event'}: {first['msg']}")[:_LONGEST_MISFIT]
    return first_line(error)[:_LONGEST_MISFIT]
