"""Evaluate a committee: its leader gives energies and forces, all members together the disagreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from alloop.potential.disagreement import disagreement
from alloop.potential.evaluation.batched import BatchedCommittee
from alloop.potential.evaluation.evaluate import ready, surfaces
from alloop.potential.evaluation.neighbours import SKIN_A, Edges, Neighbourhoods
from alloop.potential.evaluation.surface import Surface
from alloop.potential.graphs import one_hot
from alloop.potential.models.architecture import cutoff_of, head_of, numbers_of
from alloop.potential.models.runtime import DTYPES


@dataclass(frozen=True, eq=False)
class Prediction:
    """Energy, forces and stress of one model for one frame.

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
    """The leader's prediction for one frame, and the disagreement of the members.

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
        If no model is given, or if they differ in elements, cutoff or head.
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
        self._same: tuple[bytes, bytes] = (b"", b"")
        self._near: Neighbourhoods | None = None
        self._last: tuple[tuple[bytes, bytes, bytes], Edges, Surface] | None = None

    def __len__(self) -> int:
        return len(self._members)

    def field(self, atoms: Atoms) -> BatchedCommittee:
        """Return the committee as the force field of many walkers of the same atoms in the same cell.

        Raises
        ------
        UnknownElementError
            If the models lack an element.
        """
        return BatchedCommittee(self._members, atoms, device=self._device, dtype=self._dtype)

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
        edges, leader = self._led(atoms)
        return _prediction(leader, edges, atoms, stress)

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
        edges, led = self._led(atoms)
        leader = _prediction(led, edges, atoms, stress)
        if len(self) == 1:
            return Look(leader, None)
        others = [surface.forces(edges).cpu().numpy() for surface in surfaces(self._members[1:], edges)]
        return Look(leader, disagreement(np.stack([leader.forces_eV_per_A, *others])))

    def _led(self, atoms: Atoms) -> tuple[Edges, Surface]:
        """Return the edges of a frame and what the leader says, remembered where it is the frame of last time."""
        frame = (atoms.numbers.tobytes(), atoms.cell.array.tobytes(), atoms.positions.tobytes())
        if self._last is None or self._last[0] != frame:
            edges = self._edges(atoms)
            self._last = (frame, edges, surfaces(self._members[:1], edges)[0])
        return self._last[1:]

    def _edges(self, atoms: Atoms) -> Edges:
        """Return the edges of a frame; as long as atoms and cell stay, the list of pairs is kept."""
        if not atoms.pbc.all():
            raise ValueError("a frame must be periodic along all three lattice vectors")
        same = (atoms.numbers.tobytes(), atoms.cell.array.tobytes())
        if self._near is None or self._same[0] != same[0]:
            rows = one_hot(atoms.numbers, self._numbers)
            self._species = torch.as_tensor(rows, dtype=DTYPES[self._dtype], device=self._device)
        if self._near is None or self._same != same:
            # A cell that changes all the time would never use the skin.
            skin_A = 0.0 if self._same[0] == same[0] else SKIN_A
            self._near = Neighbourhoods(atoms.numbers, atoms.cell.array, self._species, self._cutoff_A, skin_A)
            self._same = same
        return self._near.edges(torch.tensor(atoms.positions[None]).to(self._device), (0,))


class LeaderCalculator(Calculator):  # type: ignore[misc]
    """The leader of a committee as an ASE calculator.

    Parameters
    ----------
    committee : Committee
        Whose leader drives.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, committee: Committee) -> None:
        super().__init__()
        self._committee = committee

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy (eV), forces (eV/Å) and, if asked for, stress (eV/Å³, Voigt order)."""
        super().calculate(atoms, properties, system_changes)
        prediction = self._committee.forces(self.atoms, stress="stress" in properties)
        self.results: dict[str, Any] = {
            "energy": prediction.energy_eV,
            "free_energy": prediction.energy_eV,
            "forces": prediction.forces_eV_per_A,
        }
        if prediction.stress_eV_per_A3 is not None:
            self.results["stress"] = prediction.stress_eV_per_A3


def _is_finite(atoms: Atoms) -> bool:
    return bool(np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all())


def _nothing(atoms: int, stress: bool) -> Prediction:
    return Prediction(float("nan"), np.full((atoms, 3), np.nan), np.full(6, np.nan) if stress else None)


def _prediction(surface: Surface, edges: Edges, atoms: Atoms, stress: bool) -> Prediction:
    virial = surface.virial(edges).cpu().numpy() / atoms.get_volume() if stress else None
    return Prediction(
        energy_eV=float(surface.node_energies_eV.sum()),
        forces_eV_per_A=surface.forces(edges).cpu().numpy(),
        stress_eV_per_A3=None if virial is None else full_3x3_to_voigt_6_stress(virial),
    )
