"""Messages for a person about each event, in lines of at most 120 columns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from alloop.decisions.changed_code import changed as code_changes
from alloop.decisions.changed_code import largest
from alloop.journal.events import (
    AttemptLost,
    CampaignCreated,
    CodeChanged,
    CodeDriftFound,
    CodeRefused,
    ConfigChanged,
    DriverStarted,
    DriverStopped,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    LabelsImported,
    PolicyChanged,
    ProductionExtended,
    RungJudged,
    SubsetsDrawn,
    SubsetsJudged,
    TaskFinished,
    VerdictReached,
)
from alloop.journal.journal import Entry
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.status.calibration import CalibrationStatus, calibration_text
from alloop.status.numbers import clipped, duration, finite, many
from alloop.status.reasons import counted_words, reason_words, running_words
from alloop.status.summary import RungRow, Status, imported_labels, last_metrics, leader_fit
from alloop.status.table import verdict_text
from alloop.status.task_words import task_words
from alloop.status.transport import rung_name, transport_text
from alloop.tasks.contract.fit import FitSummary
from alloop.tasks.registry import KINDS

WIDTH = 120
STAMP = "{:>11}  "


def lines(entry: Entry, state: CampaignState) -> list[str]:
    """Return the message of an event already folded into the state; for many events there is none."""
    tell = _TELL.get(type(entry.event))
    return [] if tell is None else [clipped(text, WIDTH) for text in tell(entry.event, state)]


def stamped(text: str, wall_s: float) -> str:
    """Return a line with the campaign's time in front, cut to the width."""
    return clipped(STAMP.format(duration(wall_s)) + text, WIDTH)


def progress_line(status: Status, running: bool = True) -> str:
    """Return the progress of the campaign in one line; with what runs if a driver runs it."""
    if running and status.running.get("study"):
        told = (f"study: {many(status.study_tasks, 'task')} done", f"running: {running_words(status.running)}")
        return clipped(" | ".join(told), WIDTH)
    labels = status.labels
    goal = f"/{status.next_rung}" if status.next_rung else ""
    parts = [
        f"labels {labels.train}{goal} + {labels.heldout} held out"
        + (f", {labels.failed} failed" * bool(labels.failed)),
        *([f"running: {running_words(status.running)}"] if running else []),
        many(status.candidates, "candidate"),
        f"{status.dft_core_hours:.3g} {status.engine} core-h",
    ]
    if status.taught_frames and status.generation is None:
        parts.insert(0, f"{many(status.taught_frames, 'frame')} of the teacher")
    if status.segments_produced:
        parts.append(many(status.segments_produced, "production segment"))
    if status.generation is not None:
        parts.insert(1 + running, f"generation {status.generation.number}")
    return clipped(" | ".join(parts), WIDTH)


def rung_lines(rungs: tuple[RungRow, ...], largest_only: bool = False) -> list[str]:
    """Return the rungs in words, one a line."""
    chosen = rungs[-1:] if largest_only else rungs
    said = ((_rung_text(row), *(f"  {transport_text(system)}" for system in row.transport)) for row in chosen)
    return [clipped(text, WIDTH) for texts in said for text in texts]


def judgement_lines(judgements: tuple[Mapping[str, Any], ...]) -> list[str]:
    """Return how each metric changed between the last two rungs, and what was found."""
    return [clipped(_judgement_text(judgement), WIDTH) for judgement in judgements]


def wrapped(text: str, width: int = WIDTH, indent: str = "  ") -> list[str]:
    """Return a long text as lines broken at spaces; words longer than a line are cut."""
    out, line = [], ""
    for word in clipped(text, 4000).split():
        if line and len(line) + 1 + len(word) > width:
            out.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    return [clipped(part, width) for part in (*out, line) if part]


def imported_text(labels: int, source: str, reference: str, why: str) -> str:
    """Return in words how imported labels are used."""
    reason = f" ({why})" if why else ""
    uses = {"same": "used as labels", "teacher": "the teacher's, used to teach only"}
    return f"{many(labels, 'label')} imported from {source}, {uses.get(reference, f'used to pre-train only{reason}')}"


