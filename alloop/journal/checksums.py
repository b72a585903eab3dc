"""Checksums of events: each covers all events before it, so an event that was changed or taken out is noticed.

Journals of the time before checksums have none; the first driver that opens one adds them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

TABLE = """
CREATE TABLE IF NOT EXISTS checksum (seq INTEGER PRIMARY KEY, sha256 BLOB NOT NULL) STRICT;
"""
Row = tuple[int, float, str, str]
"""Number, time (s since the epoch), kind and body of an event."""


@dataclass(frozen=True)
class End:
    """The last event of a journal: its number, 0 where there is none, and its checksum."""

    seq: int = 0
    sha256: bytes = b""

    def after(self, row: Row) -> End:
        """Return the end of the journal after one more event."""
        seq, t, kind, body = row
        digest = hashlib.sha256(self.sha256)
        digest.update(f"{seq} {t!r} {kind} ".encode(errors="replace"))
        digest.update(body.encode(errors="replace"))
        return End(seq, digest.digest())


class ChecksumError(Exception):
    """An event was changed or taken out; the message is a part of a line."""


def end_of(database: sqlite3.Connection) -> End:
    """Return the last event that has a checksum; events without any get theirs first, if there is none at all."""
    found = database.execute("SELECT seq, sha256 FROM checksum ORDER BY seq DESC LIMIT 1").fetchone()
    return End(*found) if found else _added(database)


def add(database: sqlite3.Connection, end: End) -> None:
    """Write the checksum of an event, in the transaction of the event."""
    database.execute("INSERT INTO checksum (seq, sha256) VALUES (?, ?)", (end.seq, end.sha256))


def verified(database: sqlite3.Connection, after: int) -> Iterator[Row]:
    """Yield the events with a larger number, in order, each verified if the journal has checksums.

    Raises
    ------
    ChecksumError
        At the first event that is not the one that was written.
    """
    last = _last(database)
    if last is None:
        yield from database.execute("SELECT seq, t, kind, body FROM event WHERE seq > ? ORDER BY seq", (after,))
        return
    end = _before(database, after)
    rows = database.execute(
        "SELECT e.seq, e.t, e.kind, e.body, c.sha256 FROM event AS e LEFT JOIN checksum AS c ON c.seq = e.seq "
        "WHERE e.seq > ? ORDER BY e.seq",
        (after,),
    )
    for seq, t, kind, body, sha256 in rows:
        end = end.after((seq, t, kind, body))
        if end.sha256 != sha256:
            raise ChecksumError(f"event {seq} does not match its checksum: it, or one before it, was changed or lost")
        yield seq, t, kind, body
    if end.seq < last:
        raise ChecksumError(f"its last events are lost: it ends at event {end.seq}, and there were {last}")


def checksum(database: sqlite3.Connection, seq: int) -> bytes | None:
    """Return the checksum of an event, or None if it has none."""
    if not _has_table(database):
        return None
    found = database.execute("SELECT sha256 FROM checksum WHERE seq = ?", (seq,)).fetchone()
    return bytes(found[0]) if found else None


def _added(database: sqlite3.Connection) -> End:
    end = End()
    for row in database.execute("SELECT seq, t, kind, body FROM event ORDER BY seq"):
        end = end.after(row)
        add(database, end)
    return end


def _last(database: sqlite3.Connection) -> int | None:
    """Return the number of the last event with a checksum, or None where there are no checksums."""
    if not _has_table(database):
        return None
    found: int | None = database.execute("SELECT max(seq) FROM checksum").fetchone()[0]
    return found


def _before(database: sqlite3.Connection, after: int) -> End:
    query = "SELECT seq, sha256 FROM checksum WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
    found = database.execute(query, (after,)).fetchone()
    return End(*found) if found else End()


def _has_table(database: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'checksum' AND type = 'table'"
    return database.execute(query).fetchone() is not None
