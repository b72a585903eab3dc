"""The journal's SQLite file: how it is opened for writing and for reading, on a local and on a shared file system.

Locally it has a write-ahead log, and readers open the live file. The log needs memory that writer and readers
share, which ends at the host. On a file system that other hosts see it has a rollback journal, the driver has it for
itself, and readers get a snapshot: a copy of the file that is replaced as a whole every few seconds.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from alloop.failures import ForeseenError
from alloop.files.durable import replace_durably, sync_folder
from alloop.journal.checksums import TABLE as CHECKSUMS
from alloop.journal.driver_lock import living_driver
from alloop.journal.guard import disarm, foreign_object, replace_views, stranger_in_place_of
from alloop.journal.views import VIEWS

JOURNAL_FILE = "journal.sqlite"
SNAPSHOT_FILE = "journal.snapshot.sqlite"
FORMAT = 1
OLDEST_SQLITE = (3, 38)

SNAPSHOT_EVERY_S = 2.0
SNAPSHOT_SHARE = 0.02
"""Largest part of the driver's time that snapshots may take."""

_TABLES = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, t REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_kind ON event (kind);
CREATE INDEX IF NOT EXISTS planned ON event (body ->> 'purpose') WHERE kind = 'task_planned';
CREATE INDEX IF NOT EXISTS finished ON event (body ->> 'purpose') WHERE kind = 'task_finished';
CREATE TABLE IF NOT EXISTS result (key TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
"""
_SCRIPT = _TABLES + CHECKSUMS + VIEWS
RESTORE = (
    "restore it from a copy, or move it away and run again: the campaign begins anew and finds the results that are "
    "there by their keys"
)
"""What to do about a journal that is damaged."""
_WAL, _ROLLBACK = "-wal", "-journal"
_AT_REST = "?mode=ro&immutable=1"
"""How a file that nobody writes is opened: SQLite makes no other file next to it."""
_OF_THE_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
_READ_VERSION_AT, _READ_VERSION_OF_WAL = 19, 2


class JournalError(ForeseenError):
    """The journal cannot be used; the message is one line for the user."""


def open_local(folder: Path) -> sqlite3.Connection:
    """Open or make the journal with a write-ahead log; readers open the live file.

    Raises
    ------
    JournalError
        If the file is not a journal of this format.
    """
    path = folder / JOURNAL_FILE
    _refuse_stranger(folder / SNAPSHOT_FILE)
    database = _opened(path, "", ("journal_mode=WAL", "synchronous=FULL"))
    (folder / SNAPSHOT_FILE).unlink(missing_ok=True)
    return database


def open_shared(folder: Path, *, posix_locks: bool) -> sqlite3.Connection:
    """Open or make the journal with a rollback journal, for the caller alone.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    posix_locks : bool
        False: SQLite takes no locks, because there are none; the driver's lease must keep others out.

    Raises
    ------
    JournalError
        If the file is not a journal of this format.
    """
    path = folder / JOURNAL_FILE
    _refuse_stranger(path)
    try:
        _without_log(path)
    except sqlite3.DatabaseError as error:
        raise unusable(path, error) from error
    options = "" if posix_locks else "?nolock=1"
    return _opened(path, options, ("locking_mode=EXCLUSIVE", "journal_mode=TRUNCATE", "synchronous=FULL"))


def _way_on(folder: Path) -> str:
    """Return what to do where a folder holds no campaign."""
    if any(folder.glob(f"*/{JOURNAL_FILE}")):
        return f"`alloop list {folder}` shows those below it"
    if config := next(iter(sorted(folder.glob("*.yaml"))), None):
        return f"the config in it finds its campaign; name {config}"
    return "start one with `alloop run CONFIG`; one that began in another folder is below that one's `runs`"


@contextmanager
def open_reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open what readers may read: the snapshot if there is one, else a live file with a log, or one without a driver.

    Nothing is written into the folder, except that SQLite notes readers in the memory that they share with a driver at
    work. A log that a killed driver left is read in a copy of the journal.

    Raises
    ------
    JournalError
        If the folder holds no journal, or none that can be read now.
    sqlite3.DatabaseError
        If a driver began to write meanwhile; another try will do.
    """
    snapshot, path = folder / SNAPSHOT_FILE, folder / JOURNAL_FILE
    for file in (snapshot, path):
        _refuse_stranger(file)
    if not snapshot.is_file() and not path.is_file():
        raise JournalError(f"{folder}: no campaign here (no {JOURNAL_FILE}); {_way_on(folder)}")
    if snapshot.is_file():
        with closing(_connected(snapshot, _AT_REST)) as database:
            yield database
    elif living_driver(folder) is not None:
        if not _has_log(path):
            raise JournalError(f"{folder}: its driver is just starting; try again in some seconds")
        with closing(_connected(path, "?mode=ro")) as database:
            yield database
    else:
        before = _age(path)
        with _at_rest(path) as file, closing(_connected(file, _AT_REST)) as database:
            yield database
        if living_driver(folder) is not None or _age(path) != before:
            raise sqlite3.OperationalError("a driver began to write while it was read")


def _age(path: Path) -> tuple[int, int]:
    """Return what changes when somebody writes into a file: its size, and when it was changed (ns)."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@contextmanager
def _at_rest(path: Path) -> Iterator[Path]:
    """Return a journal without a driver as one whole file: itself, or a copy with the log folded in."""
    if _in_a_change(path):
        raise JournalError(f"{path}: the last driver was killed while it wrote; repair it with `alloop run CONFIG`")
    log = _beside(path, _WAL)
    if not log.is_file() or not log.stat().st_size:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="alloop-") as local:
        yield _folded_copy(path, Path(local))


def check_format(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a journal of another format.

    Raises
    ------
    JournalError
        With the format that was found.
    """
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        raise JournalError(f"{path}: no campaign has begun here yet; start one with `alloop run CONFIG`")
    if found != FORMAT:
        raise JournalError(f"{path}: journal format {found}, this alloop reads {FORMAT}; use the alloop that wrote it")


class Snapshot:
    """The copy for readers: whole at every instant, a few seconds old at most, and cheap.

    Parameters
    ----------
    database : sqlite3.Connection
        The live journal.
    folder : pathlib.Path
        The campaign's folder.
    """

    def __init__(self, database: sqlite3.Connection, folder: Path) -> None:
        self._db, self._path = database, folder / SNAPSHOT_FILE
        self._temporary = self._path.with_suffix(".tmp")
        self._copied, self._due = -1, 0.0

    def renew(self, *, now: bool = False) -> None:
        """Copy the journal if it changed and the last copy was long enough ago; a copy that fails is tried again."""
        begun, changes = time.monotonic(), self._db.total_changes
        if changes == self._copied or (begun < self._due and not now):
            return
        with suppress(OSError, sqlite3.Error):
            self._copy()
            self._copied = changes
        ended = time.monotonic()
        self._due = ended + max(SNAPSHOT_EVERY_S, (ended - begun) / SNAPSHOT_SHARE)

    def _copy(self) -> None:
        copy_whole(self._db, self._temporary, self._path)


def copy_whole(database: sqlite3.Connection, temporary: Path, path: Path) -> None:
    """Copy all that a connection sees into one file, by way of a temporary one in the same folder.

    Raises
    ------
    OSError, sqlite3.Error
        If a file cannot be written; another one at the path is then untouched.
    """
    temporary.unlink(missing_ok=True)
    copy = _connected(temporary, "?nolock=1")
    try:
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        database.backup(copy)
    finally:
        copy.close()
    replace_durably(temporary, path)


def fold_log(database: sqlite3.Connection) -> bool:
    """Write the open log into the journal's own file, and return whether that holds everything now."""
    with suppress(sqlite3.Error):
        busy: int = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy
    return False


class transaction:  # noqa: N801
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _opened(path: Path, options: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise JournalError(
            f"this Python has SQLite {sqlite3.sqlite_version}, the journal needs {oldest}; use another Python"
        )
    database = _connected(path, options)
    try:
        for pragma in pragmas:
            database.execute(f"PRAGMA {pragma}")
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone():
            database.execute(f"PRAGMA user_version={FORMAT}")
        check_format(database, path)
        _refuse_foreign(database, path)
        replace_views(database, _SCRIPT)
        database.executescript(_SCRIPT)
    except sqlite3.DatabaseError as error:
        database.close()
        raise unusable(path, error) from error
    except BaseException:
        database.close()
        raise
    return database


def check_tables(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a journal for reading whose tables are something else.

    Raises
    ------
    JournalError
        With the table.
    """
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event' AND type = 'table'").fetchone():
        raise JournalError(f"{path}: holds no events; restore it from a copy")
    _refuse_foreign(database, path, tables_only=True)


def _refuse_foreign(database: sqlite3.Connection, path: Path, *, tables_only: bool = False) -> None:
    foreign = foreign_object(database, _SCRIPT, tables_only=tables_only)
    if foreign is not None:
        raise JournalError(f"{path}: holds a {foreign} that this alloop did not make; restore it from a copy")


def unusable(path: Path, error: sqlite3.DatabaseError) -> Exception:
    """Return the error of a file that SQLite cannot use; that of a disk it cannot use stays as it is."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
        return error
    return JournalError(f"{path}: not a usable journal ({error}); restore it from a copy")


def _connected(path: Path, options: str) -> sqlite3.Connection:
    _refuse_stranger(path)
    database = sqlite3.connect(f"{path.resolve().as_uri()}{options}", uri=True, isolation_level=None, timeout=30)
    disarm(database)
    return database


def _refuse_stranger(path: Path) -> None:
    stranger = stranger_in_place_of(path)
    if stranger is not None:
        raise JournalError(f"{stranger}: a link, pipe or folder is in the place of the journal; restore it from a copy")


def _without_log(path: Path) -> None:
    """Fold the log into the journal, and mark it as one without.

    SQLite cannot open a file with a log where there are no locks, not even to take the log away; so that happens to a
    copy in the host's own temporary folder.
    """
    if path.is_file() and _has_log(path):
        with tempfile.TemporaryDirectory(prefix="alloop-") as local:
            copy = _folded_copy(path, Path(local))
            temporary = path.with_suffix(".tmp")
            temporary.unlink(missing_ok=True)
            shutil.copyfile(copy, temporary)
        replace_durably(temporary, path)
    for suffix in (_WAL, "-shm"):
        _beside(path, suffix).unlink(missing_ok=True)
    sync_folder(path.parent)


def _folded_copy(path: Path, folder: Path) -> Path:
    """Copy a journal and its log into a folder, fold the log in, and return the copy."""
    copy = folder / path.name
    for suffix in ("", _WAL, _ROLLBACK):
        if _beside(path, suffix).is_file():
            shutil.copyfile(_beside(path, suffix), _beside(copy, suffix))
    with closing(_connected(copy, "")) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    return copy


def _has_log(path: Path) -> bool:
    """Return whether a file says that it has a write-ahead log; a new, empty one will have it if it is local."""
    with path.open("rb") as file:
        head = file.read(_READ_VERSION_AT + 1)
    return not head or head[_READ_VERSION_AT:] == bytes([_READ_VERSION_OF_WAL])


def _in_a_change(path: Path) -> bool:
    """Return whether an unfinished transaction must be rolled back: a finished one's file is empty or begins with 0."""
    try:
        with _beside(path, _ROLLBACK).open("rb") as file:
            return file.read(1) not in (b"", b"\0")
    except FileNotFoundError:
        return False


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
