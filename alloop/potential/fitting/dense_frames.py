"""Turn labelled frames into dense arrays: the geometry that a fit needs, computed once before the first step."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from alloop.potential.mace_api import AtomicData
from alloop.potential.models.architecture import head_of

_EDGES_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class DenseFrame:
    """One labelled frame, or several joined. Every atom has as many places for neighbours; empty ones count nothing.

    Attributes
    ----------
    species : torch.Tensor, shape (atoms, elements)
        One-hot rows.
    frame_of : torch.Tensor of int, shape (atoms,)
        The frame of every atom.
    senders, pairs : torch.Tensor of int, shape (atoms * places,)
        Who the neighbour is, and which pair it belongs to: every pair is there twice, seen from either end.
    harmonics : torch.Tensor, shape (atoms, components, places)
        Spherical harmonics of the directions.
    turning : torch.Tensor, shape (atoms, places, components, 3)
        Their derivatives by the vectors (1/Å).
    units, vectors_A : torch.Tensor, shape (atoms, places, 3)
        Direction and vector from the neighbour to the atom; zero in empty places.
    lengths_A : torch.Tensor of float64, shape (pairs,)
        Distances.
    energy_eV, forces_eV_per_A, stress_eV_per_A3 : torch.Tensor, shapes (frames,), (atoms, 3), (frames, 3, 3)
        The labels less all that no fit changes: isolated atoms, the mean energy, screened nuclear repulsion.
    importance : torch.Tensor, shape (frames, 3)
        What energy, forces and stress of a frame count in the loss.
    sizes, volumes_A3 : torch.Tensor, shape (frames,)
        Atoms, and volumes of the cells.
    """

    species: torch.Tensor
    frame_of: torch.Tensor
    senders: torch.Tensor
    pairs: torch.Tensor
    harmonics: torch.Tensor
    turning: torch.Tensor
    units: torch.Tensor
    vectors_A: torch.Tensor
    lengths_A: torch.Tensor
    energy_eV: torch.Tensor
    forces_eV_per_A: torch.Tensor
    stress_eV_per_A3: torch.Tensor
    importance: torch.Tensor
    sizes: torch.Tensor
    volumes_A3: torch.Tensor

    def to(self, device: str, dtype: torch.dtype) -> DenseFrame:
        """Return the frame on a device, everything but the distances in a precision."""
        moved = {}
        for name, value in vars(self).items():
            real = value.is_floating_point() and name != "lengths_A"
            moved[name] = value.to(device=device, dtype=dtype if real else value.dtype)
        return DenseFrame(**moved)


@dataclass(frozen=True, eq=False)
class _NotFitted:
    """The part of a model that no fit changes, on the CPU, where frames are made."""

    isolated_eV: torch.Tensor
    scale: torch.Tensor
    shift_eV: torch.Tensor
    repulsion: torch.nn.Module | None
    numbers: torch.Tensor

    @classmethod
    def of(cls, model: Any) -> _NotFitted:
        head, numbers = head_of(model), model.atomic_numbers.cpu()
        units = model.scale_shift
        scale, shift = (part.reshape(-1)[head].double().cpu() for part in (units.scale, units.shift))
        isolated_eV = model.atomic_energies_fn.atomic_energies.view(-1, len(numbers))[head].double().cpu()
        repulsion = getattr(model, "pair_repulsion_fn", None)
        return cls(isolated_eV, scale, shift, None if repulsion is None else copy.deepcopy(repulsion).cpu(), numbers)

    def energy_and_slopes(self, graph: AtomicData, lengths_A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the energy of a graph (eV), and its derivative by the length of every edge (eV/Å)."""
        species = graph.node_attrs.double()
        energy_eV = (species @ self.isolated_eV + self.shift_eV).sum()
        if self.repulsion is None:
            return energy_eV, torch.zeros_like(lengths_A)
        with torch.enable_grad():
            lengths_A = lengths_A.unsqueeze(1).requires_grad_()
            repelled_eV = self.scale * self.repulsion(lengths_A, species, graph.edge_index, self.numbers).sum()
            (slopes,) = torch.autograd.grad(repelled_eV, lengths_A)
        return energy_eV + repelled_eV.detach(), slopes.squeeze(1)


_COUNTED = {"senders": "species", "pairs": "lengths_A", "frame_of": "sizes"}
"""Indices, and the arrays whose rows they count."""


def dense_frames(graphs: Sequence[AtomicData], model: torch.nn.Module, device: str) -> list[DenseFrame]:
    """Return labelled graphs as dense frames that can be joined, on a device and in the model's precision."""
    places, constant = max(int(_degrees(graph).max()) for graph in graphs), _NotFitted.of(model)
    harmonics_of = copy.deepcopy(model.spherical_harmonics).cpu()
    found: list[DenseFrame] = []
    for some in _portions(graphs):
        vectors_A = torch.cat([_vectors(graph) for graph in some])
        harmonics, turning = _harmonics(harmonics_of, vectors_A)
        edges = [graph.edge_index.shape[1] for graph in some]
        for graph, *geometry in zip(some, *_split(edges, vectors_A, harmonics, turning), strict=True):
            found.append(_dense(graph, constant, places, *geometry).to(device, next(model.parameters()).dtype))
    return found


def joined(frames: Sequence[DenseFrame]) -> DenseFrame:
    """Return frames as one."""
    made = {}
    for field in fields(DenseFrame):
        parts = [getattr(frame, field.name) for frame in frames]
        if field.name in _COUNTED:
            rows = [len(getattr(frame, _COUNTED[field.name])) for frame in frames]
            parts = [part + before for part, before in zip(parts, np.cumsum([0, *rows[:-1]]).tolist(), strict=True)]
        made[field.name] = torch.cat(parts)
    return DenseFrame(**made)


