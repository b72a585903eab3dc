"""Leases: a name held by one process at a time, on file systems where locks are missing or stop at the host.

A lease is a folder of numbered files. The one with the largest number says who holds the name, and its holder rewrites
its last line every few seconds. A process that finds the holder dead, or the name free, takes over by creating the next
number, which a file system gives to one process only. The largest number is never removed, not even on release, so a
process that was suspended between looking and acting can create an old number at most, and sees a larger one at once.

A holder on another host counts as dead when its file did not change for the length of a lease, measured by the process
that waits: clocks of different hosts are never compared. A holder on the same host counts as alive as long as its
process lives.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from alloop.files.plain_files import NotPlainError, folder_below, open_below

LEASE_S = 60.0
"""How long (s) the file of a holder on another host must not change before somebody takes over."""

BEATS_PER_LEASE = 12
LOOKS_PER_LEASE = 60
_CREATE = os.O_CREAT | os.O_EXCL | os.O_RDWR
_MOST_BYTES = 4096
_GONE = (errno.ENOENT, errno.ESTALE)


class HeldError(Exception):
    """Somebody else holds the name; `holder` says who, in words."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@dataclass(frozen=True)
class Owner:
    """A process that no other can be taken for.

    Attributes
    ----------
    host : str
        Name of its host, for people.
    space : str
        Boot of the kernel and process namespace in which `pid` means something; empty if unknown.
    pid : int
        Process id.
    started : str
        When it started, in the kernel's ticks since boot: process ids are used again.
    """

    host: str
    space: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}"

    def alive(self) -> bool | None:
        """Return whether the process lives, or None if that cannot be seen from here."""
        if self.pid <= 0 or not self.space or self.space != _space():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        state, started = _state_and_start(self.pid)
        return state not in ("Z", "X") and started in ("", self.started)


def this_process() -> Owner:
    """Return the calling process as an owner."""
    pid = os.getpid()
    return Owner(os.uname().nodename, _space(), pid, _state_and_start(pid)[1])


class Lease:
    """A lease in hand, with a thread that keeps it; made by :func:`take_lease`."""

    def __init__(self, files: _Files, number: int, descriptor: int, line: int, lease_s: float, begun: float) -> None:
        self._files, self._number, self._descriptor, self._line = files, number, descriptor, line
        self._lease_s, self._confirmed = lease_s, begun
        self._beats, self._lost = 0, False
        self._guard, self._released = threading.Lock(), threading.Event()
        threading.Thread(target=self._keep, name=f"lease {files.folder.name}", daemon=True).start()

    def intact(self) -> bool:
        """Return whether the lease is still ours. Ask after every pause: the process may have been suspended."""
        if _now() - self._confirmed > self._lease_s / 4:
            self._beat()
        return not self._lost and _now() - self._confirmed < self._lease_s

    def release(self) -> None:
        """Release the lock."""
        with self._guard:
            if self._released.is_set():
                return
            self._released.set()
            try:
                self._write("free")
            except OSError:
                pass
            finally:
                os.close(self._descriptor)

    def _keep(self) -> None:
        while not self._released.wait(self._lease_s / BEATS_PER_LEASE) and not self._lost:
            self._beat()

    def _beat(self) -> None:
        """Show life, and look whether somebody took over; a file system that does not answer confirms nothing."""
        with self._guard:
            if self._released.is_set() or self._lost:
                return
            begun = _now()
            try:
                self._write("held")
                if begun - self._confirmed > self._lease_s / 4:
                    self._files.forget_listing()
                self._lost = self._files.newest() != self._number
            except OSError as error:
                self._lost = error.errno in _GONE
                return
            self._confirmed = begun

    def _write(self, word: str) -> None:
        self._beats += 1
        os.pwrite(self._descriptor, _last_line(word, self._beats), self._line)
        os.fsync(self._descriptor)


def take_lease(
    folder: Path,
    *,
    below: Path | None = None,
    wait: bool = True,
    say: Callable[[str], None] = lambda line: None,
    lease_s: float = LEASE_S,
    owner: Owner | None = None,
) -> Lease:
    """Hold a name.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the lease, made if missing.
    below : pathlib.Path or None
        No link between this folder and that of the lease is followed; the one above it if None.
    wait : bool
        False: give up as soon as the holder is seen to live.
    say : callable
        Is told, once, for whom this waits.
    lease_s : float
        Length of a lease (s), the same for all who take part.
    owner : Owner or None
        Whom to write into the lease; this process if None.

    Raises
    ------
    HeldError
        If the holder lives and `wait` is false.
    OSError
        If the folder cannot be written, or its path is something else.
    """
    files = _Files(below or folder.parent, folder)
    files.make()
    owner = owner or this_process()
    watch = _Watch(2 * lease_s / LOOKS_PER_LEASE)
    floor, pause, said = 0, lease_s / LOOKS_PER_LEASE / 32, False
    while True:
        number = max(floor, files.newest())
        holder = _Holder.of(files.content(number)) if number else _FREE
        if holder is None:
            files.forget_listing()
            floor = 0
        else:
            seen = watch.look(number, holder.content)
            if holder.free or holder.alive is False or (holder.alive is None and seen.still_s > lease_s):
                lease = _create(files, number + 1, owner, lease_s)
                if lease is not None:
                    return lease
                floor = number + 1
                continue
            if not wait and (holder.alive or seen.moved):
                raise HeldError(holder.name)
            if holder.alive is None and not said:
                say(f"waiting for the lease of {holder.name}, at most {lease_s:g} s")
                said = True
        time.sleep(pause)
        pause = min(2 * pause, lease_s / LOOKS_PER_LEASE)


