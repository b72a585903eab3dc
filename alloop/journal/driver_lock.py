"""Lock a campaign, so that one driver runs it at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alloop.files.leases import HeldError
from alloop.files.locks import NO_FLOCK, Held, LockKind, folder_holder, holder_of, lock_path, take, take_folder
from alloop.files.mounts import mount_of

LOCK_FILE = "driver.lock"


class DriverError(Exception):
    """The calling process cannot be the driver; the message is one line for the user."""


class DriverLock:
    """The right to run a campaign.

    Hosts may see one file system under different mount options, and a config may name another kind of lock than the one
    before. So every driver takes two locks: of the kind of its workers, and of the kind that all drivers share there,
    the lease on a file system that other hosts see, flock anywhere else. There the folder itself is locked as well, so
    that nobody gets in where the file of the lock was removed.

    Parameters
    ----------
    folder : pathlib.Path
        The campaign's folder.
    kind : {"flock", "lease"}
        How the workers of this driver hold their tasks.
    say : callable
        Is told for whom this waits: a driver that died on another host keeps its lease for a while.

    Raises
    ------
    DriverError
        If another driver lives, or the folder cannot be locked or written.
    """

    def __init__(self, folder: Path, kind: LockKind, say: Callable[[str], None] = lambda line: None) -> None:
        self._held: list[Held] = []
        common: LockKind = "lease" if mount_of(folder).shared else "flock"
        try:
            for each in sorted({kind, common}):
                self._take(folder, each, needed=each == kind or each == "lease", say=say)
            if common == "flock":
                self._take_folder(folder)
        except BaseException:
            self.release()
            raise

    def intact(self) -> bool:
        """Return whether this is still the driver; it is not after another took over."""
        return all(held.intact() for held in self._held)

    def release(self) -> None:
        """Let another driver in."""
        for held in reversed(self._held):
            held.release()

    def _take(self, folder: Path, kind: LockKind, *, needed: bool, say: Callable[[str], None]) -> None:
        try:
            self._held.append(take(lock_path(folder / LOCK_FILE, kind), kind, wait=False, say=say))
        except HeldError as error:
            raise _held(folder, error) from None
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise DriverError(cannot_write(folder, error)) from error
            if needed:
                what = f"files cannot be locked here ({error.strerror}); set `execution.locks` to `lease`"
                raise DriverError(f"{folder}: {what}") from error

    def _take_folder(self, folder: Path) -> None:
        try:
            self._held.append(take_folder(folder))
        except HeldError as error:
            raise _held(folder, error) from None
        except OSError:
            return


def living_driver(folder: Path) -> str | None:
    """Return the driver that runs a campaign now (process and host), or None."""
    return holder_of(Path(folder) / LOCK_FILE) or folder_holder(Path(folder))


def _held(folder: Path, error: HeldError) -> DriverError:
    return DriverError(f"{folder}: another driver runs this campaign ({error.holder}); stop it first")


def cannot_write(folder: Path, error: OSError) -> str:
    """Return the message for a folder that cannot be written."""
    return f"{folder}: cannot be written ({error.strerror}); name another folder"
