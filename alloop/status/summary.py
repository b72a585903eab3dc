"""The status of a campaign as plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from alloop.config.label import engine_name
from alloop.journal.verdicts import VerdictName
from alloop.state.largest_forces import largest_forces
from alloop.state.records import GenerationState, TaskState
from alloop.state.state import CampaignState
from alloop.status.advice import advice
from alloop.status.calibration import CalibrationStatus, newest
from alloop.status.heldout_errors import GroupErrors, heldout_errors
from alloop.status.numbers import finite, plus_minus
from alloop.status.swaps import SwapRow, swap_rows
from policies.advice import Advice

SHATTERED = 3.0
"""Largest force of a label, over the median of its system's, that thermal motion hardly explains."""


@dataclass(frozen=True)
class RungRow:
    """What a rung predicts on the held-out frames, with standard errors; None where it is not known.

    Attributes
    ----------
    size : int
        Training labels.
    fits, frames : int
        Fits and held-out frames behind the numbers.
    unmeasured : str or None
        Why the rung counts as unmeasured.
    transport : tuple of dict
        Transport of each measured system, see `policies.stopping.transport.TransportRow`; `at_K` is the conductivity's
        temperature (K).
    """

    size: int
    rmse_energy_meV_per_atom: float | None
    se_energy_meV_per_atom: float | None
    rmse_forces_meV_per_A: float | None
    se_forces_meV_per_A: float | None
    fits: int
    frames: int
    unmeasured: str | None
    transport: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> RungRow:
        """Read a row of the table in a ``rung_judged`` event."""
        names = ("rmse_energy_meV_per_atom", "se_energy_meV_per_atom", "rmse_forces_meV_per_A", "se_forces_meV_per_A")
        numbers = {name: finite(row.get(name)) for name in names}
        fits, frames = int(row.get("fits") or 0), int(row.get("frames") or 0)
        return cls(
            size=int(row["size"]),
            fits=fits,
            frames=frames,
            unmeasured=row.get("unmeasured"),
            transport=tuple(row.get("transport") or ()),
            **numbers,
        )

    def forces(self) -> str:
        """Return the force RMSE in words."""
        return plus_minus(self.rmse_forces_meV_per_A, self.se_forces_meV_per_A, "meV/Å")

    def energy(self) -> str:
        """Return the energy RMSE in words."""
        return plus_minus(self.rmse_energy_meV_per_atom, self.se_energy_meV_per_atom, "meV/atom")


@dataclass(frozen=True)
class Labels:
    """Labels by their outcome; `shattered` counts those of the training set that are of broken structures."""

    train: int
    heldout: int
    failed: int
    waiting_train: int
    waiting_heldout: int
    imported: int
    shattered: int = 0

    def failures(self) -> str:
        """Return in words what labels were bought in vain."""
        shattered = f", {self.shattered} of broken structures" if self.shattered else ""
        return f"{self.failed} failed{shattered}"


@dataclass(frozen=True)
class Spent:
    """What was used of a budget; `limit` is None where there is none."""

    used: float
    limit: float | None

    def __str__(self) -> str:
        used = f"{self.used:.3g}" if self.used < 100 else f"{self.used:.0f}"
        return used if self.limit is None else f"{used} of {self.limit:g}"


@dataclass(frozen=True)
class Generation:
    """The newest generation, fitted or not; errors are the leader's on the frames it watched while it was fitted."""

    number: int
    labels: int
    rung: int | None
    fitted: int
    members: int
    leader: dict[str, Any] | None


@dataclass(frozen=True)
class Walkers:
    """Walkers by what they do and how their last segment ended, and the swaps of their ions."""

    known: int
    running: int
    segments: int
    explosions: int
    ended: dict[str, int]
    swaps: tuple[SwapRow, ...]


