"""The objective of a fit: deviations of a model from labels, computed by MACE or by its dense form."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from alloop.potential.evaluation.scalar_mace import UnsupportedError
from alloop.potential.fitting.dense_frames import DenseFrame, dense_frames, joined
from alloop.potential.fitting.dense_mace import DenseMace, require_dense
from alloop.potential.fitting.loss import Cost, Weights, Widths, cauchy, huber
from alloop.potential.graphs import UNUSED, batches_of
from alloop.potential.mace_api import AtomicData, Batch, preserve_grad_state
from alloop.potential.models.architecture import dtype_of
from alloop.potential.models.runtime import DTYPES

AGREEMENT = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Largest deviation of a force or an energy per atom from MACE's, relative to the largest force or to 1 eV."""
_SHORTER_A = 0.01
_ATOMS_PER_CHECK = 256


@dataclass(frozen=True, eq=False)
class Deviations:
    """How far predictions are from the labels of some frames.

    Attributes
    ----------
    energy_eV_per_atom, forces_eV_per_A, stress_eV_per_A3 : torch.Tensor
        Shapes (frames,), (atoms, 3) and (frames, 3, 3); in MACE's precision.
    energy_counts, forces_counts, stress_counts : torch.Tensor
        What each counts in the loss.
    """

    energy_eV_per_atom: torch.Tensor
    forces_eV_per_A: torch.Tensor
    stress_eV_per_A3: torch.Tensor
    energy_counts: torch.Tensor
    forces_counts: torch.Tensor
    stress_counts: torch.Tensor

    def loss(self, weights: Weights, widths: Widths | None = None) -> torch.Tensor:
        """Return what is minimised: weighted mean squares, or with widths Huber's loss in their place.

        The squares are those of MACE's ``WeightedEnergyForcesStressLoss``, and Huber's loss is the same up to the
        widths. It is of the norms of force vectors and stress tensors, so that turning a frame changes nothing.
        """
        return self._squares(weights) if widths is None else self._costs(weights, widths, huber)

    def watched_loss(self, weights: Weights, widths: Widths | None = None) -> torch.Tensor:
        """Return what decides when a fit ends: as `loss`, with widths Cauchy's loss.

        Of a few frames with errors a hundred times those of the others, Huber's loss would still be their loss alone.
        """
        return self._squares(weights) if widths is None else self._costs(weights, widths, cauchy)

    def _squares(self, weights: Weights) -> torch.Tensor:
        loss = weights.energy * (self.energy_counts * self.energy_eV_per_atom**2).mean()
        loss = loss + weights.forces * (self.forces_counts * self.forces_eV_per_A**2).mean()
        if weights.stress > 0:
            loss = loss + weights.stress * (self.stress_counts * self.stress_eV_per_A3**2).mean()
        return loss

    def _costs(self, weights: Weights, widths: Widths, cost: Cost) -> torch.Tensor:
        energy = cost(self.energy_eV_per_atom**2, widths.energy_eV_per_atom)
        loss = weights.energy * (self.energy_counts * energy).mean()
        forces = cost((self.forces_eV_per_A**2).sum(1, keepdim=True), widths.forces_eV_per_A)
        loss = loss + weights.forces * (self.forces_counts * forces).mean() / 3
        if weights.stress > 0:
            stress = cost((self.stress_eV_per_A3**2).sum((1, 2), keepdim=True), widths.stress_eV_per_A3)
            loss = loss + weights.stress * (self.stress_counts * stress).mean() / 9
        return loss


class Objective(Protocol):
    """Deviations of a model from two sets of labelled frames: those that are fitted, and those that are watched."""

    def fitted(self, frames: Sequence[int], *, fitting: bool = True) -> Deviations:
        """Return deviations on some of the fitted frames, differentiable by the weights if `fitting`."""

    def watched(self) -> list[Deviations]:
        """Return deviations on all watched frames, batch by batch, not differentiable."""


class MaceObjective:
    """Deviations found by MACE itself.

    Parameters
    ----------
    model : torch.nn.Module
        On its device.
    graphs, watched : sequence of AtomicData
        Labelled frames.
    stress : bool
        Whether stress is wanted.
    """

    def __init__(
        self, model: torch.nn.Module, graphs: Sequence[AtomicData], watched: Sequence[AtomicData], *, stress: bool
    ) -> None:
        self._model, self._stress = model, stress
        self._device = next(model.parameters()).device
        self._graphs = list(graphs)
        self._watched = batches_of(watched, _ATOMS_PER_CHECK)

    def fitted(self, frames: Sequence[int], *, fitting: bool = True) -> Deviations:
        """Return deviations on some of the fitted frames, differentiable by the weights if `fitting`."""
        batch = Batch.from_data_list([self._graphs[index] for index in frames], exclude_keys=UNUSED)
        return self._deviations(batch, fitting=fitting)

    def watched(self) -> list[Deviations]:
        """Return deviations on all watched frames, batch by batch, not differentiable."""
        with preserve_grad_state(self._model):
            return [self._deviations(batch, fitting=False) for batch in self._watched]

    def _deviations(self, batch: Any, *, fitting: bool) -> Deviations:
        batch = batch.to(self._device)
        output = self._model(batch.to_dict(), training=fitting, compute_stress=self._stress)
        sizes = batch.ptr[1:] - batch.ptr[:-1]
        energy, forces = output["energy"] - batch.energy, output["forces"] - batch.forces
        stress = output["stress"] - batch.stress if self._stress else torch.zeros_like(batch.stress)
        counts = [batch.weight * batch[f"{name}_weight"] for name in ("energy", "forces", "stress")]
        return Deviations(
            energy_eV_per_atom=energy / sizes if fitting else (energy / sizes).detach(),
            forces_eV_per_A=forces if fitting else forces.detach(),
            stress_eV_per_A3=stress if fitting else stress.detach(),
            energy_counts=counts[0],
            forces_counts=counts[1].index_select(0, batch.batch).unsqueeze(1),
            stress_counts=counts[2].view(-1, 1, 1),
        )


