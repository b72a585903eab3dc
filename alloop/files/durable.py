"""Write a file so that it is whole or absent afterwards, even if the power fails."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alloop.failures import blaming_place
from alloop.files.plain_files import folder_below

_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
ROOM_BYTES = 64 << 10
"""Room (bytes) that is held for a file of unknown size."""


def write_durably(path: Path, content: bytes, *, below: Path | None = None) -> None:
    """Write a file through a temporary one: fsync, rename, fsync of the folder.

    A link at the path is replaced, never followed.

    Parameters
    ----------
    path : pathlib.Path
        The file; missing folders are made.
    content : bytes
        All of it.
    below : pathlib.Path or None
        No link between this folder and the file is followed either.

    Raises
    ------
    PlaceError
        If nothing can be written there (a full disk, for instance), with the target's name.
    OSError
        If the file system refuses for another reason. The target is then untouched.
    """
    with _room(path, below) as room:
        room.write(content)


@contextmanager
def held_room(path: Path, *, below: Path) -> Iterator[Room]:
    """Hold room for a file whose content is not known yet: what was begun while there was room can be finished.

    What an earlier holder of the same room left is removed, so the caller must be the only one.

    Parameters
    ----------
    path : pathlib.Path
        The file; missing folders are made.
    below : pathlib.Path
        No link between this folder and the file is followed.

    Raises
    ------
    PlaceError
        If nothing can be written there.
    """
    with _room(path, below) as room:
        with blaming_place(path):
            room.reserve()
        yield room


class Room:
    """Room for one file; made by :func:`held_room`.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    folder : int
        Open descriptor of its folder, which may be moved or refuse new files meanwhile.
    temporary : str
        Name of the temporary file.
    """

    def __init__(self, path: Path, folder: int, temporary: str) -> None:
        self._path, self._folder, self._temporary = path, folder, temporary
        self._file = os.open(temporary, _NEW, 0o644, dir_fd=folder)

    def reserve(self) -> None:
        """Make sure that a file of usual size fits, and remove what earlier holders of this room left."""
        for name in os.listdir(self._folder):  # noqa: PTH208
            if name.startswith(_prefix(self._path)) and name.endswith(_SUFFIX) and name != self._temporary:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._folder)
        try:
            os.posix_fallocate(self._file, 0, ROOM_BYTES)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise

    def write(self, content: bytes) -> None:
        """Write the file, whole and flushed; after an error it may be tried again."""
        try:
            with blaming_place(self._path):
                self._write(content)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(self._path)) from error

    def _write(self, content: bytes) -> None:
        written = 0
        while written < len(content):
            written += os.pwrite(self._file, content[written : written + _MOST_AT_ONCE], written)
        os.ftruncate(self._file, len(content))
        os.fsync(self._file)
        os.rename(self._temporary, self._path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        _sync_entries(self._folder)

    def leave(self) -> None:
        """Give back what was not used."""
        os.close(self._file)
        with suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._folder)


@contextmanager
def _room(path: Path, below: Path | None) -> Iterator[Room]:
    with ExitStack() as opened:
        with blaming_place(path):
            folder = opened.enter_context(folder_below(below or path.parent, path.parent, make=True))
            room = Room(path, folder, f"{_prefix(path)}{secrets.token_hex(8)}{_SUFFIX}")
        opened.callback(room.leave)
        yield room


_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SUFFIX = ".tmp"
_MOST_AT_ONCE = 16 << 20


def _prefix(path: Path) -> str:
    return f".{path.name}."


def replace_durably(temporary: Path, path: Path) -> None:
    """Put a finished file, written in the same folder, in the place of another: fsync, rename, fsync of the folder.

    Raises
    ------
    OSError
        If the file system refuses; the target is then untouched.
    """
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync_entries(descriptor)
    finally:
        os.close(descriptor)


def _sync_entries(folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
