"""Whether fits that follow a teacher should go on seeing its frames.

    python -m benchmarks.replay runs/CAMPAIGN FRAMES.extxyz [WALLS.extxyz] --labels 12 48 --seeds 3

Fits on the first labels of a campaign with a teacher, from its taught members, by the recipe of its rungs. `none` sees
labels alone. `replay w` sees as many frames of the teacher's as labels in every pass, whose forces count w times as
much as a label's, in twice the steps; `none, twice the steps` tells the two effects apart. `rescaled` multiplies the
energies of the taught member by the slope of the labels' forces over its own before the first step. Judged on frames
that no fit saw (``REF_forces`` in eV/Å): thermal ones, and with WALLS ones with atoms that are too close, of which the
table also says how often the closest pairs are driven the right way and the cosine between forces and labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.io import read as read_frames

from alloop.config.campaign import CampaignConfig
from alloop.decisions.charter import Charter
from alloop.decisions.fit_requests import pretrained, rung_fit
from alloop.decisions.teaching_requests import taught_member
from alloop.potential.committee import Committee
from alloop.potential.fitting.energy_offset import set_energy_offset
from alloop.potential.fitting.training import order_of_frames, train
from alloop.potential.graphs import labelled_graphs
from alloop.reading import read
from alloop.state.records import RungState
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.kinds.fit import initial_model, recipe_of
from alloop.tasks.kinds.fit import read_frames as read_labels
from alloop.tasks.workspace import Workspace
from benchmarks.short_contacts import agreement, shortest_contacts

CONTACTS = 20


@dataclass(frozen=True)
class Case:
    """One fit: on how many labels, with which weight of replayed frames (None: none), how many times the steps."""

    labels: int
    weight: float | None
    times: int
    rescaled: bool
    seed: int

    @property
    def name(self) -> str:
        """How the case is called in the table."""
        if self.rescaled:
            return "none, rescaled"
        if self.weight is not None:
            return f"replay {self.weight:g}"
        return "none" if self.times == 1 else "none, twice the steps"


@dataclass(frozen=True)
class Judgement:
    """Force RMSE on thermal frames and on close contacts (meV/Å), contacts driven the right way (%), and the cosine."""

    thermal: float
    walls: float
    sign: float
    cosine: float


def cases(labels: Sequence[int], weights: Sequence[float], seeds: int) -> Iterator[Case]:
    """Yield all fits."""
    kinds = [(None, 1, False), (None, 2, False), *((weight, 2, False) for weight in weights), (None, 1, True)]
    return (Case(size, *kind, seed) for size in labels for kind in kinds for seed in range(seeds))


def requests(case: Case, root: Path) -> tuple[FitRequest, tuple[str, ...]]:
    """Return the request of a fit, and the names of the teacher's frames."""
    state = read(root).state
    assert state.created is not None
    charter = Charter.of(state.created, CampaignConfig.model_validate(state.config))
    frames = tuple(frame.id for frame in state.labelled_frames("train")[: case.labels])
    own = rung_fit(charter, state, RungState(case.labels, frames), case.seed)
    member = case.seed % state.members()
    changes = {"init": pretrained(state, member), "seed": case.seed, "max_steps": case.times * own.max_steps}
    return own.model_copy(update=changes), taught_member(charter, state, 0).train


def fitted(case: Case, root: Path) -> torch.nn.Module:
    """Return the fitted model."""
    request, taught = requests(case, root)
    workspace = Workspace(root)
    frames = list(read_labels(workspace, request.train).values())
    model = initial_model(request, workspace, frames)
    graphs = labelled_graphs(frames, model)
    if case.rescaled:
        rescale(model, frames)
    set_energy_offset(model, graphs, by_element=request.level_energy == "elements", device="cpu")
    replayed = []
    if case.weight is not None:
        chosen = order_of_frames(len(taught), min(len(taught), 4 * len(graphs)), case.seed)
        replayed = labelled_graphs(read_labels(workspace, [taught[index] for index in chosen]).values(), model)
        for graph in replayed:
            graph.weight = torch.full_like(graph.weight, case.weight)
            graph.energy_weight = torch.zeros_like(graph.energy_weight)
            graph.stress_weight = torch.zeros_like(graph.stress_weight)
        graphs = graphs * 4
    recipe = replace(recipe_of(request), patience=None)
    train(model, [*graphs, *replayed], graphs[:4], recipe)
    return model


