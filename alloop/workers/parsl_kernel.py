"""Start Parsl's kernel on a thread of its own, watch it and end it."""

from __future__ import annotations

import atexit
import contextlib
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
from parsl import DataFlowKernel
from parsl.config import Config
from parsl.executors.status_handling import BlockProviderExecutor

from alloop.failures import first_line, one_line
from alloop.files.redaction import redacted

SHUTDOWN_S = 8.0
WATCH_S = 0.2
LISTENER_S = 2.0
log = logging.getLogger(__name__)


class InterchangeDied(Exception):
    """A process or thread between the driver and its workers is gone; Parsl itself would wait for it for ever."""


class Kernel:
    """Parsl's kernel.

    The interchange of an executor dies with the thread that started it, so this thread lives as long as the kernel.

    Parameters
    ----------
    config : parsl.config.Config
        Executors and the rest.
    stop : callable
        Returns a reason to give up starting, or None.

    Raises
    ------
    InterchangeDied
        If an interchange dies before everything has started.
    KernelStopped
        If `stop` has a reason.
    Exception
        Whatever else Parsl raises.
    """

    def __init__(self, config: Config, stop: Callable[[], str | None] = lambda: None) -> None:
        self._config = config
        self.executors: dict[str, Any] = {executor.label: executor for executor in config.executors}
        self.parsl: DataFlowKernel | None = None
        self._failure: BaseException | None = None
        self._started, self._closing, self._closed = threading.Event(), threading.Event(), threading.Event()
        self._last_words: dict[threading.Thread, str] = {}
        self._suspended_t: dict[str, float] = {}
        self._other_threads, threading.excepthook = threading.excepthook, self._note_death
        threading.Thread(target=self._live, name="parsl-kernel", daemon=True).start()
        try:
            self._await_start(stop)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, name="interchange-watch", daemon=True).start()

    def dead_interchange(self) -> str | None:
        """Return the label of an executor whose interchange is gone, or None."""
        for label, executor in self.executors.items():
            process = _interchange(executor)
            if process is not None and process.poll() is not None:
                return label
        return None

    def close(self) -> None:
        """End the interchanges, and the workers too where Parsl can still reach them."""
        self._closing.set()
        threading.excepthook = self._other_threads
        for executor in self.executors.values():
            for pipe in _pipes(executor):
                pipe.close = pipe.close if isinstance(pipe.close, OneClosing) else OneClosing(pipe)
        if self._started.is_set() and self._failure is None and self.dead_interchange() is None:
            closer = threading.Thread(target=self._cleanup, daemon=True)
            closer.start()
            closer.join(SHUTDOWN_S)
        self._abandon()
        self._closed.set()

    def _live(self) -> None:
        try:
            self.parsl = DataFlowKernel(self._config)
        except BaseException as error:
            self._failure = error
        self._started.set()
        self._closed.wait()

    def _await_start(self, stop: Callable[[], str | None]) -> None:
        while not self._started.wait(WATCH_S):
            if (dead := self.dead_interchange()) is not None:
                raise InterchangeDied(f"the interchange of executor {dead!r} died while it started")
            if (reason := stop()) is not None:
                raise KernelStopped(reason)
        if self._failure is not None:
            raise self._failure

    def _watch(self) -> None:
        """Fail the tasks of an executor whose interchange died, or the thread that hears its workers."""
        while not self._closing.wait(WATCH_S):
            for label, executor in self.executors.items():
                dead = self._dead_part(label, executor)
                if dead and not executor.bad_state_is_set:
                    with contextlib.suppress(Exception):
                        executor.set_bad_state_and_fail_all(InterchangeDied(dead))

    def _dead_part(self, label: str, executor: Any) -> str | None:
        """Return which part of an executor is dead, so that the end of no task would be heard, or None."""
        process, listener = _interchange(executor), getattr(executor, "_result_queue_thread", None)
        if process is not None and process.poll() is not None:
            return f"the interchange of executor {label!r} died"
        if process is not None and self._suspended_s(label, process) > executor.heartbeat_threshold:
            return f"the interchange of executor {label!r} is suspended"
        if listener is not None and not listener.is_alive():
            said = self._last_words.get(listener)
            return f"what hears the workers of executor {label!r} died" + (f" ({said})" if said else "")
        return None

    def _suspended_s(self, label: str, process: subprocess.Popen[bytes]) -> float:
        """Return how long (s) an interchange has been seen suspended; the driver does not see its own suspension."""
        with contextlib.suppress(psutil.Error):
            if psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
                return time.monotonic() - self._suspended_t.setdefault(label, time.monotonic())
        self._suspended_t.pop(label, None)
        return 0.0

    def _note_death(self, death: threading.ExceptHookArgs) -> None:
        """Keep what a thread of an executor died of, for the user's one line; a traceback is for other threads."""
        listeners = [getattr(executor, "_result_queue_thread", None) for executor in self.executors.values()]
        if death.thread is None or death.thread not in listeners or death.exc_value is None:
            self._other_threads(death)
        else:
            said = f"{death.exc_type.__name__}: {first_line(death.exc_value)}"
            self._last_words[death.thread] = redacted(one_line(said))[:200]

    def _cleanup(self) -> None:
        try:
            if self.parsl is not None:
                self.parsl.cleanup()
        except Exception:
            log.debug("shutdown", exc_info=True)

    def _abandon(self) -> None:
        """End everything that an orderly shutdown ends, in any state of it."""
        for executor in self.executors.values():
            process = _interchange(executor)
            if process is not None and process.poll() is None:
                _end(process)
            _close_sockets(executor)
        if self.parsl is not None:
            atexit.unregister(self.parsl.atexit_cleanup)


