"""Load the models of a campaign from the files of their fits."""

from __future__ import annotations

import torch

from alloop.potential.committee import Committee
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.model_files import hot, hot_model
from alloop.potential.models.runtime import DTYPES
from alloop.tasks.workspace import Workspace


def load_committee(workspace: Workspace, members: tuple[str, ...], device: str, dtype: str) -> Committee:
    """Return the committee of some models of a campaign (``fit:<key>`` or ``foundation:<sha256>``), the leader first.

    Models stay in memory between calls.
    """
    return Committee([load_member(workspace, member, device, dtype) for member in members], device=device, dtype=dtype)


def load_member(workspace: Workspace, member: str, device: str, dtype: str) -> torch.nn.Module:
    """Return one model of a campaign for evaluation; a foundation is evaluated as it is, with its own E0s."""
    path = workspace.model_path(member)
    origin, _, sha256 = member.partition(":")
    if origin == "fit":
        return hot_model(path, device, dtype, workspace.model_sha256(member))
    return hot(sha256, device, dtype, lambda: load_foundation_file(path, sha256, device=device).to(DTYPES[dtype]))
