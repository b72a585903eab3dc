"""What a deviation from a label costs: its square, or less than that where it is large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Cost = Callable[[torch.Tensor, float], torch.Tensor]
"""What squared deviations cost, given the width; the square itself where they are well below the width."""

_ENERGY_A = 0.1
_STRESS_PER_A2 = 0.1


@dataclass(frozen=True)
class Weights:
    """What energy per atom, forces and stress count in the loss."""

    energy: float
    forces: float
    stress: float


@dataclass(frozen=True)
class Widths:
    """Deviations from which on the loss grows more slowly than their squares."""

    energy_eV_per_atom: float
    forces_eV_per_A: float
    stress_eV_per_A3: float

    @classmethod
    def for_forces(cls, width_eV_per_A: float) -> Widths:
        """Return the widths that go with one for forces.

        Errors of energies per atom are about a tenth of those of forces (0.1 Å is how far an atom is from its site),
        and so are errors of stress (a bond of 2.5 Å in 25 Å³ is a force on 10 Å²). One number for all three units, as
        MACE has it, would leave energies and stress as squares.
        """
        return cls(_ENERGY_A * width_eV_per_A, width_eV_per_A, _STRESS_PER_A2 * width_eV_per_A)


def huber(squares: torch.Tensor, width: float) -> torch.Tensor:
    """Return Huber's loss: the square of a deviation up to the width, beyond it the tangent to the square.

    Parameters
    ----------
    squares : torch.Tensor
        Squared deviations.
    width : float
        In the unit of the deviations; their cost has a slope of at most twice this.
    """
    # The root is taken of what lies beyond only: at zero it has no slope.
    tangent = 2 * width * squares.clamp(min=width**2).sqrt() - width**2
    return torch.where(squares <= width**2, squares, tangent)


def cauchy(squares: torch.Tensor, width: float) -> torch.Tensor:
    """Return Cauchy's loss, which grows with the logarithm of a deviation beyond the width; arguments as in huber."""
    return width**2 * torch.log1p(squares / width**2)
