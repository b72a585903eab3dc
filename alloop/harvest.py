"""Results from the workers' files into the journal: verified, once, whoever computed them."""

from __future__ import annotations

from alloop.durable import write_durably
from alloop.events import AttemptLost, Event, TaskFinished
from alloop.journal import Entry, Journal
from alloop.records import TaskState
from alloop.state import LOST
from alloop.tasks.workspace import DamagedResultError, Workspace


def harvest(journal: Journal, workspace: Workspace, task: TaskState) -> list[Entry]:
    """Journal the result of a task if a verified one stands; a damaged file is put aside and computed again."""
    try:
        result = workspace.read(task.task, task.key, with_data=task.task == "label")
    except DamagedResultError:
        path = workspace.result_path(task.task, task.key)
        path.replace(path.with_suffix(".damaged"))
        return []
    if result is None:
        return []
    if task.task == "fit" and result.status == "ok" and not workspace.model_path(f"fit:{task.key}").is_file():
        workspace.result_path(task.task, task.key).unlink()
        return []
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
    labelled = task.task == "label" and result.status == "ok"
    content = {task.key: workspace.result_path(task.task, task.key).read_bytes()} if labelled else {}
    return journal.append([event], content)


def give_up_or_retry(task: TaskState, error: BaseException, retries: int) -> Event:
    """Return what a broken attempt means: another attempt, or the end of the task."""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if task.attempts <= retries:
        return AttemptLost(purpose=task.purpose, key=task.key, error=text)
    return TaskFinished(
        purpose=task.purpose, key=task.key, status="failed", reason=LOST, detail=f"{task.attempts} attempts: {text}"
    )


def restore_labels(journal: Journal, workspace: Workspace) -> int:
    """Write back every label file that is missing or damaged, from the journal; return how many."""
    restored = 0
    for key in journal.result_keys():
        path, content = workspace.result_path("label", key), journal.result(key) or b""
        if not path.is_file() or path.read_bytes() != content:
            write_durably(path, content)
            restored += 1
    return restored
