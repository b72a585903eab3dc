"""One MACE model on labelled frames, by alloop's own training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from ase import Atoms

from alloop.potential.fitting.training import Check, Recipe, train
from alloop.potential.graphs import average_neighbours, interaction_statistics, labelled_graphs
from alloop.potential.models.architecture import new_model, rebuilt

BATCH, FORCES_WEIGHT, ENERGY_WEIGHT, EMA_DECAY, CHECK_EVERY = 5, 10.0, 3.0, 0.99, 100
WATCHED = 32


def fitted(
    frames: Sequence[Atoms],
    e0s_eV: Mapping[int, float],
    shape: Mapping[str, Any],
    *,
    steps: int,
    learning_rate: float,
    seed: int,
    start: torch.nn.Module | None = None,
    watched: Sequence[Atoms] = (),
    on_check: Callable[[Check], None] | None = None,
) -> torch.nn.Module:
    """Return a model after the whole schedule: no frame but the training ones decides anything.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Training frames with ``REF_energy`` and ``REF_forces``; repeats count as often as they appear.
    e0s_eV : mapping
        Isolated-atom energies by atomic number.
    shape : mapping
        Fields of the config's ``potential.architecture``.
    steps : int
        Optimiser steps.
    learning_rate : float
        At the start of the schedule.
    seed : int
        Of weights and batches.
    start : torch.nn.Module or None
        A model to go on from; None for random weights.
    watched : sequence of ase.Atoms
        Frames whose errors `on_check` is told; they decide nothing.
    """
    model = new(frames, e0s_eV, shape, seed) if start is None else rebuilt(start)
    recipe = recipe_of(steps, learning_rate, seed, CHECK_EVERY if watched else steps)
    graphs = labelled_graphs(frames, model)
    train(model, graphs, labelled_graphs(watched, model) or graphs[:1], recipe, on_check=on_check)
    return model


def recipe_of(steps: int, learning_rate: float, seed: int, check_every_steps: int) -> Recipe:
    """Return the recipe of a fit of the whole schedule."""
    return Recipe(
        max_steps=steps,
        batch_size=BATCH,
        learning_rate=learning_rate,
        energy_weight=ENERGY_WEIGHT,
        forces_weight=FORCES_WEIGHT,
        stress_weight=0.0,
        patience=None,
        check_every_steps=check_every_steps,
        ema_decay=EMA_DECAY,
        seed=seed,
    )


def sampled(frames: Sequence[Atoms], seed: int, member: int) -> list[Atoms]:
    """Return a member's frames: all for the leader, Poisson(1) repeats of each for the others, as in a campaign."""
    if member == 0:
        return list(frames)
    counts = np.random.default_rng((seed, member)).poisson(1.0, size=len(frames))
    return [frame for frame, count in zip(frames, counts, strict=True) for _ in range(count)] or list(frames)


def new(frames: Sequence[Atoms], e0s_eV: Mapping[int, float], shape: Mapping[str, Any], seed: int) -> torch.nn.Module:
    """Return a model with random weights, scaled to some frames."""
    scale_eV_per_A, shift_eV = interaction_statistics(frames, e0s_eV)
    return new_model(
        shape,
        e0s_eV,
        average_neighbours=average_neighbours(frames, float(shape["cutoff_A"])),
        scale_eV_per_A=scale_eV_per_A,
        shift_eV=shift_eV,
        dtype="float32",
        seed=seed,
    )
