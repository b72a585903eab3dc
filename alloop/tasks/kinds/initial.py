"""Offer rattled copies of a structure as the first frames."""

from __future__ import annotations

from alloop.materials.contacts import min_contact
from alloop.materials.rattle import rattled
from alloop.materials.structure import Structure
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.records import Answer, Offer, OffersData, OffersSummary
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace


def initial(request: InitialRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Offer rattled copies of a structure.

    Parameters
    ----------
    request : InitialRequest
        What to rattle, and how strongly.
    workspace : Workspace
        Not used.
    machine : Machine
        Not used.

    Returns
    -------
    tuple of dict
        OffersSummary and OffersData as JSON.
    """
    copies = rattled(
        request.structure, request.frames, request.rattle_A, request.strain, request.seed, request.min_contact
    )
    offers = tuple(initial_offer(index, copy) for index, copy in enumerate(copies))
    summary, data = OffersSummary(offers=offers), OffersData(structures=tuple(copies))
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def initial_offer(index: int, structure: Structure, temperature_K: float | None = None) -> Offer:
    """Return the offer of an initial frame; a rattled copy has no temperature (K)."""
    return Offer(
        index=index,
        why="initial",
        step=0,
        temperature_K=temperature_K,
        disagreement_eV_per_A=None,
        min_contact=min_contact(structure.to_atoms()),
        structure_sha256=structure.digest(),
    )
