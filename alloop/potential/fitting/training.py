"""Fit a MACE model with MACE's optimiser, and our own schedule, checks and early stopping."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from alloop.potential.fitting.loss import Weights, Widths
from alloop.potential.fitting.objective import Objective, objective_of
from alloop.potential.mace_api import AtomicData, get_params_options

_WEIGHT_DECAY = 5e-7
_LARGEST_GRADIENT = 10.0
_WARM_UP_STEPS = 20
_FINAL_RATE = 0.01
_PROGRESS = 0.995


class DivergedError(Exception):
    """The loss became infinite or not a number."""


@dataclass(frozen=True)
class Recipe:
    """How to fit.

    Attributes
    ----------
    max_steps : int
        Optimiser steps of the whole schedule.
    patience : int or None
        Checks without progress before stopping; None for the whole schedule.
    huber_eV_per_A : float or None
        Force deviation from which on the loss is linear; None for mean squares.
    """

    max_steps: int
    batch_size: int
    learning_rate: float
    energy_weight: float
    forces_weight: float
    stress_weight: float
    patience: int | None
    check_every_steps: int
    ema_decay: float
    seed: int
    huber_eV_per_A: float | None = None


@dataclass(frozen=True)
class Check:
    """Errors of the averaged weights on the watched frames after a number of optimiser steps."""

    step: int
    loss: float
    rmse_energy_eV_per_atom: float
    rmse_forces_eV_per_A: float
    learning_rate: float


@dataclass(frozen=True)
class Outcome:
    """The outcome of a fit."""

    steps: int
    stopped: Literal["schedule", "patience"]
    history: tuple[Check, ...]


def train(
    model: torch.nn.Module,
    graphs: Sequence[AtomicData],
    watched: Sequence[AtomicData],
    recipe: Recipe,
    *,
    device: str = "cpu",
    on_check: Callable[[Check], None] | None = None,
) -> Outcome:
    """Fit a model in place; it ends with averaged weights, on one thread always the same ones.

    With patience, the weights are those of the best check; otherwise those at the end of the schedule.

    Parameters
    ----------
    model : torch.nn.Module
        Random, or already fitted and going on.
    graphs : sequence of AtomicData
        Training frames; repeats count as often as they appear.
    watched : sequence of AtomicData
        Frames that every check evaluates.
    recipe : Recipe
        The schedule and the weights of the loss.
    on_check : callable or None
        Called with every check.

    Raises
    ------
    DivergedError
        If the loss becomes infinite or NaN.
    """
    run = Fitting(model.to(device).train(), graphs, watched, recipe)
    history: list[Check] = []
    best = _Best(recipe.patience)
    stopped: Literal["schedule", "patience"] = "schedule"
    steps = 0

    def check() -> bool:
        with run.average.in_use():
            latest = run.check(steps)
            enough = best.saw(latest.loss, model)
        history.append(latest)
        if on_check is not None:
            on_check(latest)
        return enough

    check()
    for batch in _batches(len(graphs), recipe):
        run.step(batch, steps, best.halvings)
        steps += 1
        if (steps % recipe.check_every_steps == 0 or steps == recipe.max_steps) and check():
            stopped = "patience"
            break
    run.average.keep()
    if recipe.patience is not None:
        best.restore(model)
    model.eval()
    return Outcome(steps, stopped, tuple(history))


def learning_rate(step: int, recipe: Recipe, halvings: int = 0) -> float:
    """Return the learning rate of an optimiser step: a short rise, then half a cosine down to a hundredth.

    Every plateau (`halvings`) halves it once more.
    """
    rise = min(1.0, (step + 1) / min(_WARM_UP_STEPS, recipe.max_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.max_steps))
    return recipe.learning_rate * rise * (_FINAL_RATE + (1 - _FINAL_RATE) * cosine) * 0.5**halvings


def order_of_frames(frames: int, wanted: int, seed: int) -> list[int]:
    """Return as many frame indices as wanted: shuffled passes over all frames, one after the other."""
    rng = np.random.default_rng(seed)
    passes = [rng.permutation(frames) for _ in range(math.ceil(wanted / frames))]
    return [int(index) for index in np.concatenate(passes)[:wanted]]


class Fitting:
    """Model, objective, optimiser and moving average of one fit."""

    def __init__(
        self, model: torch.nn.Module, graphs: Sequence[AtomicData], watched: Sequence[AtomicData], recipe: Recipe
    ) -> None:
        self.recipe = recipe
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.weights = Weights(recipe.energy_weight, recipe.forces_weight, recipe.stress_weight)
        self.widths = None if recipe.huber_eV_per_A is None else Widths.for_forces(recipe.huber_eV_per_A)
        self.objective: Objective = objective_of(model, graphs, watched, stress=recipe.stress_weight > 0)
        self.optimizer = _optimizer(model, recipe)
        self.average = _Average(self.parameters, recipe.ema_decay)
        self._losses = _Losses(self.parameters[0].device)

    def step(self, frames: Sequence[int], step: int, halvings: int) -> None:
        """Take one optimiser step on some frames."""
        rate = learning_rate(step, self.recipe, halvings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.objective.fitted(frames).loss(self.weights, self.widths)
        self._losses.saw(loss.detach(), step + 1)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, max_norm=_LARGEST_GRADIENT, foreach=True)
        self.optimizer.step()
        self.average.update()

    def check(self, step: int) -> Check:
        """Return errors of the present weights on the watched frames.

        Raises
        ------
        DivergedError
            If they are no numbers, or the loss of a step before was none.
        """
        self._losses.raise_if_diverged()
        totals = []
        frames = components = 0
        for found in self.objective.watched():
            count = len(found.energy_eV_per_atom)
            loss = found.watched_loss(self.weights, self.widths).double() * count
            squares = ((found.energy_eV_per_atom**2).sum().double(), (found.forces_eV_per_A**2).sum().double())
            totals.append(torch.stack([loss, *squares]))
            frames, components = frames + count, components + found.forces_eV_per_A.numel()
        loss, energy, forces = torch.stack(totals).sum(dim=0).tolist()
        if not math.isfinite(loss + energy + forces):
            raise DivergedError(f"the watched loss is not a number after {step} steps")
        return Check(
            step=step,
            loss=loss / frames,
            rmse_energy_eV_per_atom=math.sqrt(energy / frames),
            rmse_forces_eV_per_A=math.sqrt(forces / components),
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
        )


class _Losses:
    """Watches the loss of every step. A device is asked only now and then, a CPU after every step.

    Parameters
    ----------
    device : torch.device
        Where the losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self._asks_later = device.type != "cpu"
        self._wrong = torch.zeros(2, dtype=torch.float64).to(device)

    def saw(self, loss: torch.Tensor, steps: int) -> None:
        """Take note of the loss after some steps: of the first that is no finite number."""
        told = torch.stack([loss.double(), torch.full_like(loss, steps).double()])
        self._wrong = torch.where((self._wrong[1] == 0) & ~torch.isfinite(loss), told, self._wrong)
        if not self._asks_later:
            self.raise_if_diverged()

    def raise_if_diverged(self) -> None:
        """Raise a DivergedError if a loss was infinite or NaN."""
        loss, steps = self._wrong.tolist()
        if steps:
            raise DivergedError(f"the loss is {loss} after {steps:.0f} steps")


