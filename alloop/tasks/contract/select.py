"""Request and result of a selection among candidates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from alloop.materials.structure import Vector
from alloop.tasks.contract.kind import TaskKind, labels
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import OfferRef, ResultRef
from alloop.tasks.contract.request import Request
from policies.calibration.scales import Calibration


class SegmentSource(Record):
    """One segment whose offers are candidates.

    Attributes
    ----------
    key : str
        Key of the result that holds the segment.
    place : int
        Place of its walker in that task.
    walker, segment, system, generation
        Where its frames come from; walker and segment begin their names.
    """

    key: str
    walker: str
    segment: int
    system: str
    generation: int
    place: int = 0


class SelectRequest(Request):
    """Which of all offered frames are labelled next.

    Attributes
    ----------
    before : str or None
        Key of the selection before, whose waiting frames are candidates again.
    segments : tuple of SegmentSource
        Segments that ended since then.
    generation : int
        The present committee.
    oldest : int
        Frames offered by a generation before this one are stale.
    policy : str
        Built-in name or ``module:Class``, made with `options`.
    lower_eV_per_A, upper_eV_per_A : float
        Window of the largest expected error over the atoms of a frame (eV/Å).
    count, per_walker : int
        Frames wanted, and the most of one walker.
    probes : int
        How many of them are drawn at random, whatever the policy says.
    members : tuple of str
        The present committee, the leader first, which looks at every candidate again; empty leaves candidates as they
        were offered.
    calibration : Calibration or None
        What the committee's disagreement means; None takes it for the expected error.
    known : tuple of str
        Keys of the labels that are trained on: a frame is new in as far as it is unlike them …
    ordered : tuple of OfferRef
        … and unlike these offers, whose labels are still to come.
    quiet : dict
        Segments of each walker since a frame of it was last chosen.
    compositions : dict
        The composition of each system that is one of its orderings: frames are shared over compositions.
    """

    kind: ClassVar[str] = "select"
    slot_kind: ClassVar[str] = "measure"

    before: str | None
    segments: tuple[SegmentSource, ...]
    generation: int
    oldest: int
    policy: str
    options: dict[str, Any]
    lower_eV_per_A: float
    upper_eV_per_A: float
    count: int
    per_walker: int
    seed: int
    probes: int = Field(0, ge=0)
    members: tuple[str, ...] = ()
    dtype: Literal["float32", "float64"] = "float32"
    calibration: Calibration | None = None
    known: tuple[str, ...] = ()
    ordered: tuple[OfferRef, ...] = ()
    quiet: dict[str, int] = Field(default_factory=dict)
    compositions: dict[str, str] = Field(default_factory=dict)

    def _in_key(self) -> dict[str, Any]:
        """Leave compositions out where every system is its own, as requests did before they were known."""
        fields = super()._in_key()
        return fields if self.compositions else {name: one for name, one in fields.items() if name != "compositions"}


class ChosenFrame(Record):
    """One selected frame, and the probability with which it was chosen."""

    id: str
    rank: int
    why: str
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0


class Candidate(Record):
    """One offered frame, as a selection sees it; see `Offer`. `source` holds its structure."""

    id: str
    walker: str
    system: str
    generation: int
    why: str
    disagreement_eV_per_A: float | None
    min_contact: float
    source: OfferRef | None = None

    @field_validator("source", mode="before")
    @classmethod
    def _without_source(cls, value: Any) -> Any:
        """Read a candidate of a selection that did not say where its structure is."""
        return value or None


class FrameView(Record):
    """What the committee said of a frame before it had a label, atom by atom.

    Attributes
    ----------
    disagreement_eV_per_A : tuple of float
        Disagreement of every atom (eV/Å).
    forces_eV_per_A : tuple
        The leader's forces (eV/Å).
    expected_error_eV_per_A, bound_eV_per_A : tuple of float
        Expected error of every force, and the bound that 90 % stay below (eV/Å); empty before there was a calibration.
    trusted : tuple of str
        Elements whose expected errors they are; those of other elements are disagreements. Empty in older results,
        which have expected errors of all elements or of none.
    """

    disagreement_eV_per_A: tuple[float, ...]
    forces_eV_per_A: tuple[Vector, ...]
    expected_error_eV_per_A: tuple[float, ...] = ()
    bound_eV_per_A: tuple[float, ...] = ()
    trusted: tuple[str, ...] = ()


class SelectSummary(Record):
    """How many frames there were, and what became of them.

    Attributes
    ----------
    unreadable : int
        Results that should have held candidates and were damaged or gone: their frames are out.
    """

    candidates: int
    unreadable: int
    chosen: int
    rejected: dict[str, int]
    waiting: int


class SelectData(Record):
    """A selection: the chosen frames, the rejected ones with the reason by id, and those that wait for the next.

    `views` holds what the committee said of each chosen frame, by id.
    """

    chosen: tuple[ChosenFrame, ...]
    rejected: dict[str, str]
    waiting: tuple[Candidate, ...]
    views: dict[str, FrameView] = Field(default_factory=dict)


def _inputs(request: SelectRequest) -> Iterator[ResultRef]:
    yield from (ResultRef("explore", segment.key) for segment in request.segments)
    if request.before is not None:
        yield ResultRef("select", request.before)
    yield from labels(request.known)


SELECT = TaskKind(
    request=SelectRequest,
    summary=SelectSummary,
    data=SelectData,
    run="alloop.tasks.kinds.select:select",
    simulated="alloop.simulation.answers:select",
    work="selecting",
    models=lambda request: request.members,
    inputs=_inputs,
)
