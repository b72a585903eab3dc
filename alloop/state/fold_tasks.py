"""Events of tasks: planned, broken, finished."""

from __future__ import annotations

from typing import Any

from alloop.journal.events import AttemptLost, TaskFinished, TaskPlanned
from alloop.state.fold_frames import label_finished, offered
from alloop.state.fold_ladder import measure_finished, produce_finished
from alloop.state.records import (
    STUDY,
    SegmentState,
    StudyResult,
    TaskState,
    TaughtState,
    WalkerState,
    segments_of,
)
from alloop.state.state import MACHINE_REASONS, RETRIED, CampaignState
from alloop.tasks.contract.calibrate import CalibrateSummary
from alloop.tasks.contract.evaluate import EvaluateSummary
from alloop.tasks.contract.explore import ExploreSummary
from alloop.tasks.contract.records import OffersSummary
from alloop.tasks.contract.references import SegmentRef
from alloop.tasks.contract.select import SegmentSource
from alloop.tasks.contract.teach import TeachSummary
from alloop.tasks.registry import KINDS

UNPHYSICAL = ("contact", "temperature", "volume", "nan")


def task_planned(state: CampaignState, event: TaskPlanned) -> None:
    """A task will be submitted."""
    planned_t = state.last_t or 0.0
    task = TaskState(event.purpose, event.key, event.task, event.slot_kind, event.request, event.context, planned_t)
    state.tasks[task.purpose] = state.running[task.purpose] = task
    if STUDY in event.context:
        return
    if event.task == "explore":
        for segment in segments_of(event.context):
            _walker(state, segment.walker).running = True
    if event.task == "label":
        frame = state.frames[event.context["frame"]]
        state.to_label[str(frame.use)].pop(frame.id, None)


def attempt_lost(state: CampaignState, event: AttemptLost) -> None:
    """An attempt broke and is made again."""
    task = state.tasks[event.purpose]
    task.attempts, task.errors = task.attempts + event.cost, (*task.errors, event.error)
    state.broken[RETRIED] += 1


def task_finished(state: CampaignState, event: TaskFinished) -> None:
    """A result was harvested, or a task was given up."""
    task = state.tasks[event.purpose]
    task.status, task.finished = event.status, event
    task.request = task.request if event.reason in MACHINE_REASONS else {}
    state.running.pop(event.purpose, None)
    if task.of_study:
        _study_finished(state, task, event)
        return
    if task.slot_kind == "label" and event.timing is not None and not event.reused:
        state.dft_core_s += event.timing.cpu_s
    if event.status == "failed":
        state.last_problem = f"{event.purpose}: {event.detail or event.reason}"
        if task.task not in ("label", "probe"):
            state.broken[event.reason] += 1
    _FINISHED[task.task](state, task, event)


def _study_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    """Keep the end of a study's task: it counts against no budget and changes no decision.

    Only the newest attempt counts of a task that was planned again.
    """
    results = state.studies.setdefault(str(task.context[STUDY]), {})
    summary = KINDS[task.task].summary.model_validate(event.summary) if _is_ok(event) else None
    purpose = event.purpose.partition("/again")[0]
    results.pop(purpose, None)
    results[purpose] = StudyResult(task.task, event.key, task.context, summary, event.reason, event.detail)


def _initial_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    (segment,) = segments_of(task.context)
    _segment_finished(state, task, segment, OffersSummary.model_validate(event.summary) if _is_ok(event) else None)


def _teach_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    if not _is_ok(event):
        return
    summary, context = TeachSummary.model_validate(event.summary), task.context
    state.taught.append(
        TaughtState(
            system=context["system"],
            round=int(context["round"]),
            part=int(context["part"]),
            key=event.key,
            frames=summary.frames,
            keeps_cell=not context.get("strained", False),
            walkers=summary.walkers,
        )
    )


def _explore_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    summary = ExploreSummary.model_validate(event.summary) if _is_ok(event) else None
    for place, segment in enumerate(segments_of(task.context)):
        own = summary.walkers[place] if summary is not None else None
        _count_segment(state, task, segment, place, own)
        _segment_finished(state, task, segment, own)


