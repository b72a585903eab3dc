"""Export the models of a campaign in MACE's format, with a file that says where they come from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alloop.files.durable import write_durably
from alloop.journal.journal import JournalError
from alloop.state.records import GenerationState
from alloop.state.state import CampaignState
from alloop.status.foundation import foundation_facts
from alloop.status.summary import imported_labels, rung_rows
from alloop.status.teacher import teacher_facts
from alloop.tasks.workspace import DamagedResultError, Workspace

PROVENANCE_FILE = "README.json"
UNITS = {"energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "length": "Å", "temperature": "K"}


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
    """Write models for ``mace.calculators.MACECalculator``, and their provenance next to them.

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
        The models, then the provenance.

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
    digests = {item.file: _export(workspace, item, target / item.file) for item in chosen}
    about = provenance(state, chosen, digests)
    about["models"] += _told_before(target, set(digests))
    write_durably(target / PROVENANCE_FILE, json.dumps(about, indent=2, ensure_ascii=False).encode() + b"\n")
    return [*(target / item.file for item in chosen), target / PROVENANCE_FILE]


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


def _export(workspace: Workspace, item: Chosen, path: Path) -> str:
    """Write one model and return the SHA-256 of the file."""
    from alloop.potential.models.model_files import ModelFileError, export_mace_model, file_sha256, read_model

    try:
        model = read_model(workspace.model_path(item.model), sha256=workspace.model_sha256(item.model))
    except (FileNotFoundError, ModelFileError, DamagedResultError) as error:
        raise ExportError(f"{item.model} cannot be exported: {error}") from error
    export_mace_model(model, path)
    return file_sha256(path)


def _told_before(target: Path, written: set[str]) -> list[dict[str, Any]]:
    """Return what an earlier export said of models that are still in the folder and not written anew."""
    try:
        told = json.loads((target / PROVENANCE_FILE).read_text(encoding="utf-8"))["models"]
        return [one for one in told if one["file"] not in written and (target / one["file"]).is_file()]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def provenance(state: CampaignState, chosen: tuple[Chosen, ...], digests: dict[str, str]) -> dict[str, Any]:
    """Return where exported models come from: labels, settings, versions, and their held-out errors."""
    created, verdict = state.created, state.verdict
    dtype = state.config.get("potential", {}).get("dtype", "float32")
    errors = {row.size: asdict(row) for row in rung_rows(state)}
    return {
        "campaign": created.name if created else "",
        "run_id": created.run_id if created else "",
        "verdict": verdict.verdict if verdict else None,
        "reason": verdict.reason if verdict else "no verdict yet",
        "use": f"mace.calculators.MACECalculator(model_paths=FILE, device='cpu', default_dtype='{dtype}')",
        "trust": "a model file is a pickle: load only those whose source you trust",
        "units": UNITS,
        "energy_zero": "the isolated-atom energies e0s_eV, computed with the label settings or taken from `data`",
        "e0s_eV": dict(sorted(state.e0s_eV.items())),
        "models": [
            {
                **asdict(item),
                "sha256": digests[item.file],
                "heldout_errors": errors.get(item.rung or 0) if item.role == "leader" else None,
            }
            for item in chosen
        ],
        "heldout_errors_are": "RMSE over the fits of a rung, with one standard error, on frames no fit has seen",
        "labels": {
            "train": state.labelled("train"),
            "heldout": state.labelled("heldout"),
            "failed": sum(state.failures.values()),
            "imported": imported_labels(state),
            "pretraining": len(state.pretraining),
        },
        "data_settings": state.config.get("data", {}),
        "teacher": teacher_facts(state),
        "foundation": foundation_facts(created) if created else None,
        "foundation_sha256": created.foundation if created else None,
        "label_settings": state.config.get("label", {}),
        "potential_settings": {name: state.config.get(name, {}) for name in ("potential", "fit")},
        "seed": state.config.get("seed"),
        "code": state.code if created else {},
        "former_codes": state.codes[:-1],
        "versions": created.versions if created else {},
    }