def lease_holder(folder: Path) -> str | None:
    """Return who seems to hold a lease, or None; for people: it compares the clocks of two hosts."""
    files = _Files(folder.parent, folder)
    number = files.newest() if folder.is_dir() else 0
    holder = _Holder.of(files.content(number)) if number else None
    if holder is None or holder.free or holder.alive is False:
        return None
    try:
        age_s = time.time() - (folder / str(number)).stat().st_mtime
    except OSError:
        return None
    return holder.name if holder.alive or age_s < 3 * LEASE_S else None


@dataclass(frozen=True)
class _Holder:
    content: bytes
    name: str
    free: bool
    alive: bool | None

    @classmethod
    def of(cls, content: bytes | None) -> _Holder | None:
        if content is None:
            return None
        head, _, tail = content.partition(b"\n")
        try:
            owner = Owner(**json.loads(head))
            return cls(content, str(owner), tail.startswith(b"free"), owner.alive())
        except (ValueError, TypeError, OverflowError):
            return cls(content, "an unknown process", False, None)


_FREE = _Holder(b"", "nobody", True, None)


@dataclass(frozen=True)
class _Seen:
    still_s: float
    moved: bool


class _Watch:
    """Measures how long a file did not change; time in which nobody looked does not count."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._last: tuple[int, bytes] | None = None
        self._at = self._still_s = 0.0

    def look(self, number: int, content: bytes) -> _Seen:
        now, before = time.monotonic(), self._last
        same = before == (number, content)
        self._still_s = self._still_s + min(now - self._at, self._longest_s) if same else 0.0
        self._last, self._at = (number, content), now
        return _Seen(self._still_s, moved=before is not None and before[0] == number and not same)


def _create(files: _Files, number: int, owner: Owner, lease_s: float) -> Lease | None:
    """Create a number, or return None if somebody else did, or went on from there long ago."""
    head, begun = json.dumps(asdict(owner)).encode() + b"\n", _now()
    descriptor = files.create(number)
    if descriptor is None:
        return None
    try:
        os.write(descriptor, head + _last_line("held", 0))
        os.fsync(descriptor)
        numbers = files.numbers()
    except BaseException:
        os.close(descriptor)
        files.remove(number)
        raise
    if max(numbers, default=0) != number:
        os.close(descriptor)
        files.remove(number)
        return None
    for old in numbers:
        if old < number:
            files.remove(old)
    return Lease(files, number, descriptor, len(head), lease_s, begun)


@dataclass(frozen=True)
class _Files:
    """The numbered files of a lease. Each is opened anew at every look: a host may remember what it read before."""

    root: Path
    folder: Path

    def make(self) -> None:
        with folder_below(self.root, self.folder, make=True):
            pass

    def numbers(self) -> list[int]:
        with folder_below(self.root, self.folder) as folder:
            return [int(name) for name in os.listdir(folder) if name.isascii() and name.isdigit()]  # noqa: PTH208

    def newest(self) -> int:
        return max(self.numbers(), default=0)

    def content(self, number: int) -> bytes | None:
        """Return what a file says now, or None if it is gone."""
        try:
            descriptor = open_below(self.root, self.folder / str(number))
        except NotPlainError:
            return b""
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return file.read(_MOST_BYTES)

    def create(self, number: int) -> int | None:
        """Create a file and return its descriptor, or None if it exists or did: who made it may have left it by now."""
        try:
            return open_below(self.root, self.folder / str(number), _CREATE)
        except OSError as error:
            self.forget_listing()
            # Not every network protocol has a word for "exists".
            if isinstance(error, FileExistsError) or self.newest() >= number:
                return None
            raise

    def remove(self, number: int) -> None:
        """Remove a file, if it is one and there."""
        with suppress(OSError), folder_below(self.root, self.folder) as folder:
            os.unlink(str(number), dir_fd=folder)

    def forget_listing(self) -> None:
        """Make this host ask what the folder holds: it may answer from memory until it makes a change itself."""
        name = f".{secrets.token_hex(8)}"
        with folder_below(self.root, self.folder) as folder:
            os.close(os.open(name, _CREATE, 0o644, dir_fd=folder))
            os.unlink(name, dir_fd=folder)


def _last_line(word: str, beats: int) -> bytes:
    return f"{word} {beats:012d}\n".encode()


def _now() -> float:
    """Return a time (s) that goes on while the host sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        return ""
    return f"{_boot()} {namespace}" if _boot() else ""


def _state_and_start(pid: int) -> tuple[str, str]:
    """Return state and start of a process; empty where they cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
