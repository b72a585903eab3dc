"""Open and read files that others may have changed: no link is followed, no pipe waited for, sizes are bounded."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alloop.failures import UNUSABLE, PlaceError


class NotPlainError(OSError):
    """The path is not a regular file, or lies outside its folder; the message is one line."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path, self.what, self.strerror = path, what, what

    def __reduce__(self) -> tuple[type[NotPlainError], tuple[Path, str]]:
        return type(self), (self.path, self.what)


@contextmanager
def folder_below(root: Path, folder: Path, *, make: bool = False) -> Iterator[int]:
    """Give an open descriptor of a folder below another; no link on the way is followed.

    Parameters
    ----------
    root : pathlib.Path
        Folder that is trusted to be where it is; it may itself be a link.
    folder : pathlib.Path
        `root`, or something below it.
    make : bool
        Make what is missing below `root`, and `root` itself only if it is the folder: a campaign that was moved away
        is not begun anew in its old place.

    Raises
    ------
    NotPlainError
        If the folder is not below `root`, or a link or file is on the way.
    FileNotFoundError
        If it is missing.
    PlaceError
        If it is to be made and `root` is missing.
    """
    with ExitStack() as opened:
        if make and root == folder:
            root.mkdir(parents=True, exist_ok=True)
        descriptor = _open_root(root, make)
        opened.callback(os.close, descriptor)
        for part in _parts(root, folder):
            descriptor = _open_inner(descriptor, part, folder, make)
            opened.callback(os.close, descriptor)
        yield descriptor


def open_below(root: Path, path: Path, flags: int = os.O_RDONLY, mode: int = 0o644) -> int:
    """Open a regular file below a folder and return its descriptor; missing folders are made if it is to be written.

    Raises
    ------
    NotPlainError
        If a link, pipe, device or folder is there or on the way.
    FileNotFoundError
        If it is missing.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with folder_below(root, path.parent, make=bool(flags & os.O_CREAT)) as parent:
        try:
            descriptor = os.open(_name(path), flags, mode, dir_fd=parent)
        except FileNotFoundError:
            raise
        except OSError as error:
            if _mode(parent, path.name) in (None, stat.S_IFREG):
                error.filename = str(path)
                raise
            raise NotPlainError(path, _STRANGE) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainError(path, _STRANGE)
    return descriptor


def read_below(root: Path, path: Path, limit: int) -> bytes:
    """Return the content of a regular file below a folder.

    Parameters
    ----------
    limit : int
        Largest content (bytes) that is read into memory.

    Raises
    ------
    NotPlainError
        If it is not a regular file, or larger than `limit`.
    FileNotFoundError
        If it is missing.
    """
    with os.fdopen(open_below(root, path), "rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise NotPlainError(path, f"is larger than {limit >> 20} MB")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotPlainError(path, f"grew beyond {limit >> 20} MB while it was read")
    return content


def put_aside(root: Path, path: Path) -> None:
    """Rename anything at a path below a folder to ``<stem>.damaged``; a missing path is not an error."""
    with suppress(FileNotFoundError), folder_below(root, path.parent) as parent:
        for aside in (f"{path.stem}.damaged", f"{path.stem}.{secrets.token_hex(4)}.damaged"):
            try:
                os.rename(_name(path), aside, src_dir_fd=parent, dst_dir_fd=parent)
                return
            except OSError as error:
                if _mode(parent, path.name) is None:
                    return
                if error.errno in UNUSABLE:
                    error.filename = str(path)
                    raise
        raise NotPlainError(path, "cannot be put aside; remove it")


def remove_below(root: Path, path: Path) -> int:
    """Delete a regular file below a folder, and return the bytes it held.

    Raises
    ------
    NotPlainError
        If something else is there, or a link is on the way.
    FileNotFoundError
        If it is missing.
    """
    size = size_below(root, path)
    with folder_below(root, path.parent) as parent:
        os.unlink(path.name, dir_fd=parent)
    return size


def size_below(root: Path, path: Path) -> int:
    """Return how many bytes a regular file below a folder holds.

    Raises
    ------
    NotPlainError
        If something else is there, or a link is on the way.
    FileNotFoundError
        If it is missing.
    """
    descriptor = open_below(root, path)
    try:
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def is_plain_or_absent(path: Path) -> bool:
    """Return whether a path is a regular file or nothing at all, a link counting as neither."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


_STRANGE = "a link, pipe, device or folder is in the place of a file of the campaign; remove it"


def _open_root(root: Path, make: bool) -> int:
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if not make:
            raise
        raise PlaceError(errno.ENOENT, "the folder was moved or removed", str(root)) from error


def _open_inner(outer: int, part: str, folder: Path, make: bool) -> int:
    try:
        if make:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=outer)
        return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=outer)
    except FileNotFoundError:
        raise
    except OSError as error:
        if _mode(outer, part) in (None, stat.S_IFDIR):
            error.filename = str(folder)
            raise
        what = f"`{part}` is a link or file where a folder of the campaign belongs; remove it"
        raise NotPlainError(folder, what) from error


def _parts(root: Path, folder: Path) -> tuple[str, ...]:
    parts = folder.relative_to(root).parts if folder.is_relative_to(root) else ("..",)
    if ".." in parts:
        raise NotPlainError(folder, f"is not below {root}")
    return parts


def _name(path: Path) -> str:
    if path.name in ("", ".."):
        raise NotPlainError(path, "is not the name of a file")
    return path.name


def _mode(parent: int, name: str) -> int | None:
    """Return the mode of an entry of a folder, or None if it cannot be read."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return None
