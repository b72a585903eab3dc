"""Fitting a committee of four on the quickstart's data: alloop's fit task against ``mace_run_train`` from the shell.

    python -m benchmarks.fitting                                    the table of docs/fitting.md
    python -m benchmarks.fitting --dataset runs/quickstart/export/dataset.extxyz --steps 600

Same frames, architecture, loss, optimiser, learning rate, batch size, average and isolated atoms. The target of every
member is the best force RMSE on the validation frames that ``mace_run_train`` reaches in the given number of steps; it
is stopped as soon as it is there. What alloop is charged with is the whole task, from the start of the worker processes
to the model on disk. Without a dataset, rattled cells with a Morse potential stand in.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import write

from alloop.tasks.worker import perform
from alloop.tasks.workspace import Workspace
from benchmarks.fitting_data import (
    BATCH,
    CHECK_STEPS,
    EMA_DECAY,
    ENERGY_WEIGHT,
    FORCES_WEIGHT,
    MEMBERS,
    RATE,
    SHAPE,
    Data,
    dataset,
    put,
    request,
    summary,
)
from benchmarks.fitting_steps import compare, starts

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
POLL_S = 0.05


@dataclass(frozen=True)
class Cost:
    """Wall and processor time (s) until every member was there."""

    wall_s: float
    cpu_s: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", type=Path, help="extxyz with REF_energy and REF_forces, as alloop export writes it"
    )
    parser.add_argument("--train", type=int, default=48, help="training frames")
    parser.add_argument("--valid", type=int, default=16, help="validation frames")
    parser.add_argument("--steps", type=int, default=600, help="optimiser steps of mace_run_train")
    parser.add_argument("--only-starts", action="store_true", help="only what fits reach from different beginnings")
    parser.add_argument("--our-steps", type=int, help="optimiser steps of alloop's schedule; as many by default")
    options = parser.parse_args(arguments)
    data = dataset(options.dataset, options.train, options.valid)
    print(f"{options.train} frames of {len(data.valid[0])} atoms, {len(data.valid)} to validate on, {MEMBERS} members")
    if not options.only_starts:
        compare_committees(data, options.steps, options.our_steps or options.steps)
        print_steps(data)
    print_starts(data, options.our_steps or options.steps)


def compare_committees(data: Data, steps: int, our_steps: int) -> None:
    """Fit the committee both ways and print what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        one, targets = by_mace(data, root / "one", steps, 1, None)
        two, _ = by_mace(data, root / "two", steps, 2, targets)
        ours, reached = by_alloop(data, root / "ours", our_steps)
    print_committee(one, two, ours, targets, reached)


def by_mace(
    data: Data, root: Path, steps: int, width: int, targets: Sequence[float] | None
) -> tuple[Cost, tuple[float, ...]]:
    """Run ``mace_run_train`` for every member, some at a time, and return what it cost and the best RMSE (eV/Å).

    With targets, a run ends when its force RMSE is there; without, after its last epoch, and only the time until its
    best epoch counts.
    """
    root.mkdir()
    write(root / "valid.extxyz", data.valid)
    waiting, seen = list(range(MEMBERS)), [Progress(root / str(member)) for member in range(MEMBERS)]
    running: dict[int, subprocess.Popen[bytes]] = {}
    begin, before = time.perf_counter(), children_s()
    while waiting or running:
        while waiting and len(running) < width:
            member = waiting.pop(0)
            running[member] = start_mace(data, root, member, steps)
            seen[member].begun = time.perf_counter()
        time.sleep(POLL_S)
        for member, process in list(running.items()):
            progress = seen[member]
            progress.look()
            there = progress.epochs >= epochs_of(data, member, steps)
            if targets is not None:
                there = there or progress.best <= targets[member]
            if there or process.poll() is not None:
                process.kill()
                process.wait()
                del running[member]
    wall_s, cpu_s = time.perf_counter() - begin, children_s() - before
    if targets is None:
        spent = sum(progress.ended - progress.begun for progress in seen)
        useful = sum(progress.best_at - progress.begun for progress in seen)
        wall_s, cpu_s = useful, cpu_s * useful / spent
    return Cost(wall_s, cpu_s), tuple(progress.best for progress in seen)


