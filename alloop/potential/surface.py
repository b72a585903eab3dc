"""Potential-energy surfaces of several models over one graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from alloop.potential.forms import Geometry, form_of
from alloop.potential.neighbours import Edges
from alloop.potential.precise import Surface
from alloop.potential.runtime import DTYPES

__all__ = ["Surface", "ready", "surfaces"]


def ready(model: torch.nn.Module, device: str, dtype: str) -> torch.nn.Module:
    """Return a model as it can be evaluated: on its device, in its precision, with weights that stay."""
    return model.to(device=device, dtype=DTYPES[dtype]).eval().requires_grad_(False)


def surfaces(models: Sequence[torch.nn.Module], edges: Edges) -> list[Surface]:
    """Evaluate models of the same elements and cutoff, made ready by :func:`ready`, on one graph."""
    geometry = Geometry(edges)
    return [form_of(model).surface(model, geometry) for model in models]
