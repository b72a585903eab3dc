"""Foundations in alloop's own format: the members of a committee in one file, of which nothing is executed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from alloop.failures import first_line
from alloop.files.durable import write_durably
from alloop.potential.models.model_files import ModelFileError, contents_of, model_of

FORMAT = "alloop committee 1"


def write_committee(path: Path, models: Sequence[torch.nn.Module]) -> str:
    """Write the members of a committee, the leader first, whole or not at all, and return the file's SHA-256."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "members": [contents_of(model) for model in models]}, buffer)
    write_durably(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def saved_members(content: bytes) -> list[Any] | None:
    """Return the members that the content of a file holds, each as saved; None if it is no file of this format."""
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # a pickle, or anything else: what it is, the caller finds out
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    members = found.get("members")
    return members if isinstance(members, list) and members else None


def member_of(members: Sequence[Any], member: int, device: str) -> torch.nn.Module:
    """Return one member on a device; members are counted around.

    Raises
    ------
    ModelFileError
        In one line, if what was saved is no model.
    """
    try:
        return model_of(members[member % len(members)], device)
    except Exception as error:  # a hostile file may make torch and MACE raise anything
        raise ModelFileError(first_line(error)) from error
