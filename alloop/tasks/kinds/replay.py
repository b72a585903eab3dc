"""Frames that a second head replays by what the model itself says of them before it is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch
from ase import Atoms

from alloop.failures import TaskFailure
from alloop.materials.rattle import AMPLITUDES, rattled
from alloop.materials.structure import Structure
from alloop.potential.fitting.adapting import HEADS
from alloop.potential.fitting.pseudolabels import pseudolabelled
from alloop.potential.fitting.training import order_of_frames
from alloop.tasks.contract.fit import FitRequest, Pseudolabels


def with_pseudolabels(
    request: FitRequest, wanted: Pseudolabels, frames: Sequence[Atoms], model: torch.nn.Module
) -> list[Atoms]:
    """Return frames with the labels of the second head of a model, no more frames than are fitted: a random choice.

    Raises
    ------
    TaskFailure
        ``replay``, if no frame has a sound label.
    """
    few = order_of_frames(len(frames), min(len(frames), len(request.train)), request.seed) if frames else []
    stress = request.stress_weight > 0
    found = pseudolabelled([frames[index] for index in few], model, HEADS[1], stress=stress)
    sound = [frame for frame in found if _largest_force(frame) <= wanted.max_force_eV_per_A]
    if not sound:
        what = f"no frame to replay is free of short contacts and of forces beyond {wanted.max_force_eV_per_A:g} eV/Å"
        raise TaskFailure("replay", f"{what}, by the model that the fit starts from; give frames in data.initial")
    return sound


def training_copies(request: FitRequest, training: Sequence[Atoms]) -> list[Atoms]:
    """Return a displaced copy of every frame that is fitted, a little to a lot: around them a fit must forget nothing.

    A frame of which no copy is free of short contacts has none.
    """
    tuning = request.finetuning
    assert tuning is not None
    assert tuning.pseudolabels is not None
    wanted = tuning.pseudolabels
    copies: list[Structure] = []
    for number, frame in enumerate(training):
        rattle_A = wanted.rattle_A * (number % AMPLITUDES + 1) / AMPLITUDES
        structure, seed = Structure.from_atoms(frame), request.seed + number
        with suppress(TaskFailure):
            copies += rattled(structure, 1, rattle_A, wanted.strain, seed, wanted.min_contact)
    return [copy.to_atoms() for copy in copies]


def _largest_force(frame: Atoms) -> float:
    """Return the largest force component (eV/Å); infinity if one, or the energy or stress, is no number."""
    label = (frame.info["REF_energy"], frame.info.get("REF_stress", 0.0), frame.arrays["REF_forces"])
    return float(np.abs(label[2]).max()) if all(np.isfinite(part).all() for part in label) else float("inf")
