"""Run exploring molecular dynamics and offer frames for labelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from ase.data import chemical_symbols

from alloop.dynamics.barostat import Barostat
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.limits import temperature_limit
from alloop.dynamics.state import Floats, MDState
from alloop.dynamics.swaps import SwapSettings
from alloop.materials.contacts import Pair, closest_pairs
from alloop.materials.structure import Structure
from alloop.potential.committee import Committee
from alloop.tasks.contract.explore import EXPLORE, ExploreRequest, ExploreSummary, ExploreWalker
from alloop.tasks.contract.label import LABEL
from alloop.tasks.contract.records import Answer, OffersData, OffersSummary, Snapshot
from alloop.tasks.contract.references import SegmentRef
from alloop.tasks.contract.teach import TEACH
from alloop.tasks.kinds.segment import Doubt, Frame, SegmentRecorder, fresh
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_committee
from alloop.tasks.workspace import DamagedResultError, Workspace

CLOSER = 0.85
"""How close two atoms may come, over the shortest distance of their elements in a label, where that is bounded."""


def explore(request: ExploreRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Run one segment of every walker and offer frames of them (see `SegmentRecorder`).

    Parameters
    ----------
    request : ExploreRequest
        Where to start, how to move and what to look for.
    workspace : Workspace
        Holds the models and the segments to continue.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        ExploreSummary and OffersData as JSON.
    """
    committee = load_committee(workspace, request.members, machine.device, request.dtype)
    snapshots = [snapshot_of(walker.start, workspace) for walker in request.walkers]
    summary, data = Exploration(request, committee, snapshots, nearest_allowed(request, workspace)).run()
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def snapshot_of(start: SegmentRef | None, workspace: Workspace) -> Snapshot | None:
    """Return the state from which a walker continues."""
    if start is None:
        return None
    taught = start.kind == TEACH.name
    data = workspace.data(TEACH, start.key) if taught else workspace.data(EXPLORE, start.key)
    place = start.place or 0
    if place >= len(data.last_good):
        raise DamagedResultError(f"{start.kind}/{start.key} has no walker {place}")
    return data.last_good[place]


def nearest_allowed(request: ExploreRequest, workspace: Workspace) -> dict[Pair, float]:
    """Return how close (Å) two atoms may come by their elements: somewhat closer than in the labels of the request.

    Where walkers begin counts like a label, so that none ends at its first step.
    """
    if not request.nearby:
        return {}
    known = [request.structure, *(workspace.data(LABEL, key).structure for key in request.nearby)]
    return {pair: CLOSER * distance_A for pair, distance_A in closest_pairs(one.to_atoms() for one in known).items()}


class Exploration:
    """The walkers of one task, evaluated at once; each is watched and stopped on its own. With ``npt`` each has a cell.

    Parameters
    ----------
    request : ExploreRequest
        What to do.
    committee : Committee
        The committee: its leader gives the forces, its members the disagreement.
    snapshots : list of Snapshot or None
        MDState that each walker continues; None to start from the request's structure with new momenta.
    nearest_A : mapping
        How close two atoms may come by their elements (Å), see `nearest_allowed`; empty for no bound.
    """

    def __init__(
        self,
        request: ExploreRequest,
        committee: Committee,
        snapshots: list[Snapshot | None],
        nearest_A: Mapping[Pair, float] = MappingProxyType({}),
    ) -> None:
        self._request, self._committee, self._nearest_A = request, committee, nearest_A
        self._calibration = request.calibration
        self._species = tuple(chemical_symbols[number] for number in request.structure.numbers)
        seeds = [np.random.SeedSequence(walker.seed).spawn(3) for walker in request.walkers]
        self._restart_seeds = [restart for _, _, restart in seeds]
        atoms = request.structure.to_atoms()
        self._starts = [
            continued(snapshot) if snapshot else fresh(atoms, walker.temperature_K, momenta)
            for walker, snapshot, (momenta, _, _) in zip(request.walkers, snapshots, seeds, strict=True)
        ]

    def run(self) -> tuple[ExploreSummary, OffersData]:
        """Run all segments to their ends."""
        summaries: list[OffersSummary] = []
        structures: list[Structure] = []
        last_good: list[Snapshot | None] = []
        for segment, restart_seed in zip(self._watch(self._batch()), self._restart_seeds, strict=True):
            summaries.append(segment.summary(len(structures)))
            structures += segment.structures()
            last_good.append(segment.last_good(restart_seed))
        data = OffersData(structures=tuple(structures), last_good=tuple(last_good))
        return ExploreSummary(walkers=tuple(summaries)), data

    def _watch(self, explorers: ExplorerBatch) -> list[SegmentRecorder]:
        """Move walkers until all have ended."""

        def ask(state: MDState) -> Doubt | None:
            found = explorers.disagreement_at(state)
            return None if found is None else self._doubt(found)

        segments = [
            SegmentRecorder(self._request, walker, start, ask, self._nearest_A)
            for walker, start in zip(self._request.walkers, self._starts, strict=True)
        ]
        steps = 0
        while True:
            frames = {walker: Frame(sight) for walker, sight in explorers.run(steps).items()}
            for walker in explorers.walkers:
                if segments[walker].due <= explorers.step:
                    frames[walker] = Frame(explorers.see(walker))
            looking = [walker for walker, frame in frames.items() if segments[walker].wants_look(frame)]
            for walker, found in explorers.disagreements(looking).items():
                frames[walker] = replace(frames[walker], doubt=self._doubt(found))
            for walker, frame in frames.items():
                if segments[walker].visit(frame) is not None:
                    segments[walker].close(
                        explorers.recent(walker), explorers.mean_temperature(walker), explorers.swaps(walker)
                    )
                    explorers.take_out(walker)
            if not explorers.walkers:
                return segments
            steps = min(segments[walker].due for walker in explorers.walkers) - explorers.step

    def _batch(self) -> ExplorerBatch:
        request = self._request
        return ExplorerBatch(
            self._starts,
            self._committee.field(request.structure.to_atoms()),
            temperatures_K=[walker.temperature_K for walker in request.walkers],
            limits_K=[self._limit(walker) for walker in request.walkers],
            seeds=[walker.seed for walker in request.walkers],
            timestep_fs=request.timestep_fs,
            friction_per_fs=request.friction_per_fs,
            stop_contact=request.stop_contact,
            memory=request.check_every_steps + 1,
            barostat=self._barostat(),
            swaps=None if request.swaps is None else SwapSettings(**dict(request.swaps)),
        )

    def _barostat(self) -> Barostat | None:
        request = self._request
        if request.ensemble == "nvt":
            return None
        return Barostat(request.pressure_GPa, np.array(request.structure.cell_A, dtype=float))

    def _limit(self, walker: ExploreWalker) -> float:
        atoms = len(self._request.structure.numbers)
        return temperature_limit(walker.temperature_K, self._request.stop_temperature_factor, atoms)

    def _doubt(self, disagreement_eV_per_A: Floats) -> Doubt:
        largest = float(np.max(disagreement_eV_per_A))
        if self._calibration is None or not np.isfinite(disagreement_eV_per_A).all():
            return Doubt(largest, largest)
        expected = self._calibration.expected_error(self._species, disagreement_eV_per_A)
        return Doubt(largest, float(np.max(expected)))


def continued(snapshot: Snapshot) -> MDState:
    """Return the state from which a walker goes on."""
    atoms = snapshot.structure.to_atoms()
    atoms.set_momenta(np.array(snapshot.momenta, dtype=float))
    return MDState.of(atoms)