class KernelStopped(Exception):
    """Somebody asked to stop while the workers were starting."""


def _interchange(executor: Any) -> subprocess.Popen[bytes] | None:
    return getattr(executor, "interchange_proc", None) if isinstance(executor, BlockProviderExecutor) else None


def _close_sockets(executor: Any) -> None:
    """Close what an unfinished shutdown left open: Python, when it cleans up, would wait for its messages for ever."""
    listener = getattr(executor, "_result_queue_thread", None)
    if listener is not None:
        executor._result_queue_thread_exit.set()
        listener.join(LISTENER_S)
        if listener.is_alive():
            return
    client = getattr(executor, "command_client", None)
    for pipe in _pipes(executor):
        # A thread that waits for an answer holds the lock: its socket cannot be closed, which would abort the process.
        waited_on = pipe is client and not client._lock.acquire(blocking=False)
        if isinstance(pipe.close, OneClosing) and not waited_on:
            pipe.close.abandon()


def _pipes(executor: Any) -> list[Any]:
    """Return what an executor speaks to its interchange through."""
    found = (getattr(executor, name, None) for name in ("incoming_q", "outgoing_q", "command_client"))
    return [pipe for pipe in found if pipe is not None]


class OneClosing:
    """Close a pipe of an executor once: two threads that close its sockets at the same time would hang or abort.

    An orderly shutdown that was given up may still go on, as soon as the interchange that held it up ends.

    Parameters
    ----------
    pipe : object
        It has ``close`` and the context of its sockets, ``zmq_context``.
    """

    def __init__(self, pipe: Any) -> None:
        self._close, self._context = pipe.close, pipe.zmq_context
        self._lock, self._closed = threading.Lock(), False

    def __call__(self) -> None:
        """Close it as Parsl does, which waits for messages."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._close()

    def abandon(self) -> None:
        """Close it with the messages that nobody received, unless another thread is closing it."""
        if self._lock.acquire(blocking=False):
            try:
                if not self._closed:
                    self._closed = True
                    with contextlib.suppress(Exception):
                        self._context.destroy(linger=0)
            finally:
                self._lock.release()


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
