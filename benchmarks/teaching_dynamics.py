"""Who should drive the dynamics of a teaching phase: the student, or the teacher itself.

    python -m benchmarks.teaching_dynamics configs/quickstart.yaml runs/quickstart FRAMES.extxyz --labels 12 48

The campaign has finished; its teacher labelled frames of the student's dynamics. Here the teacher moves as many walkers
as long, at the same temperatures, and labels as many frames of them. Members are taught with either, by the campaign's
recipe, then fitted to the campaign's first labels by the recipe of a rung, and judged on frames that no fit saw
(``REF_forces`` in eV/Å).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.io import read as read_frames

from alloop.checks.structures import read_systems
from alloop.config.campaign import CampaignConfig
from alloop.config.loading import load_config
from alloop.decisions.charter import Charter
from alloop.decisions.fit_requests import rung_fit
from alloop.decisions.teaching_requests import HOTTER, taught_member
from alloop.labelling.teachers import teacher_label
from alloop.reading import read
from alloop.state.records import RungState
from alloop.state.state import CampaignState
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.records import Result
from alloop.tasks.kinds.fit import fit
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from benchmarks.fitting_data import plain, put
from benchmarks.truth import force_errors
from benchmarks.truth_frames import Engine, labelled, states

DRIVERS = ("student", "teacher")


@dataclass(frozen=True)
class Walk:
    """The teacher's own walkers: how many, how long (ps), from when frames are taken (ps), and how many of each."""

    walkers: int
    first_ps: float
    length_ps: float
    frames: int


def moved_by_teacher(config_file: Path, walk: Walk, walker: int, seed: int) -> list[Atoms]:
    """Return labelled frames of one walker that the teacher moves."""
    torch.set_num_threads(1)
    loaded = load_config(config_file)
    config, (structure, *_) = loaded.config, read_systems(loaded).values()
    assert config.teacher is not None
    own = (*config.explore.temperatures_K, HOTTER * max(config.explore.temperatures_K))
    temperatures_K = config.teacher.temperatures_K or own
    times_fs = 1000.0 * np.linspace(walk.first_ps, walk.length_ps, walk.frames)
    start = structure.to_atoms()
    with tempfile.TemporaryDirectory() as folder:
        teacher = Engine(teacher_label(config.teacher), sorted(set(start.symbols)), Path(folder))
        temperature_K = temperatures_K[walker % len(temperatures_K)]
        moving = states(start, teacher, temperature_K, times_fs.tolist(), seed + walker)
        return [plain(labelled(state, teacher)) for state in moving]


def taught(root: Path, member: int, keys: Sequence[str]) -> FitRequest:
    """Return the request that teaches a member: with all of the campaign's frames of the teacher, or with others."""
    charter, state = _charter(root)
    train = tuple(keys) or taught_member(charter, state, 0).train
    return taught_member(charter, state, member).model_copy(update={"train": train})


def errors_of(root: Path, member: int, keys: Sequence[str], sizes: Sequence[int], frames: Path) -> list[float]:
    """Return the force RMSE (meV/Å) of a member before any label, and of its fits to the first labels."""
    torch.set_num_threads(1)
    workspace, judged = Workspace(root), read_frames(frames, ":")
    charter, state = _charter(root)
    names = [frame.id for frame in state.labelled_frames("train")]
    start = _fitted(workspace, taught(root, member, keys))
    models = [start]
    for size in sizes:
        request = rung_fit(charter, state, RungState(size, tuple(names[:size])), member)
        models.append(_fitted(workspace, request.model_copy(update={"init": start, "seed": member})))
    off = [force_errors(model, judged, workspace, charter.config.potential.dtype) for model in models]
    return [1000 * float(np.sqrt(np.mean(errors**2))) for errors in off]


def _charter(root: Path) -> tuple[Charter, CampaignState]:
    state = read(root).state
    assert state.created is not None
    return Charter.of(state.created, CampaignConfig.model_validate(state.config)), state


def _fitted(workspace: Workspace, request: FitRequest) -> str:
    summary, _ = fit(request, workspace, Machine())
    workspace.write(Result(key=request.key(), kind="fit", status="ok", summary=summary))
    return f"fit:{request.key()}"


def rows(sizes: Sequence[int], found: dict[str, list[list[float]]]) -> Iterator[str]:
    """Yield a table in Markdown: means and, in brackets, the least and the largest of the members."""
    yield "| moved by | " + " | ".join(f"{size} labels" for size in (0, *sizes)) + " |"
    yield "|---|" + "--:|" * (1 + len(sizes))
    for driver, errors in found.items():
        cells = [f"{np.mean(one):.1f} ({min(one):.1f} to {max(one):.1f})" for one in zip(*errors, strict=True)]
        yield f"| the {driver} | " + " | ".join(cells) + " |"


def main() -> None:
    """Move the teacher's walkers, fit all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--labels", type=int, nargs="+", default=[12, 48])
    parser.add_argument("--walkers", type=int, default=8)
    parser.add_argument("--first_ps", type=float, default=0.2)
    parser.add_argument("--length_ps", type=float, default=3.2)
    parser.add_argument("--frames_of_each", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    told = parser.parse_args()
    walk = Walk(told.walkers, told.first_ps, told.length_ps, told.frames_of_each)
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(told.jobs, get_context("spawn")) as pool:
        root = Path(folder) / "campaign"
        shutil.copytree(told.campaign, root)
        begun = time.perf_counter()
        moving = [pool.submit(moved_by_teacher, told.config, walk, walker, 77) for walker in range(walk.walkers)]
        own = [frame for walker in moving for frame in walker.result()]
        print(f"{len(own)} frames of the teacher's dynamics in {time.perf_counter() - begun:.0f} s", flush=True)
        keys = {"student": (), "teacher": put(Workspace(root), own, "teacher")}
        asked = {
            (driver, seed): pool.submit(errors_of, root, seed, keys[driver], told.labels, told.frames)
            for driver in DRIVERS
            for seed in range(told.seeds)
        }
        found = {driver: [asked[driver, seed].result() for seed in range(told.seeds)] for driver in DRIVERS}
    print("\n".join(rows(told.labels, found)))


if __name__ == "__main__":
    main()
