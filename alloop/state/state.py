"""The state of a campaign, indexed for the decisions; `alloop.state.fold` makes it from the journal."""

from __future__ import annotations

from collections import Counter
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
    TaskState,
    WalkerState,
)
from alloop.tasks.contract.calibrate import CalibrateSummary
from alloop.tasks.contract.evaluate import EvaluateSummary
from alloop.tasks.contract.measure import MeasureSummary
from alloop.tasks.contract.select import SegmentSource
from policies.calibration.scales import Calibration

LOST, TIMEOUT = "lost", "timeout"
OF_MACHINES = (LOST, TIMEOUT)
"""Reasons of failures that other machines may not have."""
MADE_AGAIN = "lost worker"
"""Counts attempts that broke and were made again."""
AT_RANDOM = ("probe", "random")
"""Reasons of choices that had no regard to what a committee said."""
OF_MEANS = ("budget_spent", "stopped")


class State:
    """Everything the journal says, indexed for the decisions. Changed only by `alloop.state.fold.apply`."""

    def __init__(self) -> None:
        self.created: CampaignCreated | None = None
        self.config: dict[str, Any] = {}
        self.policies: dict[str, str] = {}
        self.codes: list[dict[str, str]] = []
        self.drift: CodeDriftFound | None = None
        self.drifts = 0
        self.tasks: dict[str, TaskState] = {}
        self.running: dict[str, TaskState] = {}
        self.frames: dict[str, FrameState] = {}
        self.pool: dict[str, FrameState] = {}
        self.pool_initial: dict[str, FrameState] = {}
        self.pool_heldout: dict[str, FrameState] = {}
        self.to_label: dict[str, dict[str, FrameState]] = {"train": {}, "heldout": {}}
        self.train_order: list[str] = []
        self.heldout_order: list[str] = []
        self.pretraining: list[str] = []
        self.imported = 0
        self.imported_structures: set[str] = set()
        self.imported_from: set[str] = set()
        self.brought = ""
        self.walkers: dict[str, WalkerState] = {}
        self.generations: list[GenerationState] = []
        self.rungs: dict[int, RungState] = {}
        self.foundation_rung: RungState | None = None
        self.subsets: dict[int, RungState] = {}
        self.drawn: SubsetsDrawn | None = None
        self.subsets_judged: SubsetsJudged | None = None
        self.runs: dict[tuple[str, int, str, int], RunState] = {}
        self.transports: dict[tuple[str, int, str, float], MeasureSummary | None] = {}
        self.measurings = 0
        self.segments_produced = 0
        self.e0s_eV: dict[str, float] = {}
        self.evaluations: dict[tuple[str, int], EvaluateSummary] = {}
        self.calibrated = 0
        self.calibrations: dict[int, CalibrateSummary] = {}
        self.judged: list[RungJudged] = []
        self.verdict: VerdictReached | None = None
        self.rejections: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.last_problem = ""
        self.selections = 0
        self.probes = 0
        self.asked: AskedSelection | None = None
        self.last_selection: str | None = None
        self.stalled_segments = 0
        self.segments_since_selection = 0
        self.last_chosen = 0
        self.dft_core_s = 0.0
        self.wall_s = 0.0
        self.seq = 0
        self.last_t: float | None = None
        self.waiting_labels: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.ordered = 0
        self.unfitted: dict[int, GenerationState] = {}
        self.settled_frames = self.settled_labels = 0
        self.news: list[SegmentSource] = []
        self.offered: Counter[int] = Counter()
        self.asked_about: Counter[int] = Counter()

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
        """Return the newest calibration that could be trusted, or None."""
        trusted = [summary.calibration for summary in self.calibrations.values() if summary.trusted]
        return trusted[-1] if trusted else None

    def members(self) -> int:
        """Return the size of a committee."""
        return int(self.config["potential"]["committee"])
