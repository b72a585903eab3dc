"""Note the last event in a file beside the journal: a journal that lost its last events is noticed.

A log that was removed or cut off takes events along and leaves a whole, older journal. The note is written after each
transaction and never waited for, so it may be older than the journal, but never newer.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path

from alloop.files.plain_files import NotPlainError, open_below, put_aside, read_below
from alloop.journal.checksums import End, checksum

TAIL_FILE = "journal.tail"
FOUND_AGAIN = "finished results are found again by their keys"


class Tail:
    """The note of a driver at work.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        path, flags = folder / TAIL_FILE, os.O_RDWR | os.O_CREAT
        try:
            self._file = open_below(folder, path, flags)
        except NotPlainError:
            put_aside(folder, path)
            self._file = open_below(folder, path, flags)

    def note(self, end: End) -> None:
        """Write down the last event; a disk that refuses costs the note and nothing else."""
        with suppress(OSError):
            os.pwrite(self._file, f"{end.seq:012d} {end.sha256.hex():64}\n".encode(), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def lost_events(folder: Path, database: sqlite3.Connection, name: str) -> str | None:
    """Return in one line what a journal lacks of what its last driver wrote, or None.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    database : sqlite3.Connection
        Its journal, without a driver.
    name : str
        The journal's file.
    """
    noted = _noted(folder)
    if noted is None:
        return None
    last: int = database.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
    if last < noted.seq:
        gone = f"its last {noted.seq - last} events are lost: it ends at event {last}, and there were {noted.seq}"
        return f"{folder / name}: {gone} (was {name}-wal removed?); {FOUND_AGAIN}"
    if checksum(database, noted.seq) not in (None, noted.sha256):
        return f"{folder / name}: is not the journal that its last driver wrote; {FOUND_AGAIN}"
    return None


def emptied(folder: Path, database: sqlite3.Connection) -> int | None:
    """Return how many events were written into a journal that has not even a table now, or None of any other."""
    noted = _noted(folder)
    if noted is None or database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        return None
    return noted.seq or None


def _noted(folder: Path) -> End | None:
    try:
        text = read_below(folder, folder / TAIL_FILE, 1000).decode("ascii", errors="replace")
    except OSError:
        return None
    found = re.fullmatch(r"(\d{12}) ([0-9a-f]{64})\n", text)
    return End(int(found[1]), bytes.fromhex(found[2])) if found else None
