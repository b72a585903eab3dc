"""Radial weights of MACE as piecewise polynomials of the distance."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

SHORTEST_A = 0.4
"""Where tables begin: below, Bessel functions over distance are asked of MACE itself."""
KNOTS = {torch.float32: 512, torch.float64: 1024}
"""Intervals of a table; their error is below the rounding of each precision."""
_TERMS = 6
_HERMITE = (
    (1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.5, 0.0, 0.0, 0.0),
    (-10.0, -6.0, -1.5, 10.0, -4.0, 0.5),
    (15.0, 8.0, 1.5, -15.0, 7.0, -1.0),
    (-6.0, -3.0, -0.5, 6.0, -3.0, 0.5),
)
"""Coefficients of the powers, of value, slope and curvature at the beginning and at the end of a unit interval."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where distances lie between the knots of a table.

    Attributes
    ----------
    rows : torch.Tensor of int, shape (edges, 6)
        Rows of a table.
    weights, slopes : torch.Tensor, shape (edges, 6)
        What they count, and its derivative by the distance (1/Å).
    """

    rows: torch.Tensor
    weights: torch.Tensor
    slopes: torch.Tensor


def places(lengths_A: torch.Tensor, cutoff_A: float, dtype: torch.dtype) -> Places:
    """Return where distances (float64) lie between the knots."""
    knots = KNOTS[dtype]
    step_A = (cutoff_A - SHORTEST_A) / knots
    where = (lengths_A - SHORTEST_A) / step_A
    below = where.floor().clamp_(0, knots - 1)
    t = (where - below).unsqueeze(1)
    powers = [torch.ones_like(t), t]
    for _ in range(2, _TERMS):
        powers.append(powers[-1] * t)
    weights = torch.cat(powers, dim=1)
    degrees = torch.arange(_TERMS, device=t.device)
    slopes = torch.zeros_like(weights)
    slopes[:, 1:] = weights[:, :-1] * degrees[1:] / step_A
    return Places(below.long().unsqueeze(1) * _TERMS + degrees, weights.to(dtype), slopes.to(dtype))


def table(embedding: torch.nn.Module, network: torch.nn.Module, cutoff_A: float, dtype: torch.dtype) -> torch.Tensor:
    """Return a table of the radial weights that a network makes of the embedded distance.

    Polynomials of fifth degree meet the function with its first and second derivative at both ends of every interval
    (Hermite interpolation); at the cutoff all three are zero. They are kept in powers of the way through the interval:
    in the basis of the ends, slopes would be small differences of values.

    Parameters
    ----------
    embedding, network : torch.nn.Module
        MACE's ``radial_embedding`` and ``conv_tp_weights``.

    Returns
    -------
    torch.Tensor, shape (6 * knots, weights)
        The coefficients of every interval, from the lowest power up.
    """
    embed, weigh = (copy.deepcopy(part).double() for part in (embedding, network))
    device = next(network.parameters()).device
    knots = torch.linspace(SHORTEST_A, cutoff_A, KNOTS[dtype] + 1, dtype=torch.float64, device=device)

    def weights(lengths_A: torch.Tensor) -> torch.Tensor:
        nothing: Any = None
        features, cutoff = embed(lengths_A.unsqueeze(1), nothing, nothing, nothing)
        values: torch.Tensor = weigh(features)
        return values if cutoff is None else values * cutoff

    with torch.enable_grad():
        found = [weights(knots.requires_grad_())]
        for _ in range(2):
            found.append(_slope(found[-1], knots))
    ends = torch.stack([one.detach() for one in found], dim=1)
    ends[-1] = 0.0
    step_A = (cutoff_A - SHORTEST_A) / KNOTS[dtype]
    ends *= ends.new_tensor([1.0, step_A, step_A**2]).unsqueeze(1)
    both = torch.cat([ends[:-1], ends[1:]], dim=1)
    return (ends.new_tensor(_HERMITE) @ both).flatten(0, 1).to(dtype).contiguous()


def _slope(values: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Return the derivative of every row of values by its own number: the derivative of a derivative's weights."""
    count = torch.ones_like(values, requires_grad=True)
    (total,) = torch.autograd.grad(values, by, count, create_graph=True)
    (slopes,) = torch.autograd.grad(total.sum(), count, create_graph=True)
    return slopes
