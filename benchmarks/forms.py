"""What each fast form of MACE gains: fits, exploration and production with all forms, and without each of them.

    python -m benchmarks.forms [--turns 5] [--atoms 10 80 160] [--shape quickstart vectors] [--work fit explore produce]

Random-weight models, float32, one thread, cells of Li3InCl6. All contenders do the same work turn by turn in one
process, so that what else the machine does falls on all of them, and processor time counts. Numbers are times without
a form over those with all of them in the same turn: the median over the turns and, in brackets, least and largest.
"MACE" is MACE itself: its own step of training, or ASE's integrator with MACE's calculator.

fit: steps of the optimiser on five frames. explore: four walkers of 10 atoms, or one, make five steps under the leader
and are looked at once by a committee of four (`check_every_steps`). produce: the leader alone makes five steps.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from ase import Atoms
from ase.io import read

from alloop.potential.committee import Committee
from alloop.potential.evaluation import evaluate, model_forms, scalar_mace
from alloop.potential.evaluation.agreement import Agreement
from alloop.potential.evaluation.radial import Places
from alloop.potential.evaluation.scalar_mace import UnsupportedError
from alloop.potential.evaluation.stacked import Stacked
from alloop.potential.evaluation.strategies import Sequential
from alloop.potential.fitting import objective
from alloop.potential.fitting.chebyshev import Interval
from alloop.potential.fitting.dense_mace import DenseMace
from alloop.potential.fitting.training import Fitting, Recipe
from alloop.potential.graphs import labelled_graphs
from alloop.potential.models.architecture import rebuilt
from benchmarks.committee import models_of, ours, stock, stock_of
from benchmarks.dynamics import ase_run, our_run
from benchmarks.fitting_data import BATCH, CELL, EMA_DECAY, ENERGY_WEIGHT, FORCES_WEIGHT, RATE
from benchmarks.fitting_steps import mace_step

_QUICKSTART = {"channels": 32, "max_L": 0, "max_ell": 2, "correlation": 2, "layers": 2, "cutoff_A": 5.0}
SHAPES = {"quickstart": _QUICKSTART, "vectors": {**_QUICKSTART, "max_L": 1, "correlation": 3}}
REPEATS = {10: (1, 1, 1), 80: (2, 2, 2), 160: (4, 2, 2)}
WALKERS = {10: 4, 80: 1, 160: 1}
FIT_STEPS = {10: 10, 80: 2, 160: 1}
MEMBERS, LOOK_EVERY = 4, 5

Run = Callable[[], object]
Switch = Callable[[], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def replaced(*changes: tuple[object, str, object]) -> Iterator[None]:
    """Put something else into attributes for a while."""
    with contextlib.ExitStack() as stack:
        for target, name, value in changes:
            stack.enter_context(patch.object(target, name, value))
        yield


def unsupported(*_: object, **__: object) -> Any:
    """Stand in for a form that no model has."""
    raise UnsupportedError("switched off")


class Untouched:
    """Stands in for a class that wraps a part of MACE; the part stays as it is."""

    def __new__(cls, part: Any, *_: object) -> Any:
        """Return the part itself."""
        return part


@dataclass(frozen=True)
class Network:
    """Radial weights as MACE evaluates them, where a table of them is expected."""

    embedding: Any
    weigh: Any
    dtype: torch.dtype

    def __call__(self, lengths_A: torch.Tensor) -> torch.Tensor:
        """Return radial weights at distances."""
        features, cutoff = self.embedding(lengths_A, None, None, None)
        values: torch.Tensor = self.weigh(features.to(self.dtype))
        return values if cutoff is None else values * cutoff.to(self.dtype)


def network(embedding: Any, weigh: Any, cutoff_A: float, dtype: torch.dtype) -> Network:
    """Return a network in place of a table, its distances in float64."""
    return Network(copy.deepcopy(embedding).double(), weigh, dtype)


def at_distances(lengths_A: torch.Tensor, cutoff_A: float, dtype: torch.dtype) -> Places:
    """Return distances in place of places in a table."""
    return Places(lengths_A, lengths_A.unsqueeze(1), torch.ones_like(lengths_A).unsqueeze(1))


def weighed(rows: torch.Tensor, radial: Network, *, mode: str, per_sample_weights: torch.Tensor) -> torch.Tensor:
    """Evaluate a network in place of looking up a table."""
    return radial(per_sample_weights)


def at_every_pair(self: Any, lengths_A: torch.Tensor) -> list[torch.Tensor]:
    """Return radial weights and their derivatives of every layer without interpolation."""
    found = []
    for layer in self._layers:
        radial = Network(self._model.radial_embedding, layer.block.conv_tp_weights, lengths_A.dtype)
        column = lengths_A.unsqueeze(1)
        found.append(torch.cat(torch.func.jvp(radial, (column,), (torch.ones_like(column),))))
    return found


def stacked() -> contextlib.AbstractContextManager[None]:
    """Evaluate the members that only look as one stacked model, which no CPU does by itself."""
    return replaced((evaluate, "Sequential", lambda models: Sequential(models) if len(models) == 1 else _stack(models)))


def _stack(models: Sequence[torch.nn.Module]) -> Stacked:
    names = tuple(map(id, models))
    if names not in _stacks:
        _stacks[names] = Stacked(models)
    return _stacks[names]


def in_model_precision(model: torch.nn.Module) -> list[model_forms.Form]:
    """Return the forms of a model whose geometry is in the precision of the model."""
    return [replace(form, vectors=torch.float32) for form in _FASTER_FORMS(model)]


_FASTER_FORMS = model_forms._faster_forms
_stacks: dict[tuple[int, ...], Stacked] = {}
ALWAYS_RIGHT = (Agreement, "holds", lambda *_: True)
ALL: Switch = contextlib.nullcontext
EVALUATION: Mapping[str, Switch] = {
    "scalar_mace": lambda: replaced((model_forms, "ScalarMace", unsupported)),
    "radial": lambda: replaced(
        (scalar_mace, "table", network), (scalar_mace, "embedding_bag", weighed), (model_forms, "places", at_distances)
    ),
    "contraction": lambda: replaced(
        (model_forms, "frozen", lambda model: model), (scalar_mace, "FrozenContraction", Untouched)
    ),
    "float64_geometry": lambda: replaced(
        (model_forms, "_faster_forms", in_model_precision),
        (model_forms, "with_float64_geometry", lambda model: model),
        (scalar_mace, "InFloat64", Untouched),
        ALWAYS_RIGHT,
    ),
}
"""Each switches one form off while a model is made ready and evaluated."""
FITTING: Mapping[str, Switch] = {
    "dense_mace, dense_frames": lambda: replaced((objective, "DenseObjective", unsupported)),
    "chebyshev": lambda: replaced(
        (Interval, "basis", lambda self, lengths_A: lengths_A), (DenseMace, "_radial", at_every_pair)
    ),
}


def fits(atoms: Atoms, shape: dict[str, Any]) -> dict[str, tuple[Switch, Run]]:
    """Return steps of a fit by every contender."""
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(BATCH):
        frame = atoms.copy()
        frame.positions += rng.normal(scale=0.1, size=frame.positions.shape)
        frame.info["REF_energy"] = -3.0 * len(frame)
        frame.arrays["REF_forces"] = rng.normal(scale=0.1, size=frame.positions.shape)
        frames.append(frame)
    (model,) = models_of(shape, 1)
    graphs = labelled_graphs(frames, model)
    recipe = Recipe(10_000, BATCH, RATE, ENERGY_WEIGHT, FORCES_WEIGHT, 0.0, None, 50, EMA_DECAY, 0)
    steps = FIT_STEPS[len(atoms)]

    def ours_with(switch: Switch) -> tuple[Switch, Run]:
        with switch():
            fitting = Fitting(rebuilt(model).train(), graphs, graphs[:1], recipe)
        return switch, lambda: [fitting.step(range(BATCH), number, 0) for number in range(steps)]

    theirs = mace_step(rebuilt(model).train(), graphs)
    switches = {"all": ALL, **(FITTING if shape["max_L"] == 0 else {})}
    found = {name: ours_with(switch) for name, switch in switches.items()}
    return {**found, "MACE": (ALL, lambda: [theirs(range(BATCH)) for _ in range(steps)])}


def explorations(atoms: Atoms, shape: dict[str, Any]) -> dict[str, tuple[Switch, Run]]:
    """Return some steps and a look by every contender."""
    models, walkers = models_of(shape, MEMBERS), WALKERS[len(atoms)]

    def ours_with(switch: Switch) -> tuple[Switch, Run]:
        with switch():
            committee = Committee([rebuilt(model) for model in models], device="cpu", dtype="float32")
            step, look = ours(atoms, committee, walkers)
        return switch, lambda: [*(step() for _ in range(LOOK_EVERY)), look()]

    leader, others = stock_of(models[:1]), stock_of(models[1:])
    moving, looked_at = stock(atoms, leader), atoms.copy()

    def theirs() -> None:
        for _ in range(walkers):
            for _ in range(LOOK_EVERY):
                moving()
            others.calculate(looked_at)

    switches = {"all": ALL, **_supported(shape), "stacked, added": stacked}
    return {**{name: ours_with(switch) for name, switch in switches.items()}, "MACE": (ALL, theirs)}


def productions(atoms: Atoms, shape: dict[str, Any]) -> dict[str, tuple[Switch, Run]]:
    """Return some steps under the leader by every contender."""
    (model,), walkers = models_of(shape, 1), WALKERS[len(atoms)]

    def ours_with(switch: Switch) -> tuple[Switch, Run]:
        with switch():
            return switch, our_run(atoms, rebuilt(model), walkers, "cpu")

    one = ase_run(atoms, stock_of([model]))
    found = {name: ours_with(switch) for name, switch in {"all": ALL, **_supported(shape)}.items()}
    return {**found, "MACE": (ALL, lambda: [one() for _ in range(walkers)])}


def _supported(shape: dict[str, Any]) -> dict[str, Switch]:
    """Return the forms that models of a shape have."""
    of_scalars = ("scalar_mace", "radial")
    return {name: switch for name, switch in EVALUATION.items() if shape["max_L"] == 0 or name not in of_scalars}


WORKS = {"fit": fits, "explore": explorations, "produce": productions}


def timed(contenders: Mapping[str, tuple[Switch, Run]], turns: int) -> dict[str, list[float]]:
    """Return processor times (ms) of every turn; the first turn warms up and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(-1, turns):
        for name, (switch, run) in contenders.items():
            with switch():
                begin = time.process_time()
                run()
                if turn >= 0:
                    taken[name].append(1000 * (time.process_time() - begin))
    return taken


def main() -> None:
    """Print a row for every contender."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--atoms", type=int, nargs="+", choices=REPEATS, default=list(REPEATS))
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--work", nargs="+", choices=WORKS, default=list(WORKS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for shape in asked.shape:
        for work in asked.work:
            for size in asked.atoms:
                taken = timed(WORKS[work](read(CELL).repeat(REPEATS[size]), SHAPES[shape]), asked.turns)
                print(f"\n{shape}, {work}, {size} atoms: {statistics.median(taken['all']):.1f} ms with all forms")
                for name, times in taken.items():
                    ratios = [one / all_forms for one, all_forms in zip(times, taken["all"], strict=True)]
                    spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
                    if name != "all":
                        print(f"  {name:<26}{statistics.median(ratios):>6.2f} {spread}", flush=True)


if __name__ == "__main__":
    main()
