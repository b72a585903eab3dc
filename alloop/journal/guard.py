"""Guard against a journal file that others may have changed: nothing in it runs, and its values are bounded."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from pathlib import Path

from alloop.files.plain_files import is_plain_or_absent

LONGEST_VALUE_BYTES = 256 << 20
_SUFFIXES = ("", "-wal", "-shm", "-journal")
_OF_SQLITE = ("sqlite_sequence", "sqlite_stat1", "sqlite_stat4")
Schema = frozenset[tuple[str, str, str]]


def stranger_in_place_of(path: Path) -> Path | None:
    """Return the first of SQLite's files of a journal that is a link, pipe or folder, or None."""
    files = (path.with_name(path.name + suffix) for suffix in _SUFFIXES)
    return next((file for file in files if not is_plain_or_absent(file)), None)


def disarm(database: sqlite3.Connection) -> None:
    """Distrust the pages of a file, and bound its values.

    `trusted_schema` stays on, because SQLite counts the operators in a journal's own indices as unsafe; instead every
    object of the schema must be a journal's own (`foreign_object`).
    """
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE_BYTES)
    for pragma in ("cell_size_check=ON", "mmap_size=0"):
        database.execute(f"PRAGMA {pragma}")


def foreign_object(database: sqlite3.Connection, script: str, *, tables_only: bool = False) -> str | None:
    """Return a trigger, table or index of a journal that its own script does not make so, or None.

    Views are left alone: nothing here reads them (`replace_views`). For somebody who only reads, triggers and indices
    do nothing either.

    Parameters
    ----------
    database : sqlite3.Connection
        The journal.
    script : str
        The SQL that makes a journal.
    """
    known = _schema(script)
    for kind, name, sql in database.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master"):
        if kind == "view" or (tables_only and kind != "table"):
            continue
        if (kind, name, sql) in known or (kind, name) in {("table", own) for own in _OF_SQLITE}:
            continue
        if not (kind == "index" and name.startswith("sqlite_autoindex_") and not sql):
            return f"{kind} `{name}`"
    return None


def replace_views(database: sqlite3.Connection, script: str) -> None:
    """Drop the views of a journal that its script does not make so; they store nothing."""
    known = _schema(script)
    views = database.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE type = 'view'").fetchall()
    for view in views:
        if view not in known:
            database.execute('DROP VIEW "{}"'.format(view[1].replace('"', '""')))


@lru_cache(maxsize=4)
def _schema(script: str) -> Schema:
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(script)
        rows = database.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
        return frozenset((str(kind), str(name), str(sql)) for kind, name, sql in rows)
    finally:
        database.close()
