"""Run Parsl's pool of workers so that the others go on when one of its processes dies.

``python -m alloop.workers.worker_pool`` takes the arguments of Parsl's ``process_worker_pool.py``. Two things differ.

A worker that waits for a task holds the lock of the task queue. Parsl's lock outlives a worker that is killed while it
waits, and no other worker of the pool ever gets a task again. Here the lock dies with its holder.

Workers note what they compute at another process. When that is killed, tasks vanish without a message. Here the
pool ends with it, which the driver sees as lost workers.
"""

from __future__ import annotations

import fcntl
import os
import runpy
import signal
import threading
import time
from multiprocessing.managers import SyncManager
from multiprocessing.queues import Queue
from types import TracebackType
from typing import Any

import psutil
from parsl.multiprocessing import SpawnContext

POOL = "parsl.executors.high_throughput.process_worker_pool"
WATCH_S = 1.0
EXIT_CODE = 70


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
    manager = SyncManager(ctx=SpawnContext)
    manager.start()
    threading.Thread(target=_end_with, args=(manager,), daemon=True).start()
    return manager


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


def run() -> None:
    """Run Parsl's pool with the arguments of this process."""
    SpawnContext.Queue = robust_queue
    SpawnContext.Manager = watched_manager
    runpy.run_module(POOL, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    from alloop.workers import worker_pool

    worker_pool.run()