class DenseObjective:
    """Deviations found by the dense form of a model; parameters are those of :class:`MaceObjective`.

    Raises
    ------
    UnsupportedError
        If the model has no dense form.
    """

    def __init__(
        self, model: torch.nn.Module, graphs: Sequence[AtomicData], watched: Sequence[AtomicData], *, stress: bool
    ) -> None:
        require_dense(model)
        self._stress = stress
        device, distinct = str(next(model.parameters()).device), _distinct([*graphs, *watched])
        dense = dict(zip(map(id, distinct), dense_frames(distinct, model, device), strict=True))
        self._frames = [dense[id(graph)] for graph in graphs]
        self._watched = [joined(frames) for frames in _portions([dense[id(graph)] for graph in watched])]
        shortest_A = min(float(frame.lengths_A.min()) for frame in dense.values() if len(frame.lengths_A))
        self._dense = DenseMace(model, shortest_A - _SHORTER_A)

    def fitted(self, frames: Sequence[int], *, fitting: bool = True) -> Deviations:
        """Return deviations on some of the fitted frames, differentiable by the weights if `fitting`."""
        return self._deviations(joined([self._frames[index] for index in frames]), fitting=fitting)

    def watched(self) -> list[Deviations]:
        """Return deviations on all watched frames, batch by batch, not differentiable."""
        if not self._dense.refine():
            warnings.warn("radial weights change too fast with the distance to be interpolated", stacklevel=2)
        return [self._deviations(frame, fitting=False) for frame in self._watched]

    def _deviations(self, frame: DenseFrame, *, fitting: bool) -> Deviations:
        predicted = self._dense(frame, stress=self._stress, fitting=fitting)
        counts = frame.importance.unbind(1)
        return Deviations(
            energy_eV_per_atom=(predicted.energy_eV - frame.energy_eV) / frame.sizes,
            forces_eV_per_A=predicted.forces_eV_per_A - frame.forces_eV_per_A,
            stress_eV_per_A3=predicted.stress_eV_per_A3 - frame.stress_eV_per_A3,
            energy_counts=counts[0],
            forces_counts=counts[1].index_select(0, frame.frame_of).unsqueeze(1),
            stress_counts=counts[2].view(-1, 1, 1),
        )


def objective_of(
    model: torch.nn.Module, graphs: Sequence[AtomicData], watched: Sequence[AtomicData], *, stress: bool
) -> Objective:
    """Return the fastest objective that agrees with MACE on the first frame; parameters as in MaceObjective."""
    mace = MaceObjective(model, graphs, watched, stress=stress)
    try:
        dense = DenseObjective(model, graphs, watched, stress=stress)
    except UnsupportedError:
        return mace
    ours, theirs = (one.fitted([0], fitting=False) for one in (dense, mace))
    if not all(bool(torch.isfinite(part).all()) for part in (theirs.energy_eV_per_atom, theirs.forces_eV_per_A)):
        return mace
    if _agree(ours, theirs, AGREEMENT[DTYPES[dtype_of(model)]], graphs[0]):
        return dense
    warnings.warn(
        "the dense form of this model does not agree with MACE; it is fitted as MACE does, only slower", stacklevel=2
    )
    return mace


@torch.no_grad()
def _agree(ours: Deviations, theirs: Deviations, tolerance: float, graph: AtomicData) -> bool:
    device = theirs.forces_eV_per_A.device
    force = float((theirs.forces_eV_per_A + graph.forces.to(device)).abs().max())
    energy = float((theirs.energy_eV_per_atom + graph.energy.to(device) / graph.num_nodes).abs().max())
    forces_off = float((ours.forces_eV_per_A - theirs.forces_eV_per_A).abs().max())
    energy_off = float((ours.energy_eV_per_atom - theirs.energy_eV_per_atom).abs().max())
    return forces_off <= tolerance * max(force, 1.0) and energy_off <= tolerance * max(energy, 1.0)


def _distinct(graphs: Sequence[AtomicData]) -> list[AtomicData]:
    return list({id(graph): graph for graph in graphs}.values())


def _portions(frames: Sequence[DenseFrame]) -> list[list[DenseFrame]]:
    portions: list[list[DenseFrame]] = [[]]
    atoms = 0
    for frame in frames:
        atoms += len(frame.species)
        if portions[-1] and atoms > _ATOMS_PER_CHECK:
            portions.append([])
            atoms = len(frame.species)
        portions[-1].append(frame)
    return portions
