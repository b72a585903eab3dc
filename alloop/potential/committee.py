"""Several models on one graph: the leader drives, all together say where they do not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from alloop.potential.architecture import cutoff_of, head_of, numbers_of
from alloop.potential.contraction import frozen
from alloop.potential.foundation import load_foundation_file
from alloop.potential.graphs import Graph, geometry, one_hot
from alloop.potential.model_files import hot, hot_model
from alloop.potential.runtime import DTYPES
from alloop.tasks.workspace import Workspace

_ready: WeakKeyDictionary[torch.nn.Module, tuple[object, torch.nn.Module]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one model says of one frame.

    Attributes
    ----------
    energy_eV : float
        Total energy.
    forces_eV_per_A : numpy.ndarray, shape (atoms, 3)
        Forces.
    stress_eV_per_A3 : numpy.ndarray, shape (6,), or None
        Stress with ASE's sign in Voigt order (xx, yy, zz, yz, xz, xy); None unless asked for.
    """

    energy_eV: float
    forces_eV_per_A: np.ndarray
    stress_eV_per_A3: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """What the whole committee says of one frame.

    Attributes
    ----------
    leader : Prediction
        The leader's prediction.
    disagreement_eV_per_A : numpy.ndarray, shape (atoms,), or None
        Length of the vector of the members' standard deviations of x, y and z force (n - 1 in the denominator), the
        leader included; None for a committee of one.
    """

    leader: Prediction
    disagreement_eV_per_A: np.ndarray | None


class Committee:
    """Models of the same elements and cutoff, evaluated one after the other on one graph.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        The leader first.
    device : str
        Where to compute: ``cpu`` or ``cuda``.
    dtype : str
        ``float32`` or ``float64``.

    Raises
    ------
    ValueError
        If there is no model, or if they differ in elements, cutoff or head.
    """

    def __init__(self, models: Sequence[torch.nn.Module], *, device: str, dtype: str) -> None:
        if not models:
            raise ValueError("a committee needs at least one model")
        shapes = {(numbers_of(model), cutoff_of(model), head_of(model)) for model in models}
        if len(shapes) != 1:
            raise ValueError("the members of a committee differ in elements, cutoff or head")
        self._numbers, self._cutoff_A, self._head = shapes.pop()
        self._device, self._dtype = device, dtype
        self._members = tuple(ready(model, device, dtype) for model in models)
        self._species: tuple[bytes, np.ndarray] = (b"", np.zeros((0, 0)))

    def __len__(self) -> int:
        return len(self._members)

    def forces(self, atoms: Atoms, *, stress: bool = False) -> Prediction:
        """Return the leader's energy, forces and, if asked for, stress of a frame.

        Everything is NaN where a position or the cell is not finite.

        Raises
        ------
        UnknownElementError
            If the models lack an element of the frame.
        """
        if not _is_finite(atoms):
            return _nothing(len(atoms), stress)
        return _evaluate(self._members[0], self._graph(atoms), stress)

    def look(self, atoms: Atoms, *, stress: bool = False) -> Look:
        """Return the leader's prediction of a frame and the members' disagreement about its forces.

        Raises
        ------
        UnknownElementError
            If the models lack an element of the frame.
        """
        if not _is_finite(atoms):
            unknown = None if len(self) == 1 else np.full(len(atoms), np.nan)
            return Look(_nothing(len(atoms), stress), unknown)
        graph = self._graph(atoms)
        leader = _evaluate(self._members[0], graph, stress)
        if len(self) == 1:
            return Look(leader, None)
        others = [_evaluate(member, graph, False).forces_eV_per_A for member in self._members[1:]]
        return Look(leader, disagreement(np.stack([leader.forces_eV_per_A, *others])))

    def _graph(self, atoms: Atoms) -> Graph:
        numbers = atoms.numbers.tobytes()
        if self._species[0] != numbers:
            self._species = (numbers, one_hot(atoms.numbers, self._numbers))
        return geometry(atoms, self._species[1], self._cutoff_A, self._dtype, head=self._head, device=self._device)


