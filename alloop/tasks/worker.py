"""Compute a task in a worker: take the lock of its key, run it, write its result."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from alloop.failures import DISK_FULL, OutOfTimeError, TaskFailure, plain_text
from alloop.files.redaction import redacted
from alloop.labelling import calculator_process
from alloop.tasks.attempts import broken_by
from alloop.tasks.contract.records import LONGEST_DETAIL, LONGEST_REASON, Result, Timing
from alloop.tasks.contract.request import Request
from alloop.tasks.machine import Machine
from alloop.tasks.registry import KINDS, function, request_from_json
from alloop.tasks.workspace import Workspace

ANY_MACHINE = Machine()
WAIT_FOR_ROOM_S = (1.0, 3.0, 6.0)
"""Times (s) that a worker holds a result in memory and waits for room on the disk."""


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
    """
    request = request_from_json(kind, fields)
    workspace, key = Workspace(Path(root)), request.key()
    told = Machine.model_validate(machine or {})
    with workspace.lock(key, told.locks):
        if not _is_done(workspace, kind, key):
            workspace.note_attempt(kind, key)
            result = compute(request, workspace, told)
            if not _is_done(workspace, kind, key):
                _write_patiently(workspace, result)
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


def _write_patiently(workspace: Workspace, result: Result) -> None:
    """Write a result; on a full disk wait a little for room before the work is thrown away."""
    for pause_s in WAIT_FOR_ROOM_S:
        try:
            return workspace.write(result)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
        time.sleep(pause_s)
    return workspace.write(result)


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
