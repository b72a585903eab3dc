"""Committees of one leader: members of their own, or readouts of their own on the leader's backbone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from ase import Atoms

from alloop.potential.fitting.adapting import with_heads
from alloop.potential.fitting.training import Recipe, train
from alloop.potential.graphs import labelled_graphs
from alloop.potential.mace_api import remove_pt_head
from alloop.potential.models.runtime import building
from benchmarks.label_efficiency.fitting import fitted, new, recipe_of, sampled

MEMBERS = 4
E0s = Mapping[int, float]


def independent(
    frames: Sequence[Atoms],
    e0s_eV: E0s,
    shape: Mapping[str, Any],
    *,
    steps: int,
    learning_rate: float,
    seed: int,
    before: Sequence[torch.nn.Module] = (),
) -> list[torch.nn.Module]:
    """Return the members beside the leader, each a whole model on a bootstrap sample of the frames.

    Parameters
    ----------
    before : sequence of torch.nn.Module
        The committee before, leader first, from which members go on; empty for random weights.
    """
    return [
        fitted(
            sampled(frames, seed, member),
            e0s_eV,
            shape,
            steps=steps,
            learning_rate=learning_rate,
            seed=seed + 100 * member,
            start=before[member] if before else None,
        )
        for member in range(1, MEMBERS)
    ]


def readouts(
    leader: torch.nn.Module,
    frames: Sequence[Atoms],
    *,
    steps: int,
    learning_rate: float,
    seed: int,
    anew: bool = False,
) -> list[torch.nn.Module]:
    """Return copies of a leader whose readouts alone were fitted, each on a bootstrap sample of the frames.

    Parameters
    ----------
    anew : bool
        Begin with random readouts instead of the leader's.
    """
    return [
        _readout(
            leader, sampled(frames, seed, member), recipe_of(steps, learning_rate, seed + 100 * member, steps), anew
        )
        for member in range(1, MEMBERS)
    ]


def joint(
    frames: Sequence[Atoms],
    e0s_eV: E0s,
    shape: Mapping[str, Any],
    *,
    steps: int,
    learning_rate: float,
    seed: int,
) -> list[torch.nn.Module]:
    """Return a committee fitted as one model with a head for every member (shallow ensemble, arXiv:2402.16621).

    The first head learns all frames, each of the others its own bootstrap sample.
    """
    names = [f"member{member}" for member in range(MEMBERS)]
    whole: Any = with_heads(new(frames, e0s_eV, shape, seed), names)
    _randomise(whole.readouts, seed)
    graphs = [
        graph
        for member, name in enumerate(names)
        for graph in labelled_graphs(sampled(frames, seed, member), whole, head=name)
    ]
    train(whole, graphs, graphs[:1], recipe_of(steps, learning_rate, seed, steps))
    with building("float32"):
        return [remove_pt_head(whole, name).eval() for name in names]


def _readout(leader: torch.nn.Module, frames: Sequence[Atoms], recipe: Recipe, anew: bool) -> torch.nn.Module:
    model: Any = copy.deepcopy(leader).requires_grad_(False)
    model.readouts.requires_grad_(True)
    if anew:
        _randomise(model.readouts, recipe.seed)
    graphs = labelled_graphs(frames, model)
    train(model, graphs, graphs[:1], recipe)
    found: torch.nn.Module = model.requires_grad_(False)
    return found


def _randomise(part: torch.nn.Module, seed: int) -> None:
    """Give a part of a model random weights, distributed as e3nn's."""
    generator = torch.Generator().manual_seed(seed)
    for weights in part.parameters():
        weights.data.normal_(generator=generator)
