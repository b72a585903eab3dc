"""Evaluate a model on labelled frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from alloop.failures import TaskFailure
from alloop.potential.graphs import UnknownElementError, batches_of, labelled_graphs
from alloop.tasks.contract.evaluate import EvaluateRequest, EvaluateSummary
from alloop.tasks.contract.records import Answer
from alloop.tasks.kinds.fit import read_frame
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_member
from alloop.tasks.workspace import Workspace

ATOMS_PER_BATCH = 256
DECIMALS = 5
"""Of predicted forces in eV/Å, for small files."""


def evaluate(request: EvaluateRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Evaluate a model on labelled frames, in batches.

    Parameters
    ----------
    request : EvaluateRequest
        The model and the keys of the labels.
    workspace : Workspace
        Holds both.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        EvaluateSummary and EvaluateData as JSON.

    Raises
    ------
    TaskFailure
        With reason ``elements`` if the model lacks an element, ``nan`` if a prediction is not a number.
    """
    model = load_member(workspace, request.model, machine.device, request.dtype)
    try:
        graphs = labelled_graphs([read_frame(workspace, key) for key in request.frames], model)
    except UnknownElementError as error:
        raise TaskFailure("elements", str(error)) from error
    energies: list[float] = []
    squares: list[float] = []
    forces: list[list[list[float]]] = []
    for batch in batches_of(graphs, ATOMS_PER_BATCH):
        energy_errors, squared_errors, predicted = _errors(model, batch.to(machine.device))
        energies += energy_errors
        squares += squared_errors
        forces += predicted
    if not np.isfinite(energies + squares).all():
        raise TaskFailure("nan", "the model predicts energies or forces that are not numbers")
    summary = EvaluateSummary(energy_error_eV_per_atom=tuple(energies), forces_squared_error=tuple(squares))
    return summary.model_dump(mode="json"), {"forces_eV_per_A": forces}


def _errors(model: torch.nn.Module, batch: Any) -> tuple[list[float], list[float], list[list[list[float]]]]:
    """Return energy errors per atom, mean squared force errors and predicted forces, frame by frame."""
    output = model(batch.to_dict())
    atoms = (batch.ptr[1:] - batch.ptr[:-1]).double()
    energy_errors = (output["energy"].detach().double() - batch.energy.double()) / atoms
    predicted = output["forces"].detach().double()
    per_atom = ((predicted - batch.forces.double()) ** 2).mean(dim=1)
    summed = torch.zeros_like(atoms).index_add_(0, batch.batch, per_atom)
    rounded = [frame.tolist() for frame in predicted.round(decimals=DECIMALS).split(atoms.long().tolist())]
    return energy_errors.tolist(), (summed / atoms).tolist(), rounded
