"""Make a label again with changed code, and say how far the two are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from alloop.failures import TaskFailure
from alloop.tasks.contract.label import LABEL, LabelData
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.relabel import RelabelRequest, RelabelSummary
from alloop.tasks.kinds.label import label_structure
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace


def relabel(request: RelabelRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Label the frame of an earlier label again.

    Parameters
    ----------
    request : RelabelRequest
        Which label, and the code to make it with.
    workspace : Workspace
        Files of the campaign.
    machine : Machine
        How this worker computes.

    Returns
    -------
    summary, data : dict
        A dumped `RelabelSummary`, and the new `LabelData`.

    Raises
    ------
    TaskFailure
        As a label does; ``stress`` if the code gives none any more.
    """
    old = workspace.data(LABEL, request.label)
    _, data = label_structure(old.structure, request, workspace, machine)
    return deviation(old, LabelData.model_validate(data)).model_dump(mode="json"), data


def deviation(old: LabelData, new: LabelData) -> RelabelSummary:
    """Return how far two labels of one structure are apart.

    Raises
    ------
    TaskFailure
        ``stress`` if only the old one has a stress.
    """
    stress = None
    if old.stress_eV_per_A3 is not None:
        if new.stress_eV_per_A3 is None:
            raise TaskFailure("stress", "the changed code gives no stress")
        stress = _largest(old.stress_eV_per_A3, new.stress_eV_per_A3)
    return RelabelSummary(
        energy_eV_per_atom=abs(new.energy_eV - old.energy_eV) / len(old.structure.numbers),
        force_eV_per_A=_largest(old.forces_eV_per_A, new.forces_eV_per_A),
        stress_eV_per_A3=stress,
    )


def _largest(old: Any, new: Any) -> float:
    return float(np.abs(np.asarray(new) - np.asarray(old)).max())
