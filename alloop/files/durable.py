"""Write a file so that it is whole or absent afterwards, even if the power fails."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from alloop.files.plain_files import folder_below

_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


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
    OSError
        If the file system refuses (a full disk, for instance), with the target's name; the target is then untouched.
    """
    with folder_below(below or path.parent, path.parent, make=True) as folder:
        temporary = f".{path.name}.{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o644, dir_fd=folder), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException as error:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            if isinstance(error, OSError):
                raise type(error)(error.errno, error.strerror, str(path)) from error
            raise
        _sync_entries(folder)


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
