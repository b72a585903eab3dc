"""Request of the initial frames of a campaign with a teacher: those of its frames that differ most."""

from __future__ import annotations

from typing import ClassVar, Literal

from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.records import OffersData, OffersSummary, are_numbered_through
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request


class ChooseRequest(Request):
    """Frames of the taught student's MD of one system that differ most from each other.

    Attributes
    ----------
    sources : tuple of str
        Keys of the ``teach`` results that hold the frames.
    student : str
        Model whose features tell frames apart.
    frames : int
        Frames wanted.
    hottest_K : float
        Frames of hotter walkers are left out.
    """

    kind: ClassVar[str] = "choose"
    slot_kind: ClassVar[str] = "explore"

    sources: tuple[str, ...]
    student: str
    frames: int
    hottest_K: float
    min_contact: float
    dtype: Literal["float32", "float64"]


CHOOSE = TaskKind(
    request=ChooseRequest,
    summary=OffersSummary,
    data=OffersData,
    run="alloop.tasks.kinds.choose:choose",
    simulated="alloop.simulation.teaching:choose",
    work="teaching",
    models=lambda request: (request.student,),
    inputs=lambda request: (ResultRef("teach", key) for key in request.sources),
    answers=lambda asked, context, summary: are_numbered_through([summary]),
)
