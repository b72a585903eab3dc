"""Decide whether a label is absurd beside the labels that stand. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from ase.data import chemical_symbols

from alloop.labelling.outliers import ENERGY_EV_PER_ATOM, MOST_BINDING_EV_PER_ATOM, is_absurd, usual
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.label import LabelSummary

COMPARED, FEWEST_COMPARED = 200, 5
"""Labels of a composition that a new one is compared with, the newest; fewer do not decide."""


def absurd_label(state: CampaignState, task: TaskState, summary: LabelSummary) -> str | None:
    """Return why a label must not be trained on: its energy is far from those of its composition. None if it may.

    Parameters
    ----------
    state : CampaignState
        Holds the labels that stand.
    task : TaskState
        The label's.
    summary : LabelSummary
        What it found.
    """
    system = state.frames[task.context["frame"]].system
    per_atom = summary.energy_eV / summary.atoms
    isolated = _isolated_energy(state, system)
    if isolated is not None and abs(per_atom - isolated) > MOST_BINDING_EV_PER_ATOM:
        return f"the energy is {per_atom:.4g} eV per atom, that of the isolated atoms {isolated:.4g}"
    composition = _compositions(state).get(system, system)
    others = list(islice(_energies_per_atom(state, composition), COMPARED))
    if len(others) >= FEWEST_COMPARED and is_absurd(per_atom, others, ENERGY_EV_PER_ATOM):
        middle = f"{usual(others):.4g} is usual among {len(others)} labels of {composition}"
        return f"the energy is {per_atom:.4g} eV per atom, where {middle}"
    return None


def _isolated_energy(state: CampaignState, system: str) -> float | None:
    """Return the mean energy (eV) of the isolated atoms of a system; None while one is not known."""
    systems = state.created.systems if state.created is not None else ()
    numbers = next((one.structure.numbers for one in systems if one.name == system), ())
    known = [state.e0s_eV[chemical_symbols[z]] for z in numbers if chemical_symbols[z] in state.e0s_eV]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None


def _compositions(state: CampaignState) -> dict[str, str]:
    systems = state.created.systems if state.created is not None else ()
    return {one.name: one.composition for one in systems}


def _energies_per_atom(state: CampaignState, composition: str) -> Iterator[float]:
    """Yield the energies (eV per atom) of the labels of a composition, the newest first."""
    compositions = _compositions(state)
    for frame_id in chain(reversed(state.train_order), reversed(state.heldout_order)):
        frame, task = state.frames[frame_id], state.tasks.get(f"label/{frame_id}")
        own = compositions.get(frame.system, frame.system) == composition
        if own and frame.status == "labelled" and task is not None and task.finished is not None:
            summary = LabelSummary.model_validate(task.finished.summary)
            yield summary.energy_eV / summary.atoms
