"""What one optimiser step costs, and how many a fit needs by where it starts."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from torch_ema import ExponentialMovingAverage

from alloop.potential.fitting.training import Fitting, Recipe
from alloop.potential.graphs import average_neighbours, interaction_statistics, labelled_graphs
from alloop.potential.mace_api import Batch, WeightedEnergyForcesLoss, take_step
from alloop.potential.models.architecture import new_model
from alloop.potential.models.model_files import file_sha256, read_model
from alloop.tasks.contract.fit import FineTuning
from alloop.tasks.worker import perform
from alloop.tasks.workspace import Workspace
from benchmarks.fitting_data import (
    BATCH,
    EMA_DECAY,
    ENERGY_WEIGHT,
    FORCES_WEIGHT,
    RATE,
    SHAPE,
    Data,
    put,
    request,
    summary,
)

_WARM_UP, _REPEATS = 10, 50
_SOFTENED = 0.8
"""Foundation models are too soft by about this factor (Deng et al., npj Comput. Mater. 11, 9, 2025)."""


def compare(frames: Sequence[Atoms], data: Data) -> tuple[float, float]:
    """Return median processor times (s) of a step of alloop and of mace on the same batches, taken in turns."""
    e0s_eV = {atomic_numbers[symbol]: data.e0_eV for symbol in data.symbols}
    scale, shift = interaction_statistics(frames, e0s_eV)
    model = new_model(
        SHAPE,
        e0s_eV,
        average_neighbours=average_neighbours(frames, float(SHAPE["cutoff_A"])),
        scale_eV_per_A=scale,
        shift_eV=shift,
        dtype="float32",
        seed=0,
    )
    theirs, graphs = copy.deepcopy(model), labelled_graphs(frames, model)
    recipe = Recipe(10_000, BATCH, RATE, ENERGY_WEIGHT, FORCES_WEIGHT, 0.0, None, 50, EMA_DECAY, 0)
    fitting, step = Fitting(model.train(), graphs, graphs[:1], recipe), mace_step(theirs.train(), graphs)
    rng = np.random.default_rng(0)
    ours_s: list[float] = []
    theirs_s: list[float] = []
    for number in range(_WARM_UP + _REPEATS):
        batch = [int(index) for index in rng.integers(len(graphs), size=BATCH)]
        begin = time.process_time()
        fitting.step(batch, number, 0)
        middle = time.process_time()
        step(batch)
        ours_s.append(middle - begin)
        theirs_s.append(time.process_time() - middle)
    return median(ours_s[_WARM_UP:]), median(theirs_s[_WARM_UP:])


def mace_step(model: torch.nn.Module, graphs: Sequence[Any]) -> Any:
    """Return mace's own step, collation included."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, amsgrad=True)
    average = ExponentialMovingAverage(model.parameters(), decay=EMA_DECAY)
    loss = WeightedEnergyForcesLoss(energy_weight=ENERGY_WEIGHT, forces_weight=FORCES_WEIGHT)
    wanted = {"forces": True, "virials": False, "stress": False}

    def step(frames: Sequence[int]) -> None:
        batch = Batch.from_data_list([graphs[index] for index in frames])
        take_step(model, loss, batch, optimizer, average, wanted, 10.0, torch.device("cpu"))

    return step


@dataclass(frozen=True)
class Start:
    """A fit: what it began from, its last force RMSE (meV/Å), its steps to those of two others, and its cost."""

    name: str
    final_meV_per_A: float
    to_random: int | None
    to_foundation: int | None
    cpu_s: float


@dataclass(frozen=True)
class _Fit:
    """The key of a fit, the force RMSE (meV/Å) at its checks, and its processor time (s)."""

    key: str
    checks: tuple[tuple[int, float], ...]
    cpu_s: float


def starts(data: Data, steps: int) -> list[Start]:
    """Return what fits reach from different beginnings, all on the same frames.

    The earlier generations know half of the frames. The stand-in for a foundation is a model of the same shape, fitted
    to the same frames with softened labels.
    """
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        frames = data.members[0]
        train, valid, soft = put(workspace, frames), put(workspace, data.valid), _softened(workspace, frames)
        half, slow = train[: len(train) // 2], {"learning_rate": 0.25 * RATE}

        def fit(**changes: Any) -> _Fit:
            asked = request(**{"train": train, "valid": valid, "data": data, "steps": steps, **changes})
            begin = time.process_time()
            key = perform(folder, "fit", asked.model_dump(mode="json"))
            spent_s = time.process_time() - begin
            return _Fit(key, tuple((c.step, c.rmse_forces_meV_per_A) for c in summary(workspace, key).history), spent_s)

        earlier, foundation = fit(train=half, seed=1), _as_foundation(workspace, fit(train=soft, seed=2).key)
        tuned = fit(train=half, init=foundation, seed=1, **slow)
        random, founded = fit(), fit(init=foundation, **slow)
        found = {
            "random weights": random,
            "earlier generation from random weights": fit(init=f"fit:{earlier.key}", **slow),
            "foundation": founded,
            "foundation, the whole rate": fit(init=foundation),
            "earlier generation from the foundation": fit(init=f"fit:{tuned.key}", **slow),
            "the same, half the steps": fit(init=f"fit:{tuned.key}", steps=steps // 2, **slow),
            **{
                f"foundation, {name}": fit(init=foundation, finetuning=tuning, **slow)
                for name, tuning in _tunings(soft).items()
            },
        }
    (_, to_random), (_, to_foundation) = random.checks[-1], founded.checks[-1]
    return [
        Start(name, one.checks[-1][1], _first(one.checks, to_random), _first(one.checks, to_foundation), one.cpu_s)
        for name, one in found.items()
    ]


def _tunings(replay: tuple[str, ...]) -> dict[str, FineTuning]:
    """Return ways to fit a foundation that leave more of it as it is than all weights from its own would."""
    return {
        "embedding frozen": FineTuning(method="frozen", frozen="embedding"),
        "interactions frozen too": FineTuning(method="frozen", frozen="interactions"),
        "low rank (4)": FineTuning(method="lora", rank=4),
        "multihead": FineTuning(method="multihead", replay=replay),
    }


def _first(checks: Sequence[tuple[int, float]], target: float) -> int | None:
    return next((step for step, error in checks if error <= target), None)


def _softened(workspace: Workspace, frames: Sequence[Atoms]) -> tuple[str, ...]:
    """Write labels whose forces and energies about the mean are too small, under keys of their own."""
    mean_eV = float(np.mean([frame.info["REF_energy"] for frame in frames]))
    softened = []
    for frame in frames:
        soft = frame.copy()
        soft.info["REF_energy"] = mean_eV + _SOFTENED * (frame.info["REF_energy"] - mean_eV)
        soft.arrays["REF_forces"] = _SOFTENED * frame.arrays["REF_forces"]
        softened.append(soft)
    return put(workspace, softened, mark="soft")


def _as_foundation(workspace: Workspace, key: str) -> str:
    """Write a fitted model as MACE saves foundations, and return its name."""
    path = workspace.root / "foundation.model"
    torch.save(read_model(workspace.model_path(f"fit:{key}")), path)
    name = f"foundation:{file_sha256(path)}"
    target = workspace.model_path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    return name