class LeaderCalculator(Calculator):  # type: ignore[misc]
    """The leader of a committee as an ASE calculator.

    Parameters
    ----------
    committee : Committee
        Whose leader drives.
    stress : bool
        Compute the stress with every force call; otherwise only where it is asked for.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, committee: Committee, *, stress: bool = False) -> None:
        super().__init__()
        self._committee = committee
        self._stress = stress

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy (eV), forces (eV/Å) and, if asked for, stress (eV/Å³, Voigt order)."""
        super().calculate(atoms, properties, system_changes)
        self._keep(self._committee.forces(self.atoms, stress=self._stress or "stress" in properties))

    def look(self, atoms: Atoms) -> Look:
        """Let the whole committee look, and keep the leader's part so that the next force call costs nothing."""
        look = self._committee.look(atoms, stress=self._stress)
        self.atoms = atoms.copy()
        self._keep(look.leader)
        return look

    def _keep(self, prediction: Prediction) -> None:
        self.results: dict[str, Any] = {
            "energy": prediction.energy_eV,
            "free_energy": prediction.energy_eV,
            "forces": prediction.forces_eV_per_A,
        }
        if prediction.stress_eV_per_A3 is not None:
            self.results["stress"] = prediction.stress_eV_per_A3


def load_committee(workspace: Workspace, members: tuple[str, ...], device: str, dtype: str) -> Committee:
    """Return the committee of some models of a campaign (``fit:<key>`` or ``foundation:<sha256>``), the leader first.

    Models stay in memory between calls.
    """
    return Committee([load_member(workspace, member, device, dtype) for member in members], device=device, dtype=dtype)


def load_member(workspace: Workspace, member: str, device: str, dtype: str) -> torch.nn.Module:
    """Return one model of a campaign for evaluation; a foundation is evaluated as it is, with its own E0s."""
    path = workspace.model_path(member)
    origin, _, sha256 = member.partition(":")
    if origin == "fit":
        return hot_model(path, device, dtype, workspace.model_sha256(member))
    return hot(sha256, device, dtype, lambda: load_foundation_file(path, sha256, device=device).to(DTYPES[dtype]))


def disagreement(forces_eV_per_A: np.ndarray) -> np.ndarray:
    """Return the disagreement per atom (eV/Å) from forces of shape (members, atoms, 3)."""
    spread: np.ndarray = np.linalg.norm(forces_eV_per_A.std(axis=0, ddof=1), axis=-1)
    return spread


def ready(model: torch.nn.Module, device: str, dtype: str) -> torch.nn.Module:
    """Return a model as it shall be evaluated: on its device, in its precision, in its fastest equal form.

    That form is kept as long as the model is, and made anew where weights were changed.
    """
    model = model.to(device=device, dtype=DTYPES[dtype]).eval().requires_grad_(False)
    weights = tuple((weight.data_ptr(), weight._version) for weight in model.parameters())
    kept = _ready.get(model)
    if kept is None or kept[0] != weights:
        kept = _ready[model] = (weights, frozen(model))
    return kept[1]


def _evaluate(model: torch.nn.Module, graph: Graph, stress: bool) -> Prediction:
    # MACE marks the positions of what it is given, and replaces them when it strains the cell.
    output = model({**graph, "positions": graph["positions"].detach()}, compute_stress=stress)
    forces = output["forces"].detach().cpu().numpy().astype(float)
    virial = output["stress"].detach().cpu().numpy().astype(float)[0] if stress else None
    return Prediction(
        energy_eV=float(output["energy"].detach()[0]),
        forces_eV_per_A=forces,
        stress_eV_per_A3=None if virial is None else full_3x3_to_voigt_6_stress(virial),
    )


def _is_finite(atoms: Atoms) -> bool:
    return bool(np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all())


def _nothing(atoms: int, stress: bool) -> Prediction:
    return Prediction(float("nan"), np.full((atoms, 3), np.nan), np.full(6, np.nan) if stress else None)