def _degrees(graph: AtomicData) -> torch.Tensor:
    return torch.bincount(graph.edge_index[1], minlength=graph.num_nodes)


def _portions(graphs: Sequence[AtomicData]) -> list[list[AtomicData]]:
    """Return the graphs in portions whose harmonics fit into memory."""
    portions: list[list[AtomicData]] = [[]]
    edges = 0
    for graph in graphs:
        edges += graph.edge_index.shape[1]
        if portions[-1] and edges > _EDGES_AT_ONCE:
            portions.append([])
            edges = graph.edge_index.shape[1]
        portions[-1].append(graph)
    return portions


def _vectors(graph: AtomicData) -> torch.Tensor:
    sender, receiver = graph.edge_index
    positions_A = graph.positions.double()
    vectors_A: torch.Tensor = positions_A[receiver] - positions_A[sender] + graph.shifts.double()
    return vectors_A


def _split(rows: list[int], *parts: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    return [torch.split_with_sizes(part, rows) for part in parts]


def _harmonics(function: Any, vectors_A: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.enable_grad():
        vectors_A = vectors_A.clone().requires_grad_()
        values = function(vectors_A)
        slopes = [torch.autograd.grad(column.sum(), vectors_A, retain_graph=True)[0] for column in values.unbind(1)[1:]]
    return values.detach(), torch.stack([torch.zeros_like(vectors_A), *slopes], dim=1).detach()


def _dense(
    graph: AtomicData,
    constant: _NotFitted,
    places: int,
    vectors_A: torch.Tensor,
    harmonics: torch.Tensor,
    turning: torch.Tensor,
) -> DenseFrame:
    """Return one graph as a dense frame; its edges have these vectors, harmonics and derivatives of harmonics."""
    atoms = graph.num_nodes
    sender, receiver = graph.edge_index
    lengths_A = torch.linalg.vector_norm(vectors_A, dim=1)
    units = vectors_A / lengths_A.unsqueeze(1)
    energy_eV, forces, stress, volume_A3 = _labels_to_fit(graph, constant, vectors_A, lengths_A, units)
    pairs, one_of_each = _pairs(sender, receiver, graph.unit_shifts)
    slots = _slots(receiver, atoms, places)
    importance = torch.stack([graph.energy_weight, graph.forces_weight, graph.stress_weight]) * graph.weight

    def in_places(values: torch.Tensor) -> torch.Tensor:
        full = values.new_zeros(atoms * places, *values.shape[1:])
        return full.index_copy_(0, slots, values).view(atoms, places, *values.shape[1:])

    return DenseFrame(
        species=graph.node_attrs,
        frame_of=torch.zeros(atoms, dtype=torch.long),
        senders=in_places(sender).flatten(),
        pairs=in_places(pairs).flatten(),
        harmonics=in_places(harmonics).transpose(1, 2).contiguous(),
        turning=in_places(turning),
        units=in_places(units),
        vectors_A=in_places(vectors_A),
        lengths_A=lengths_A[one_of_each],
        energy_eV=energy_eV.view(1),
        forces_eV_per_A=forces,
        stress_eV_per_A3=stress.unsqueeze(0),
        importance=importance.unsqueeze(0),
        sizes=torch.tensor([float(atoms)]),
        volumes_A3=volume_A3.view(1),
    )


def _labels_to_fit(
    graph: AtomicData, constant: _NotFitted, vectors_A: torch.Tensor, lengths_A: torch.Tensor, units: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return energy (eV), forces (eV/Å) and stress (eV/Å³) without what no fit changes, and the cell's volume (Å³)."""
    sender, receiver = graph.edge_index
    energy_eV, slopes = constant.energy_and_slopes(graph, lengths_A)
    by_vector = slopes.unsqueeze(1) * units
    forces = torch.zeros(graph.num_nodes, 3, dtype=torch.float64)
    forces.index_add_(0, sender, by_vector).index_add_(0, receiver, by_vector, alpha=-1)
    volume_A3 = torch.linalg.det(graph.cell.double().view(3, 3)).abs()
    virial = vectors_A.T @ by_vector
    stress = graph.stress.double().view(3, 3) - 0.5 * (virial + virial.T) / volume_A3
    return graph.energy.double() - energy_eV, graph.forces.double() - forces, stress, volume_A3


def _slots(receiver: torch.Tensor, atoms: int, places: int) -> torch.Tensor:
    """Return the place of every edge among those of all atoms."""
    order = torch.argsort(receiver, stable=True)
    degrees = torch.bincount(receiver, minlength=atoms)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    return receiver * places + rank - (degrees.cumsum(0) - degrees)[receiver]


def _pairs(sender: torch.Tensor, receiver: torch.Tensor, shifts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pair of every edge, and one edge of every pair."""
    there = torch.cat([sender.unsqueeze(1), receiver.unsqueeze(1), shifts.round().long()], dim=1).numpy()
    back = np.concatenate([there[:, [1, 0]], -there[:, 2:]], axis=1)
    opposite = np.empty(len(there), dtype=np.int64)
    opposite[np.lexsort(there.T)] = np.lexsort(back.T)
    one_of_each, number = np.unique(np.minimum(np.arange(len(there)), opposite), return_inverse=True)
    return torch.from_numpy(number), torch.from_numpy(one_of_each)