def restored_text(labels: int) -> list[str]:
    """Return what to tell of label files that were written back from the journal."""
    what = "The file of 1 label was" if labels == 1 else f"The files of {labels} labels were"
    return [f"{what} missing or damaged, and written back from the journal."] if labels else []


def kept_text(keys: Collection[str]) -> list[str]:
    """Return what to tell of labels that were taken from the journal."""
    whose = f"{len(keys)} labels" if len(keys) > 1 else "a label"
    what = f"the results of {whose} are missing or damaged, and taken from the journal"
    return [f"{what} ({', '.join(sorted(keys)[:3])}); `alloop run` with its config writes them back"] if keys else []


def _rung_text(row: RungRow) -> str:
    note = f" (unmeasured: {row.unmeasured})" if row.unmeasured and row.size else ""
    sample = f"[{many(row.fits, 'fit')}, {many(row.frames, 'frame')}]"
    return f"{rung_name(row.size)}: force RMSE {row.forces()}, energy RMSE {row.energy()} {sample}{note}"


def _judgement_text(judgement: Mapping[str, Any]) -> str:
    def show(name: str, spec: str = ".4g") -> str:
        value = finite(judgement.get(name))
        return "?" if value is None else format(value, spec)

    change = f"{show('value_previous')} → {show('value_last')} {judgement.get('unit', '')}"
    error = f"Δ = {show('delta', '+.3g')} ± {show('se_delta', '.2g')}, tolerance {show('tolerance', '.3g')}"
    power = finite(judgement.get("power"))  # judgements of earlier versions have none
    odds = "" if power is None else f" (power {100 * power:.0f} %)"
    return f"  {judgement.get('metric', '?')} {change}, {error}: {judgement.get('finding', '?')}{odds}"


# -- one function per kind of event ------------------------------------------------------------------------------


def _created(event: CampaignCreated, state: CampaignState) -> list[str]:
    return [f"campaign {event.name}: {', '.join(system.name for system in event.systems)}"]


def _changed(event: ConfigChanged, state: CampaignState) -> list[str]:
    return [f"config changed: {change}" for change in event.changes]


def _policy_changed(event: PolicyChanged, state: CampaignState) -> list[str]:
    return [f"the source of {' and '.join(event.changed)} changed; the new source decides from now on"]


def _drifted(event: CodeDriftFound, state: CampaignState) -> list[str]:
    return [f"code of the labels changed: {code_changes(state.code, event.code)}", _probing(event)]


def _probing(event: CodeDriftFound) -> str:
    return f"first of all, {many(len(event.labels), 'label')} will be made again with it and compared"


def _code_changed(event: CodeChanged, state: CampaignState) -> list[str]:
    if not event.probes:
        return [f"code of the labels changed before the first label: {code_changes(event.old, event.new)}"]
    fitted = state.config["fit"]["stress_weight"] > 0
    told = largest([probe.deviation for probe in event.probes], stress_is_fitted=fitted)
    return [f"the changed code is accepted: {many(len(event.probes), 'label')} made again with it agree: {told}"]


def _code_refused(event: CodeRefused, state: CampaignState) -> list[str]:
    return [f"the campaign keeps its code: {event.reason}"]


def _imported(event: LabelsImported, state: CampaignState) -> list[str]:
    return [imported_text(len(event.keys), event.source, event.reference, event.why)]


def _started(event: DriverStarted, state: CampaignState) -> list[str]:
    imported, other = imported_labels(state), len(state.pretraining)
    bought = state.labelled("train") + state.labelled("heldout") - imported
    parts = [
        f"driver started on {event.host}",
        f"continues with {many(bought, 'label')}" if bought else "",
        f"{many(imported, 'imported label')}" if imported else "",
        f"{many(other, 'label')} to pre-train on" if other else "",
    ]
    return [", ".join(part for part in parts if part)]


def _stopped(event: DriverStopped, state: CampaignState) -> list[str]:
    return [f"driver stopped: {event.reason}"]


