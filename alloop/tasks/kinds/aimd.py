"""Run production molecular dynamics on the surface of the label engine, and measure its transport."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from alloop.config.label import LabelCommon
from alloop.dynamics.phase import Evaluation, on_host
from alloop.dynamics.state import Floats
from alloop.labelling.answers import check_answer
from alloop.labelling.engine import Follow
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.contacts import min_contact
from alloop.tasks.contract.aimd import AIMD, AimdRequest, AimdSummary, MeasureAimdRequest, MeasureAimdSummary
from alloop.tasks.contract.records import Answer
from alloop.tasks.kinds.label import check_geometry, scratch
from alloop.tasks.kinds.measure import measured
from alloop.tasks.kinds.produce import produced
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace


class EngineField:
    """A label engine as the potential of one walker; every frame may begin where the one before ended.

    So forces depend on the frames before within the convergence of the engine. A segment begins anew: made again, it
    gives the same numbers.

    Parameters
    ----------
    atoms : ase.Atoms
        Species and cell.
    follow : callable
        Computes frames one after the other.
    settings : LabelCommon
        Gates around a single point.
    stop_contact : float
        Contact, in sums of covalent radii, at which the walker is stopped: the engine is not asked any more.

    Attributes
    ----------
    iterations : list of int or None
        Iterations of every single point, where the engine has any.
    """

    def __init__(self, atoms: Atoms, follow: Follow, settings: LabelCommon, stop_contact: float) -> None:
        self._atoms, self._follow, self._settings, self._stop_contact = atoms, follow, settings, stop_contact
        self._last: tuple[Tensor, Evaluation] | None = None
        self.iterations: list[int | None] = []

    def __call__(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None) -> Evaluation:
        """Return energy, forces and contact of the one walker; see `ForceField`. The same frame is not asked twice."""
        if self._last is None or not torch.equal(self._last[0], positions_A):
            self._last = (positions_A, self._evaluated(on_host(positions_A[0])))
        return self._last[1]

    def _evaluated(self, positions_A: Floats) -> Evaluation:
        atoms = self._atoms.copy()
        atoms.positions[:] = positions_A
        contact = min_contact(atoms)
        energy_eV, forces = 0.0, np.zeros_like(positions_A)
        if contact >= self._stop_contact:
            point = check_answer(self._follow(atoms), atoms, self._settings)
            energy_eV, forces = point.energy_eV, point.forces_eV_per_A
            self.iterations.append(point.scf_iterations)
        told = ([energy_eV], forces[None], [contact])
        return Evaluation(*(torch.as_tensor(one, dtype=torch.float64) for one in told))


def aimd(request: AimdRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Run one segment of molecular dynamics with the label engine, and write its trajectory.

    Parameters
    ----------
    request : AimdRequest
        What to run, and from where.
    workspace : Workspace
        Holds the segment before.
    machine : Machine
        How the engine is started. As a program, every step begins anew.

    Returns
    -------
    tuple of dict
        AimdSummary and ProduceData as JSON.

    Raises
    ------
    TaskFailure
        ``scf``, ``dft``, ``forces`` or ``odd_electrons`` as of a label; ``elements`` if nothing is mobile.
    CodeMismatchError
        If the machine has other code or datasets than the request was made for.
    RanksError, OutOfTimeError
        If the ranks of a single point were lost, or did not answer in time.
    """
    settings, atoms = label_settings(request.settings), request.structure.to_atoms()
    engine = engine_of(settings)
    check_geometry(atoms, settings)
    with (
        scratch(engine, workspace, request.kind, request.key()) as folder,
        engine.following(settings, request.code, folder, machine.launch()) as follow,
    ):
        field = EngineField(atoms, follow, settings, request.stop_contact)
        summary, data = produced(request, workspace, field)
    return _counted(summary, field.iterations), data


def _counted(summary: dict[str, object], iterations: Sequence[int | None]) -> dict[str, object]:
    """Return the summary of a segment with what the engine did for it, unless another worker has it already."""
    if "single_points" in summary:
        return summary
    known = [one for one in iterations if one is not None]
    mean = statistics.fmean(known) if known else None
    counted = AimdSummary.model_validate({**summary, "single_points": len(iterations), "scf_iterations": mean})
    return counted.model_dump(mode="json")


def measure_aimd(request: MeasureAimdRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Measure transport from molecular dynamics by the label engine, as `measure` does from production runs."""
    summary, data = measured(request, workspace, AIMD, request.skip_ps)
    told = MeasureAimdSummary.model_validate({**summary, "literature": request.literature})
    return told.model_dump(mode="json"), data
