"""Choose the initial frames of a campaign among those of the taught student's molecular dynamics."""

from __future__ import annotations

from collections.abc import Sequence

from alloop.failures import TaskFailure
from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure
from alloop.potential.descriptors import environments
from alloop.tasks.contract.choose import ChooseRequest
from alloop.tasks.contract.records import Answer, OffersData, OffersSummary
from alloop.tasks.contract.teach import TEACH
from alloop.tasks.kinds.initial import initial_offer
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace
from policies.selection.distances import farthest_points, novelty_and_separation


def choose(request: ChooseRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Offer the frames that differ most from each other, by the environments of their atoms.

    Parameters
    ----------
    request : ChooseRequest
        Among which frames, and how many.
    workspace : Workspace
        Holds the frames and the student.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        OffersSummary and OffersData as JSON.

    Raises
    ------
    TaskFailure
        ``walkers``, if no walker that did not break is cold enough.
    """
    found = _eligible(request, workspace)
    if not found:
        raise TaskFailure("walkers", "no walker of the taught student reached its end; raise teacher.rounds or frames")
    structures, temperatures_K = zip(*found, strict=True)
    model = load_member(workspace, request.student, machine.device, request.dtype)
    described = environments([structure.to_atoms() for structure in structures], model, device=machine.device)
    _, separation = novelty_and_separation(described, [])
    chosen = farthest_points(separation, request.frames)
    offers = [initial_offer(index, structures[place], temperatures_K[place]) for index, place in enumerate(chosen)]
    summary = OffersSummary(offers=tuple(offers))
    data = OffersData(structures=tuple(structures[place] for place in chosen))
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def _eligible(request: ChooseRequest, workspace: Workspace) -> Sequence[tuple[Structure, float]]:
    found = []
    for key in request.sources:
        data = workspace.data(TEACH, key)
        for label, temperature_K in zip(data.labels, data.temperatures_K, strict=True):
            cold = temperature_K is not None and temperature_K <= request.hottest_K
            if cold and min_contact(label.structure.to_atoms()) >= request.min_contact:
                found.append((label.structure, float(temperature_K or 0.0)))
    return found
