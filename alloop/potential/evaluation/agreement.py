"""Check that a faster form of a model agrees with MACE, when the model is first used."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from alloop.potential.evaluation.float64_geometry import by_mace
from alloop.potential.evaluation.neighbours import Edges
from alloop.potential.evaluation.surface import Surface
from alloop.potential.models.architecture import cutoff_of

AGREEMENT = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest deviation from MACE's float64: of a force, of the energy per atom over 1 Å, in units of the RMS force; of the
virial, in units of its RMS."""
_SPACING_A = 2.4

Evaluate = Callable[[Edges], Surface]


class Agreement:
    """What MACE itself, in float64, says of a crowded cluster of the elements of a model (of up to 18).

    Parameters
    ----------
    model : torch.nn.Module
        On its device, in its precision.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self._probe = _probe(model)
        self._dtype = next(model.parameters()).dtype
        exact = replace(self._probe, species=self._probe.species.double())
        self._truth = by_mace(copy.deepcopy(model).double(), exact)
        self._forces, self._virial = self._truth.forces(exact), self._truth.virial(exact)

    @property
    def is_finite(self) -> bool:
        """Whether there is anything to agree with: a model may be broken."""
        return bool(torch.isfinite(self._forces).all())

    def holds(self, evaluate: Evaluate) -> bool:
        """Return whether an evaluation gives MACE's energies, forces and virial."""
        found = evaluate(self._probe)
        tolerance, energies_eV = AGREEMENT[self._dtype], self._truth.node_energies_eV
        allowed = tolerance * _rms(self._forces)
        rounding_eV = 4 * torch.finfo(self._dtype).eps * _largest(energies_eV)
        return (
            _largest(found.forces(self._probe) - self._forces) <= allowed
            and _largest(found.virial(self._probe) - self._virial) <= tolerance * _rms(self._virial)
            and _largest(found.node_energies_eV - energies_eV) <= allowed + rounding_eV
        )


def _largest(values: torch.Tensor) -> float:
    return float(values.abs().max())


def _rms(values: torch.Tensor) -> float:
    return float(values.square().mean().sqrt())


def _probe(model: Any) -> Edges:
    real, device = next(model.parameters()).dtype, next(model.parameters()).device
    elements = len(model.atomic_numbers)
    random = torch.Generator().manual_seed(0)
    grid = torch.tensor(list(itertools.product(range(3), range(3), range(2))), dtype=torch.float64)
    positions_A = _SPACING_A * grid + 0.1 * torch.randn(grid.shape, generator=random, dtype=torch.float64)
    kinds = torch.arange(len(grid)) % elements
    vectors_A = positions_A.unsqueeze(1) - positions_A.unsqueeze(0)
    lengths_A = torch.linalg.vector_norm(vectors_A, dim=2)
    receivers, senders = ((lengths_A < cutoff_of(model)) & (lengths_A > 0)).nonzero().T
    some = lengths_A[receivers, senders]
    return Edges(
        senders=senders.to(device),
        receivers=receivers.to(device),
        vectors_A=vectors_A[receivers, senders].to(device),
        lengths_A=some.to(device),
        contacts=torch.zeros_like(some).to(device),
        species=torch.eye(elements, dtype=real)[kinds].to(device),
    )