def _finished(event: TaskFinished, state: CampaignState) -> list[str]:
    task = state.tasks[event.purpose]
    if event.status == "failed":
        detail = f": {event.detail}" if event.detail else ""
        return [f"{task_words(event.purpose)} failed ({reason_words(event.reason)}){detail}"]
    if event.purpose.startswith("fit/pretrain/"):
        return _pretrained(task, state)
    if task.task == "calibrate":
        said = calibration_text(CalibrationStatus.of(state.calibrations))
        return wrapped(f"calibrated on {said}", WIDTH - len(STAMP.format("")))
    number = task.context.get("generation") if task.task == "fit" else None
    if number is not None:
        return [*_kept_nothing(task), *_began_far(task), *_fitted(state, number)]
    kind = KINDS[task.task]
    words = kind.words(task_words(event.purpose), kind.summary.model_validate(event.summary))
    return [*([words] if words else []), *_began_far(task)]


def _pretrained(task: TaskState, state: CampaignState) -> list[str]:
    metrics = last_metrics(task)
    error = f"; training RMSE {metrics['rmse_forces_meV_per_A']:.3g} meV/Å" if metrics else ""
    if state.taught:
        own = sum(one.frames for one in state.taught if one.walkers)
        frames = many(own + len(state.of_teacher), "frame")
        return [f"member {task.context['member']} pre-trained on {frames} of the teacher{error}"]
    labels = many(len(state.pretraining), "label")
    return [f"member {task.context['member']} pre-trained on the forces of {labels}{error}"]


def _kept_nothing(task: TaskState) -> list[str]:
    """Tell of a fit that no step made better: the member is what it began with."""
    fit = None if task.finished is None else FitSummary.model_validate(task.finished.summary)
    if fit is None or not fit.history or fit.watched != "valid":
        return []
    if min(fit.history, key=lambda check: check.loss).step != 0:
        return []
    what = f"member {task.context.get('member')} of generation {task.context['generation']} kept none of its"
    return [f"{what} {many(fit.steps, 'step')}: on the labels out of its bag, the model it began with is better"]


def _began_far(task: TaskState) -> list[str]:
    """Tell of the first fit of a generation or a rung whose start was far from the labels, at whichever attempt."""
    first = task.purpose.partition("/again")[0].endswith(("/m0", "/f0"))
    if task.task != "fit" or task.finished is None or not first:
        return []
    fit = FitSummary.model_validate(task.finished.summary)
    if not fit.far or fit.start_error is None:
        return []
    off = f"forces off by {100 * fit.start_error:.0f} %, see fit.far_start"
    return [f"{task_words(task.purpose)}: its start is far from the labels ({off})"]


def _fitted(state: CampaignState, number: int) -> list[str]:
    generation = state.generations[number]
    if len(generation.models) < state.members():
        return []
    leader = leader_fit(state, generation)
    metrics = last_metrics(leader) if leader else None
    if metrics is None:
        return [f"generation {number} fitted on {many(len(generation.frames), 'label')}"]
    errors = (
        f"{metrics['rmse_forces_meV_per_A']:.3g} meV/Å, {metrics['rmse_energy_meV_per_atom']:.3g} meV/atom "
        f"after {metrics['steps']} steps"
    )
    watched = "training" if metrics["watched"] == "train" else "watched"
    return [f"generation {number} fitted on {many(len(generation.frames), 'label')}; leader's {watched} RMSE {errors}"]


def _lost(event: AttemptLost, state: CampaignState) -> list[str]:
    return [f"{task_words(event.purpose)}: an attempt is lost and made again ({event.error})"]


def _selected(event: FramesSelected, state: CampaignState) -> list[str]:
    reasons: dict[str, int] = {}
    for reason in event.rejected.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    rejected = f", rejected {len(event.rejected)} ({counted_words(reasons)})" if reasons else ""
    words = f"selected {many(len(event.chosen), 'frame')}{_whys(event)} by {event.policy}{rejected}"
    return wrapped(words, WIDTH - len(STAMP.format("")))


