"""The state of a campaign, indexed for the decisions; `alloop.state.fold` makes it from the journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from alloop.journal.events import (
    CampaignCreated,
    CodeDriftFound,
    RungJudged,
    SubsetsDrawn,
    SubsetsJudged,
    VerdictReached,
)
from alloop.state.records import (
    AskedSelection,
    FrameState,
    GenerationState,
    RungState,
    RunState,
    StudyResult,
    TaskState,
    TaughtState,
    WalkerState,
)
from alloop.tasks.contract.calibrate import CalibrateSummary
from alloop.tasks.contract.evaluate import EvaluateSummary
from alloop.tasks.contract.measure import MeasureSummary
from alloop.tasks.contract.select import SegmentSource
from policies.calibration.scales import Calibration

LOST, TIMEOUT = "lost", "timeout"
MACHINE_REASONS = (LOST, TIMEOUT)
"""Reasons of failures that may not happen on other machines."""
RETRIED = "lost worker"
"""Counts attempts that broke and were made again."""
AT_RANDOM = ("probe", "random")
"""Reasons of choices that do not depend on the committee."""


@dataclass(eq=False, repr=False)
class CampaignState:
    """Everything the journal says, indexed for the decisions. Changed only by `alloop.state.fold.apply`."""

    created: CampaignCreated | None = None
    config: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    codes: list[dict[str, str]] = field(default_factory=list)
    drift: CodeDriftFound | None = None
    drifts: int = 0
    tasks: dict[str, TaskState] = field(default_factory=dict)
    running: dict[str, TaskState] = field(default_factory=dict)
    frames: dict[str, FrameState] = field(default_factory=dict)
    pool: dict[str, FrameState] = field(default_factory=dict)
    pool_initial: dict[str, FrameState] = field(default_factory=dict)
    pool_heldout: dict[str, FrameState] = field(default_factory=dict)
    to_label: dict[str, dict[str, FrameState]] = field(default_factory=lambda: {"train": {}, "heldout": {}})
    train_order: list[str] = field(default_factory=list)
    heldout_order: list[str] = field(default_factory=list)
    retirements: int = 0
    heldout_from: int = 0
    pretraining: list[str] = field(default_factory=list)
    of_teacher: list[str] = field(default_factory=list)
    taught: list[TaughtState] = field(default_factory=list)
    imported: int = 0
    imported_structures: set[str] = field(default_factory=set)
    imported_from: set[str] = field(default_factory=set)
    imported_from_files: set[str] = field(default_factory=set)
    brought: str = ""
    walkers: dict[str, WalkerState] = field(default_factory=dict)
    generations: list[GenerationState] = field(default_factory=list)
    rungs: dict[int, RungState] = field(default_factory=dict)
    foundation_rung: RungState | None = None
    subsets: dict[int, RungState] = field(default_factory=dict)
    drawn: SubsetsDrawn | None = None
    subsets_judged: SubsetsJudged | None = None
    runs: dict[tuple[str, int, str, int], RunState] = field(default_factory=dict)
    transports: dict[tuple[str, int, str, float], MeasureSummary | None] = field(default_factory=dict)
    measurings: int = 0
    segments_produced: int = 0
    e0s_eV: dict[str, float] = field(default_factory=dict)
    evaluations: dict[tuple[str, int], EvaluateSummary] = field(default_factory=dict)
    calibrated: int = 0
    calibrated_heldout: int = 0
    studies: dict[str, dict[str, StudyResult]] = field(default_factory=dict)
    calibrations: dict[int, CalibrateSummary] = field(default_factory=dict)
    judged: list[RungJudged] = field(default_factory=list)
    verdict: VerdictReached | None = None
    rejections: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    last_problem: str = ""
    selections: int = 0
    probes: int = 0
    asked: AskedSelection | None = None
    last_selection: str | None = None
    stalled_segments: int = 0
    segments_since_selection: int = 0
    last_chosen: int = 0
    dft_core_s: float = 0.0
    wall_s: float = 0.0
    verdict_wall_s: float = 0.0
    seq: int = 0
    last_t: float | None = None
    driver_t: float | None = None
    waiting_labels: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    ordered: int = 0
    unfitted: dict[int, GenerationState] = field(default_factory=dict)
    settled_frames: int = 0
    settled_labels: int = 0
    news: list[SegmentSource] = field(default_factory=list)
    offered: Counter[int] = field(default_factory=Counter)
    asked_about: Counter[int] = field(default_factory=Counter)

    @property
    def code(self) -> dict[str, str]:
        """The code that makes the labels: the newest one that was accepted."""
        return self.codes[-1]

    # -- counts the decisions need ---------------------------------------------------------------------------

    def pending(self, use: str) -> int:
        """Return how many frames of a use (``train`` or ``heldout``) wait for their label."""
        return self.waiting_labels[use]

    def labelled(self, use: str) -> int:
        """Return how many frames of a use have a label."""
        return self.labels[use]

    def labels_spent(self) -> int:
        """Return how many labels are bought or ordered, failed ones included, imported ones not."""
        return self.ordered

    def candidates(self, oldest: int) -> int:
        """Return how many offered frames of a generation or later wait for a selection to be asked for."""
        return sum(count for generation, count in self.offered.items() if generation >= oldest)

    def labelled_frames(self, use: str) -> list[FrameState]:
        """Return the labelled frames of a use in selection order."""
        order = self.train_order if use == "train" else self.heldout_order
        return [self.frames[i] for i in order if self.frames[i].status == "labelled"]

    def active(self) -> GenerationState | None:
        """Return the generation that was fitted on most labels, of those whose whole committee is fitted.

        A rung that waited for a slow label may open after refits on more labels than it has.
        """
        members = self.members()
        fitted = [one for one in self.generations if one.foundation or len(one.models) == members]
        return max(fitted, key=lambda one: (len(one.frames), one.number), default=None)

    def fitting(self) -> list[GenerationState]:
        """Return the generations that lack members, oldest first."""
        return list(self.unfitted.values())

    def heldout_settled(self) -> int:
        """Return how many of the first held-out frames are labelled, up to the first whose label is still to come."""
        return self.settled_labels

    def subsets_open(self) -> bool:
        """Return whether a ladder of random subsets is asked for and not judged yet."""
        return self.drawn is not None and self.subsets_judged is None

    def rung(self, name: str) -> RungState:
        """Return the rung of a name.

        Raises
        ------
        KeyError
            If there is none.
        """
        first = [self.foundation_rung] if self.foundation_rung is not None else []
        for rung in (*first, *self.rungs.values(), *self.subsets.values()):
            if rung.name == name:
                return rung
        raise KeyError(name)

    def calibration(self) -> Calibration | None:
        """Return what a calibration says of the elements that can be trusted; None if that is nothing.

        It is the present committee's, or the newest until that has one.
        """
        if not self.calibrations:
            return None
        active = self.active()
        own = self.calibrations.get(active.number) if active is not None else None
        return (own or self.calibrations[max(self.calibrations)]).in_use()

    def members(self) -> int:
        """Return the size of a committee."""
        return int(self.config["potential"]["committee"])
