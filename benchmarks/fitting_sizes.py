"""Whether one schedule suits 12 frames and 2,500: alloop's default fits on growing datasets.

    python -m benchmarks.fitting_sizes runs/label_efficiency

The folder is that of the benchmark of label efficiency, with its teacher and reference. Frames are those of the
teacher's MD and rattled copies of them, with its labels; a part of the MD is held out. A member is fitted to two thirds
of the frames, ends by patience on the rest and keeps its best weights; the fit of a rung takes all frames and the whole
schedule, and nothing watches it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.io import read

from alloop.config.science import FitConfig
from alloop.potential.fitting.training import Outcome, Recipe, train
from alloop.potential.graphs import labelled_graphs
from benchmarks.label_efficiency.fitting import new
from benchmarks.label_efficiency.reference import FRAMES_FILE, labelled
from benchmarks.label_efficiency.retrospective import SHAPE
from benchmarks.label_efficiency.teacher import forces_of, labels_of, load_teacher, rmse

SIZES = (12, 100, 500, 2500)
HELD_OUT = 64
RATTLE_A = 0.05
FIT = FitConfig()


def main() -> None:
    """Fit to every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with teacher and reference of benchmarks.label_efficiency")
    folder = parser.parse_args().folder
    known, held_out = frames_of(folder)
    e0s_eV = dict.fromkeys({int(z) for z in known[0].numbers}, mean_energy(known))
    print("| frames | fit | steps | passes | ended | checks | best check | force RMSE, held out (meV/Å) | CPU s |")
    print("|--:|---|--:|--:|---|--:|--:|--:|--:|")
    for size in SIZES:
        kinds = {"member": (known[: size - size // 3], known[size - size // 3 : size]), "rung": (known[:size], [])}
        for name, (frames, valid) in kinds.items():
            model, begin = new(frames, e0s_eV, SHAPE, 0), time.process_time()
            outcome = fit(model, frames, valid)
            spent_s = time.process_time() - begin
            error = 1000 * rmse(forces_of(model, held_out), labels_of(held_out))
            best = min(outcome.history, key=lambda check: check.loss).step
            passes = outcome.steps * FIT.batch_size / len(frames)
            row = (len(frames), name, outcome.steps, f"{passes:.0f}", outcome.stopped, len(outcome.history) - 1)
            print(f"| {' | '.join(map(str, row))} | {best} | {error:.1f} | {spent_s:.0f} |", flush=True)


def fit(model: torch.nn.Module, frames: Sequence[Atoms], valid: Sequence[Atoms]) -> Outcome:
    """Fit a model as a campaign does: a member where there are frames to validate on, else a rung."""
    epoch = -(-len(frames) // FIT.batch_size)
    recipe = Recipe(
        max_steps=max(FIT.max_steps if valid else FIT.rung_steps, FIT.epochs * epoch),
        batch_size=FIT.batch_size,
        learning_rate=FIT.learning_rate,
        energy_weight=FIT.energy_weight,
        forces_weight=FIT.forces_weight,
        stress_weight=FIT.stress_weight,
        patience=FIT.patience if valid else None,
        check_every_steps=max(FIT.check_every_steps, epoch),
        ema_decay=FIT.ema_decay,
        seed=0,
    )
    graphs = labelled_graphs(frames, model)
    watched = labelled_graphs(valid, model) if valid else graphs[:64]
    return train(model, graphs, watched, recipe)


def frames_of(folder: Path) -> tuple[list[Atoms], list[Atoms]]:
    """Return labelled frames in a random order, as many as the largest size, and held-out ones of the teacher's MD."""
    rng = np.random.default_rng(0)
    reference = list(read(folder / FRAMES_FILE, index=":", format="extxyz"))
    order = rng.permutation(len(reference))
    held_out, rest = [reference[i] for i in order[:HELD_OUT]], [reference[i] for i in order[HELD_OUT:]]
    copies = []
    for number in range(max(SIZES) - len(rest)):
        copy = rest[number % len(rest)].copy()
        copy.positions += rng.normal(scale=RATTLE_A, size=copy.positions.shape)
        copies.append(copy)
    known = [*rest, *labelled(load_teacher(folder, "float32"), copies)]
    return [known[i] for i in rng.permutation(len(known))], held_out


def mean_energy(frames: Sequence[Atoms]) -> float:
    """Return the mean energy per atom (eV)."""
    return float(np.mean([frame.info["REF_energy"] / len(frame) for frame in frames]))


if __name__ == "__main__":
    main()
