"""Request and result of exploring molecular dynamics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import TaskKind, labels
from alloop.tasks.contract.records import OffersData, OffersSummary, Record, are_numbered_through
from alloop.tasks.contract.references import ResultRef, SegmentRef
from alloop.tasks.contract.request import Request
from policies.calibration.scales import Calibration


class ExploreWalker(Record):
    """One walker of a task of exploration.

    Attributes
    ----------
    start : SegmentRef or None
        The walker of a segment whose last good positions, momenta and cell are continued; None to begin at the
        structure of the request.
    random_steps : tuple of int
        Steps at which a frame is offered whatever the committee says.
    """

    start: SegmentRef | None
    temperature_K: float
    steps: int
    random_steps: tuple[int, ...]
    seed: int


class SwapsAsked(Record):
    """Ions that exchange places between steps, see `alloop.dynamics.swaps.SwapSettings`."""

    sublattices: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)]
    every_steps: Annotated[int, Field(ge=1)]
    temperature_K: float | None = None


class ExploreRequest(Request):
    """Segments of molecular dynamics of walkers of one system, under one committee.

    Attributes
    ----------
    structure : Structure
        Where the walkers began; its positions are used where nothing is continued.
    members : tuple of str
        Models, named as by `ModelRef`, the leader first.
    check_every_steps : int
        Most steps between two looks of the whole committee.
    lower_eV_per_A, upper_eV_per_A : float
        Window of the largest expected error over the atoms; `lower` None means that nothing is offered for it.
    calibration : Calibration or None
        What the committee's disagreement means; None takes it for the expected error.
    nearby : tuple of str
        Labels whose shortest distances bound, pair of elements by pair, how close atoms may come; none for no bound.
    swaps : SwapsAsked or None
        Ions that exchange places between steps; None for none.
    """

    kind: ClassVar[str] = "explore"
    slot_kind: ClassVar[str] = "explore"
    PHYSICS_VERSION: ClassVar[int] = 3

    structure: Structure
    walkers: Annotated[tuple[ExploreWalker, ...], Field(min_length=1)]
    members: tuple[str, ...]
    dtype: Literal["float32", "float64"]
    ensemble: Literal["nvt", "npt"]
    pressure_GPa: float
    timestep_fs: float
    friction_per_fs: float
    check_every_steps: int
    max_offers: int
    lower_eV_per_A: float | None
    upper_eV_per_A: float
    stop_contact: float
    min_contact: float
    stop_temperature_factor: float
    calibration: Calibration | None = None
    nearby: tuple[str, ...] = ()
    swaps: SwapsAsked | None = None

    def _in_key(self) -> dict[str, Any]:
        fields = super()._in_key()
        if not self.nearby:
            del fields["nearby"]
        if self.swaps is None:
            del fields["swaps"]
        return fields

    @model_validator(mode="before")
    @classmethod
    def _of_one_walker(cls, fields: Any) -> Any:
        """Read a request of the time when a task had one walker, whose fields were among the others."""
        if not isinstance(fields, dict) or "walkers" in fields:
            return fields
        own = {name: fields[name] for name in ExploreWalker.model_fields if name in fields}
        return {name: value for name, value in fields.items() if name not in own} | {"walkers": (own,)}


class ExploreSummary(Record):
    """Summary of an ``explore`` task, its walkers in the order of the request.

    The offers of all walkers are numbered through, in this order.
    """

    walkers: tuple[OffersSummary, ...]

    @model_validator(mode="before")
    @classmethod
    def _of_one_walker(cls, fields: Any) -> Any:
        """Read a summary of the time when a task had one walker."""
        return fields if not isinstance(fields, dict) or "walkers" in fields else {"walkers": (fields,)}


def _inputs(request: ExploreRequest) -> Iterator[ResultRef]:
    yield from (walker.start.result for walker in request.walkers if walker.start is not None)
    yield from labels(request.nearby)


def _answers(asked: Mapping[str, Any], context: Mapping[str, Any], summary: ExploreSummary) -> bool:
    """Return whether every walker that the context names has its offers; a context without names has one walker."""
    walkers = len(context.get("walkers", ({},)))
    return len(summary.walkers) == walkers and are_numbered_through(summary.walkers)


EXPLORE = TaskKind(
    request=ExploreRequest,
    summary=ExploreSummary,
    data=OffersData,
    run="alloop.tasks.kinds.explore:explore",
    simulated="alloop.simulation.answers:explore",
    work="MD",
    models=lambda request: request.members,
    inputs=_inputs,
    answers=_answers,
)
