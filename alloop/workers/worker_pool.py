"""Run Parsl's pool of workers so that the others go on when one of its processes dies.

``python -m alloop.workers.worker_pool`` takes the arguments of Parsl's ``process_worker_pool.py``. Two things differ.

A worker that waits for a task holds the lock of the task queue. Parsl's lock outlives a worker that is killed while it
waits, and no other worker of the pool ever gets a task again. Here the lock dies with its holder.

Workers note what they compute at another process. When that is killed, tasks vanish without a message. Here the
pool ends with it, which the driver sees as lost workers.

What tasks print is bounded: of a long output only the end is kept.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import runpy
import secrets
import signal
import stat
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.managers import SyncManager
from multiprocessing.queues import Queue
from multiprocessing.util import abstract_sockets_supported
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from parsl.multiprocessing import SpawnContext

from alloop.files.long_files import keep_end

POOL = "parsl.executors.high_throughput.process_worker_pool"
WATCH_S = 1.0
OUTPUT_WATCH_S = 0.5
EXIT_CODE = 70
STDOUT, STDERR = 1, 2


class MortalLock:
    """A lock between processes that the kernel takes back from a holder who dies.

    It is a lock on a file without a name; every process opens it for itself.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("queue-lock")
        self._path = f"/proc/{os.getpid()}/fd/{self._file}"

    def __getstate__(self) -> str:
        return self._path

    def __setstate__(self, path: str) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock; as with a `multiprocessing.Lock`, but a timeout is not kept."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | (0 if block else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def robust_queue(maxsize: int = 0) -> Queue[Any]:
    """Return a queue whose waiting readers can be killed."""
    queue: Queue[Any] = Queue(maxsize, ctx=SpawnContext)
    queue._rlock = MortalLock()  # type: ignore[attr-defined]
    return queue


def watched_manager() -> SyncManager:
    """Return a started manager without which this process and its children end."""
    manager = SyncManager(manager_address(), ctx=SpawnContext)
    manager.start()
    threading.Thread(target=_end_with, args=(manager,), daemon=True).start()
    return manager


def manager_address() -> bytes | None:
    """Return an address for the socket of a manager without a file, or None where the system has no such addresses.

    A file would be in a `pymp-*` below the temporary folder, which stays there for ever when the manager is killed, and
    its name may have about 100 bytes, where batch systems make long temporary folders. Who connects must know the
    manager's key either way.
    """
    if not abstract_sockets_supported:
        return None
    return f"\0alloop-{os.getpid()}-{secrets.token_hex(8)}".encode()


def _end_with(manager: SyncManager) -> None:
    server = manager._process  # type: ignore[attr-defined]
    while server.is_alive():
        time.sleep(WATCH_S)
    for process in psutil.Process().children(recursive=True):
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue
    os._exit(EXIT_CODE)


def bound_output(descriptors: Sequence[int], own: Path) -> None:
    """Keep short what this process and its children print, as long as this process lives.

    Parameters
    ----------
    descriptors : sequence of int
        Where they print.
    own : pathlib.Path
        A new file for what would go into a pipe: a batch system writes that into a file of its own, which grows.
    """
    for descriptor in descriptors:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            with suppress(OSError):
                own.parent.mkdir(parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
                os.dup2(os.open(own, flags, 0o644), descriptor)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
    threading.Thread(target=_keep_ends, args=(tuple(descriptors),), daemon=True).start()


def _keep_ends(descriptors: Sequence[int]) -> None:
    while True:
        time.sleep(OUTPUT_WATCH_S)
        for descriptor in descriptors:
            keep_end(descriptor)


def _own_output() -> Path:
    """Return a file in the folder where Parsl's pool keeps its logs."""
    arguments = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    arguments.add_argument("-l", "--logdir", default=".")
    return Path(arguments.parse_known_args()[0].logdir) / f"output-{os.uname().nodename}-{os.getpid()}.txt"


def run() -> None:
    """Run Parsl's pool with the arguments of this process; what ends it is told where its starter listens."""
    SpawnContext.Queue = robust_queue
    SpawnContext.Manager = watched_manager
    starter = os.dup(STDERR)
    bound_output((STDOUT, STDERR), _own_output())
    try:
        runpy.run_module(POOL, run_name="__main__", alter_sys=True)
    except BaseException:
        os.dup2(starter, STDERR)
        raise


if __name__ == "__main__":
    from alloop.workers import worker_pool

    worker_pool.run()
