"""Write all labels of a campaign as one extxyz file, in the keys that MACE reads."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write as write_atoms

from alloop.files.durable import write_durably
from alloop.outputs.errors import told
from alloop.state.records import FrameState, segments_of
from alloop.state.state import CampaignState
from alloop.tasks.contract.label import LABEL, LabelData
from alloop.tasks.workspace import DamagedResultError, Workspace

USES = ("train", "heldout")
"""Uses of labels, in the order in which they are written."""


def write_dataset(workspace: Workspace, state: CampaignState, path: Path) -> int:
    """Write every label: the training frames in the order of their selection, then the held-out ones.

    Each frame has ``REF_energy`` (force-consistent free energy, eV), ``REF_forces`` (eV/Å) and ``REF_stress`` (eV/Å³,
    ASE's sign and Voigt order), and its provenance, see `provenance`.

    Parameters
    ----------
    workspace : Workspace
        Holds the label files.
    state : CampaignState
        The fold of the journal.
    path : pathlib.Path
        The file, written whole or not at all.

    Returns
    -------
    int
        Number of frames written.
    """
    return write_frames([*labelled_frames(workspace, state)], path)


def write_frames(frames: Sequence[Atoms], path: Path) -> int:
    """Write frames into one file, whole or not at all, and return their number."""
    text = io.StringIO()
    for atoms in frames:
        write_atoms(text, atoms, format="extxyz", append=True)
    write_durably(path, text.getvalue().encode())
    return len(frames)


def unharvested_frames(workspace: Workspace, state: CampaignState) -> Iterator[Atoms]:
    """Yield frames whose label a worker finished without a driver; the next driver writes it into the journal."""
    for task in state.running.values():
        if task.task != LABEL.name or task.of_study:
            continue
        try:
            label = workspace.data(LABEL, task.key)
        except (DamagedResultError, FileNotFoundError):
            continue
        digest = label.structure.digest()
        if task.request.get("structure_sha256", digest) == digest:
            atoms = labelled_atoms(label)
            atoms.info.update(provenance(replace(state.frames[task.context["frame"]], label=task.key), None, None))
            yield atoms


def labelled_frames(workspace: Workspace, state: CampaignState, uses: Sequence[str] = USES) -> Iterator[Atoms]:
    """Yield the labelled frames of some uses as ASE objects without a calculator.

    Raises
    ------
    UnreadableError
        If the file of a label is missing or damaged.
    """
    temperatures_K = {
        (segment.walker, segment.segment): segment.temperature_K
        for task in state.tasks.values()
        if task.task == "explore"
        for segment in segments_of(task.context)
    }
    rungs = _smallest_rungs(state)
    for use in uses:
        for frame in state.labelled_frames(use):
            with told(workspace.root, f"the label of {frame.id}", ValueError):
                atoms = labelled_atoms(workspace.data(LABEL, str(frame.label)))
            walker_temperature_K = temperatures_K.get((frame.walker, frame.segment))
            atoms.info.update(provenance(frame, rungs.get(frame.id), walker_temperature_K))
            yield atoms


def labelled_atoms(label: LabelData) -> Atoms:
    """Return a label's structure with its energy, forces and stress under MACE's keys."""
    atoms = label.structure.to_atoms()
    atoms.info["REF_energy"] = label.energy_eV
    atoms.set_array("REF_forces", np.array(label.forces_eV_per_A, dtype=float).reshape(-1, 3))
    if label.stress_eV_per_A3 is not None:
        atoms.info["REF_stress"] = np.array(label.stress_eV_per_A3, dtype=float)
    return atoms


def provenance(frame: FrameState, rung: int | None, walker_temperature_K: float | None) -> dict[str, Any]:
    """Return where a frame comes from; what is not known is left out.

    ``use`` is train or heldout, ``rung`` the smallest rung whose fits saw it, ``temperature_K`` the kinetic temperature
    of the frame itself and ``walker_temperature_K`` that of the thermostat, ``disagreement_eV_per_A`` the committee's
    when the frame was offered, ``why`` the reason it was chosen.
    """
    offer = frame.offer
    known = {
        "frame_id": frame.id,
        "use": frame.use,
        "why": frame.reason or offer.why,
        "rank": frame.rank,
        "rung": rung,
        "system": frame.system,
        "walker": frame.walker,
        "segment": frame.segment,
        "md_step": offer.step,
        "generation": frame.generation,
        "temperature_K": offer.temperature_K,
        "walker_temperature_K": walker_temperature_K,
        "disagreement_eV_per_A": offer.disagreement_eV_per_A,
        "label_key": frame.label,
    }
    return {name: value for name, value in known.items() if value is not None}


def _smallest_rungs(state: CampaignState) -> dict[str, int]:
    """Return the smallest rung that holds each frame."""
    found: dict[str, int] = {}
    for size, rung in sorted(state.rungs.items()):
        for frame_id in rung.frames:
            found.setdefault(frame_id, size)
    return found
