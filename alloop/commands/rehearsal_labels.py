"""Real labels for a rehearsal: their time, and how far the teachers are from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from rich.console import Console
from rich.markup import escape

from alloop.checks.structures import compositions_of, read_systems
from alloop.commands.label_timing import LabelTimingError, time_label
from alloop.config.loading import LoadedConfig
from alloop.config.teacher import TeacherConfig
from alloop.labelling.teachers import teacher_label
from alloop.materials.structure import Structure
from alloop.outputs.errors import UnreadableError
from alloop.outputs.rehearsal import FORECAST_FILE
from alloop.reading import read
from alloop.status.forecast import Gap


@dataclass(frozen=True)
class ProbedLabels:
    """What one real label of every composition says.

    Attributes
    ----------
    seconds : dict or None
        Time of a label of each system on one core (s); None if it is not known, for the reason `unknown`.
    gap : Gap or None
        None where no label was computed, or where no other teacher taught the rehearsal.
    """

    seconds: dict[str, float] | None
    gap: Gap | None = None
    unknown: str = ""


def probed_labels(
    loaded: LoadedConfig, taught_by: TeacherConfig | None, given_s: float | None, root: Path, console: Console
) -> ProbedLabels:
    """Return the time of a label of every system, and how far the teachers are from these labels.

    One frame is labelled for each composition, as its orderings have the same atoms in the same cell: the last one that
    the rehearsal held out, or a rattled copy if it held out none. What an earlier forecast in the folder holds for the
    same labels is not computed again.

    Parameters
    ----------
    loaded : LoadedConfig
        The campaign's config.
    taught_by : TeacherConfig or None
        Who taught the rehearsal, if it is not the teacher that answered.
    given_s : float or None
        Time of one label that the user gave (s): then none is computed.
    root : pathlib.Path
        Folder of the rehearsal.
    console : rich.console.Console
        Where to say what is being labelled.
    """
    systems = read_systems(loaded)
    if given_s is not None:
        return ProbedLabels(dict.fromkeys(systems, given_s))
    if known := _probed_before(loaded, root, set(systems)):
        return known
    compositions, frames = compositions_of(loaded), _heldout_frames(root)
    seconds: dict[str, float] = {}
    differences: list[tuple[float, float]] = []
    for name, structure in systems.items():
        composition = compositions[name]
        if composition in seconds:
            continue
        try:
            with console.status(f"Labelling one frame of {escape(name)} to time it …"):
                seconds[composition], found = _probe(loaded, structure, frames.get(name), taught_by)
        except LabelTimingError as error:
            return ProbedLabels(None, None, f"a label of {name} failed ({error}); give its time with --label-s")
        differences += [found] if found else []
    each = {name: seconds[compositions[name]] for name in systems}
    return ProbedLabels(each, _gap(differences) if len(differences) == len(seconds) else None)


def _probe(
    loaded: LoadedConfig, structure: Structure, frame: Atoms | None, taught_by: TeacherConfig | None
) -> tuple[float, tuple[float, float] | None]:
    """Return the time of a label (s), and the mean square force differences of the two teachers (eV²/Å²)."""
    if frame is None:
        return time_label(structure, loaded.config).seconds, None
    structure = Structure.from_atoms(frame)
    label = time_label(structure, loaded.config, rattle=False)
    if taught_by is None:
        return label.seconds, None
    stranger = loaded.config.model_copy(update={"label": teacher_label(taught_by)})
    try:
        taught = np.array(time_label(structure, stranger, rattle=False).forces_eV_per_A)
    except LabelTimingError:  # a gate of the teacher's labels may refuse a frame that the campaign's take
        return label.seconds, None
    answered = frame.arrays["REF_forces"]
    truth = np.array(label.forces_eV_per_A)
    return label.seconds, (float(np.mean((answered - truth) ** 2)), float(np.mean((taught - answered) ** 2)))


def _gap(differences: Sequence[tuple[float, float]]) -> Gap | None:
    """Return root mean squares over all compositions (meV/Å); None if there is nothing to compare."""
    if not differences:
        return None
    campaign, rehearsal = 1000 * np.sqrt(np.mean(differences, axis=0))
    return Gap(float(campaign), float(rehearsal), len(differences)) if campaign > 0 < rehearsal else None


def _heldout_frames(root: Path) -> dict[str, Atoms]:
    """Return the last held-out frame of every system, with the forces that the rehearsal's label engine gave."""
    try:
        return {frame.info["system"]: frame for frame in read(root).labels("heldout")}
    except UnreadableError:
        return {}


def _probed_before(loaded: LoadedConfig, root: Path, systems: set[str]) -> ProbedLabels | None:
    """Return what an earlier forecast in this folder holds for the same labels."""
    try:
        told = json.loads((root / FORECAST_FILE).read_bytes())
        seconds = {str(name): float(s) for name, s in told["label_s"].items()}
        gap = _read_gap(told.get("gap"))
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    alike = told.get("label") == loaded.config.label.model_dump(mode="json") and set(seconds) == systems
    usable = alike and not told.get("given") and all(s > 0 for s in seconds.values())
    return ProbedLabels(seconds, gap) if usable else None


def _read_gap(told: Mapping[str, float] | None) -> Gap | None:
    if told is None:
        return None
    return Gap(float(told["campaign_meV_per_A"]), float(told["rehearsal_meV_per_A"]), int(told["frames"]))
