"""Sample the orderings of a crystal by Monte Carlo on the surface of a model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alloop.dynamics.disorder import Block, Chain, DisorderSettings, Place, begin, sample
from alloop.dynamics.limits import temperature_limit
from alloop.dynamics.state import CHAIN, Point
from alloop.dynamics.swaps import SwapSettings
from alloop.materials.structure import Structure
from alloop.tasks.contract.disorder import (
    DISORDER,
    DisorderData,
    DisorderRequest,
    DisorderSummary,
    OrderBlock,
    OrderPoint,
    Sampled,
)
from alloop.tasks.contract.records import Answer, SwapCount
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import DamagedResultError, Workspace


def disorder(request: DisorderRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Run one segment of Monte Carlo of a batch of walkers.

    Parameters
    ----------
    request : DisorderRequest
        What to run, and from where.
    workspace : Workspace
        Holds the model and the segment before.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        DisorderSummary and DisorderData as JSON.

    Raises
    ------
    TaskFailure
        With reason ``elements`` if the model lacks an element.
    """
    from alloop.tasks.models import load_field

    atoms = request.structure.to_atoms()
    field = load_field(workspace, request.model, atoms, machine.device, request.dtype)
    temperatures_K = [walker.temperature_K for walker in request.walkers]
    limits_K = [temperature_limit(kelvin, request.stop_temperature_factor, len(atoms)) for kelvin in temperatures_K]
    seeds = [walker.seed for walker in request.walkers]
    if request.start is None:
        places, chains = begin(atoms, temperatures_K, seeds), dict[int, Chain]()
    else:
        places, chains = _continued(request, workspace, request.start)
    chains |= sample(atoms, temperatures_K, limits_K, seeds, places, field, _settings(request))
    return _answer(request, chains)


def _settings(request: DisorderRequest) -> DisorderSettings:
    return DisorderSettings(
        swaps=SwapSettings(**dict(request.swaps)),
        timestep_fs=request.timestep_fs,
        friction_per_fs=request.friction_per_fs,
        attempts=request.attempts,
        blocks=request.blocks,
        stop_contact=request.stop_contact,
    )


def _continued(request: DisorderRequest, workspace: Workspace, start: str) -> tuple[dict[int, Place], dict[int, Chain]]:
    """Return where the walkers of the segment before are, and the ends of those that were stopped."""
    ends = workspace.summary(DISORDER, start).walkers
    kept = workspace.data(DISORDER, start).points
    if not len(ends) == len(kept) == len(request.walkers):
        raise DamagedResultError(f"disorder/{start} has other walkers than the segment that continues it")
    places = {walker: _place(point) for walker, point in enumerate(kept) if point is not None}
    return places, {walker: Chain(ended=end.ended) for walker, end in enumerate(ends) if walker not in places}


def _place(record: OrderPoint) -> Place:
    zeros = np.zeros(CHAIN)
    positions_A, momenta = np.array(record.positions_A, dtype=float), np.array(record.momenta, dtype=float)
    return Place(Point(record.step, positions_A, momenta, zeros, zeros, 0.0), np.array(record.occupants, dtype=int))


def _answer(request: DisorderRequest, chains: Mapping[int, Chain]) -> Answer:
    atoms = len(request.structure.numbers)
    ordered = [chains[walker] for walker in range(len(request.walkers))]
    summary = DisorderSummary.model_validate(
        {
            "walkers": [
                {
                    "temperature_K": asked.temperature_K,
                    "ended": chain.ended,
                    "blocks": [_block(block, atoms) for block in chain.blocks],
                }
                for asked, chain in zip(request.walkers, ordered, strict=True)
            ]
        }
    )
    data = DisorderData(
        points=tuple(chain.last and _point(chain.last) for chain in ordered),
        samples=tuple(
            Sampled(
                structure=_structure(request, chain.last),
                temperature_K=asked.temperature_K,
                attempts=chain.last.point.step // request.swaps.every_steps,
            )
            for asked, chain in zip(request.walkers, ordered, strict=True)
            if chain.last is not None
        ),
    )
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def _block(block: Block, atoms: int) -> OrderBlock:
    swaps = {name: SwapCount(attempted=n, accepted=yes) for name, (n, yes) in block.swaps.items()}
    return OrderBlock(energy_eV_per_atom=block.energy_eV / atoms, order=dict(block.order), swaps=swaps)


def _point(place: Place) -> OrderPoint:
    return OrderPoint(
        step=place.point.step,
        positions_A=tuple(map(tuple, place.point.positions_A.tolist())),
        momenta=tuple(map(tuple, place.point.momenta.tolist())),
        occupants=tuple(place.occupants.tolist()),
    )


def _structure(request: DisorderRequest, place: Place) -> Structure:
    atoms = request.structure.to_atoms()
    atoms.positions[:] = place.point.positions_A
    return Structure.from_atoms(atoms)


def simulated(request: DisorderRequest, workspace: Workspace) -> Answer:
    """Answer with walkers that never swapped."""
    elements = ["–".join(sorted(one)[:2]) for one in request.swaps.sublattices]
    swaps = {"/".join(one): (request.attempts, 0) for one in request.swaps.sublattices}
    block = Block(-3.0 * len(request.structure.numbers), dict.fromkeys(elements, 0.0), swaps)
    atoms = request.structure.to_atoms()
    kelvin, seeds = zip(*((one.temperature_K, one.seed) for one in request.walkers), strict=True)
    places = begin(atoms, kelvin, seeds)
    return _answer(request, {walker: Chain([block] * request.blocks, place) for walker, place in places.items()})
