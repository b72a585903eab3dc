"""Request of rattled copies of a system."""

from __future__ import annotations

from typing import ClassVar

from alloop.materials.structure import Structure
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.records import OffersData, OffersSummary, are_numbered_through
from alloop.tasks.contract.request import Request


class InitialRequest(Request):
    """Rattled copies of one system."""

    kind: ClassVar[str] = "initial"
    slot_kind: ClassVar[str] = "explore"

    structure: Structure
    frames: int
    rattle_A: float
    strain: float
    min_contact: float
    seed: int


INITIAL = TaskKind(
    request=InitialRequest,
    summary=OffersSummary,
    data=OffersData,
    run="alloop.tasks.kinds.initial:initial",
    simulated="alloop.simulation.answers:initial",
    work="MD",
    answers=lambda asked, context, summary: are_numbered_through([summary]),
)
