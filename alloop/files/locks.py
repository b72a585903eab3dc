"""Lock a name for one process: by flock, or by a lease where flock is missing or holds on one host only."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol
from weakref import WeakSet

from alloop.files.leases import HeldError, lease_holder, take_lease
from alloop.files.mounts import mount_of
from alloop.files.plain_files import open_below

LockKind = Literal["flock", "lease"]
WantedLocks = Literal["auto", "flock", "lease"]

UNKNOWN = "an unknown process"
NO_FLOCK = frozenset((errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL))
"""What a file system without flock answers."""


class Held(Protocol):
    """A held lock."""

    def intact(self) -> bool:
        """Return whether it is still ours; a lease is not after its holder was suspended for long."""
        ...

    def release(self) -> None:
        """Release the lock."""
        ...


class Flock:
    """A file or folder held by flock: the kernel ends it with the process, never before.

    A process that is forked off meanwhile, as by the code of a calculator, and may live on does not hold it.

    Parameters
    ----------
    descriptor : int
        The locked file.
    path : pathlib.Path or None
        Where others look for it; None if they hold the same file wherever it is.
    """

    def __init__(self, descriptor: int, path: Path | None = None) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        _held.add(self)

    def intact(self) -> bool:
        """Return whether others find the lock held; a file that was removed is made and locked anew if nobody did."""
        return self._descriptor is not None and (self._path is None or self._is_at(self._path) or self._again())

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            with suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.leave()

    def leave(self) -> None:
        """Forget the lock without ending it for other processes that have the same open file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _is_at(self, path: Path) -> bool:
        assert self._descriptor is not None
        try:
            return os.path.samestat(path.lstat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _again(self) -> bool:
        assert self._path is not None
        try:
            descriptor = _taken(self._path, self._path.parent, wait=False)
        except (HeldError, OSError):
            return False
        self.release()
        self._descriptor = descriptor
        return self._is_at(self._path)


_held: WeakSet[Flock] = WeakSet()


def _leave_to_parent() -> None:
    for held in list(_held):
        held.leave()


os.register_at_fork(after_in_child=_leave_to_parent)


def lock_path(name: Path, kind: LockKind) -> Path:
    """Return the path that a lock is taken on: the locked file, or the folder of its lease."""
    return name if kind == "flock" else name.with_suffix(".lease")


def take(
    path: Path,
    kind: LockKind,
    *,
    below: Path | None = None,
    wait: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Held:
    """Lock a name. Processes that exclude each other must use the same kind.

    Parameters
    ----------
    path : pathlib.Path
        What `lock_path` gave for the name.
    kind : {"flock", "lease"}
        How.
    below : pathlib.Path or None
        No link between this folder and the path is followed; the folder of `path` if None.
    wait : bool
        False: give up if somebody who lives holds it. The death of a holder elsewhere is waited for even so.
    say : callable
        Is told, once, for whom a lease waits.

    Raises
    ------
    HeldError
        If somebody else holds it and `wait` is false.
    OSError
        If the file system refuses, or the path is something else.
    """
    if kind == "lease":
        return take_lease(path, below=below, wait=wait, say=say)
    return Flock(_taken(path, below or path.parent, wait=wait), path)


def take_folder(folder: Path) -> Held:
    """Lock a folder itself for one process of this host, wherever it is moved and whatever is removed in it.

    Raises
    ------
    HeldError
        If somebody else holds it.
    OSError
        If the file system refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _flock(descriptor, wait=False)
    except BlockingIOError:
        os.close(descriptor)
        raise HeldError(UNKNOWN) from None
    except BaseException:
        os.close(descriptor)
        raise
    return Flock(descriptor)


def folder_holder(folder: Path) -> str | None:
    """Return who holds a folder itself, as far as that is known, or None."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return UNKNOWN
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def holder_of(name: Path) -> str | None:
    """Return who holds a name by either kind, or None."""
    try:
        descriptor = open_below(name.parent, lock_path(name, "flock"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        pass
    try:
        return lease_holder(lock_path(name, "lease"))
    except OSError:
        return None


def lock_kind(folder: Path, wanted: WantedLocks = "auto") -> LockKind:
    """Return how names are to be held in a folder that can be written.

    Flock is tried, twice on one file: some file systems refuse it, and some grant it to everybody. Where it works, the
    mount tells whether it reaches other hosts.
    """
    if wanted != "auto":
        return wanted
    return "flock" if mount_of(folder).flock_reaches_all and _flock_works(folder) else "lease"


def _flock_works(folder: Path) -> bool:
    path = folder / f".flock.{secrets.token_hex(8)}"
    first, second = (open_below(folder, path, os.O_CREAT | os.O_RDWR) for _ in range(2))
    path.unlink()
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
    finally:
        os.close(first)
        os.close(second)
    return False


def _taken(path: Path, below: Path, *, wait: bool) -> int:
    """Open and lock a file, write who holds it into it, and return its descriptor."""
    descriptor = open_below(below, path, os.O_CREAT | os.O_RDWR)
    try:
        _flock(descriptor, wait)
    except BlockingIOError:
        holder = _named(descriptor)
        os.close(descriptor)
        raise HeldError(holder) from None
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"pid {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
    return descriptor


def _named(descriptor: int) -> str:
    return os.read(descriptor, 200).decode(errors="replace").strip() or UNKNOWN


def _flock(descriptor: int, wait: bool) -> None:
    """Lock; without waiting, a second try outlasts somebody who only looks (`holder_of`)."""
    if wait:
        return fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.2)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return None