@dataclass(frozen=True)
class Status:
    """The status of a campaign.

    Attributes
    ----------
    seq : int
        Last event of the journal behind these numbers.
    next_rung : int or None
        The rung that the training labels are heading for, see `next_rung`.
    candidates : int
        Offered frames that are neither selected nor rejected.
    taught_frames : int
        Frames that the teacher labelled for the committee to learn from.
    segments_produced : int
        Finished segments of production runs.
    study_tasks : int
        Finished tasks that studies asked for.
    running : dict
        Running tasks by kind of slot; those of `NAMED_TASKS` are under their own name, those of a study under
        ``study``.
    longest_running_s : float or None
        Age of the oldest running task.
    subsets : tuple of RungRow
        The judged ladder of random subsets, if there is one.
    calibration : CalibrationStatus or None
        What a disagreement means, and whether that can be trusted.
    labels_by_why : dict
        Training labels by why their frame was chosen.
    rejected : dict
        Rejected frames by reason.
    core_seconds : dict or None
        Core-seconds by kind of work, see `alloop.report.core_time.time_split`.
    engine : str
        What makes the labels: ``DFT``, or the name of a calculator that is none.
    advice : tuple of Advice
        What limits a campaign that has its verdict, and what to change.
    heldout_errors : tuple of GroupErrors
        Errors of the largest judged rung by composition and system, of a campaign with several systems.
    """

    name: str
    run_id: str
    seq: int
    verdict: VerdictName | None
    reason: str
    labels: Labels
    next_rung: int | None
    budget_labels: Spent
    budget_dft_core_hours: Spent
    budget_wall_h: Spent
    budget_failed_labels: Spent
    generation: Generation | None
    candidates: int
    taught_frames: int
    segments_produced: int
    running: dict[str, int]
    longest_running_s: float | None
    rungs: tuple[RungRow, ...]
    judgements: tuple[dict[str, Any], ...]
    subsets: tuple[RungRow, ...]
    calibration: CalibrationStatus | None
    labels_by_why: dict[str, int]
    rejected: dict[str, int]
    failures: dict[str, int]
    broken: dict[str, int]
    walkers: Walkers
    dft_core_hours: float
    wall_s: float
    core_seconds: dict[str, float] | None = None
    engine: str = "DFT"
    advice: tuple[Advice, ...] = ()
    heldout_errors: tuple[GroupErrors, ...] = ()
    study_tasks: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return everything as one JSON object; numbers that are not known are None."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def summary(state: CampaignState, now: float, core_seconds: dict[str, float] | None = None) -> Status:
    """Return the status of a campaign.

    Parameters
    ----------
    state : CampaignState
        The fold of its journal.
    now : float
        The time (s since the epoch).
    core_seconds : dict, optional
        Where the time went, if somebody read the journal for it.
    """
    created, verdict, budget = state.created, state.verdict, state.config.get("budget", {})
    failed = sum(state.failures.values())
    oldest = min((task.planned_t for task in state.running.values()), default=None)
    return Status(
        name=created.name if created else "",
        run_id=created.run_id if created else "",
        seq=state.seq,
        verdict=verdict.verdict if verdict else None,
        reason=verdict.reason if verdict else "",
        labels=_labels(state, failed),
        next_rung=next_rung(state),
        budget_labels=Spent(state.labels_spent(), budget.get("labels")),
        budget_dft_core_hours=Spent(state.dft_core_s / 3600, budget.get("dft_core_hours")),
        budget_wall_h=Spent(state.wall_s / 3600, budget.get("wall_h")),
        budget_failed_labels=Spent(failed, budget.get("failed_labels")),
        generation=_generation(state),
        candidates=len(state.pool),
        taught_frames=sum(one.frames for one in state.taught),
        segments_produced=state.segments_produced,
        running=_running(state),
        longest_running_s=None if oldest is None else max(0.0, now - oldest),
        rungs=rung_rows(state),
        judgements=state.judged[-1].judgements if state.judged else (),
        subsets=subset_rows(state),
        calibration=newest(state.calibrations),
        labels_by_why=labels_by_why(state),
        rejected=dict(state.rejections),
        failures=dict(state.failures),
        broken=dict(state.broken),
        walkers=_walkers(state),
        dft_core_hours=state.dft_core_s / 3600,
        wall_s=state.wall_s,
        core_seconds=core_seconds,
        engine=engine_name(state.config.get("label", {})),
        advice=advice(state),
        heldout_errors=heldout_errors(state),
        study_tasks=sum(task.of_study and task.finished is not None for task in state.tasks.values()),
    )


NAMED_TASKS = ("produce", "atom", "teach")
"""Tasks that are told by their own name while they run: their slot is called after another task."""


