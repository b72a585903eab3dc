"""Interpolate smooth functions of the distance from their values at Chebyshev nodes."""

from __future__ import annotations

import math

import torch

_MARGIN = 1e-9


class Interval:
    """Chebyshev interpolation between two distances: exact to rounding once the nodes resolve the function.

    A function is the sum of ``c_k cos(k theta)``, where ``cos(theta)`` runs linearly over the interval, and the
    coefficients follow from its values at the roots of the next polynomial (Trefethen, Approximation Theory and
    Approximation Practice, 2013, chapters 3 and 8: they fall geometrically for analytic functions).

    Parameters
    ----------
    shortest_A, longest_A : float
        The ends (Å).
    nodes : int
        How many.
    """

    def __init__(self, shortest_A: float, longest_A: float, nodes: int, device: str = "cpu") -> None:
        self.nodes = nodes
        self._middle_A, self._half_A = 0.5 * (longest_A + shortest_A), 0.5 * (longest_A - shortest_A)
        self._degrees = torch.arange(nodes, dtype=torch.float64, device=device)
        angles = math.pi * (self._degrees + 0.5) / nodes
        self.lengths_A = self._middle_A + self._half_A * torch.cos(angles)
        self._transform = torch.cos(self._degrees.unsqueeze(1) * angles) * (2.0 / nodes)
        self._transform[0] *= 0.5

    def coefficients(self, values: torch.Tensor) -> torch.Tensor:
        """Return the coefficients of functions with these values at `lengths_A`, shape (nodes, functions)."""
        if self._transform.dtype != values.dtype:
            self._transform = self._transform.to(values.dtype)
        return self._transform @ values

    def basis(self, lengths_A: torch.Tensor) -> torch.Tensor:
        """Return what every coefficient counts at some distances and, below, in the derivatives (1/Å) there.

        Parameters
        ----------
        lengths_A : torch.Tensor of float64, shape (distances,)
            Inside the interval.

        Returns
        -------
        torch.Tensor of float64, shape (2 * distances, nodes)
        """
        inside = ((lengths_A - self._middle_A) / self._half_A).clamp(_MARGIN - 1.0, 1.0 - _MARGIN)
        angles = torch.arccos(inside).unsqueeze(1)
        phases = angles * self._degrees
        slopes = torch.sin(phases) * (self._degrees / (torch.sin(angles) * self._half_A))
        return torch.cat([torch.cos(phases), slopes])
