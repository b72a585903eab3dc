"""Losses compared: fits to labels of which some are of broken structures, judged on frames that no fit saw.

    python -m benchmarks.losses --dataset FILE.extxyz --test FILE.extxyz --seeds 5 --init FILE.model --jobs 2

The first labels of the dataset, in its order, are fitted with mean squares and with Huber's loss of several widths,
from random weights and, with ``--init``, from a model saved by MACE at a lower rate; seeds differ in weights and
batches. Errors are those of forces on the test frames: of all atoms, of the mobile ones, and of all atoms of the
thermal frames, in which no force is larger than ``--thermal``. Of the shortest contacts of the test frames the table
says how often a fit drives the two atoms apart or together as the label does, and the cosine between the forces on
them. Medians over the seeds, with the least and the largest. Without files, rattled cells with a Morse potential stand
in, one in six rattled so far that its forces are of tens of eV/Å.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.io import read

from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.graphs import labelled_graphs
from alloop.potential.models.model_files import read_model
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.worker import perform
from alloop.tasks.workspace import Workspace
from benchmarks.fitting_data import RATE, Data, plain, put, request, stand_ins
from benchmarks.short_contacts import Contact, agreement, shortest_contacts

BROKEN_RATTLE_A = 0.35
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
HEAD = (
    "| labels | start | loss | all, meV/Å | mobile | thermal | contacts: sign right, % | cosine |\n"
    "|--:|---|---|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True)
class Judgement:
    """A fit on the test frames.

    Attributes
    ----------
    all, mobile, thermal : float
        Force RMSE of all atoms, of mobile ones and of thermal frames (meV/Å).
    sign, cosine : float
        Share of the short contacts driven the right way (%), and the median cosine of the forces on them.
    """

    all: float
    mobile: float
    thermal: float
    sign: float
    cosine: float


@dataclass(frozen=True)
class Tests:
    """Frames to judge on, which atoms of all are mobile and of thermal frames, and the shortest contacts."""

    frames: tuple[Atoms, ...]
    mobile: np.ndarray
    thermal: np.ndarray
    contacts: tuple[Contact, ...]

    @classmethod
    def of(cls, frames: Sequence[Atoms], mobile: str, thermal_eV_per_A: float, contacts: int) -> Tests:
        """Return what some frames judge by."""
        calm = [np.linalg.norm(frame.arrays["REF_forces"], axis=1).max() <= thermal_eV_per_A for frame in frames]
        return cls(
            frames=tuple(frames),
            mobile=np.concatenate([np.array(frame.get_chemical_symbols()) == mobile for frame in frames]),
            thermal=np.repeat(calm, [len(frame) for frame in frames]),
            contacts=shortest_contacts(frames, contacts),
        )


def judged(model: torch.nn.Module, tests: Tests) -> Judgement:
    """Return how right the forces of a model are."""
    found = MaceObjective(model, (), labelled_graphs(tests.frames, model), stress=False).watched()
    off = torch.cat([one.forces_eV_per_A for one in found]).double().numpy()
    labels = np.concatenate([frame.arrays["REF_forces"] for frame in tests.frames])
    sign, cosine = agreement(labels + off, labels, tests.contacts)

    def rmse(rows: np.ndarray) -> float:
        return 1000 * float(np.sqrt(np.mean(off[rows] ** 2))) if rows.any() else float("nan")

    return Judgement(rmse(np.ones(len(off), dtype=bool)), rmse(tests.mobile), rmse(tests.thermal), sign, cosine)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit everything and print the table."""
    options = _parser().parse_args(arguments)
    known, frames = labelled_frames(options)
    tests = Tests.of(frames, options.mobile, options.thermal, options.contacts)
    print(_description(tests, known[: max(options.labels)], options.thermal))
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        init = None if options.init is None else place(workspace, options.init)
        for name, requests in cases(options, workspace, known, init):
            found = [
                judged(read_model(workspace.model_path(f"fit:{key}")), tests)
                for key in fits(workspace, requests, options.jobs)
            ]
            print(f"| {name} | {' | '.join(_cells(found))} |", flush=True)


def labelled_frames(options: argparse.Namespace) -> tuple[list[Atoms], list[Atoms]]:
    """Return frames to fit and frames to judge on: those of the files, or of a pair potential."""
    if options.dataset is None:
        rng = np.random.default_rng(0)
        return _with_broken(max(options.labels), rng), _with_broken(36, rng)
    if options.test is None:
        raise SystemExit("--dataset needs --test: frames to judge on")
    known = [plain(frame) for frame in read(options.dataset, ":") if frame.info.get("use") != "heldout"]
    if len(known) < max(options.labels):
        raise SystemExit(f"{options.dataset}: has {len(known)} labels to fit; ask for fewer with --labels")
    return known, [plain(frame) for frame in read(options.test, ":")]