class _Average:
    """The exponential moving average of some parameters, slower to forget as more is known (as in torch_ema)."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter], decay: float) -> None:
        self._decay, self._updates = decay, 0
        self._parameters: list[torch.Tensor] = list(parameters)
        self._averages = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the present values."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self._averages, self._parameters, 1.0 - decay)

    @torch.no_grad()
    def keep(self) -> None:
        """Put the averages into the parameters."""
        torch._foreach_copy_(self._parameters, self._averages)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Use the averages for a while."""
        before = [parameter.detach().clone() for parameter in self._parameters]
        self.keep()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._parameters, before)


class _Best:
    """The best check so far, its weights, and how long ago progress was made."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.loss = math.inf
        self.halvings = 0
        self._reference = math.inf
        self._idle = 0
        self._weights: list[torch.Tensor] = []

    def saw(self, loss: float, model: torch.nn.Module) -> bool:
        """Take note of a check and return whether patience is at its end."""
        if self.patience is None:
            return False
        if loss < self.loss:
            self.loss = loss
            self._weights = [parameter.detach().clone() for parameter in model.parameters()]
        if loss < _PROGRESS * self._reference:
            self._reference, self._idle = loss, 0
            return False
        self._idle += 1
        if self._idle % max(1, self.patience // 2) == 0:
            self.halvings += 1
        return self._idle >= self.patience

    def restore(self, model: torch.nn.Module) -> None:
        """Put the best weights back."""
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), self._weights, strict=True):
                parameter.copy_(value)


def _batches(frames: int, recipe: Recipe) -> Iterator[list[int]]:
    order = order_of_frames(frames, recipe.max_steps * recipe.batch_size, recipe.seed)
    for first in range(0, len(order), recipe.batch_size):
        yield order[first : first + recipe.batch_size]


def _optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return MACE's Adam with its groups: weight decay on the linear layers and contractions only."""
    arguments = argparse.Namespace(
        lr=recipe.learning_rate, weight_decay=_WEIGHT_DECAY, amsgrad=True, beta=0.9, freeze=None, lr_params_factors="{}"
    )
    options: dict[str, Any] = get_params_options(arguments, model)
    return torch.optim.Adam(**options, fused=True)
