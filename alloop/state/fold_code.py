"""Events of the code that makes the labels."""

from __future__ import annotations

from alloop.journal.events import CodeChanged, CodeDriftFound, CodeRefused
from alloop.state.records import TaskState
from alloop.state.state import CampaignState


def drift_found(state: CampaignState, event: CodeDriftFound) -> None:
    """The code of the labels changed: probes decide whether the campaign goes on with it."""
    _end_drift(state)
    state.drift = event
    state.drifts += 1


def code_refused(state: CampaignState, event: CodeRefused) -> None:
    """The changed code does not agree."""
    _end_drift(state)


def code_changed(state: CampaignState, event: CodeChanged) -> None:
    """The changed code agrees and makes the labels from now on."""
    _end_drift(state)
    state.codes.append(event.new)
    for task in [task for task in state.running.values() if outdated(state, task)]:
        del state.running[task.purpose]
        plan_again(state, task)
    if not event.probes:
        _forget_atoms(state)


def _end_drift(state: CampaignState) -> None:
    state.drift = None
    state.running = {purpose: task for purpose, task in state.running.items() if task.task != "probe"}


def _forget_atoms(state: CampaignState) -> None:
    """Have the isolated atoms computed again, because probes do not tell whether their energies changed."""
    for purpose in [task.purpose for task in state.tasks.values() if task.task == "atom"]:
        del state.tasks[purpose]
        state.running.pop(purpose, None)
    state.e0s_eV.clear()


def plan_again(state: CampaignState, task: TaskState) -> None:
    """Forget a task that was requested from former code, so that it is planned again."""
    del state.tasks[task.purpose]
    if task.task == "label":
        frame = state.frames[task.context["frame"]]
        state.to_label[str(frame.use)][frame.id] = frame


def outdated(state: CampaignState, task: TaskState) -> bool:
    """Return whether a task asks for other code than the present one."""
    asked: dict[str, str] = task.request.get("code", {})
    return any(state.code.get(name) != value for name, value in asked.items())
