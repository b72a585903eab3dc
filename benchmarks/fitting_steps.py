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

from alloop.potential.architecture import new_model
from alloop.potential.graphs import average_neighbours, interaction_statistics, labelled_graphs
from alloop.potential.model_files import file_sha256, read_model
from alloop.potential.training import Fitting, Recipe
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

# isort: split
from mace import modules
from mace.tools.torch_geometric import Batch
from mace.tools.train import take_step
from torch_ema import ExponentialMovingAverage

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
    fitting, step = Fitting(model.train(), graphs, graphs[:1], recipe), _mace_step(theirs.train(), graphs)
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


def _mace_step(model: torch.nn.Module, graphs: Sequence[Any]) -> Any:
    """Return mace's own step, collation included."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, amsgrad=True)
    average = ExponentialMovingAverage(model.parameters(), decay=EMA_DECAY)
    loss = modules.WeightedEnergyForcesLoss(energy_weight=ENERGY_WEIGHT, forces_weight=FORCES_WEIGHT)
    wanted = {"forces": True, "virials": False, "stress": False}

    def step(frames: Sequence[int]) -> None:
        batch = Batch.from_data_list([graphs[index] for index in frames])
        take_step(model, loss, batch, optimizer, average, wanted, 10.0, torch.device("cpu"))

    return step


@dataclass(frozen=True)
class Start:
    """What a fit began from, how it ended (force RMSE, meV/Å), and its steps to the final errors of two others."""

    name: str
    final_meV_per_A: float
    to_random: int | None
    to_foundation: int | None


def starts(data: Data, steps: int) -> list[Start]:
    """Return what fits reach from different beginnings, all on the same frames.

    The earlier generations know half of the frames. The stand-in for a foundation is a model of the same shape, fitted
    to the same frames with softened labels.
    """
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        frames = data.members[0]
        train, valid = put(workspace, frames), put(workspace, data.valid)
        half, slow = train[: len(train) // 2], 0.25 * RATE

        def history(**changes: Any) -> tuple[str, list[tuple[int, float]]]:
            asked = request(**{"train": train, "valid": valid, "data": data, "steps": steps, **changes})
            key = perform(folder, "fit", asked.model_dump(mode="json"))
            return key, [(check.step, check.rmse_forces_meV_per_A) for check in summary(workspace, key).history]

        earlier, _ = history(train=half, seed=1)
        soft, _ = history(train=_softened(workspace, frames), seed=2)
        foundation = _as_foundation(workspace, soft)
        tuned, _ = history(train=half, init=foundation, learning_rate=slow, seed=1)
        found = {
            "random weights": history(),
            "earlier generation from random weights": history(init=f"fit:{earlier}", learning_rate=slow),
            "foundation": history(init=foundation),
            "foundation, a quarter of the rate": history(init=foundation, learning_rate=slow),
            "earlier generation from the foundation": history(init=f"fit:{tuned}", learning_rate=slow),
            "the same, half the steps": history(init=f"fit:{tuned}", learning_rate=slow, steps=steps // 2),
        }
    checks = {name: one for name, (_, one) in found.items()}
    random, founded = checks["random weights"][-1][1], checks["foundation, a quarter of the rate"][-1][1]
    return [Start(name, one[-1][1], _first(one, random), _first(one, founded)) for name, one in checks.items()]


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