def _segment_finished(
    state: CampaignState, task: TaskState, segment: SegmentState, summary: OffersSummary | None
) -> None:
    """Record the end of a walker's segment (summary None if it failed) and the frames that it offers."""
    walker = _walker(state, segment.walker)
    walker.running = False
    walker.segments = max(walker.segments, segment.segment + 1)
    if summary is None:
        walker.explosions += 1
        walker.ended = task.finished.reason if task.finished is not None else None
        return
    walker.explosions = walker.explosions + 1 if summary.ended in UNPHYSICAL else 0
    walker.ended = summary.ended
    state.rejections.update(summary.gated)
    for sublattice, count in summary.swaps.items():
        walker.swaps[sublattice] = count.plus(walker.swaps.get(sublattice))
    for offer in summary.offers:
        offered(state, task, segment, offer)


def _count_segment(
    state: CampaignState, task: TaskState, segment: SegmentState, place: int, summary: OffersSummary | None
) -> None:
    """Count a segment, also a failed one (summary None), so that a walker which always fails is given up."""
    walker = _walker(state, segment.walker)
    walker.last_generation = int(segment.generation or 0)
    walker.round = segment.round
    outgrown = segment.role == "heldout" and int(segment.generation or 0) < state.heldout_from
    if summary is not None and not outgrown:
        walker.continue_from = SegmentRef(task.key, place)
    fruitful = summary is not None and any(offer.why == "random" for offer in summary.offers)
    walker.fruitless = 0 if fruitful else walker.fruitless + 1
    state.stalled_segments += segment.role == "train"
    state.segments_since_selection += segment.role == "train"
    if summary is not None and segment.role == "train":
        state.news.append(_segment_source(task, segment, place))


def _is_ok(event: TaskFinished) -> bool:
    return event.status == "ok"


def _probe_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    """One repeated label changes nothing; they are compared when all are done."""


def _atom_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    if event.status == "ok":
        state.e0s_eV[task.context["element"]] = float(event.summary["energy_eV"])


def _fit_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    if event.status != "ok":
        return
    context, model = task.context, f"fit:{event.key}"
    if context["rung"] is not None:
        rungs = state.subsets if context.get("subset") else state.rungs
        rungs[context["rung"]].models[context["fit"]] = model
    if context["generation"] is not None:
        generation = state.generations[context["generation"]]
        generation.models[context["member"]] = model
        if len(generation.models) == state.members():
            state.unfitted.pop(generation.number, None)


def _evaluate_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    of_present_set = task.context.get("retirements", 0) == state.retirements or int(task.context["heldout"]) < 0
    if event.status == "ok" and of_present_set:
        key = (task.context["model"], int(task.context["heldout"]))
        state.evaluations[key] = EvaluateSummary.model_validate(event.summary)


def _calibrate_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    if event.status == "ok":
        state.calibrations[int(task.context["generation"])] = CalibrateSummary.model_validate(event.summary)
        state.calibrated = int(task.context.get("labels", state.calibrated))
        state.calibrated_heldout = int(task.context.get("heldout", 0))


def _select_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    if event.status == "ok":
        state.last_selection, state.asked = event.key, None


def _walker(state: CampaignState, walker_id: str) -> WalkerState:
    return state.walkers.setdefault(walker_id, WalkerState(walker_id))


def _segment_source(task: TaskState, segment: SegmentState, place: int) -> SegmentSource:
    return SegmentSource(
        key=task.key,
        place=place,
        walker=segment.walker,
        segment=segment.segment,
        system=segment.system,
        generation=int(segment.generation or 0),
    )


_FINISHED: dict[str, Any] = {
    "teach": _teach_finished,
    "choose": _initial_finished,
    "initial": _initial_finished,
    "explore": _explore_finished,
    "label": label_finished,
    "probe": _probe_finished,
    "atom": _atom_finished,
    "fit": _fit_finished,
    "evaluate": _evaluate_finished,
    "select": _select_finished,
    "calibrate": _calibrate_finished,
    "produce": produce_finished,
    "measure": measure_finished,
}