def _running_kind(task: TaskState) -> str:
    if task.of_study:
        return "study"
    return task.task if task.task in NAMED_TASKS else task.slot_kind


def _running(state: CampaignState) -> dict[str, int]:
    kinds = Counter(_running_kind(task) for task in state.running.values())
    return dict(sorted(kinds.items()))


def rung_rows(state: CampaignState) -> tuple[RungRow, ...]:
    """Return every judged rung by its newest numbers, smallest first."""
    rows = {int(row["size"]): RungRow.of(row) for event in state.judged for row in event.table}
    return tuple(rows[size] for size in sorted(rows))


def subset_rows(state: CampaignState) -> tuple[RungRow, ...]:
    """Return the rungs of the judged ladder of random subsets, smallest first."""
    found = state.subsets_judged.table if state.subsets_judged is not None else ()
    return tuple(sorted((RungRow.of(row) for row in found), key=lambda row: row.size))


def next_rung(state: CampaignState) -> int | None:
    """Return the rung that the training labels are heading for: the smallest open one that they have not passed."""
    judged = {event.size for event in state.judged}
    sizes = [int(size) for size in state.config.get("ladder", {}).get("rungs", ()) if size not in judged]
    return next((size for size in sizes if size >= state.labelled("train")), sizes[-1] if sizes else None)


def imported_labels(state: CampaignState) -> int:
    """Return how many training labels were imported and not computed."""
    return sum(1 for frame_id in state.train_order if state.frames[frame_id].walker == "imported")


def labels_by_why(state: CampaignState) -> dict[str, int]:
    """Return how many training labels there are by why their frame was chosen."""
    frames = state.labelled_frames("train")
    return dict(Counter("imported" if f.walker == "imported" else f.reason or f.offer.why for f in frames))


def leader_fit(state: CampaignState, generation: GenerationState) -> TaskState | None:
    """Return the finished fit of a generation's leader."""
    if 0 not in generation.models:
        return None
    purposes = [f"fit/g{generation.number}/m0"]
    if generation.rung is not None:
        purposes.append(f"fit/r{generation.rung}/f0")
    found = (state.tasks.get(purpose) for purpose in purposes)
    return next((task for task in found if task is not None and task.finished is not None), None)


def last_metrics(task: TaskState) -> dict[str, Any] | None:
    """Return the last check of a finished fit, with its number of steps and what it watched."""
    fit = task.finished.summary if task.finished else {}
    if not fit.get("history"):
        return None
    return {**fit["history"][-1], "steps": fit.get("steps"), "watched": fit.get("watched")}


def _labels(state: CampaignState, failed: int) -> Labels:
    return Labels(
        train=state.labelled("train"),
        heldout=state.labelled("heldout"),
        failed=failed,
        waiting_train=state.pending("train"),
        waiting_heldout=state.pending("heldout"),
        imported=imported_labels(state),
        shattered=_shattered(state),
    )


def _shattered(state: CampaignState) -> int:
    """Return how many training labels are of walls or debris, by their largest force (see `SHATTERED`)."""
    found = largest_forces(state, state.labelled_frames("train")).values()
    return sum(force > SHATTERED * median(own.values()) for own in found for force in own.values())


def _generation(state: CampaignState) -> Generation | None:
    if not state.generations:
        return None
    last = state.generations[-1]
    leader = leader_fit(state, last)
    return Generation(
        number=last.number,
        labels=len(last.frames),
        rung=last.rung,
        fitted=len(last.models),
        members=len(last.models) if last.foundation else state.members(),
        leader=last_metrics(leader) if leader else None,
    )


def _walkers(state: CampaignState) -> Walkers:
    walkers = [walker for walker in state.walkers.values() if not walker.id.endswith(".initial")]
    return Walkers(
        known=len(walkers),
        running=sum(walker.running for walker in walkers),
        segments=sum(walker.segments for walker in walkers),
        explosions=sum(walker.explosions for walker in walkers),
        ended=dict(Counter(walker.ended for walker in walkers if walker.ended)),
        swaps=swap_rows(walkers),
    )


def _plain(value: Any) -> Any:
    """Replace numbers that JSON does not know by None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return finite(value) if isinstance(value, float) else value
