"""What a step costs where all of it is on the device, in one run of at most eight minutes.

    python -m benchmarks.device [--device cuda] [--shape foundation]

Models have random weights, in float32. *leader*: Langevin steps between two looks; *K = 4*: with a look of a committee
of four every five steps. *ASE* is ASE's Langevin with MACE's calculator, one walker; *torch-sim*, if it is there, is
its Langevin with its own MACE. Launches and copies to the host are, per step, what torch's profiler traces on a GPU,
which also tells for which share of the time it computes. On a CPU they are the operations, at least as many as a GPU
would launch kernels, and the times that the host would wait for numbers; sizes are smaller there, and the GPU's way is
taken all the same. What memory and peak a step uses is of what a copy and a product of matrices reach in the same run,
counted as if nothing stayed in a cache.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from ase.io import read

from alloop.potential.evaluation.batch_splitting import is_out_of_memory
from alloop.potential.fitting.training import Fitting, Recipe
from alloop.potential.graphs import labelled_frame, labelled_graphs
from benchmarks.committee import models_of
from benchmarks.device_counts import bandwidth, counts_of, peak, seconds_of, traced
from benchmarks.device_rows import SHAPES, Row, rows
from benchmarks.dynamics import CELL

REPETITIONS, MINUTES = 3, 8.0
BATCH_OF_A_FIT, STEPS_OF_A_FIT = 5, 20


def line(row: Row, device: str, bytes_per_s: float, flops_per_s: float) -> str:
    """Return the line of the table of a row."""
    row.work()
    step_s = min(seconds_of(row.work, device) for _ in range(REPETITIONS)) / row.steps
    told = counts_of(row.work)
    started, copies, share = told.operations, told.host_copies, "-"
    if device == "cuda":
        trace = traced(row.work)
        started, copies, share = trace.launches, trace.host_copies, f"{trace.share:.0%}"
    memory, products = (
        each / row.steps / step_s / best for each, best in ((told.bytes, bytes_per_s), (told.flops, flops_per_s))
    )
    numbers = f"{1e3 * step_s:>10.2f}{1e6 * step_s / row.atoms / row.walkers:>12.2f}{share:>8}"
    per_step = f"{started / row.steps:>10.0f}{copies / row.steps:>8.1f}{memory:>9.1%}{products:>8.1%}"
    return f"{row.atoms:>6}{row.walkers:>9}  {row.name:<10}{numbers}{per_step}"


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
    print(f"{'atoms':>6}{'walkers':>9}  {'':<10}{'ms/step':>10}{'µs/atom':>12}{'device':>8}", end="")
    print(f"{'launches' if told.device == 'cuda' else 'operations':>10}{'copies':>8}{'memory':>9}{'peak':>8}")
    for row in rows(told.shape, told.device):
        if time.monotonic() > end:
            print("the time is up; larger rows are not measured")
            return
        try:
            print(line(row, told.device, bytes_per_s, flops_per_s), flush=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            print(f"{row.atoms:>6}{row.walkers:>9}  {row.name:<10}out of memory", flush=True)


if __name__ == "__main__":
    main()