def _whys(event: FramesSelected) -> str:
    """Return the reasons for which frames were chosen; nothing if the only reason is the policy's name."""
    whys: dict[str, int] = {}
    for choice in event.chosen:
        whys[choice.why] = whys.get(choice.why, 0) + 1
    return f" ({counted_words(whys)})" if set(whys) - {event.policy} else ""


def _drawn(event: HeldoutDrawn, state: CampaignState) -> list[str]:
    if event.retired:
        what = f"{many(len(event.retired), 'held-out frame')} will be trained on, and others drawn in their place"
        far_off = "the leader that drew them was more than twice as far off as the present one"
        return wrapped(f"{what}: {'their forces are those of broken structures' if event.broken else far_off}")
    return [f"drew {many(len(event.frames), 'held-out frame')}"]


def _opened(event: GenerationOpened, state: CampaignState) -> list[str]:
    if event.foundation:
        return ["generation 0 is the foundation model"]
    rung = "" if event.rung is None else f", its leader is the first fit of rung {event.rung}"
    return [f"generation {event.number} begins on {many(event.labels, 'label')}{rung}"]


def _judged(event: RungJudged, state: CampaignState) -> list[str]:
    rows = tuple(sorted((RungRow.of(row) for row in event.table), key=lambda row: row.size))
    return [f"judged on {event.heldout} held-out frames:", *rung_lines(rows), *judgement_lines(event.judgements)]


def _extended(event: ProductionExtended, state: CampaignState) -> list[str]:
    names = ", ".join(event.rungs)
    return wrapped(f"production runs of {names} go on to {event.production_ps:g} ps: {event.reason}")


def _subsets_drawn(event: SubsetsDrawn, state: CampaignState) -> list[str]:
    sizes = " → ".join(str(rung.size) for rung in event.rungs)
    return [f"ladder of random nested subsets: {sizes} labels, judged on {many(len(event.heldout), 'held-out frame')}"]


def _subsets_judged(event: SubsetsJudged, state: CampaignState) -> list[str]:
    rows = tuple(sorted((RungRow.of(row) for row in event.table), key=lambda row: row.size))
    answer = "converged" if event.converged else "not converged"
    return [
        f"random nested subsets: {answer}",
        *rung_lines(rows),
        *judgement_lines(event.judgements),
        *wrapped(event.reason),
    ]


def _verdict(event: VerdictReached, state: CampaignState) -> list[str]:
    return [f"verdict: {event.verdict.replace('_', ' ')}"]


_TELL: dict[type, Callable[[Any, CampaignState], list[str]]] = {
    CampaignCreated: _created,
    ConfigChanged: _changed,
    PolicyChanged: _policy_changed,
    CodeDriftFound: _drifted,
    CodeChanged: _code_changed,
    CodeRefused: _code_refused,
    LabelsImported: _imported,
    DriverStarted: _started,
    DriverStopped: _stopped,
    TaskFinished: _finished,
    AttemptLost: _lost,
    FramesSelected: _selected,
    HeldoutDrawn: _drawn,
    GenerationOpened: _opened,
    RungJudged: _judged,
    ProductionExtended: _extended,
    SubsetsDrawn: _subsets_drawn,
    SubsetsJudged: _subsets_judged,
    VerdictReached: _verdict,
}


def closing_lines(status: Status) -> list[str]:
    """Return the lines at the end of a campaign: the verdict with the numbers behind it."""
    if status.verdict is None:
        return [f"no verdict yet; {progress_line(status, running=False)}"]
    labels = status.labels
    spent = (
        f"{labels.train} training and {labels.heldout} held-out labels, {labels.failures()}; "
        f"{status.dft_core_hours:.3g} {status.engine} core-hours, {duration(status.wall_s)}"
    )
    return [
        *wrapped(f"Verdict: {verdict_text(status.verdict, status.reason)}", WIDTH),
        *(f"  {text}" for text in rung_lines(status.rungs)),
        clipped(f"  {spent}", WIDTH),
        *(line for one in status.advice for line in wrapped(f"Next: {one}", WIDTH)),
    ]
