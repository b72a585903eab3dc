"""Write the committee that a teacher taught as a foundation for other campaigns."""

from __future__ import annotations

from pathlib import Path

from alloop.decisions.fit_requests import pretrained
from alloop.decisions.refits import attempts
from alloop.failures import first_line
from alloop.outputs.models import ExportError
from alloop.state.state import CampaignState
from alloop.tasks.workspace import DamagedResultError, Workspace


def untaught(state: CampaignState) -> list[int]:
    """Return the members of a committee that the teacher has not taught."""
    return [number for number in range(state.members()) if pretrained(state, number) is None]


def write_foundation(workspace: Workspace, state: CampaignState, path: Path) -> str:
    """Write the taught members, the leader first, into one file in alloop's own format, and return its SHA-256.

    Raises
    ------
    ExportError
        If a member was not taught, its file is damaged, or the place cannot be written.
    """
    from alloop.potential.models.foundation_committee import write_committee
    from alloop.potential.models.model_files import ModelFileError, read_model

    if lacking := untaught(state):
        raise ExportError(
            f"{workspace.root}: member {lacking[0]} of the committee is not taught{_way_on(state, lacking[0])}"
        )
    members = [pretrained(state, number) for number in range(state.members())]
    try:
        models = [
            read_model(workspace.model_path(model), sha256=workspace.model_sha256(model))
            for model in members
            if model is not None
        ]
    except (OSError, ModelFileError, DamagedResultError) as error:
        raise ExportError(f"a member cannot be read: {first_line(error)}; restore the folder from a copy") from error
    try:
        return write_committee(path, models)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror})") from error


def _way_on(state: CampaignState, number: int) -> str:
    """Return why a member is not taught, if every attempt failed, and what to do."""
    tried = [state.tasks.get(purpose) for purpose in attempts(f"fit/pretrain/m{number}")]
    ends = [task.finished for task in tried if task is not None and task.finished is not None]
    if len(ends) < len(tried):
        return "; run it on"
    mend = "begin a campaign of another `name` with other settings of `teacher`"
    return f", every fit of it failed ({ends[-1].reason}); {mend}"