def cases(
    options: argparse.Namespace, workspace: Workspace, known: Sequence[Atoms], init: str | None
) -> Iterator[tuple[str, list[FitRequest]]]:
    """Yield the name of every row of the table, and the fits of its seeds."""
    keys = put(workspace, known)
    starts: dict[str, dict[str, Any]] = {"random": {}}
    if init is not None:
        starts["model"] = {"init": init, "learning_rate": options.init_rate, "level_energy": True}
    for count in options.labels:
        mean_eV = float(np.mean([frame.info["REF_energy"] / len(frame) for frame in known[:count]]))
        data = Data((), tuple(known[:count]), mean_eV)
        for start, changes in starts.items():
            for width in (None, *options.widths):
                loss = "squares" if width is None else f"huber {width:g}"
                yield (
                    f"{count} | {start} | {loss}",
                    [
                        request(keys[:count], (), data, options.steps, seed=seed, huber_eV_per_A=width, **changes)
                        for seed in range(options.seeds)
                    ],
                )


def fits(workspace: Workspace, requests: Sequence[FitRequest], jobs: int) -> list[str]:
    """Do some fits, a few at a time, and return their keys."""
    work = [(str(workspace.root), one.model_dump(mode="json")) for one in requests]
    if jobs == 1:
        keys = list(map(_fitted, work))
    else:
        os.environ.update(ONE_THREAD)
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as workers:
            keys = list(workers.map(_fitted, work))
    for key in keys:
        result = workspace.read("fit", key)
        if result is not None and result.status == "failed":
            raise SystemExit(f"a fit failed: {result.detail}")
    return keys


def place(workspace: Workspace, path: Path) -> str:
    """Copy a model saved by MACE to where a fit finds it, and return its name."""
    name = f"foundation:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    target = workspace.model_path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, help="labels to fit: extxyz with REF_energy and REF_forces")
    parser.add_argument("--test", type=Path, help="labels to judge on")
    parser.add_argument("--init", type=Path, help="a model saved by MACE to start from as well")
    parser.add_argument("--init-rate", type=float, default=0.25 * RATE, help="learning rate of fits from it")
    parser.add_argument("--labels", type=int, nargs="+", default=[24], help="labels of a fit")
    parser.add_argument("--seeds", type=int, default=5, help="fits of every case")
    parser.add_argument("--widths", type=float, nargs="*", default=[0.03, 0.1, 0.3], help="of Huber's loss, eV/Å")
    parser.add_argument("--steps", type=int, default=1500, help="optimiser steps of a fit")
    parser.add_argument("--mobile", default="Li", help="element whose errors have a column of their own")
    parser.add_argument("--thermal", type=float, default=4.0, help="largest force of a thermal frame, eV/Å")
    parser.add_argument("--contacts", type=int, default=10, help="test frames whose closest pair is judged")
    parser.add_argument("--jobs", type=int, default=1, help="fits at a time")
    return parser


def _fitted(job: tuple[str, dict[str, Any]]) -> str:
    root, fields = job
    return perform(root, "fit", fields)


def _with_broken(count: int, rng: np.random.Generator) -> list[Atoms]:
    """Return frames of a pair potential, every sixth of which is a broken structure."""
    broken = iter(stand_ins(count // 6, rng, BROKEN_RATTLE_A))
    calm = iter(stand_ins(count - count // 6, rng))
    return [next(broken if number % 6 == 5 else calm) for number in range(count)]


def _description(tests: Tests, known: Sequence[Atoms], thermal_eV_per_A: float) -> str:
    calm = int(tests.thermal.sum()) / len(tests.thermal)
    largest = [np.linalg.norm(frame.arrays["REF_forces"], axis=1).max() for frame in known]
    broken = sum(force > thermal_eV_per_A for force in largest)
    radii = [contact.radii for contact in tests.contacts]
    return (
        f"{len(known)} labels, {broken} of them with forces above {thermal_eV_per_A:g} eV/Å "
        f"(up to {max(largest):.1f}); "
        f"{len(tests.frames)} test frames, {100 * calm:.0f} % thermal; "
        f"{len(radii)} contacts of {min(radii):.2f} to {max(radii):.2f} covalent radii\n"
    )


def _cells(found: Sequence[Judgement]) -> Iterator[str]:
    for name, digits in (("all", 1), ("mobile", 1), ("thermal", 1), ("sign", 0), ("cosine", 3)):
        values = [getattr(one, name) for one in found]
        yield f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


if __name__ == "__main__":
    main()
