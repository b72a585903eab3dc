"""Whether the members of a committee can share the leader's backbone: what their disagreement is worth.

    python -m benchmarks.shared_backbone runs/label_efficiency/gpaw/dataset.extxyz

Committees of four of one leader, fitted to a random part of labelled frames and judged on all others:

independent
    Whole models on bootstrap samples, as alloop's committees are.
readouts
    Copies of the leader whose readouts alone are fitted on, each on its bootstrap sample.
readouts, new
    The same from random readouts.
joint
    One model with a head for each member, all fitted together (shallow ensemble, arXiv:2402.16621).

What counts is whether the disagreement finds the errors of the leader, atom by atom and frame by frame.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from scipy.stats import spearmanr

from alloop.potential.disagreement import disagreement
from benchmarks.label_efficiency.committees import independent, joint, readouts
from benchmarks.label_efficiency.dynamics import mobile_ions
from benchmarks.label_efficiency.fitting import fitted
from benchmarks.label_efficiency.retrospective import LEADER_STEPS, LEARNING_RATE, SHAPE
from benchmarks.label_efficiency.statistics import mean_interval
from benchmarks.label_efficiency.teacher import Dataset, forces_of, labels_of, read_dataset

MEMBER_STEPS = 600
WORST, CHOSEN = 0.1, 0.2
COLUMNS = (
    "leader's RMSE (meV/Å)",
    "error / disagreement",
    "rank correlation, atoms",
    "mobile ions",
    "frames",
    "worst frames found",
    "reliability",
    "fit, CPU s",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit all committees for some seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="dataset.extxyz of `alloop export`, README.json beside it")
    parser.add_argument("--train", type=int, default=48, help="frames to fit to")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args(arguments)
    data, rows = read_dataset(options.dataset), defaultdict(list)
    for seed in range(options.seeds):
        for name, row in committees(data, options.train, seed).items():
            rows[name].append(row)
            print(seed, name, " ".join(f"{value:.2f}" for value in row), flush=True)
    print(f"| committee | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
    for name, found in rows.items():
        bars = [mean_interval(values) for values in np.transpose(found)]
        print(f"| {name} | " + " | ".join(f"{bar.value:.3g} ± {bar.high - bar.value:.2g}" for bar in bars) + " |")


def committees(data: Dataset, train: int, seed: int) -> dict[str, list[float]]:
    """Return what each committee is worth that is fitted to a random choice of the frames."""
    order = np.random.default_rng(seed).permutation(len(data.train))
    frames = [data.train[place] for place in order[:train]]
    test = [*(data.train[place] for place in order[train:]), *data.heldout]
    member: dict[str, Any] = {"steps": MEMBER_STEPS, "learning_rate": LEARNING_RATE, "seed": seed}
    whole: dict[str, Any] = {**member, "steps": LEADER_STEPS}
    leader, leader_s = timed(lambda: [fitted(frames, data.e0s_eV, SHAPE, **whole)])
    kinds: dict[str, Callable[[], list[torch.nn.Module]]] = {
        "independent": lambda: independent(frames, data.e0s_eV, SHAPE, **member),
        "readouts": lambda: readouts(leader[0], frames, **member),
        "readouts, new": lambda: readouts(leader[0], frames, **member, anew=True),
    }
    found = {}
    for name, members in kinds.items():
        others, spent_s = timed(members)
        found[name] = [*worth([*leader, *others], test), leader_s + spent_s]
    together, spent_s = timed(lambda: joint(frames, data.e0s_eV, SHAPE, **whole))
    return {**found, "joint": [*worth(together, test), spent_s]}


def timed(make: Callable[[], list[torch.nn.Module]]) -> tuple[list[torch.nn.Module], float]:
    """Return models and the processor time (s) that they took."""
    begin = time.process_time()
    return make(), time.process_time() - begin


def worth(committee: Sequence[torch.nn.Module], test: Sequence[Atoms]) -> list[float]:
    """Return the leader's force RMSE, and how its errors and the disagreement go together (see `COLUMNS`).

    ``worst frames found`` is the part of the tenth of frames with the largest error of an atom that is among the fifth
    with the largest disagreement of one; ``reliability`` is the largest factor between error and scaled disagreement
    (rms) in five bins of atoms.
    """
    forces = np.stack([forces_of(model, test) for model in committee], axis=1)
    spread = np.stack([disagreement(some) for some in forces])
    errors = np.linalg.norm(forces[:, 0] - labels_of(test), axis=-1)
    mobile = mobile_ions(test[0])
    scale = rms(errors) / rms(spread)
    bins = np.array_split(np.argsort(spread, axis=None), 5)
    factors = [rms(errors.ravel()[some]) / (scale * rms(spread.ravel()[some])) for some in bins]
    frame_error, frame_spread = errors.max(axis=1), spread.max(axis=1)
    worst = frame_error >= np.quantile(frame_error, 1 - WORST)
    chosen = frame_spread >= np.quantile(frame_spread, 1 - CHOSEN)
    return [
        1000 * float(np.sqrt(np.mean((forces[:, 0] - labels_of(test)) ** 2))),
        scale,
        float(spearmanr(spread.ravel(), errors.ravel()).statistic),
        float(spearmanr(spread[:, mobile].ravel(), errors[:, mobile].ravel()).statistic),
        float(spearmanr(frame_spread, frame_error).statistic),
        float((worst & chosen).sum() / worst.sum()),
        max(max(factor, 1 / factor) for factor in factors),
    ]


def rms(values: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    main()
