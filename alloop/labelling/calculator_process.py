"""ASE calculators in another Python: one process for each, which stays up between questions.

A process runs ``calculator_server.py`` on a leash, so it does not live longer than this process. It is started at the
first question and again after it ended. Threads of this process share it; each question waits for the one before.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import math
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from alloop.config.label import AseLabel
from alloop.failures import OutOfTimeError, TaskFailure
from alloop.files.long_files import keep_end
from alloop.labelling import calculator_server
from alloop.labelling.calculator_server import CalculatorError
from alloop.labelling.errors import FORESEEN, EngineError, RanksError
from alloop.labelling.ranks import OUTPUT, environment, last_words

START_S = 300.0
"""Time (s) in which a calculator must be imported."""
_END_S, _LOOK_S, _LATE_S = 10.0, 1.0, 5.0
_KEPT_LOG_BYTES = 100_000
_MARK = calculator_server.ANSWER.encode()
_SEEN = b"\0"
"""The beginning of a line that is no answer."""
_BY_ITSELF = 0
"""Exit status of a server that was asked nothing for long."""


def describe(label: AseLabel, limit_s: float = START_S) -> dict[str, Any]:
    """Return the ``identity`` of a calculator in its Python, and the ``properties`` that its class lists.

    Raises
    ------
    CalculatorError
        If it cannot be imported there, or does not take its arguments.
    RanksError
        If the process died or did not answer in time.
    """
    return _process(label).describe(limit_s)


def known_elements(label: AseLabel, limit_s: float = START_S) -> list[int] | None:
    """Return the atomic numbers that a calculator says it knows; None if it says nothing. It is made for that.

    Raises
    ------
    CodeMismatchError, RanksError, OutOfTimeError
        If it cannot be made, or the process died or did not answer in time.
    """
    numbers: list[int] | None = _process(label).ask({"do": "elements"}, limit_s)["numbers"]
    return numbers


def single_point(label: AseLabel, frame: dict[str, Any], folder: Path, limit_s: float | None) -> dict[str, Any]:
    """Return the answer of a calculator to a frame.

    Parameters
    ----------
    label : AseLabel
        Settings with a `python`.
    frame : dict
        ``numbers``, ``positions`` (Å), ``cell`` (Å) and ``pbc``.
    folder : pathlib.Path
        Where the calculator may write; what it printed is left there after a failure.
    limit_s : float or None
        Time (s) after which the process is ended.

    Raises
    ------
    TaskFailure
        ``dft`` if the calculator raised.
    NotConvergedError, CodeMismatchError
        If it says so.
    RanksError, OutOfTimeError
        If the process died or did not answer in time.
    """
    process = _process(label)
    try:
        return process.ask({"do": "single_point", **frame, "folder": str(folder)}, limit_s)
    except Exception:
        (folder / OUTPUT).write_text(process.printed(), encoding="utf-8")
        raise


def cpu_s() -> float:
    """Return the processor time (s) of processes that run, which the system counts only when they have ended."""
    return sum(process.cpu_s for process in list(_processes.values()))


class CalculatorProcess:
    """One calculator in its Python.

    Parameters
    ----------
    label : AseLabel
        Settings with a `python`.
    """

    def __init__(self, label: AseLabel) -> None:
        self._label = label
        self._lock = threading.RLock()
        self._leash: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        fcntl.fcntl(self._log, fcntl.F_SETFL, fcntl.fcntl(self._log, fcntl.F_GETFL) | os.O_APPEND)
        self._description: dict[str, Any] | None = None
        self._waiting = self._greeting = b""
        self.cpu_s = 0.0

    def describe(self, limit_s: float) -> dict[str, Any]:
        """Return what the running process has imported; see `describe`."""
        with self._lock:
            if self._description is None or not self._runs():
                try:
                    self._description = self.ask({"do": "describe"}, limit_s)
                except CalculatorError:
                    self.end()
                    raise
                except OutOfTimeError as error:
                    raise RanksError(f"`{self._label.calculator}` was not imported: {error}") from error
            return self._description

    def ask(self, question: dict[str, Any], limit_s: float | None) -> dict[str, Any]:
        """Return the answer to a question; the process is started if need be."""
        with self._lock:
            deadline = None if limit_s is None else time.monotonic() + limit_s
            try:
                answer = self._answer(question, deadline) or self._answer(question, deadline)
            except TimeoutError:
                self.end()
                assert limit_s is not None
                raise OutOfTimeError(f"no answer within {limit_s / 60:.3g} min on 1 core") from None
            except BaseException:
                self.end()
                raise
            if answer is None:
                raise RanksError(self._silent(question))
        self.cpu_s += answer.pop("cpu_s")
        return _checked(answer)

    def _answer(self, question: dict[str, Any], deadline: float | None) -> dict[str, Any] | None:
        """Return the answer to a question; None if the process had just ended by itself."""
        if not self._runs():
            self._start()
        os.ftruncate(self._log.fileno(), 0)
        line = self._exchange(json.dumps(question).encode() + b"\n", deadline)
        if line is not None:
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self.end()
        if status == _BY_ITSELF:
            return None
        why = f"{_how(status)}{last_words(self.printed())}"
        raise RanksError(f"the process of `{self._label.calculator}` ended {why}")

    def _silent(self, question: dict[str, Any]) -> str:
        """Return why there is no answer where the process ended twice without an error."""
        if question["do"] == "describe":
            return f"`{self._label.python}` ended without an answer; is it a Python?"
        return f"the process of `{self._label.calculator}` ended twice without an answer, with exit status 0"

    def _start(self) -> None:
        self.end()
        self._description = None
        words, path, packages = program(self._label)
        self._leash = subprocess.Popen(
            [sys.executable, "-P", "-m", "alloop.labelling.leash", str(os.getpid()), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(words),
            start_new_session=True,
            bufsize=0,
        )
        assert self._leash.stdin is not None
        os.set_blocking(self._leash.stdin.fileno(), False)
        told = {"calculator": self._label.calculator, "arguments": self._label.arguments}
        self._greeting = json.dumps({**told, "path": path, "packages": packages}).encode() + b"\n"

    def _exchange(self, message: bytes, deadline: float | None) -> bytes | None:
        """Write a line and return the one that comes back; None if the process ends instead."""
        assert self._leash is not None
        assert self._leash.stdin is not None
        assert self._leash.stdout is not None
        source, target = self._leash.stdout.fileno(), self._leash.stdin.fileno()
        message, self._greeting = self._greeting + message, b""
        while (answer := self._received()) is None:
            left = math.inf if deadline is None else max(0.0, deadline - time.monotonic())
            readable, writable, _ = select.select([source], [target] if message else [], [], min(left, _LOOK_S))
            keep_end(self._log.fileno())
            if left <= _LOOK_S and not (readable or writable):
                raise TimeoutError
            if deadline is not None and time.monotonic() > deadline + _LATE_S:
                raise TimeoutError  # it prints without end; an answer that has come would have been read by now
            if readable:
                piece = os.read(source, 1 << 16)
                if not piece:
                    return None
                self._waiting += piece
            if writable:
                try:
                    message = message[os.write(target, message) :]
                except BrokenPipeError:
                    message = b""
        return answer

    def _received(self) -> bytes | None:
        """Take the next answer from what has come; None if there is none yet."""
        while b"\n" in self._waiting:
            line, _, self._waiting = self._waiting.partition(b"\n")
            if line.startswith(_MARK):
                return line.removeprefix(_MARK)
        if len(self._waiting) > len(_MARK) and not self._waiting.startswith(_MARK):
            self._waiting = _SEEN  # the rest of the line cannot make an answer of it
        return None

    def printed(self) -> str:
        """Return the end of what the process printed since the last question."""
        log = self._log.fileno()
        start = max(0, os.fstat(log).st_size - _KEPT_LOG_BYTES)
        return os.pread(log, _KEPT_LOG_BYTES, start).decode("utf-8", errors="replace")

    def end(self) -> int:
        """End the process, if it runs, and return its exit status."""
        leash, self._leash, self._waiting, self._greeting = self._leash, None, b"", b""
        if leash is None:
            return _BY_ITSELF
        for pipe in (leash.stdin, leash.stdout):
            assert pipe is not None
            pipe.close()
        self.cpu_s = 0.0
        return _ended(leash)

    def _runs(self) -> bool:
        return self._leash is not None and self._leash.poll() is None


def program(label: AseLabel) -> tuple[list[str], list[str] | None, str | None]:
    """Return the command of a calculator's Python, its whole `sys.path` if not its own, and the folder before it.

    Raises
    ------
    CalculatorError
        If there is no such Python or folder.
    """
    assert label.python is not None
    place, server = Path(label.python), calculator_server.__file__
    path = [str(Path(entry).resolve()) for entry in sys.path]
    if place.is_dir():
        return [sys.executable, server], path, str(place)
    if not place.exists():
        mend = "name a Python, or a folder of packages as `pip install --target` makes"
        raise CalculatorError("python", f"there is no `{place}`; {mend}")
    if not (place.is_file() and os.access(place, os.X_OK)):
        raise CalculatorError("python", f"`{place}` is no program; name a Python, or a folder of packages")
    own = place.parent == Path(sys.executable).parent and place.samefile(sys.executable)
    return [str(place), server], path if own else None, None


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that is no error.

    Raises
    ------
    Exception
        The error that it names.
    """
    if "error" not in answer:
        return answer
    kind, detail = answer["error"], answer["detail"]
    if kind in FORESEEN:
        raise FORESEEN[kind](detail)
    if kind == calculator_server.FAILED:
        raise TaskFailure("dft", detail)
    if kind:
        raise CalculatorError(kind, detail)
    raise EngineError(**answer["raised"])


