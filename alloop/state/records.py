"""What the state keeps of each task, frame, walker, generation and rung."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from alloop.journal.events import SelectionAsked, TaskFinished
from alloop.tasks.contract.records import Offer, Record, SwapCount
from alloop.tasks.contract.references import OfferRef, SegmentRef
from alloop.tasks.contract.select import SegmentSource
from alloop.tasks.contract.teach import TaughtWalker

STUDY = "study"
"""Key of the context of a task that a study asked for; its value is the name of the study."""


@dataclass
class TaskState:
    """One task by its purpose.

    `attempts` counts the present one and what the lost ones cost; `errors` are what broke these.
    """

    purpose: str
    key: str
    task: str
    slot_kind: str
    request: dict[str, Any]
    context: dict[str, Any]
    planned_t: float
    attempts: float = 1.0
    errors: tuple[str, ...] = ()
    status: str = "running"
    finished: TaskFinished | None = None

    @property
    def of_study(self) -> bool:
        """Whether a study asked for it, so that it decides nothing."""
        return STUDY in self.context


@dataclass(frozen=True)
class SegmentState:
    """One walker of a task that offers frames, as the task's context says it.

    Attributes
    ----------
    generation : int or None
        Generation of its committee; None of rattled copies.
    role : str
        ``train`` or ``heldout``.
    round : int
        Selections made when it was planned.
    """

    walker: str
    segment: int
    system: str
    generation: int | None
    temperature_K: float | None = None
    role: str = "train"
    round: int = -1

    @property
    def name(self) -> str:
        """Beginning of the names of its frames."""
        return f"{self.walker}/{self.segment}"


def segments_of(context: Mapping[str, Any]) -> tuple[SegmentState, ...]:
    """Return the walkers of a task that offers frames, in the order of its request.

    If a task has one walker only, as all once had, its fields may be among those of the context.
    """
    names = SegmentState.__dataclass_fields__
    return tuple(
        SegmentState(**{name: value for name, value in {**context, **own}.items() if name in names})
        for own in context.get("walkers", ({},))
    )


@dataclass
class FrameState:
    """One frame with its provenance.

    `status` runs from ``offered`` to ``selected`` or ``heldout``, then ``labelled`` or ``failed``; or to ``rejected``.
    `selection` is the key of the selection that chose it, with `probability`; `imported_from` is the campaign that made
    the label of an imported frame.
    """

    id: str
    system: str
    walker: str
    segment: int
    generation: int | None
    source: OfferRef | None
    offer: Offer
    status: str = "offered"
    use: str | None = None
    reason: str = ""
    rank: int | None = None
    label: str | None = None
    selection: str | None = None
    probability: float = 1.0
    imported_from: str | None = None


@dataclass
class WalkerState:
    """A walker after its last finished segment.

    `continue_from` is that segment. `fruitless` counts
    segments in a row that offered no frame at a random step; `last_chosen` is the newest segment with a chosen frame,
    -1 without any. `swaps` counts the swaps of its ions in all segments, by sublattice.
    """

    id: str
    segments: int = 0
    continue_from: SegmentRef | None = None
    explosions: int = 0
    ended: str | None = None
    last_generation: int | None = None
    round: int = -1
    fruitless: int = 0
    last_chosen: int = -1
    running: bool = False
    swaps: dict[str, SwapCount] = field(default_factory=dict)


@dataclass(frozen=True)
class AskedSelection:
    """A selection that is due or under way: what was asked, and the candidates.

    Attributes
    ----------
    segments : tuple of SegmentSource
        Segments that ended since the last selection was asked for, by walker and number.
    before : str or None
        Key of the last selection, whose waiting frames are candidates again.
    """

    event: SelectionAsked
    segments: tuple[SegmentSource, ...]
    before: str | None


@dataclass
class GenerationState:
    """One committee: models, the leader first, as far as they are fitted."""

    number: int
    frames: tuple[str, ...]
    rung: int | None
    foundation: bool
    models: dict[int, str] = field(default_factory=dict)


@dataclass
class RungState:
    """One rung: its frames, its fits, and how long their production runs shall be (ps).

    Attributes
    ----------
    kind : str
        ``acquired``: the first labels in selection order; ``random``: a random subset of a finished set;
        ``foundation``: the foundation itself, without a label.
    """

    size: int
    frames: tuple[str, ...]
    models: dict[int, str] = field(default_factory=dict)
    kind: Literal["acquired", "random", "foundation"] = "acquired"
    ladder: int = 0
    production_ps: float | None = None

    @property
    def name(self) -> str:
        """Name of the rung in purposes: ``r50``; ``s50`` or, of a later ladder, ``s50.1`` for a random subset."""
        if self.kind == "random":
            return f"s{self.size}" + (f".{self.ladder}" if self.ladder else "")
        return f"r{self.size}"


@dataclass(frozen=True)
class StudyResult:
    """The end of one task of a study.

    Attributes
    ----------
    kind, key : str
        Kind and key of the task.
    context : dict
        What the study said of it.
    summary : Record or None
        Its summary; None of a task that failed, for the reason that `reason` and `detail` say.
    """

    kind: str
    key: str
    context: dict[str, Any]
    summary: Record | None
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class TaughtState:
    """Frames of a system that the teacher labelled in one task of a round.

    Attributes
    ----------
    keeps_cell : bool
        Whether its walkers moved in the system's own cell.
    walkers : tuple of TaughtWalker
        Walkers of the student's MD; none of rattled copies.
    """

    system: str
    round: int
    part: int
    key: str
    frames: int
    keeps_cell: bool
    walkers: tuple[TaughtWalker, ...]


@dataclass
class RunState:
    """Production runs of one task's walkers.

    Attributes
    ----------
    segments : list of str
        Keys of the finished segments, in order.
    over : bool
        Whether every walker has ended, or the segment after the last failed: there is no next one.
    """

    segments: list[str] = field(default_factory=list)
    over: bool = False