def rescale(model: Any, frames: Sequence[Atoms]) -> None:
    """Multiply what a model says of interactions, in place, by the slope of the labels' forces over its own."""
    committee = Committee([model], device="cpu", dtype="float32")
    own = np.concatenate([committee.forces(frame).forces_eV_per_A for frame in frames])
    labels = np.concatenate([frame.arrays["REF_forces"] for frame in frames])
    slope = float((own * labels).sum() / (own**2).sum())
    print(f"slope {slope:.3f}", flush=True)
    with torch.no_grad():
        model.scale_shift.scale.mul_(slope)


def judged(model: torch.nn.Module, thermal: Sequence[Atoms], walls: Sequence[Atoms]) -> Judgement:
    """Return how good a model is."""
    committee = Committee([model], device="cpu", dtype="float32")

    def forces(frames: Sequence[Atoms]) -> tuple[np.ndarray, np.ndarray]:
        predicted = np.concatenate([committee.forces(frame).forces_eV_per_A for frame in frames])
        return predicted, np.concatenate([frame.arrays["REF_forces"] for frame in frames])

    own, labels = forces(thermal)
    if not walls:
        return Judgement(1000 * float(np.sqrt(np.mean((own - labels) ** 2))), np.nan, np.nan, np.nan)
    close, close_labels = forces(walls)
    sign, cosine = agreement(close, close_labels, shortest_contacts(walls, CONTACTS))
    rmse = [1000 * float(np.sqrt(np.mean((a - b) ** 2))) for a, b in ((own, labels), (close, close_labels))]
    return Judgement(rmse[0], rmse[1], sign, cosine)


def judgement_of(case: Case, root: Path, thermal: Path, walls: Path | None) -> Judgement:
    """Fit and judge."""
    torch.set_num_threads(1)
    return judged(fitted(case, root), read_frames(thermal, ":"), [] if walls is None else read_frames(walls, ":"))


def rows(found: dict[Case, Judgement]) -> Iterator[str]:
    """Yield a table in Markdown: means and, in brackets, the least and the largest of all seeds."""
    yield "| labels | teacher's frames | thermal, meV/Å | close contacts, meV/Å | sign right, % | cosine |"
    yield "|--:|---|--:|--:|--:|--:|"
    for size, name in dict.fromkeys((case.labels, case.name) for case in found):
        own = [one for case, one in found.items() if (case.labels, case.name) == (size, name)]
        thermal, walls = [one.thermal for one in own], [one.walls for one in own]
        cells = [f"{np.mean(x):.1f} ({min(x):.1f} to {max(x):.1f})" for x in (thermal, walls)]
        sign, cosine = np.mean([one.sign for one in own]), np.mean([one.cosine for one in own])
        yield f"| {size} | {name} | {cells[0]} | {cells[1]} | {sign:.0f} | {cosine:.3f} |"


def main() -> None:
    """Fit all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", type=Path)
    parser.add_argument("thermal", type=Path)
    parser.add_argument("walls", type=Path, nargs="?")
    parser.add_argument("--labels", type=int, nargs="+", default=[12, 48])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.1, 0.3])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    told = parser.parse_args()
    asked = list(cases(told.labels, told.weights, told.seeds))
    with ProcessPoolExecutor(told.jobs, get_context("spawn")) as pool:
        futures = {case: pool.submit(judgement_of, case, told.campaign, told.thermal, told.walls) for case in asked}
        found = {case: future.result() for case, future in futures.items()}
    print("\n".join(rows(found)))


if __name__ == "__main__":
    main()
