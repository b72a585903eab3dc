"""What a teacher, a foundation and a robust loss are worth, on the labels of a finished campaign.

    python -m benchmarks.teaching runs/CAMPAIGN FRAMES.extxyz --seeds 3 --labels 6 12 24 48

Fits on the first labels of a campaign with a teacher: from random weights, from its taught members, and with
`--foundations` from the members of those, names or files that `alloop teach` wrote, so that several teachers can be
compared on the same labels; with mean squares and with the loss that is linear for large deviations.
Each is judged on frames with the campaign's label settings that it never saw (``REF_forces`` in eV/Å). Fits from random
weights have the whole learning rate and `--cold-steps`, the others the campaign's own recipe of a rung, or what the
options say; seed n starts from member n. `--method multihead` replays the frames that the campaign's teacher labelled.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from ase.io import read as read_frames

from alloop.config.campaign import CampaignConfig
from alloop.config.science import FoundationFile
from alloop.decisions.charter import Charter
from alloop.decisions.fit_requests import pretrained, rung_fit
from alloop.decisions.teaching_requests import taught_member
from alloop.potential.models.foundation import fetch_foundation, resolve_foundation
from alloop.reading import read
from alloop.state.records import RungState
from alloop.tasks.contract.fit import FarStart, FineTuning, FitRequest
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.references import ModelRef
from alloop.tasks.kinds.fit import fit
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from benchmarks.truth import force_errors

HUBER_eV_per_A = 0.1
STARTS = ("cold", "taught")
LOSSES = {"squares": None, "huber": HUBER_eV_per_A}
TUNINGS = {
    "naive": None,
    "frozen": FineTuning(method="frozen", frozen="interactions"),
    "lora": FineTuning(method="lora", rank=4),
    "multihead": None,
}


@dataclass(frozen=True)
class Case:
    """One fit: on how many labels, from where (``cold``, ``taught`` or a foundation), with which loss and seed."""

    labels: int
    start: str
    loss: str
    seed: int


def cases(
    labels: Sequence[int], seeds: int, starts: Sequence[str] = STARTS, losses: Sequence[str] = tuple(LOSSES)
) -> Iterator[Case]:
    """Yield all fits, the smallest first."""
    for size in labels:
        for start in starts:
            for loss in losses:
                yield from (Case(size, start, loss, seed) for seed in range(seeds))


@dataclass(frozen=True)
class Recipes:
    """How fits learn: steps of cold ones; of the others, what takes the place of the config's recipe."""

    cold_steps: int = 1500
    tuned_rate: float | None = None
    tuned_steps: int | None = None
    far_start: float | None = None
    method: str = "naive"


def request_of(case: Case, root: Path, recipes: Recipes) -> FitRequest:
    """Return the request of a fit."""
    state = read(root).state
    assert state.created is not None
    charter = Charter.of(state.created, CampaignConfig.model_validate(state.config))
    frames = tuple(frame.id for frame in state.labelled_frames("train")[: case.labels])
    own = rung_fit(charter, state, RungState(case.labels, frames), case.seed)
    changes: dict[str, object] = {"huber_eV_per_A": LOSSES[case.loss], "seed": case.seed}
    rate = charter.config.fit.learning_rate
    if recipes.tuned_rate is not None:
        changes["learning_rate"] = recipes.tuned_rate * rate
    if recipes.far_start is not None:
        changes["far"] = FarStart(beyond=recipes.far_start, max_steps=charter.config.fit.rung_steps, learning_rate=rate)
    if recipes.tuned_steps is not None:
        changes["max_steps"] = recipes.tuned_steps
    changes["finetuning"] = TUNINGS[recipes.method]
    if recipes.method != "naive":
        changes["far"] = None  # such fits never learn like cold ones
    if recipes.method == "multihead":
        changes["finetuning"] = FineTuning(method="multihead", replay=taught_member(charter, state, 0).train)
    if case.start == "cold":
        changes |= {"finetuning": None, "init": None, "level_energy": False, "far": None}
        changes |= {"learning_rate": rate, "max_steps": recipes.cold_steps}
    elif case.start == "taught":
        changes["init"] = pretrained(state, case.seed % state.members())
    else:
        changes["init"] = str(ModelRef("foundation", sha256_of(case.start), member=case.seed))
    return own.model_copy(update=changes)


