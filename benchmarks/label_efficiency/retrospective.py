"""Choosing again among labels that exist: no label and no MD is paid for, the labels are GPAW's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from policies.selection.relabelling import draw_probes, left_after

from alloop.materials.contacts import min_contact
from alloop.potential.committee import disagreement
from alloop.potential.descriptors import environments
from benchmarks.label_efficiency.committees import independent, readouts
from benchmarks.label_efficiency.dynamics import cell, mobile_ions
from benchmarks.label_efficiency.evaluation import Score, force_errors
from benchmarks.label_efficiency.fitting import fitted
from benchmarks.label_efficiency.reference import Reference
from benchmarks.label_efficiency.statistics import tail_of
from benchmarks.label_efficiency.teacher import Dataset, forces_of, labels_of, read_dataset
from policies.registry import load_policy
from policies.selection.contract import Candidates, Window
from policies.selection.distances import novelty_and_separation

SHAPE = {"channels": 16, "max_L": 0, "max_ell": 2, "correlation": 2, "layers": 2, "cutoff_A": 5.0}
SIZES = (12, 24, 36, 48, 72, 96)
LEADER_STEPS, MEMBER_STEPS, LEARNING_RATE = 2000, 200, 0.02
PER_WALKER, PROBES = 2, 0.1
WINDOW = Window(0.0, 10.0)
WITHOUT_COMMITTEE = ("random",)


def run(dataset: Path, folder: Path, policies: Sequence[str], seeds: Sequence[int]) -> list[Score]:
    """Let policies choose again among the training labels of an export; what was done already stands."""
    data, found = read_dataset(dataset), []
    for seed in seeds:
        for policy in policies:
            file = folder / "retrospective" / f"{policy.rpartition(':')[2].lower()}-{seed}.json"
            if not file.is_file():
                scores = learning_curve(data, policy, seed)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n", encoding="utf-8")
            found += [Score(**values) for values in json.loads(file.read_text(encoding="utf-8"))]
            print(f"{policy}, seed {seed}: done", flush=True)
    return found


def learning_curve(data: Dataset, policy: str, seed: int) -> list[Score]:
    """Return the errors on the held-out labels as a policy chooses, from the initial labels on.

    ``policy+readouts`` gives a policy a committee of readouts on one backbone.
    """
    name, (policy, _, kind) = policy, policy.partition("+")
    pool, test = list(data.train), heldout_reference(data.heldout)
    chosen = [place for place, frame in enumerate(pool) if str(frame.info["walker"]).endswith(".initial")]
    committee: list[torch.nn.Module] = []
    scores: list[Score] = []
    for size in SIZES:
        while len(chosen) < size:
            rest = [place for place in range(len(pool)) if place not in set(chosen)]
            known = [pool[place] for place in chosen]
            picked = choose(policy, [pool[i] for i in rest], known, committee, size - len(chosen), seed + size)
            if not picked:
                return scores
            chosen += [rest[place] for place in picked]
        kind = "none" if policy in WITHOUT_COMMITTEE else kind or "independent"
        committee = _committee([pool[place] for place in chosen], data.e0s_eV, committee, seed, kind)
        scores.append(Score(name, seed, size, **force_errors(forces_of(committee[0], test.frames), test)))
    return scores


def choose(
    policy: str, frames: list[Atoms], known: list[Atoms], committee: list[torch.nn.Module], count: int, seed: int
) -> list[int]:
    """Return the places of the frames that are labelled next, probes and the choice of a policy, as a campaign does."""
    offered = candidates(frames, known, committee)
    due = PROBES if policy not in WITHOUT_COMMITTEE else 0.0
    probes = draw_probes(offered, round(due * count), seed)
    left, places = left_after(offered, [probe.index for probe in probes])
    selection = load_policy("selection", policy, {}).select(left, WINDOW, count - len(probes), PER_WALKER, seed)
    return [*(probe.index for probe in probes), *(places[choice.index] for choice in selection.chosen)]


def candidates(frames: list[Atoms], known: list[Atoms], committee: list[torch.nn.Module]) -> Candidates:
    """Return frames as a policy sees them: all offered at random times, with uncalibrated errors."""
    spread = np.full((len(frames), len(frames[0])), np.nan)
    novelty = separation = None
    if len(committee) > 1:
        spread = np.array([disagreement(f) for f in np.stack([forces_of(m, frames) for m in committee], axis=1)])
        described = environments([*frames, *known], committee[0])
        novelty, separation = novelty_and_separation(described[: len(frames)], described[len(frames) :])
    elements = np.array(frames[0].get_chemical_symbols())
    return Candidates(
        ids=tuple(str(frame.info["frame_id"]) for frame in frames),
        walker=tuple(str(frame.info["walker"]) for frame in frames),
        composition=tuple(str(frame.info["system"]) for frame in frames),
        why=("random",) * len(frames),
        disagreement_eV_per_A=spread.max(axis=1),
        min_contact=np.array([min_contact(frame) for frame in frames]),
        expected_error_eV_per_A={
            str(element): spread[:, elements == element].max(axis=1) for element in np.unique(elements)
        },
        novelty=novelty,
        separation=separation,
    )


def heldout_reference(frames: Sequence[Atoms]) -> Reference:
    """Return held-out labels as what models are held against."""
    return Reference(
        frames=list(frames),
        forces_eV_per_A=labels_of(frames),
        tail=tail_of(np.array([frame.info["REF_energy"] for frame in frames])),
        mobile=mobile_ions(cell()),
        band_eV=(-np.inf, np.inf),
        D_cm2_s=None,
        se_cm2_s=None,
    )


def _committee(
    frames: list[Atoms], e0s_eV: Mapping[int, float], before: list[torch.nn.Module], seed: int, kind: str
) -> list[torch.nn.Module]:
    """Return a leader fitted from scratch, which is judged, and what its committee is made of.

    Whole models go on from where they were; readouts begin with the leader's.
    """
    leader = fitted(frames, e0s_eV, SHAPE, steps=LEADER_STEPS, learning_rate=LEARNING_RATE, seed=seed)
    rate = LEARNING_RATE * (0.25 if before else 1.0)
    if kind == "readouts":
        return [leader, *readouts(leader, frames, steps=MEMBER_STEPS, learning_rate=LEARNING_RATE, seed=seed)]
    if kind == "none":
        return [leader]
    members = independent(frames, e0s_eV, SHAPE, steps=MEMBER_STEPS, learning_rate=rate, seed=seed, before=before)
    return [leader, *members]
