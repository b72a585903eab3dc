"""What a step costs where all of it is on the device, in one run of at most eight minutes.

    python -m benchmarks.device [--device cuda] [--shape foundation]

Models have random weights, in float32. *leader*: Langevin steps between two looks; *K = 4*: with a look of a committee
of four every five steps. *ASE* is ASE's Langevin with MACE's calculator, one walker. Copies are the times that the host
waits for numbers of the device, per step; operations are at least as many kernels. What memory and peak a step uses is
of what a copy and a product of matrices reach in the same run. On a CPU the sizes are smaller, the way of the GPU
is taken all the same, and its copies are counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.io import read
from ase.md.langevin import Langevin

from alloop.dynamics.state import fresh_state
from alloop.potential.evaluation.batched import BatchedCommittee
from alloop.potential.fitting.training import Fitting, Recipe
from alloop.potential.graphs import labelled_frame, labelled_graphs
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import rebuilt
from benchmarks.committee import FRICTION_PER_FS, TEMPERATURE_K, TIMESTEP_FS, exploring, models_of
from benchmarks.device_counts import bandwidth, counts_of, device_share, peak, seconds_of
from benchmarks.dynamics import ARCHITECTURE, CELL

SHAPES = {
    "quickstart": ARCHITECTURE,
    "foundation": {"channels": 128, "max_L": 1, "max_ell": 3, "correlation": 3, "layers": 2, "cutoff_A": 6.0},
}
REPEATS = {54: (3, 3, 3), 216: (6, 6, 3), 864: (12, 6, 6), 3456: (12, 12, 12)}
"""Repeats of the primitive cell of LiCl, by the number of atoms."""
SIZES = {"cpu": ((54, 216), (1,)), "cuda": ((54, 216, 864, 3456), (1, 8, 64))}
MEMBERS, LOOK_EVERY, REPETITIONS, MINUTES = 4, 5, 3, 8.0
BATCH_OF_A_FIT, STEPS_OF_A_FIT = 5, 20


@dataclass(frozen=True)
class Row:
    """One line of the table: who, atoms, walkers, and steps of what `work` does."""

    name: str
    atoms: int
    walkers: int
    steps: int
    work: Callable[[], None]


def ours(atoms: Atoms, models: list[torch.nn.Module], walkers: int, device: str) -> Row:
    """Return five steps of some walkers, and a look after them if there is more than one model."""
    field = BatchedCommittee([rebuilt(one) for one in models], atoms, device=device, dtype="float32", leaps=True)
    batch = exploring(atoms, field, walkers, LOOK_EVERY + 1)

    def work() -> None:
        if batch.run(LOOK_EVERY):
            raise RuntimeError("a walker stopped")
        if len(models) > 1:
            batch.disagreements(batch.walkers)

    return Row("leader" if len(models) == 1 else f"K = {len(models)}", len(atoms), walkers, LOOK_EVERY, work)


def stock(atoms: Atoms, model: torch.nn.Module, device: str) -> Row:
    """Return five steps of ASE's Langevin with MACE's calculator."""
    atoms = atoms.copy()
    atoms.calc = MACECalculator(models=[rebuilt(model)], device=device, default_dtype="float32")
    atoms.set_momenta(fresh_state(atoms, TEMPERATURE_K, np.random.default_rng(0)).momenta)
    thermostat = {"temperature_K": TEMPERATURE_K, "friction": FRICTION_PER_FS / units.fs}
    run = Langevin(atoms, TIMESTEP_FS * units.fs, rng=np.random.default_rng(0), **thermostat)
    return Row("ASE", len(atoms), 1, LOOK_EVERY, lambda: run.run(LOOK_EVERY))


def rows(shape: str, device: str) -> Iterator[Row]:
    """Return what is timed, the small first."""
    cell, models = bulk("LiCl", "rocksalt", a=5.13), models_of(SHAPES[shape], MEMBERS)
    sizes, counts = SIZES[device]
    for size in sizes:
        atoms = cell.repeat(REPEATS[size])
        yield stock(atoms, models[0], device)
        for walkers in counts:
            yield ours(atoms, models[:1], walkers, device)
            yield ours(atoms, models, walkers, device)


def line(row: Row, device: str, bytes_per_s: float, flops_per_s: float) -> str:
    """Return the line of the table of a row."""
    row.work()
    step_s = min(seconds_of(row.work, device) for _ in range(REPETITIONS)) / row.steps
    told = counts_of(row.work)
    share = f"{device_share(row.work):.0%}" if device == "cuda" else "-"
    memory, products = (
        each / row.steps / step_s / best for each, best in ((told.bytes, bytes_per_s), (told.flops, flops_per_s))
    )
    numbers = f"{1e3 * step_s:>10.2f}{1e6 * step_s / row.atoms / row.walkers:>12.2f}{share:>8}"
    per_step = f"{told.operations / row.steps:>8.0f}{told.host_copies / row.steps:>8.1f}{memory:>9.1%}{products:>8.1%}"
    return f"{row.atoms:>6}{row.walkers:>9}  {row.name:<8}{numbers}{per_step}"


def optimiser_steps_per_s(shape: str, device: str) -> float:
    """Return optimiser steps of a fit in a second, on batches of five cells of 20 atoms with made-up labels."""
    (model,) = models_of(SHAPES[shape], 1)
    frames = []
    for seed in range(2 * BATCH_OF_A_FIT):
        atoms = read(CELL).repeat((2, 1, 1))
        atoms.rattle(0.05, seed=seed)
        forces = np.random.default_rng(seed).normal(scale=0.3, size=(len(atoms), 3))
        frames.append(labelled_frame(atoms, -3.0 * len(atoms), forces - forces.mean(axis=0), None))
    graphs = labelled_graphs(frames, model)
    recipe = Recipe(10_000, BATCH_OF_A_FIT, 1e-3, 1.0, 10.0, 0.0, None, 50, 0.99, 0)
    fitting = Fitting(model.to(device).train(), graphs, graphs[:1], recipe)

    def steps() -> None:
        for step in range(STEPS_OF_A_FIT):
            fitting.step(range(BATCH_OF_A_FIT), step, 0)

    steps()
    return STEPS_OF_A_FIT / seconds_of(steps, device)


def main() -> None:
    """Print the table, as far as the minutes go."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--shape", default="quickstart", choices=list(SHAPES))
    parser.add_argument("--minutes", type=float, default=MINUTES)
    told = parser.parse_args()
    end = time.monotonic() + 60 * told.minutes
    bytes_per_s, flops_per_s = bandwidth(told.device), peak(told.device)
    print(f"{told.device}: {bytes_per_s / 1e9:.0f} GB/s, {flops_per_s / 1e12:.2f} Tflop/s in float32")
    print(f"a fit: {optimiser_steps_per_s(told.shape, told.device):.1f} optimiser steps per second", flush=True)
    print(f"{'atoms':>6}{'walkers':>9}  {'':<8}{'ms/step':>10}{'µs/atom':>12}{'device':>8}", end="")
    print(f"{'ops':>8}{'copies':>8}{'memory':>9}{'peak':>8}")
    for row in rows(told.shape, told.device):
        if time.monotonic() > end:
            print("the time is up; larger rows are not measured")
            return
        try:
            print(line(row, told.device, bytes_per_s, flops_per_s), flush=True)
        except torch.cuda.OutOfMemoryError:
            print(f"{row.atoms:>6}{row.walkers:>9}  {row.name:<8}out of memory", flush=True)


if __name__ == "__main__":
    main()
