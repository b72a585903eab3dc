"""Request and result of the pairs of atoms in one production run: g(r) and shortest distances, of a broken run too."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request
from alloop.transport.results import Curve


class PairsRequest(Request):
    """Pairs of atoms in one production run.

    Attributes
    ----------
    segments : tuple of str
        Keys of the segments of the run, in order.
    walker : int
        Its place among their walkers.
    reach_A, bin_A : float
        Longest distance, and width of a bin of g(r) (Å).
    snapshots : int
        Snapshots that are counted at most, evenly over the run.
    """

    kind: ClassVar[str] = "pairs"
    slot_kind: ClassVar[str] = "measure"

    segments: tuple[str, ...] = Field(min_length=1)
    walker: int = Field(ge=0)
    reach_A: float = Field(gt=0)
    bin_A: float = Field(gt=0)
    snapshots: int = Field(gt=0)


class PairsSummary(Record):
    """Shortest distances of a run.

    Attributes
    ----------
    snapshots : int
        Snapshots that were counted.
    shortest_A : dict of float
        Shortest distance in any of them (Å), by pair such as ``Cl-Li``.
    """

    snapshots: int
    shortest_A: dict[str, float]


class PairsData(Record):
    """Pair distribution functions of a run against distance (Å), by pair; each tends to 1."""

    g_r: dict[str, Curve]


PAIRS = TaskKind(
    request=PairsRequest,
    summary=PairsSummary,
    data=PairsData,
    run="alloop.tasks.kinds.pairs:pairs",
    simulated="alloop.simulation.answers:pairs",
    work="evaluating",
    inputs=lambda request: (ResultRef("produce", key) for key in request.segments),
)
