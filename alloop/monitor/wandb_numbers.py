"""Choose what is published of each event at Weights & Biases. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from typing import Any

from alloop.config.machine import PRIVATE_SECTIONS
from alloop.journal.events import (
    AttemptLost,
    CampaignCreated,
    CodeChanged,
    ConfigChanged,
    FramesSelected,
    GenerationOpened,
    RungJudged,
    TaskFinished,
    VerdictReached,
)
from alloop.journal.journal import Entry
from alloop.monitor.wandb_alerts import Alert, Quiet, alert
from alloop.state.records import TaskState, segments_of
from alloop.state.state import CampaignState
from alloop.status.advice import advice
from alloop.status.calibration import CalibrationStatus, Fared
from alloop.status.foundation import foundation_facts
from alloop.status.numbers import finite
from alloop.status.summary import RungRow, rung_rows
from alloop.status.teacher import teacher_words
from alloop.tasks.contract.calibrate import CalibrateSummary
from alloop.tasks.contract.explore import ExploreSummary
from alloop.tasks.contract.records import OffersSummary

STEP_METRIC = "labels"

Row = dict[str, float | int | str]


@dataclass(frozen=True)
class Publication:
    """What one event adds: a row of the history, values of summary and config, plots with the row, an alert.

    Attributes
    ----------
    reliability : CalibrateSummary or None
        The calibration whose reliability plot belongs to the row.
    tags : tuple of str
        Tags of the run.
    alert : Alert or None
        What the user is told at once.
    judged : CampaignState or None
        The campaign as it was when a rung was judged, for the plots of that row.
    """

    seq: int
    row: Row | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    reliability: CalibrateSummary | None = None
    tags: tuple[str, ...] = ()
    alert: Alert | None = None
    judged: CampaignState | None = None


class Publications:
    """What is published of a campaign, event by event; remembers what alerts need of the events before."""

    def __init__(self) -> None:
        self._quiet = Quiet()

    def pass_over(self, entry: Entry) -> None:
        """Take note of an event that somebody else publishes."""
        self._quiet.hear(entry)

    def of(self, entry: Entry, state: CampaignState) -> Publication | None:
        """Return what is published of the next event, already folded into the state, or None."""
        return publication(entry, state, self._quiet.hear(entry))


def publication(entry: Entry, state: CampaignState, stalled: Alert | None = None) -> Publication | None:
    """Return what is published of an event already folded into the state, or None.

    An event of which the user is alerted has a row, so that the server's last row says which alerts it has.
    """
    told = stalled or alert(entry, state)
    row, config = rows(entry, state), _config(entry)
    if told is not None:
        row = (row or _row(entry, state, {})) | {"alert": told.title}
    summary = _summary(entry, state)
    if row is None and not summary and not config:
        return None
    judged = snapshot(state) if isinstance(entry.event, RungJudged) else None
    return Publication(entry.seq, row, summary, config, _reliability(entry, state), _tags(entry), told, judged)


def snapshot(state: CampaignState) -> CampaignState:
    """Return a state that later events do not add to; its tasks, frames and rungs are those of the original."""
    kept = {one.name: getattr(state, one.name) for one in fields(state)}
    containers: dict[str, Any] = {
        name: copy(value) for name, value in kept.items() if isinstance(value, dict | list | set)
    }
    return replace(state, **containers)


def _reliability(entry: Entry, state: CampaignState) -> CalibrateSummary | None:
    event = entry.event
    if not isinstance(event, TaskFinished) or event.status != "ok":
        return None
    task = state.tasks[event.purpose]
    calibrated = task.task == "calibrate" and not task.of_study
    return state.calibrations[int(task.context["generation"])] if calibrated else None


def rows(entry: Entry, state: CampaignState) -> Row | None:
    """Return the row of the history for an event, or None if it has none.

    Every row holds ``labels`` (training labels behind the row's numbers: of the rung in a row about a rung, of the
    whole campaign otherwise), ``seq`` (the event's number in the journal) and ``wall_h`` (running time, h).
    """
    make = _ROWS.get(type(entry.event))
    values = make(entry.event, state) if make is not None else None
    return None if values is None else _row(entry, state, values)


def _row(entry: Entry, state: CampaignState, values: dict[str, Any]) -> Row:
    row: Row = {}
    for name, value in ({STEP_METRIC: state.labelled("train")} | values).items():
        if isinstance(value, str) or finite(value) is not None:
            row[name] = value
    return row | {"seq": entry.seq, "wall_h": round(state.wall_s / 3600, 6)}


def _task_row(event: TaskFinished, state: CampaignState) -> dict[str, Any] | None:
    task = state.tasks[event.purpose]
    if event.status == "failed":
        return _counts(state)
    make = None if task.of_study else _TASK_ROWS.get(task.task)
    return make(task, event.summary, state) if make is not None else None


def _counts(state: CampaignState) -> dict[str, Any]:
    return {
        "count/heldout": state.labelled("heldout"),
        "count/failed_labels": sum(state.failures.values()),
        "count/rejected_frames": sum(state.rejections.values()),
        "count/broken_tasks": sum(state.broken.values()),
        "dft/core_hours": state.dft_core_s / 3600,
    }


def _label_row(task: TaskState, label: dict[str, Any], state: CampaignState) -> dict[str, Any]:
    frame = state.frames[task.context["frame"]]
    timing = task.finished.timing if task.finished else None
    return _counts(state) | {
        "label/disagreement_eV_per_A": frame.offer.disagreement_eV_per_A,
        "label/max_force_eV_per_A": label.get("max_force_eV_per_A"),
        "label/scf_iterations": label.get("scf_iterations"),
        "label/core_s": timing.cpu_s if timing else None,
        "label/system": frame.system,
        "label/temperature_K": frame.offer.temperature_K,
        "label/walker": frame.walker,
        "label/generation": frame.generation,
        "label/why": frame.reason or frame.offer.why,
        "label/use": frame.use,
    }


def _explore_row(task: TaskState, told: dict[str, Any], state: CampaignState) -> dict[str, Any]:
    """Return what a task's walkers came to, all together: the hottest of the highest, the mean of the means."""
    walkers = ExploreSummary.model_validate(told).walkers
    means_K = [one.mean_temperature_K for one in walkers if one.mean_temperature_K is not None]
    highest = [one.max_disagreement_eV_per_A for one in walkers if one.max_disagreement_eV_per_A is not None]
    gated = sum((Counter(one.gated) for one in walkers), Counter[str]())
    targets_K = {segment.temperature_K for segment in segments_of(task.context)}
    return {
        "explore/walkers": len(walkers),
        "explore/steps": sum(one.steps for one in walkers),
        "explore/temperature_K": targets_K.pop() if len(targets_K) == 1 else None,
        "explore/mean_temperature_K": sum(means_K) / len(means_K) if means_K else None,
        "explore/max_disagreement_eV_per_A": max(highest, default=None),
        "explore/looks": sum(one.looks for one in walkers),
        "explore/offers": sum(len(one.offers) for one in walkers),
        "explore/gated": sum(gated.values()),
        **{f"explore/gated_for/{reason}": number for reason, number in gated.items()},
        **_swaps(walkers),
        "explore/ended": ", ".join(sorted({one.ended for one in walkers})),
    }


def _swaps(walkers: Sequence[OffersSummary]) -> dict[str, int]:
    """Return the attempted and the accepted swaps of ions by sublattice."""
    counts: Counter[str] = Counter()
    for name, count in (swap for walker in walkers for swap in walker.swaps.items()):
        counts[f"explore/swaps/{name}"] += count.attempted
        counts[f"explore/swaps_accepted/{name}"] += count.accepted
    return dict(counts)


def _fit_row(task: TaskState, fit: dict[str, Any], state: CampaignState) -> dict[str, Any]:
    context, last = task.context, (fit.get("history") or [{}])[-1]
    leads = context.get("member") == 0 and context.get("generation") is not None
    group = "leader" if leads else "fit"
    return _labels_of(context, state) | {
        f"{group}/generation": context.get("generation"),
        f"{group}/member": context.get("member"),
        f"{group}/rung": context.get("rung"),
        f"{group}/steps": fit.get("steps"),
        f"{group}/watched": fit.get("watched"),
        f"{group}/rmse_energy_meV_per_atom": last.get("rmse_energy_meV_per_atom"),
        f"{group}/rmse_forces_meV_per_A": last.get("rmse_forces_meV_per_A"),
    }


def _calibrate_row(task: TaskState, summary: dict[str, Any], state: CampaignState) -> dict[str, Any]:
    """Return how expected errors fare; a species' own numbers are of its random probes."""
    status = CalibrationStatus.of(state.calibrations)
    row: dict[str, Any] = {
        "calibration/generation": status.generation,
        "calibration/frames": status.frames,
        "calibration/probes": status.probes,
        "calibration/trusted": int(status.trusted),
        "calibration/at_disagreement_eV_per_A": status.at_disagreement_eV_per_A,
    }
    for name, error in status.expected_error_eV_per_A.items():
        row[f"calibration/{name}/expected_error_eV_per_A"] = error
    for fared in status.fared:
        row |= _fared(fared)
    return row


def _fared(fared: Fared) -> dict[str, Any]:
    group = f"calibration/{fared.species}" + ("" if fared.among == "probe" else f"/{fared.among}")
    return {
        f"{group}/ratio": fared.ratio,
        f"{group}/ratio_se": fared.se_ratio,
        f"{group}/coverage": fared.coverage,
        f"{group}/coverage_se": fared.se_coverage,
    }


def _labels_of(context: dict[str, Any], state: CampaignState) -> dict[str, Any]:
    if context.get("rung") is not None:
        return {STEP_METRIC: context["rung"]}
    if context.get("generation") is not None:
        return {STEP_METRIC: len(state.generations[context["generation"]].frames)}
    return {}


def _rung_row(event: RungJudged, state: CampaignState) -> dict[str, Any]:
    row = next(RungRow.of(row) for row in event.table if int(row["size"]) == event.size)
    return {STEP_METRIC: event.size, "heldout/frames": event.heldout, "heldout/fits": row.fits} | {
        f"heldout/{name}": value for name, value in _errors(row).items()
    }


def _errors(row: RungRow) -> dict[str, float | None]:
    return {
        "force_rmse_meV_per_A": row.rmse_forces_meV_per_A,
        "force_rmse_se_meV_per_A": row.se_forces_meV_per_A,
        "energy_rmse_meV_per_atom": row.rmse_energy_meV_per_atom,
        "energy_rmse_se_meV_per_atom": row.se_energy_meV_per_atom,
    }


def _selected_row(event: FramesSelected, state: CampaignState) -> dict[str, Any]:
    return {
        "select/chosen": len(event.chosen),
        "select/rejected": len(event.rejected),
        "select/candidates_left": len(state.pool),
        **{f"select/chosen_for/{why}": n for why, n in Counter(choice.why for choice in event.chosen).items()},
        **{f"select/rejected_for/{why}": n for why, n in Counter(event.rejected.values()).items()},
    }


def _opened_row(event: GenerationOpened, state: CampaignState) -> dict[str, Any]:
    return {STEP_METRIC: event.labels, "generation/number": event.number, "generation/rung": event.rung}


def _verdict_row(event: VerdictReached, state: CampaignState) -> dict[str, Any]:
    return _counts(state) | {"verdict": event.verdict, "reason": event.reason}


def _lost_row(event: AttemptLost, state: CampaignState) -> dict[str, Any]:
    return _counts(state)


def _summary(entry: Entry, state: CampaignState) -> dict[str, Any]:
    event = entry.event
    if isinstance(event, VerdictReached):
        return {"verdict": event.verdict, "reason": event.reason, "advice": [str(one) for one in advice(state)]}
    if not isinstance(event, RungJudged):
        return {}
    return {
        f"rung_{row.size}/{name}": value
        for row in rung_rows(state)
        for name, value in _errors(row).items()
        if value is not None
    }


def _tags(entry: Entry) -> tuple[str, ...]:
    """Return what a campaign is found by among others: its elements, label engine, policy, and what it begins with."""
    event = entry.event
    if not isinstance(event, CampaignCreated):
        return ()
    engine, policy = event.config["label"].get("engine"), event.config["select"].get("policy")
    begins = ("foundation" if event.foundation else None, "teacher" if event.config.get("teacher") else None)
    return tuple(str(tag)[:64] for tag in (*event.elements, engine, policy, *begins) if tag)


def _config(entry: Entry) -> dict[str, Any]:
    """Return the published part of the config: machines stay private, their set-up lines may hold secrets."""
    event = entry.event
    if isinstance(event, CodeChanged):
        return {"code": event.new}
    if not isinstance(event, CampaignCreated | ConfigChanged):
        return {}
    public = {name: value for name, value in event.config.items() if name not in PRIVATE_SECTIONS}
    if isinstance(event, ConfigChanged):
        return public
    models = {"foundation": foundation_facts(event), "teacher": teacher_words(event)}
    told = {name: facts for name, facts in models.items() if facts is not None}
    return public | {"models": told, "versions": event.versions, "code": event.code, "elements": list(event.elements)}


_TASK_ROWS: dict[str, Callable[[TaskState, dict[str, Any], CampaignState], dict[str, Any]]] = {
    "label": _label_row,
    "explore": _explore_row,
    "fit": _fit_row,
    "calibrate": _calibrate_row,
}

_ROWS: dict[type, Callable[[Any, CampaignState], dict[str, Any] | None]] = {
    TaskFinished: _task_row,
    AttemptLost: _lost_row,
    FramesSelected: _selected_row,
    GenerationOpened: _opened_row,
    RungJudged: _rung_row,
    VerdictReached: _verdict_row,
}
