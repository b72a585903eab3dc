"""MACE with its geometry in float64: what follows from distances and directions alone is rounded once, at the end."""

from __future__ import annotations

import copy
from typing import Any

import torch

from alloop.potential.evaluation.contraction import shell
from alloop.potential.evaluation.neighbours import Edges
from alloop.potential.evaluation.surface import Surface
from alloop.potential.models.architecture import head_of


class InFloat64(torch.nn.Module):
    """A part of a model evaluated in float64.

    Parameters
    ----------
    part : torch.nn.Module
        It is copied.
    dtype : torch.dtype
        To which its results are rounded.
    """

    def __init__(self, part: torch.nn.Module, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self._part = copy.deepcopy(part).double()
        self._dtype = dtype

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Return what the part does."""
        found = self._part(*(one.double() if one.is_floating_point() else one for one in inputs))
        if isinstance(found, torch.Tensor):
            return found.to(self._dtype)
        return tuple(None if one is None else one.to(self._dtype) for one in found)


def with_float64_geometry(model: torch.nn.Module) -> torch.nn.Module:
    """Return a form of a model that takes edge vectors in float64 and sums energies in float64.

    In float32 the arguments of the highest Bessel functions alone lose ten times more than everything after them.
    """
    exact: Any = shell(model)
    dtype = next(model.parameters()).dtype
    if dtype != torch.float64:
        exact.spherical_harmonics = InFloat64(exact.spherical_harmonics, dtype)
        exact.radial_embedding = InFloat64(exact.radial_embedding, dtype)
        exact.readouts = torch.nn.ModuleList(InFloat64(readout) for readout in exact.readouts)
    module: torch.nn.Module = exact
    return module


def by_mace(model: Any, edges: Edges, vectors: torch.dtype = torch.float64) -> Surface:
    """Evaluate a model by its own code; float64 vectors for float32 models need :func:`with_float64_geometry`."""
    device, atoms = edges.senders.device, len(edges.species)
    # MACE reads positions only through edge vectors: with all atoms at the origin the shifts are the vectors.
    with torch.enable_grad():
        vectors_A = edges.vectors_A.to(vectors, copy=True).requires_grad_()
        output = model(
            {
                "node_attrs": edges.species,
                "positions": vectors_A.new_zeros(atoms, 3),
                "edge_index": torch.stack([edges.senders, edges.receivers]),
                "shifts": vectors_A,
                "cell": vectors_A.new_zeros(3, 3),
                "batch": torch.zeros(atoms, dtype=torch.long, device=device),
                "ptr": atoms * torch.arange(2, device=device),
                "head": torch.full((1,), head_of(model), dtype=torch.long, device=device),
            },
            compute_force=False,
        )
        energies = output["node_energy"]
        (slopes,) = torch.autograd.grad(output["interaction_energy"].sum(), vectors_A, allow_unused=True)
    slopes = torch.zeros_like(vectors_A) if slopes is None else slopes
    return Surface(energies.detach().double(), slopes.double())
