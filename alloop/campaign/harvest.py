"""Verify the result files of workers and write their results into the journal, each once."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from pydantic import ValidationError

from alloop.files.durable import write_durably
from alloop.files.plain_files import put_aside
from alloop.journal.events import AttemptLost, Event, FramesSelected, TaskFinished
from alloop.journal.journal import Entry, Journal, JournalError
from alloop.state.records import TaskState
from alloop.state.state import LOST, TIMEOUT
from alloop.tasks.attempts import BrokenAttempt
from alloop.tasks.contract.label import LabelData, LabelSummary
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.result_files import result_from_bytes
from alloop.tasks.contract.select import SELECT, SelectRequest
from alloop.tasks.registry import KINDS
from alloop.tasks.workspace import DamagedResultError, Workspace, is_key

if TYPE_CHECKING:
    from alloop.workers.machine_faults import Fault

_RAISED = re.compile(r"(\w+): .*?(\([^()]+, line \d+\))")
REFUSED = "dft"
"""Reason of a label that its engine does not give."""


def harvest(
    journal: Journal,
    workspace: Workspace,
    task: TaskState,
    candidates: Container[str],
    unwritten: bytes | None = None,
    judge: Callable[[LabelSummary], str | None] | None = None,
) -> list[Entry]:
    """Journal the verified result of a task, if there is one; a damaged file is put aside and computed again.

    Parameters
    ----------
    journal : Journal
        Where to write.
    workspace : Workspace
        Where the result would be.
    task : TaskState
        The task.
    candidates : container of str
        Names of the frames that a selection may name.
    unwritten : bytes or None
        The result file, where its worker could not write it.
    judge : callable or None
        Says of a label why it must not be trained on, or None.
    """
    try:
        found = _found(workspace, task, unwritten)
        decision = _decision(workspace, task, found[0], candidates) if found else []
    except DamagedResultError:
        workspace.put_aside(task.task, task.key)
        return []
    if found is None:
        return []
    result, content = found
    why = judge(LabelSummary.model_validate(result.summary)) if judge and result.status == "ok" else None
    if why is not None:
        refused = {"status": "failed", "reason": REFUSED, "detail": why, "timing": result.timing}
        return journal.append([TaskFinished(purpose=task.purpose, key=task.key, **refused)])
    event = TaskFinished(
        purpose=task.purpose,
        key=task.key,
        status=result.status,
        reason=result.reason,
        detail=result.detail,
        timing=result.timing,
        summary=result.summary,
        reused=result.timing is not None and result.timing.finished_t < task.planned_t,
    )
    return journal.append([event, *decision], {task.key: content} if content else {})


def _found(workspace: Workspace, task: TaskState, unwritten: bytes | None = None) -> tuple[Result, bytes] | None:
    """Return the verified result of a task, and the file's content if it is a label's, or None."""
    content = unwritten or (workspace.content(task.task, task.key) if task.task == "label" else b"")
    if content is None:
        return None
    result = result_from_bytes(content, task.task, task.key) if content else workspace.read(task.task, task.key)
    if result is None or result.status != "ok":
        return None if result is None else (result, b"")
    _check_summary(task, result)
    if task.task == "label":
        _check_label(result)
    workspace.check_files(result)
    return result, content if task.task == "label" else b""


def _check_summary(task: TaskState, result: Result) -> None:
    """Refuse a summary that the decisions could not read, because the journal would keep it for ever."""
    kind = KINDS.get(task.task)
    try:
        summary = None if kind is None else kind.summary.model_validate(result.summary)
    except ValidationError as error:
        raise DamagedResultError(f"the summary of {task.task}/{task.key} does not fit") from error
    if kind is None or not kind.answers(task.request, task.context, summary):
        raise DamagedResultError(f"the summary of {task.task}/{task.key} is not what was asked for")


def _check_label(result: Result) -> None:
    """Refuse a label that no fit could read."""
    try:
        LabelData.model_validate(result.data)
    except ValidationError as error:
        raise DamagedResultError(f"the label {result.key} does not fit") from error


def _decision(workspace: Workspace, task: TaskState, result: Result, candidates: Container[str]) -> list[Event]:
    """Return the event of a selection's result: its frames and reasons are journaled before any label of them."""
    if task.task != "select" or result.status != "ok":
        return []
    request = SelectRequest.model_validate(task.request)
    try:
        data = workspace.data(SELECT, task.key)
    except FileNotFoundError as error:
        raise DamagedResultError(f"the selection {task.key} cannot be read") from error
    names = [*(frame.id for frame in data.chosen), *data.rejected]
    if any(name not in candidates for name in names) or len(set(names)) < len(names):
        raise DamagedResultError(f"the selection {task.key} names a frame twice, or one that is not a candidate")
    return [
        FramesSelected(
            generation=request.generation,
            policy=request.policy,
            seed=request.seed,
            chosen=data.chosen,
            rejected=data.rejected,
        )
    ]


def give_up_or_retry(task: TaskState, fault: Fault, retries: int) -> Event:
    """Return the event that follows a broken attempt: another attempt, or the end of the task.

    An error that the code of a task raises twice is no fault of the machine, which more attempts would cure.
    """
    if fault.repeats and any(_is_same(error, fault.text) for error in task.errors):
        reason, detail = (REFUSED if fault.of_engine else LOST), f"twice the same error: {fault.text}"
    elif task.attempts - 1.0 + fault.cost < retries + 1.0:
        return AttemptLost(purpose=task.purpose, key=task.key, error=fault.text, cost=fault.cost)
    else:
        reason, detail = LOST, f"given up after {retries + 1} attempts; the last: {fault.text}"
    return TaskFinished(purpose=task.purpose, key=task.key, status="failed", reason=reason, detail=detail)


def _is_same(one: str, other: str) -> bool:
    """Return whether two texts are of one error: of the same class and raised at the same line, if they say where."""
    places = [_RAISED.match(text) for text in (one, other)]
    if None in places:
        return one == other
    return len({place.groups() for place in places if place is not None}) == 1


def out_of_time(task: TaskState, broken: BrokenAttempt) -> Event:
    """Return the end of a task that reached its time limit; it is not tried again, which would cost the same."""
    end = {"status": "failed", "reason": TIMEOUT, "detail": broken.text, "timing": broken.timing}
    return TaskFinished(purpose=task.purpose, key=task.key, **end)


def restore_labels(journal: Journal, workspace: Workspace) -> int:
    """Write back every label file that is missing or damaged, from the journal; return how many."""
    restored = 0
    for key in journal.result_keys():
        if not is_key(key):
            raise JournalError("the journal holds a result under a name that is not a key; restore it from a copy")
        content = journal.result(key) or b""
        if not _holds(workspace, key, content):
            path = workspace.result_path("label", key)
            put_aside(workspace.root, path)
            write_durably(path, content, below=workspace.root)
            restored += 1
    return restored


def _holds(workspace: Workspace, key: str, content: bytes) -> bool:
    try:
        return workspace.content("label", key) == content
    except DamagedResultError:
        return False
