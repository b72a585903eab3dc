"""Load the models of a campaign from the files of their fits."""

from __future__ import annotations

import torch
from ase import Atoms

from alloop.failures import TaskFailure
from alloop.potential.committee import Committee
from alloop.potential.evaluation.batched import BatchedModel
from alloop.potential.graphs import UnknownElementError
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.heads import with_one_head
from alloop.potential.models.model_files import hot, hot_model
from alloop.potential.models.runtime import DTYPES
from alloop.tasks.contract.references import ModelRef
from alloop.tasks.workspace import Workspace


def load_committee(workspace: Workspace, members: tuple[str, ...], device: str, dtype: str) -> Committee:
    """Return the committee of some models of a campaign, named as by `ModelRef`, the leader first.

    Models stay in memory between calls.
    """
    return Committee([load_member(workspace, member, device, dtype) for member in members], device=device, dtype=dtype)


def load_field(workspace: Workspace, member: str, atoms: Atoms, device: str, dtype: str) -> BatchedModel:
    """Return one model of a campaign as the force field of walkers of a structure.

    Raises
    ------
    TaskFailure
        With reason ``elements`` if the model lacks an element.
    """
    try:
        return BatchedModel(load_member(workspace, member, device, dtype), atoms, device=device, dtype=dtype)
    except UnknownElementError as error:
        raise TaskFailure("elements", str(error)) from error


def load_member(workspace: Workspace, member: str, device: str, dtype: str) -> torch.nn.Module:
    """Return one model of a campaign for evaluation; a head of a foundation is evaluated as it is, with its own E0s."""
    path, named = workspace.model_path(member), ModelRef.parse(member)
    if named.origin == "fit":
        return hot_model(path, device, dtype, workspace.model_sha256(member))

    def load() -> torch.nn.Module:
        if named.head is None:
            return load_foundation_file(path, named.key, member=named.member, device=device).to(DTYPES[dtype])
        return with_one_head(load_foundation_file(path, named.key), named.head).to(device=device, dtype=DTYPES[dtype])

    return hot(str(named), device, dtype, load)
