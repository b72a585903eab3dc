"""Decide when the committee is refitted, and name the attempts of a fit. Pure."""

from __future__ import annotations

from alloop.decisions.charter import Charter
from alloop.journal.events import GenerationOpened
from alloop.state.records import GenerationState, TaskState
from alloop.state.state import CampaignState

FIT_ATTEMPTS = 3
PATIENCE, LEAST_PATIENCE = 2.0, 0.05
"""Time waited for what runs when `budget.wall_h` is spent: as a multiple of the longest such task so far, and as a
part of the budget, whichever is longer."""


def worth_waiting_for(state: CampaignState) -> bool:
    """Return whether a paid label, a member of the last committee or its calibration is still being computed.

    Where the hours of the budget are spent, they are waited for as long as they may take, and not for ever.
    """
    return any(_is_paid(task) for task in state.running.values()) and not waited_in_vain(state)


def _is_paid(task: TaskState) -> bool:
    return not task.of_study and (task.slot_kind in ("label", "fit") or task.task == "calibrate")


def waited_in_vain(state: CampaignState) -> bool:
    """Return whether the hours of the budget are spent, and what still ran then has had the time that it may take."""
    wall_h = (state.config.get("budget") or {}).get("wall_h")
    if state.verdict is None or wall_h is None or state.wall_s <= 3600.0 * wall_h:
        return False
    timings = (task.finished.timing for task in state.tasks.values() if task.finished and _is_paid(task))
    longest_s = max((timing.finished_t - timing.started_t for timing in timings if timing is not None), default=0.0)
    waited_s = state.wall_s - state.verdict_wall_s
    return bool(waited_s > max(PATIENCE * longest_s, LEAST_PATIENCE * 3600.0 * wall_h))


def attempts(purpose: str) -> list[str]:
    """Return the purposes under which a fit is tried, each from another seed."""
    return [f"{purpose}/again{attempt}" if attempt else purpose for attempt in range(FIT_ATTEMPTS)]


def member_fit(generation: GenerationState, member: int) -> str:
    """Return the purpose of the fit of a member: the leader of a rung's committee is the first fit of that rung."""
    leads_rung = member == 0 and generation.rung is not None
    return f"fit/r{generation.rung}/f0" if leads_rung else f"fit/g{generation.number}/m{member}"


def under_way(state: CampaignState) -> list[GenerationState]:
    """Return the generations whose committee may still be completed."""
    return [generation for generation in state.fitting() if not _given_up(state, generation)]


def _given_up(state: CampaignState, generation: GenerationState) -> bool:
    """Return whether a member failed as often as a fit is tried."""
    lacking = (number for number in range(state.members()) if number not in generation.models)
    last = (state.tasks.get(attempts(member_fit(generation, number))[-1]) for number in lacking)
    return any(task is not None and task.status == "failed" for task in last)


def generation_due(state: CampaignState, charter: Charter) -> GenerationOpened | None:
    """Return the refit that should begin now: of a rung as soon as its labels are complete, else after enough news.

    In overlap mode a rung does not wait for the fits of the one before; a refit between rungs does.
    """
    number = len(state.generations)
    if number == 0 and charter.foundation is not None and charter.config.teacher is None:
        return GenerationOpened(number=0, upto=0, labels=0, foundation=True)
    fitting = bool(under_way(state))
    if (fitting and not charter.config.overlap) or len(state.e0s_eV) < len(charter.elements):
        return None
    if number == 0 and state.pending("train"):
        return None
    return _rung_generation(state, charter, number) or (None if fitting else _refit(state, charter, number))


def _rung_generation(state: CampaignState, charter: Charter, number: int) -> GenerationOpened | None:
    size = next((rung for rung in charter.config.ladder.rungs if rung not in state.rungs), None)
    if size is None or state.labelled("train") < size:
        return None
    labelled, missing = 0, []
    for upto, frame_id in enumerate(state.train_order, start=1):
        status = state.frames[frame_id].status
        if status == "selected":
            return None
        labelled += status == "labelled"
        if status != "labelled":
            missing.append(frame_id)
        if labelled == size:
            return GenerationOpened(number=number, upto=upto, missing=tuple(missing), labels=size, rung=size)
    return None


def _refit(state: CampaignState, charter: Charter, number: int) -> GenerationOpened | None:
    before = max((len(generation.frames) for generation in state.generations), default=0)
    labels, every = state.labelled("train"), charter.config.fit.every_labels
    if before:
        enough = labels - before >= every and labels < charter.config.ladder.rungs[-1]
    else:
        enough = labels >= every or (labels > 0 and not state.pending("train"))
    if not enough:
        return None
    missing = tuple(i for i in state.train_order if state.frames[i].status != "labelled")
    return GenerationOpened(number=number, upto=len(state.train_order), missing=missing, labels=labels)
