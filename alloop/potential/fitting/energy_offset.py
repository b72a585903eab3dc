"""Set what of a model's energies a fit to forces or to another reference does not determine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.mace_api import AtomicData
from alloop.potential.models.architecture import head_of

RIDGE = 1e-4
"""Weight of the offsets of elements, in the unit of the variance of the compositions."""


def set_energy_offset(
    model: torch.nn.Module, graphs: Sequence[AtomicData], *, by_element: bool = False, device: str = "cpu"
) -> None:
    """Shift the head whose energies and forces are used, in place, until the mean error of the energy per atom is zero.

    A fit to forces does not determine the energy offset, and the offset is not a trainable weight, so it is set after
    the fit. Between two codes or functionals the offset differs from element to element: with `by_element` each gets
    its own beyond the common one, by ridge regression, and its isolated-atom energy holds it. Frames of one composition
    know the common one only.

    Parameters
    ----------
    model : torch.nn.Module
        With the isolated-atom energies that it will keep, but for offsets of elements; it ends on the device.
    graphs : sequence of AtomicData
        Labelled frames; repeats count as often as they appear.
    by_element : bool
        Whether every element gets an offset of its own.
    """
    module: Any = model.to(device)
    with torch.no_grad():
        shift = module.scale_shift.shift.view(-1)[head_of(model)]
        # What was there may be large enough to cost the digits of all else.
        shift.zero_()
    errors = _errors(model, graphs)
    if by_element:
        fractions = torch.stack([graph.node_attrs.double().mean(dim=0).cpu() for graph in graphs])
        offsets = _offsets(fractions, errors)
        with torch.no_grad():
            energies = module.atomic_energies_fn.atomic_energies
            energies.view(-1, len(offsets))[head_of(model)].sub_(offsets.to(energies))
        errors = errors - fractions @ offsets
    with torch.no_grad():
        shift.sub_(errors.mean())


def _errors(model: torch.nn.Module, graphs: Sequence[AtomicData]) -> torch.Tensor:
    """Return the errors of the energy per atom (eV), shape (frames,)."""
    batches = MaceObjective(model, (), graphs, stress=False).watched()
    return torch.cat([found.energy_eV_per_atom for found in batches]).double().cpu()


def _offsets(fractions: torch.Tensor, errors: torch.Tensor) -> torch.Tensor:
    """Return the offset (eV) of every element beyond the common one, from compositions, shape (frames, elements)."""
    away = fractions - fractions.mean(dim=0)
    covariance = away.T @ away / len(away)
    ridge = RIDGE * torch.eye(covariance.shape[0], dtype=covariance.dtype)
    found: torch.Tensor = torch.linalg.solve(covariance + ridge, away.T @ (errors - errors.mean()) / len(away))
    return found
