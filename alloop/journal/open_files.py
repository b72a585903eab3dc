"""Notice that the files of an open journal were removed, replaced or moved, and save what it holds."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from alloop.failures import first_line
from alloop.journal.checksums import ChecksumError, End, verified
from alloop.journal.file import JOURNAL_FILE, RESTORE, copy_whole

SAVED_FILE = "journal.saved.sqlite"
_LOG = ("-wal", "-shm")
Identity = tuple[int, int]


class OpenFiles:
    """The files of a journal that this process has open, by device and inode.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._known = {suffix: found for suffix in ("", *_LOG) if (found := _identity(_file(folder, suffix)))}
        self._size = _file(folder, "").stat().st_size

    def gone(self) -> str | None:
        """Return the name of the first file that is not where it was, or None; a journal that shrank is not there."""
        for suffix, known in self._known.items():
            with suppress(OSError):
                if _identity(_file(self._folder, suffix)) != known:
                    return JOURNAL_FILE + suffix
        with suppress(OSError):
            size = _file(self._folder, "").stat().st_size
            if size < self._size:
                return JOURNAL_FILE
            self._size = size
        return None

    def moved_to(self) -> Path | None:
        """Return where the campaign's folder is now, if it was moved with the journal in it."""
        try:
            place = Path(os.readlink(f"/proc/self/fd/{self._own}"))  # noqa: PTH115
            same = place != self._folder and _identity(_file(place, "")) == self._known.get("")
        except OSError:
            return None
        return place if same else None

    def has_strange_log(self) -> bool:
        """Return whether another journal's log is where this one's was."""
        found = {suffix: _identity(_file(self._folder, suffix)) for suffix in _LOG}
        return any(one is not None and one != self._known.get(suffix) for suffix, one in found.items())

    def remove_log(self) -> None:
        """Remove the log of a closed journal that was saved: it would be taken for a part of the copy in its place."""
        for suffix in _LOG:
            with suppress(OSError):
                if _identity(_file(self._folder, suffix)) == self._known.get(suffix):
                    _file(self._folder, suffix).unlink()

    def close(self) -> None:
        """Close the folder."""
        os.close(self._own)


def saved_copy(database: sqlite3.Connection, folder: Path, end: End) -> str:
    """Save the content of an open journal beside it, or in the temporary folder, and say where in words.

    Parameters
    ----------
    database : sqlite3.Connection
        The journal.
    folder : pathlib.Path
        The campaign's folder.
    end : End
        Its last event: a copy without it is not kept.
    """
    why = ""
    for place in (folder, Path(tempfile.gettempdir())):
        target = _free_name(place)
        try:
            place.mkdir(parents=True, exist_ok=True)
            copy_whole(database, target.with_suffix(".tmp"), target)
            _require_whole(target, end)
        except (OSError, sqlite3.Error, ChecksumError) as error:
            with suppress(OSError):
                target.unlink(missing_ok=True)
                target.with_suffix(".tmp").unlink(missing_ok=True)
            why = why or first_line(error)
        else:
            mend = (
                f"move that to {folder / JOURNAL_FILE} without -wal and -shm beside it, and run the same command again"
            )
            return f"all it held is saved in {target}: {mend}"
    return f"what it held could not be saved ({why}); {RESTORE}"


def _require_whole(path: Path, end: End) -> None:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        last = max((row[0] for row in verified(database, 0)), default=0)
    if last != end.seq:
        raise ChecksumError(f"the copy ends at event {last}")


def never_close(database: sqlite3.Connection) -> None:
    """Keep a connection for ever: on closing, SQLite would remove a log by its name, whosever it is."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(database))


def _free_name(folder: Path) -> Path:
    names = (f"{Path(SAVED_FILE).stem}{number or ''}.sqlite" for number in range(1000))
    return next(folder / name for name in names if not os.path.lexists(folder / name))


def _file(folder: Path, suffix: str) -> Path:
    return folder / (JOURNAL_FILE + suffix)


def _identity(path: Path) -> Identity | None:
    """Return device and inode of a file, or None if there is none."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