class Progress:
    """What a run of ``mace_run_train`` has reached, from the file it writes its metrics to."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lines = folder, 0
        self.begun = self.best_at = self.ended = 0.0
        self.best, self.epochs = np.inf, -1

    def look(self) -> None:
        """Take note of new lines."""
        for path in self._folder.glob("results/*_train.txt"):
            lines = path.read_text().splitlines()
            for line in lines[self._lines :]:
                entry = json.loads(line)
                if entry.get("mode") == "eval" and entry.get("epoch") is not None:
                    self.ended, self.epochs = time.perf_counter(), int(entry["epoch"]) + 1
                    if entry["rmse_f"] < self.best:
                        self.best, self.best_at = float(entry["rmse_f"]), self.ended
            self._lines = len(lines)


def epochs_of(data: Data, member: int, steps: int) -> int:
    """Return the epochs after which a member was fitted for a number of steps; checks fall on multiples."""
    each = len(data.members[member]) // BATCH
    interval = max(1, CHECK_STEPS // each)
    return interval * max(1, steps // (each * interval))


def start_mace(data: Data, root: Path, member: int, steps: int) -> subprocess.Popen[bytes]:
    """Start ``mace_run_train`` in a folder of its own, with one thread."""
    folder = root / str(member)
    folder.mkdir()
    write(folder / "train.extxyz", data.members[member])
    numbers = sorted({int(z) for frame in data.valid for z in frame.numbers})
    settings = {
        "name": "member",
        "seed": member,
        "train_file": folder / "train.extxyz",
        "valid_file": root / "valid.extxyz",
        "work_dir": folder,
        "E0s": str(dict.fromkeys(numbers, data.e0_eV)),
        "model": "ScaleShiftMACE",
        "interaction_first": "RealAgnosticResidualInteractionBlock",
        "interaction": "RealAgnosticResidualInteractionBlock",
        "hidden_irreps": f"{SHAPE['channels']}x0e",
        "MLP_irreps": "16x0e",
        "max_ell": SHAPE["max_ell"],
        "correlation": SHAPE["correlation"],
        "r_max": SHAPE["cutoff_A"],
        "scaling": "rms_forces_scaling",
        "loss": "weighted",
        "energy_weight": ENERGY_WEIGHT,
        "forces_weight": FORCES_WEIGHT,
        "lr": RATE,
        "batch_size": BATCH,
        "ema_decay": EMA_DECAY,
        "max_num_epochs": epochs_of(data, member, steps) + 1,
        "eval_interval": max(1, CHECK_STEPS // (len(data.members[member]) // BATCH)),
        "default_dtype": "float32",
        "device": "cpu",
        "plot": "False",
        "error_table": "PerAtomRMSE",
    }
    script = str(Path(sys.executable).parent / "mace_run_train")
    words = [script, "--ema", "--amsgrad", "--pair_repulsion", *(f"--{key}={value}" for key, value in settings.items())]
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(words, env=ONE_THREAD, stdout=output, stderr=output, cwd=folder)


def by_alloop(data: Data, root: Path, steps: int) -> tuple[Cost, tuple[float, ...]]:
    """Run alloop's fit task for every member, two workers at a time, and return the cost and the RMSE (eV/Å)."""
    workspace = Workspace(root)
    valid = put(workspace, data.valid)
    requests = [
        request(put(workspace, frames), valid, data, steps, seed=member) for member, frames in enumerate(data.members)
    ]
    begin, before = time.perf_counter(), children_s()
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as workers:
        keys = list(workers.map(fitted, [(str(root), one.model_dump(mode="json")) for one in requests]))
    cost = Cost(time.perf_counter() - begin, children_s() - before)
    return cost, tuple(summary(workspace, key).history[-1].rmse_forces_meV_per_A / 1000 for key in keys)


def fitted(job: tuple[str, dict[str, Any]]) -> str:
    """Do the task of a request in this process, and return its key."""
    root, fields = job
    return perform(root, "fit", fields)


def children_s() -> float:
    """Return the processor time (s) of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_committee(one: Cost, two: Cost, ours: Cost, targets: Sequence[float], reached: Sequence[float]) -> None:
    """Print what the committee cost either way."""
    print("\nforce RMSE on the validation frames, meV/Å")
    print("  target (best of mace_run_train)  " + "  ".join(f"{1000 * value:6.1f}" for value in targets))
    print("  alloop at the end                " + "  ".join(f"{1000 * value:6.1f}" for value in reached))
    print("\ncommittee of 4 to the target            wall s   CPU s   wall   CPU")
    rows = (
        ("mace_run_train, one after the other", one),
        ("mace_run_train, two at a time, 1 thread", two),
        ("alloop, two at a time, 1 thread", ours),
    )
    for name, cost in rows:
        ratios = f"{ours.wall_s / cost.wall_s:5.2f} {ours.cpu_s / cost.cpu_s:5.2f}"
        print(f"{name:<40}{cost.wall_s:6.1f}  {cost.cpu_s:6.1f}  {ratios}")


def print_steps(data: Data) -> None:
    """Print the time of one optimiser step of either, taken in turns."""
    ours_s, theirs_s = compare(data.members[0], data)
    print(f"\none step on {BATCH} frames, CPU: mace {1000 * theirs_s:.1f} ms, alloop {1000 * ours_s:.1f} ms (medians)")


def print_starts(data: Data, steps: int) -> None:
    """Print what fits reach from different beginnings, in how many steps, and at what cost."""
    print("\nstart: force RMSE at the end (meV/Å), steps to that of random weights, and of the foundation, CPU s")
    for start in starts(data, steps):
        reached = [f"{'never' if count is None else count:>8}" for count in (start.to_random, start.to_foundation)]
        print(f"{start.name:<40}{start.final_meV_per_A:8.1f} {' '.join(reached)} {start.cpu_s:8.1f}")


if __name__ == "__main__":
    main()
