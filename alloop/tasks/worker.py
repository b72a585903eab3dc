"""Compute a task in a worker: take the lock of its key, run it, write its result."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from alloop.failures import UNUSABLE, OutOfTimeError, PlaceError, TaskFailure, plain_text
from alloop.files.durable import Room
from alloop.files.redaction import redacted
from alloop.labelling import calculator_process
from alloop.labelling.errors import EngineError
from alloop.tasks.attempts import broken_by
from alloop.tasks.contract.records import LONGEST_DETAIL, LONGEST_REASON, Result, Timing
from alloop.tasks.contract.request import Request
from alloop.tasks.contract.result_files import result_to_bytes
from alloop.tasks.machine import Machine
from alloop.tasks.registry import KINDS, function, request_from_json
from alloop.tasks.workspace import Workspace

ANY_MACHINE = Machine()
WAIT_FOR_PLACE_S = (1.0, 3.0, 6.0)
"""Times (s) that a worker waits before it tries again to use a folder that cannot be used."""
Done = TypeVar("Done")


def perform(root: str, kind: str, fields: dict[str, Any], machine: dict[str, Any] | None = None) -> str:
    """Compute a task unless there is a verified result, and return its key.

    A worker whose lease ended because it was suspended for long may compute at the same time as its successor. The
    first of them to finish writes; should both write at the same instant, two whole files of the same content replace
    each other.

    Parameters
    ----------
    root : str
        The campaign's folder.
    kind : str
        Kind of the request.
    fields : dict
        The request as JSON.
    machine : dict or None
        A dumped `Machine`: how this worker computes.

    Returns
    -------
    str
        The key; the result is read from its file.

    Raises
    ------
    PlaceError
        If the campaign's folder cannot be used: nothing was computed, or the error holds the result of a label.
    """
    request = request_from_json(kind, fields)
    workspace, key = Workspace(Path(root)), request.key()
    told = Machine.model_validate(machine or {})
    with ExitStack() as held:
        _patiently(lambda: held.enter_context(workspace.lock(key, told.locks)))
        if not _patiently(lambda: _is_done(workspace, kind, key)):
            room = _patiently(lambda: held.enter_context(workspace.room(kind, key)))
            _patiently(lambda: workspace.note_attempt(kind, key))
            _deliver(_computed(request, workspace, told), room, workspace, request.slot_kind == "label")
    return key


def attempt(root: str, kind: str, fields: dict[str, Any], machine: dict[str, Any] | None = None) -> dict[str, Any]:
    """Perform a task as `perform` does, and return how that ended, as plain data that any process can read.

    Returns
    -------
    dict
        Empty, or a dumped `BrokenAttempt`: whatever the code of others raises ends here.
    """
    try:
        perform(root, kind, fields, machine)
    except BaseException as error:
        return broken_by(error).model_dump(mode="json")
    return {}


def _computed(request: Request, workspace: Workspace, machine: Machine) -> Result:
    """Return the result of a request; an error of a calculator's own files counts as one of the place if it is."""
    try:
        return compute(request, workspace, machine)
    except (OSError, EngineError) as error:
        number = error.number if isinstance(error, EngineError) else error.errno
        if number in UNUSABLE and not isinstance(error, PlaceError):
            workspace.check_place()
        raise


def _deliver(result: Result, room: Room, workspace: Workspace, is_label: bool) -> None:
    """Write a result unless another stands; a label that cannot be written goes to the driver with the error."""
    content = result_to_bytes(result)

    def write() -> None:
        if not _is_done(workspace, result.kind, result.key):
            try:
                room.write(content)
            except FileNotFoundError:
                workspace.write(result)

    try:
        _patiently(write)
    except PlaceError as error:
        error.unwritten = content if is_label else None
        raise


def _patiently(do: Callable[[], Done]) -> Done:
    """Do something in the campaign's folder; where that cannot be used, wait a little before giving up."""
    for pause_s in WAIT_FOR_PLACE_S:
        try:
            return do()
        except PlaceError:
            time.sleep(pause_s)
    return do()


def compute(request: Request, workspace: Workspace, machine: Machine = ANY_MACHINE) -> Result:
    """Run the task of a request and return its result; a scientific failure is a result too."""
    clock = _Clock(machine.cores(request.slot_kind))
    outcome: dict[str, Any]
    try:
        summary, data = function(KINDS[request.kind].run)(request, workspace, machine)
        outcome = {"status": "ok", "summary": summary, "data": data}
    except TaskFailure as failure:
        reason, detail = (plain_text(redacted(str(text))) for text in (failure.reason, failure.detail))
        outcome = {"status": "failed", "reason": reason[:LONGEST_REASON], "detail": detail[:LONGEST_DETAIL]}
    except OutOfTimeError as error:
        raise OutOfTimeError(error.detail, clock.timing()) from error
    return Result(key=request.key(), kind=request.kind, timing=clock.timing(), **outcome)


class _Clock:
    """Measures what a task costs, from now on.

    Ranks may run where their time cannot be seen, and hold their cores while they wait for each other: with several
    of them every core is charged for the whole time.
    """

    def __init__(self, cores: int) -> None:
        self._cores, self._started_t, self._cpu_before = cores, time.time(), _cpu_s()

    def timing(self) -> Timing:
        now = time.time()
        used_s = max(0.0, _cpu_s() - self._cpu_before)
        return Timing(
            started_t=self._started_t,
            finished_t=now,
            cpu_s=used_s if self._cores == 1 else self._cores * (now - self._started_t),
            cores=self._cores,
            host=socket.gethostname(),
            pid=os.getpid(),
        )


def _is_done(workspace: Workspace, kind: str, key: str) -> bool:
    """Return whether there is a verified result; a damaged one is put aside."""
    if workspace.has_verified(kind, key):
        return True
    workspace.put_aside(kind, key)
    return False


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + calculator_process.cpu_s()
