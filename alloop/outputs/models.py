"""Export the models of a campaign in MACE's format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alloop.journal.journal import JournalError
from alloop.state.records import GenerationState
from alloop.state.state import CampaignState
from alloop.tasks.workspace import DamagedResultError, Workspace

if TYPE_CHECKING:
    import torch


class ExportError(JournalError):
    """Nothing can be exported, or its place cannot be written; the message is one line for the user."""


@dataclass(frozen=True)
class Chosen:
    """A model to export.

    Attributes
    ----------
    file : str
        Name of the exported file.
    model : str
        Name of the model in the workspace, ``fit:<key>``.
    generation, rung : int or None
        What it was fitted for.
    labels : int
        Training labels it was fitted on.
    """

    file: str
    model: str
    role: str
    generation: int | None
    rung: int | None
    labels: int


def export_models(workspace: Workspace, state: CampaignState, target: Path, *, committee: bool) -> list[Path]:
    """Write models for ``mace.calculators.MACECalculator``.

    Parameters
    ----------
    workspace : Workspace
        Holds the models of the campaign.
    state : CampaignState
        The fold of the journal.
    target : pathlib.Path
        Folder to write into, made if missing.
    committee : bool
        False: the leader of the last rung, ``leader.model``. True: the whole committee that belongs to the last rung,
        ``member-0.model`` (its leader) and so on.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    ExportError
        If no model is fitted yet, a model file is missing, or the target is a file.
    """
    chosen = choose_models(state, committee=committee)
    if not chosen:
        raise ExportError(f"{workspace.root}: no model is fitted yet; continue the campaign with `alloop run`")
    if target.exists() and not target.is_dir():
        raise ExportError(f"{target}: is a file; name a folder")
    for item in chosen:
        _export(workspace, item, target / item.file)
    return [target / item.file for item in chosen]


def choose_models(state: CampaignState, *, committee: bool) -> tuple[Chosen, ...]:
    """Return the models to export, none if none is fitted.

    The leader is the first fit of the largest rung that has one, or else the newest generation's. A committee must be
    complete.
    """
    generations = [g for g in reversed(state.generations) if not g.foundation and 0 in g.models]
    complete = [g for g in generations if len(g.models) == state.members()]
    last = max((size for size, rung in state.rungs.items() if 0 in rung.models), default=None)
    if committee:
        home = next((g for g in complete if g.rung is not None and g.rung == last), None)
        found = home or next(iter(complete), None)
        return _members(found) if found is not None else ()
    if last is not None:
        number = next((g.number for g in generations if g.rung == last), None)
        rung = state.rungs[last]
        return (Chosen("leader.model", rung.models[0], "leader", number, last, len(rung.frames)),)
    return tuple(
        Chosen("leader.model", g.models[0], "leader", g.number, g.rung, len(g.frames)) for g in generations[:1]
    )


def _members(generation: GenerationState) -> tuple[Chosen, ...]:
    return tuple(
        Chosen(
            f"member-{member}.model",
            model,
            "leader" if member == 0 else "member",
            generation.number,
            generation.rung,
            len(generation.frames),
        )
        for member, model in sorted(generation.models.items())
    )


def chosen_model(workspace: Workspace, item: Chosen, dtype: str | None = None) -> torch.nn.Module:
    """Return a model to export, in its own precision if no other is wanted.

    Raises
    ------
    ExportError
        If its file is missing or damaged.
    """
    from alloop.potential.models.model_files import ModelFileError, read_model

    try:
        sha256 = workspace.model_sha256(item.model)
        return read_model(workspace.model_path(item.model), sha256=sha256, dtype=dtype)
    except (FileNotFoundError, ModelFileError, DamagedResultError) as error:
        raise ExportError(f"{item.model} cannot be exported: {error}") from error


def _export(workspace: Workspace, item: Chosen, path: Path) -> None:
    from alloop.potential.models.model_files import export_mace_model

    export_mace_model(chosen_model(workspace, item), path)
