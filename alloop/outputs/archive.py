"""Pack the journal of a campaign, and the results that its report and export read, into one file to be published."""

from __future__ import annotations

import io
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from alloop.files.plain_files import read_below
from alloop.journal.checksums import TABLE, end_of
from alloop.journal.file import JOURNAL_FILE, copy_whole, open_reading
from alloop.journal.journal import KeptLabels
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import MAX_FILE_BYTES, Workspace

ARCHIVE_FILE = "archive.tar.xz"
_PLACE = re.compile(r"(?<![\w.:/~-])/(?:[\w.+@~-]+/)+([\w.+@~-]+)")
"""An absolute path of two folders at least, such as that of a teacher's Python; its last part is kept."""


class NotingWorkspace(Workspace):
    """A workspace that notes which files are read.

    Labels that the journal keeps are not noted: they need no file.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.

    Attributes
    ----------
    noted : set of pathlib.Path
        The files.
    """

    def __init__(self, root: Path) -> None:
        self._labels = KeptLabels(root)
        super().__init__(root, self._labels)
        self.noted: set[Path] = set()

    def read(self, kind: str, key: str, *, with_data: bool = False) -> Result | None:
        """Return a verified result and note its file; as `Workspace.read`."""
        result = super().read(kind, key, with_data=with_data)
        if result is not None and not (kind == "label" and self._labels(key) is not None):
            self.noted.add(self.result_path(kind, key))
        return result

    def companion(self, kind: TaskKind[Any, Any], key: str, name: str) -> bytes:
        """Return the verified content of a file next to a result and note it; as `Workspace.companion`."""
        content = super().companion(kind, key, name)
        self.noted.add(self.companion_path(kind.name, name))
        return content

    def model_path(self, model: str) -> Path:
        """Return the file of a model and note it."""
        path = super().model_path(model)
        self.noted.add(path)
        return path


def write_archive(root: Path, noted: Iterable[Path], target: Path, name: str) -> None:
    """Write the journal of a campaign and some of its files as one archive, the same bytes for the same content.

    Events of the archive name no folder of this machine: of absolute paths only the last part is kept, and the
    checksums are those of the events as they then are.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    noted : iterable of pathlib.Path
        Files below it.
    target : pathlib.Path
        The archive, made or replaced; its folder is made if it is missing.
    name : str
        The folder into which the archive unpacks.

    Raises
    ------
    OSError
        If a file cannot be read or written.
    JournalError
        If the journal cannot be read now.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="alloop-", dir=target.parent) as place:
        journal, packed = Path(place) / JOURNAL_FILE, Path(place) / ARCHIVE_FILE
        with open_reading(root) as database:
            copy_whole(database, journal.with_suffix(".tmp"), journal)
        _forget_places(journal)
        with tarfile.open(packed, "w:xz") as archive:
            _add(archive, f"{name}/{JOURNAL_FILE}", journal.read_bytes())
            for path in sorted(noted):
                inner = path.relative_to(root).as_posix()
                _add(archive, f"{name}/{inner}", read_below(root, path, MAX_FILE_BYTES))
        packed.replace(target)


def _forget_places(journal: Path) -> None:
    with closing(sqlite3.connect(journal, isolation_level=None)) as database:
        found = [(_PLACE.sub(r"…/\1", body), seq) for seq, body in database.execute("SELECT seq, body FROM event")]
        database.executescript(TABLE)
        database.execute("BEGIN")
        database.executemany("UPDATE event SET body = ?1 WHERE seq = ?2 AND body <> ?1", found)
        database.execute("DELETE FROM checksum")
        end_of(database)
        database.execute("COMMIT")
        database.execute("VACUUM")  # what was overwritten is gone from the file too


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file without what tells when, where and by whom it was made."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    archive.addfile(entry, io.BytesIO(content))
