"""Error against cost for a family of shapes, taught and fitted on the same frames of a finished campaign.

    python -m benchmarks.architectures runs/CAMPAIGN FRAMES.extxyz --labels 12 48

Every shape learns the teacher's frames of the campaign in `--steps` steps, then its first labels by the recipe of a
rung. Each is judged on frames with the campaign's label settings that it never saw (``REF_forces`` in eV/Å). The last
column is the processor time of one MD step of a cell of 80 atoms under one model.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from ase.io import read as read_frames

from alloop.config.campaign import CampaignConfig
from alloop.decisions.charter import Charter
from alloop.decisions.fit_requests import rung_fit
from alloop.decisions.teaching_requests import taught_member
from alloop.dynamics.explorers import ExplorerBatch
from alloop.dynamics.state import fresh_state
from alloop.potential.committee import Committee
from alloop.reading import read
from alloop.state.records import RungState
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.records import Result
from alloop.tasks.kinds.fit import fit
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace
from benchmarks.truth import force_errors

SHAPES: dict[str, dict[str, int]] = {
    "32x0e, l 2, corr. 2": {"channels": 32, "max_ell": 2, "correlation": 2},
    "64x0e, l 2, corr. 2": {"channels": 64, "max_ell": 2, "correlation": 2},
    "64x0e, l 2, corr. 3": {"channels": 64, "max_ell": 2, "correlation": 3},
    "64x0e, l 3, corr. 3": {"channels": 64, "max_ell": 3, "correlation": 3},
    "128x0e, l 2, corr. 3": {"channels": 128, "max_ell": 2, "correlation": 3},
}
REPEAT, TIMED_STEPS, TURNS = (2, 2, 2), 20, 5


def done(request: FitRequest, workspace: Workspace) -> str:
    """Fit, keep the model, and return its name."""
    summary, _ = fit(request, workspace, Machine())
    workspace.write(Result(key=request.key(), kind="fit", status="ok", summary=summary))
    return f"fit:{request.key()}"


def row(name: str, root: Path, frames: Path, labels: Sequence[int], steps: int) -> str:
    """Return the line of a shape: errors before labels and after, and the time of a step."""
    torch.set_num_threads(1)
    workspace, state = Workspace(root), read(root).state
    assert state.created is not None
    charter = Charter.of(state.created, CampaignConfig.model_validate(state.config))
    shape: dict[str, Any] = charter.config.potential.architecture.model_dump(mode="json") | SHAPES[name]
    own = taught_member(charter, state, 0).model_copy(update={"architecture": shape, "init": None, "max_steps": steps})
    taught, truth = done(own, workspace), read_frames(frames, ":")
    models = [taught]
    for size in labels:
        known = tuple(frame.id for frame in state.labelled_frames("train")[:size])
        of_rung = rung_fit(charter, state, RungState(size, known), 0)
        models.append(done(of_rung.model_copy(update={"init": taught, "architecture": shape}), workspace))
    errors = (force_errors(model, truth, workspace, own.dtype) for model in models)
    cells = [f"{1000 * float(np.sqrt(np.mean(error**2))):.1f}" for error in errors]
    milliseconds = 1000 * step_s(models[-1], workspace, own.dtype, next(iter(charter.systems.values())).to_atoms())
    return f"| {name} | {' | '.join(cells)} | {milliseconds:.0f} |"


def step_s(model: str, workspace: Workspace, dtype: str, cell: Any) -> float:
    """Return the processor time (s) of an MD step of one walker, the median of some turns."""
    committee = Committee([load_member(workspace, model, "cpu", dtype)], device="cpu", dtype=dtype)
    atoms = cell.repeat(REPEAT)
    walker = ExplorerBatch(
        [fresh_state(atoms, 300.0, np.random.default_rng(0))],
        committee.field(atoms),
        temperatures_K=[300.0],
        limits_K=[1e9],
        seeds=[0],
        timestep_fs=1.0,
        friction_per_fs=0.01,
        stop_contact=0.1,
        memory=TIMED_STEPS,
    )
    walker.run(TIMED_STEPS)
    taken = []
    for _ in range(TURNS):
        begin = time.process_time()
        walker.run(TIMED_STEPS)
        taken.append((time.process_time() - begin) / TIMED_STEPS)
    return median(taken)


def table(told: argparse.Namespace) -> Iterator[str]:
    """Yield the table in Markdown, a row as soon as it is there."""
    yield "| shape | 0 labels | " + " | ".join(f"{size} labels" for size in told.labels) + " | ms per MD step |"
    yield "|---|" + "--:|" * (len(told.labels) + 2)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "campaign"
        shutil.copytree(told.campaign, root)
        with ProcessPoolExecutor(told.jobs, get_context("spawn")) as pool:
            asked = (root, told.frames, told.labels, told.steps)
            futures = [pool.submit(row, name, *asked) for name in told.shapes or SHAPES]
            for future in futures:
                yield future.result()


def main() -> None:
    """Fit all shapes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--labels", type=int, nargs="+", default=[12, 48])
    parser.add_argument("--steps", type=int, default=2000, help="of the fit to the teacher's frames")
    parser.add_argument("--shapes", nargs="*", choices=list(SHAPES))
    parser.add_argument("--jobs", type=int, default=2)
    for line in table(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
