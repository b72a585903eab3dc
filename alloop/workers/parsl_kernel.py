"""Start Parsl's kernel on a thread of its own, watch it and end it."""

from __future__ import annotations

import atexit
import contextlib
import logging
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import psutil
from parsl import DataFlowKernel
from parsl.config import Config
from parsl.executors.status_handling import BlockProviderExecutor

SHUTDOWN_S = 8.0
WATCH_S = 0.2
log = logging.getLogger(__name__)


class InterchangeDied(Exception):
    """A process between the driver and its workers is gone; Parsl itself would wait for it for ever."""


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
        """Fail the tasks of an executor whose interchange died."""
        while not self._closing.wait(WATCH_S):
            for label, executor in self.executors.items():
                process = _interchange(executor)
                if process is not None and process.poll() is not None and not executor.bad_state_is_set:
                    died = InterchangeDied(f"the interchange of executor {label!r} died")
                    with contextlib.suppress(Exception):
                        executor.set_bad_state_and_fail_all(died)

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
        if self.parsl is not None:
            atexit.unregister(self.parsl.atexit_cleanup)


class KernelStopped(Exception):
    """Somebody asked to stop while the workers were starting."""


def _interchange(executor: Any) -> subprocess.Popen[bytes] | None:
    return getattr(executor, "interchange_proc", None) if isinstance(executor, BlockProviderExecutor) else None


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
