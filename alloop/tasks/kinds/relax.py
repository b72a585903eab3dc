"""Relax structures with ASE's optimiser, on the surface of a model or of the label engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS

from alloop.config.label import LabelCommon
from alloop.failures import TaskFailure
from alloop.labelling.answers import checked
from alloop.labelling.engine import LabelEngine
from alloop.labelling.ranks import Launch
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.structure import Structure
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.relax import (
    Lattice,
    Relaxation,
    RelaxByLabelsRequest,
    RelaxData,
    RelaxRequest,
    RelaxSummary,
)
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace

LONGEST_STEP_A = 0.1
"""Longest displacement of one step of the optimiser (Å)."""


def relax(request: RelaxRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Relax a structure on the surface of a model.

    Returns
    -------
    tuple of dict
        RelaxSummary and RelaxData as JSON.

    Raises
    ------
    TaskFailure
        ``steps`` if it is not relaxed after the steps allowed, ``nan`` if a force is not a finite number, ``stress`` if
        the cell relaxes and the engine or model gives no stress.
    """
    from alloop.potential.committee import LeaderCalculator
    from alloop.tasks.models import load_committee

    committee = load_committee(workspace, (request.model,), machine.device, request.dtype)
    return relaxed(request, LeaderCalculator(committee))


def relax_by_labels(request: RelaxByLabelsRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Relax a structure with the label engine, one single point after the other.

    Raises
    ------
    TaskFailure
        As `relax` does, and ``scf`` or ``dft`` as a label does.
    CodeMismatchError
        If the machine has other code or datasets than the request was made for.
    RanksError, OutOfTimeError
        If the ranks of a single point were lost, or did not answer in time.
    """
    from alloop.tasks.kinds.label import scratch

    settings = label_settings(request.settings)
    engine = engine_of(settings)
    with scratch(engine, workspace, request.kind, request.key()) as folder:
        calculator = EngineCalculator(engine, settings, request.code, folder, machine.launch())
        return relaxed(request, calculator)


class EngineCalculator(Calculator):  # type: ignore[misc]
    """A label engine as an ASE calculator.

    Parameters
    ----------
    engine : LabelEngine
        Computes the single points.
    settings : LabelCommon
        The config's ``label`` section.
    code : dict
        Versions of the code with which it must be computed.
    folder : pathlib.Path
        Scratch folder.
    launch : Launch or None
        How a single point is started as a program.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(
        self, engine: LabelEngine[Any], settings: LabelCommon, code: dict[str, str], folder: Path, launch: Launch | None
    ) -> None:
        super().__init__()
        self._engine, self._settings, self._code = engine, settings, code
        self._folder, self._launch = folder, launch

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy (eV), forces (eV/Å) and stress (eV/Å³, Voigt order), where the engine has one."""
        super().calculate(atoms, properties, system_changes)
        bare = Atoms(self.atoms.numbers, positions=self.atoms.positions, cell=self.atoms.cell, pbc=self.atoms.pbc)
        answer = self._engine.single_point(bare, self._settings, self._code, self._folder, self._launch)
        point = checked(answer, len(bare))
        self.results: dict[str, Any] = {
            "energy": point.energy_eV,
            "free_energy": point.energy_eV,
            "forces": point.forces_eV_per_A,
        }
        if point.stress_eV_per_A3 is not None:
            self.results["stress"] = point.stress_eV_per_A3


def relaxed(request: Relaxation, calculator: Calculator) -> Answer:
    """Relax the structure of a request on the surface of a calculator; see `relax`."""
    atoms = request.structure.to_atoms()
    atoms.calc = calculator
    start, before = _lattice(atoms), atoms.get_scaled_positions(wrap=False)
    pressure = request.pressure_GPa * units.GPa
    moving = FrechetCellFilter(atoms, scalar_pressure=pressure) if request.cell else atoms
    optimiser = LBFGS(moving, logfile=None, maxstep=LONGEST_STEP_A)
    _run(optimiser, atoms, request)
    moved = (atoms.get_scaled_positions(wrap=False) - before) @ atoms.cell.array
    summary = RelaxSummary(
        start=start,
        relaxed=_lattice(atoms),
        steps=optimiser.nsteps,
        max_force_eV_per_A=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
        stress_GPa=_stress_left(atoms, pressure) if request.cell else None,
        moved_A=float(np.sqrt((moved**2).sum(axis=1).mean())),
    )
    data = RelaxData(structure=Structure.from_atoms(atoms))
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def _run(optimiser: LBFGS, atoms: Atoms, request: Relaxation) -> None:
    """Make steps until the structure is relaxed."""
    try:
        converged = False
        for converged in optimiser.irun(fmax=request.max_force_eV_per_A, steps=request.max_steps):  # noqa: B007
            if not np.isfinite(atoms.get_forces()).all():
                raise TaskFailure("nan", f"a force is not a finite number after {optimiser.nsteps} steps")
    except PropertyNotImplementedError as error:
        what = "the engine gives no stress, which a cell needs to relax; set `cell: false` in the settings of the study"
        raise TaskFailure("stress", what) from error
    if not converged:
        limit = f"the forces are not below {request.max_force_eV_per_A:g} eV/Å"
        raise TaskFailure("steps", f"not relaxed after {optimiser.nsteps} steps: {limit}")


def _stress_left(atoms: Atoms, pressure: float) -> float:
    """Return the largest component (GPa) of the stress, that of the external pressure (eV/Å³) taken off."""
    left = atoms.get_stress(voigt=False) + pressure * np.eye(3)
    return float(np.abs(left).max() / units.GPa)


def _lattice(atoms: Atoms) -> Lattice:
    return _cell(atoms, float(atoms.get_potential_energy(force_consistent=True)) / len(atoms))


def _cell(atoms: Atoms, energy_eV_per_atom: float) -> Lattice:
    a, b, c, alpha, beta, gamma = (float(value) for value in atoms.cell.cellpar())
    return Lattice(
        a_A=a,
        b_A=b,
        c_A=c,
        alpha_deg=alpha,
        beta_deg=beta,
        gamma_deg=gamma,
        volume_A3=float(atoms.get_volume()),
        energy_eV_per_atom=energy_eV_per_atom,
    )


def simulated(request: Relaxation, workspace: Workspace) -> Answer:
    """Answer with the structure as it was."""
    lattice = _cell(request.structure.to_atoms(), -3.0)
    stress_GPa = 0.0 if request.cell else None
    summary = RelaxSummary(
        start=lattice, relaxed=lattice, steps=1, max_force_eV_per_A=0.0, stress_GPa=stress_GPa, moved_A=0.0
    )
    return summary.model_dump(mode="json"), RelaxData(structure=request.structure).model_dump(mode="json")