def sha256_of(foundation: str) -> str:
    """Return the checksum of a foundation, by its name or its file."""
    file = Path(foundation)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else fetch_foundation(foundation)[1]


def place(foundation: str, root: Path) -> None:
    """Copy a foundation into a campaign, by its name or its file."""
    file = Path(foundation)
    named = FoundationFile(path=str(file.resolve()), sha256=sha256_of(foundation)) if file.is_file() else foundation
    resolve_foundation(named, config_folder=Path(), campaign_root=root)


def error_of(case: Case, root: Path, frames: Path, recipes: Recipes) -> float:
    """Fit, and return the force RMSE (meV/Å) on the frames."""
    torch.set_num_threads(1)
    workspace, request = Workspace(root), request_of(case, root, recipes)
    summary, _ = fit(request, workspace, Machine())
    workspace.write(Result(key=request.key(), kind="fit", status="ok", summary=summary))
    print(f"{case.labels} labels from {Path(case.start).stem}: error of the start {summary['start_error']}", flush=True)
    errors = force_errors(f"fit:{request.key()}", read_frames(frames, ":"), workspace, request.dtype)
    return 1000 * float(np.sqrt(np.mean(errors**2)))


def rows(labels: Sequence[int], found: dict[Case, float]) -> Iterator[str]:
    """Yield a table in Markdown: means and, in brackets, the least and the largest of all seeds."""
    names = list(dict.fromkeys((case.start, case.loss) for case in found))
    yield "| labels | " + " | ".join(f"{Path(start).stem}, {loss}" for start, loss in names) + " |"
    yield "|--:|" + "--:|" * len(names)
    for size in labels:
        cells = []
        for name in names:
            values = [error for case, error in found.items() if (case.labels, case.start, case.loss) == (size, *name)]
            cells.append(f"{np.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})")
        yield f"| {size} | " + " | ".join(cells) + " |"


def main() -> None:
    """Fit all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--labels", type=int, nargs="+", default=[6, 12, 24, 48])
    parser.add_argument("--foundations", nargs="*", default=[], help="names or files")
    parser.add_argument("--starts", nargs="*", default=STARTS, choices=STARTS, help="beside the foundations")
    parser.add_argument("--losses", nargs="+", default=tuple(LOSSES), choices=tuple(LOSSES))
    parser.add_argument("--cold-steps", type=int, default=1500)
    parser.add_argument("--tuned-rate", type=float, help="in place of fit.tuned_rate")
    parser.add_argument("--tuned-steps", type=int, help="in place of fit.tuned_rung_steps")
    parser.add_argument("--method", default="naive", choices=tuple(TUNINGS), help="in place of fit.method")
    parser.add_argument("--far-start", type=float, help="fit.far_start, of naive fits; 0: all learn like cold ones")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "campaign"
        shutil.copytree(arguments.campaign, root)
        for foundation in arguments.foundations:
            place(foundation, root)
        asked = list(
            cases(arguments.labels, arguments.seeds, (*arguments.starts, *arguments.foundations), arguments.losses)
        )
        with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as pool:
            names = ("cold_steps", "tuned_rate", "tuned_steps", "far_start", "method")
            recipes = Recipes(**{name: getattr(arguments, name) for name in names})
            futures = {case: pool.submit(error_of, case, root, arguments.frames, recipes) for case in asked}
            found = {case: future.result() for case, future in futures.items()}
    print("\n".join(rows(arguments.labels, found)))


if __name__ == "__main__":
    main()
