"""Evaluate several models on one graph, on a GPU in the fastest way for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch

from alloop.potential.evaluation.model_forms import Geometry, weights_of
from alloop.potential.evaluation.neighbours import Edges
from alloop.potential.evaluation.strategies import Fastest, Sequential, strategies_of
from alloop.potential.evaluation.surface import Surface
from alloop.potential.models.runtime import DTYPES

_KEPT = 4
"""Sets of models whose strategies are kept: those of one or two committees, leaders and followers apart."""
_fastest: OrderedDict[tuple[int, ...], tuple[object, Fastest]] = OrderedDict()


def ready(model: torch.nn.Module, device: str, dtype: str) -> torch.nn.Module:
    """Return a model as it can be evaluated: on its device, in its precision, with weights that stay."""
    return model.to(device=device, dtype=DTYPES[dtype]).eval().requires_grad_(False)


def surfaces(models: Sequence[torch.nn.Module], edges: Edges) -> list[Surface]:
    """Evaluate models of the same elements and cutoff, made ready by :func:`ready`, on one graph.

    On a CPU one after the other; on a GPU in the way that was the fastest on the first graph of about this size.
    """
    geometry = Geometry(edges)
    if not models or edges.species.device.type == "cpu":
        return Sequential(models)(geometry)
    return fastest_of(models)(geometry)


def fastest_of(models: Sequence[torch.nn.Module]) -> Fastest:
    """Return the strategies of these models, kept until their weights change or other models have come."""
    names, weights = tuple(map(id, models)), tuple(weights_of(model) for model in models)
    kept = _fastest.get(names)
    if kept is None or kept[0] != weights:
        # Strategies hold their models, so an id is not given to another one while it is a key here.
        kept = _fastest[names] = (weights, Fastest(strategies_of(models)))
    _fastest.move_to_end(names)
    while len(_fastest) > _KEPT:
        _fastest.popitem(last=False)
    return kept[1]