def _how(status: int) -> str:
    """Return how a process ended, from the exit status of its leash."""
    number = -status if status < 0 else status - 128
    with suppress(ValueError):
        return f"by {signal.Signals(number).name}"
    return f"with exit status {status}"


def _ended(leash: subprocess.Popen[bytes]) -> int:
    """Return the exit status of a leash whose pipes are closed; one that computes is ended."""
    with suppress(subprocess.TimeoutExpired):
        return leash.wait(0.5)
    leash.terminate()
    try:
        return leash.wait(_END_S)
    except subprocess.TimeoutExpired:
        leash.kill()
        return leash.wait()


# -- the processes of this process -------------------------------------------------------------------------------

_processes: dict[str, CalculatorProcess] = {}
_lock = threading.Lock()


def _process(label: AseLabel) -> CalculatorProcess:
    key = json.dumps([label.python, label.calculator, label.arguments], sort_keys=True)
    with _lock:
        if key not in _processes:
            _processes[key] = CalculatorProcess(label)
        return _processes[key]


def end_all() -> None:
    """End every calculator of this process; the next question starts its process again."""
    with _lock:
        processes = list(_processes.values())
        _processes.clear()
    for process in processes:
        process.end()


def _forget() -> None:
    """Leave the processes to the parent: this process was forked from it."""
    global _lock
    _lock = threading.Lock()
    _processes.clear()


atexit.register(end_all)
os.register_at_fork(after_in_child=_forget)
