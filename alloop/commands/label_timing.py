"""Time one real label of a system, in a process of its own on one core; only the log of a failure stays."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ase.data import chemical_symbols

from alloop.commands.own_process import NoAnswerError, answer_of
from alloop.config.campaign import CampaignConfig
from alloop.failures import first_line
from alloop.labelling.identity import code_identity
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure, Vector
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import LabelRequest
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.contract.request import Request
from alloop.tasks.worker import compute
from alloop.tasks.workspace import Workspace


class LabelTimingError(Exception):
    """The label to time failed; the message is one line."""


@dataclass(frozen=True)
class TimedLabel:
    """One label: how long it took on one core (s), and its forces (eV/Å, shape (atoms, 3))."""

    seconds: float
    forces_eV_per_A: tuple[Vector, ...]


def time_label(structure: Structure, config: CampaignConfig, *, rattle: bool = True) -> TimedLabel:
    """Return one label as a worker would compute it, with its time.

    Parameters
    ----------
    structure : Structure
        The system, or a frame of it.
    config : CampaignConfig
        Its label settings and the size of its first displacements are used.
    rattle : bool
        Whether a rattled copy is labelled, or the structure as it is.

    Raises
    ------
    LabelTimingError
        If there is no label.
    """
    question = {
        "structure": structure.model_dump(mode="json"),
        "config": config.model_dump(mode="json"),
        "rattle": rattle,
    }
    try:
        answer = answer_of("alloop.commands.label_timing", question)
    except NoAnswerError as error:
        raise LabelTimingError(str(error)) from None
    return TimedLabel(float(answer["label_s"]), tuple(tuple(row) for row in answer["forces_eV_per_A"]))


def main() -> None:
    """Read a question from standard input and write the answer, one line of JSON, to standard output."""
    question = json.load(sys.stdin)
    structure = Structure.model_validate(question["structure"])
    config = CampaignConfig.model_validate(question["config"])
    with tempfile.TemporaryDirectory(prefix="alloop-label-") as folder:
        answer = _answer(structure, config, question["rattle"], Path(folder))
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _answer(structure: Structure, config: CampaignConfig, rattle: bool, folder: Path) -> dict[str, object]:
    try:
        result = _label(structure, config, rattle, Workspace(folder))
    except Exception as error:  # the engine and its programs may raise anything
        return {"failed": _with_kept_logs(f"{type(error).__name__}: {first_line(error)}", folder)}
    if result.status == "failed" or result.timing is None:
        return {"failed": _with_kept_logs(f"{result.reason}: {result.detail}".strip(": "), folder)}
    seconds = result.timing.finished_t - result.timing.started_t
    return {"label_s": seconds, "forces_eV_per_A": result.data["forces_eV_per_A"]}


def _with_kept_logs(told: str, folder: Path) -> str:
    """Return a message whose logs can be read: each that it names is kept when the folder goes."""
    for log in (folder / "logs").rglob("*.txt"):
        name = str(log.relative_to(folder))
        if name in told:
            descriptor, kept = tempfile.mkstemp(prefix="alloop-label-", suffix=".txt")
            os.close(descriptor)
            shutil.copyfile(log, kept)
            told = told.replace(name, kept)
    return told


def _label(structure: Structure, config: CampaignConfig, rattle: bool, workspace: Workspace) -> Result:
    copy = InitialRequest(
        structure=structure,
        frames=1,
        rattle_A=config.initial.rattle_A if rattle else 0.0,
        strain=config.initial.strain if rattle else 0.0,
        min_contact=config.label.min_contact,
        seed=config.seed,
    )
    offered = _compute(copy, workspace)
    if offered.status == "failed":
        return offered
    source = OfferRef(copy.kind, copy.key(), 0)
    elements = sorted({chemical_symbols[z] for z in structure.numbers})
    request = LabelRequest(
        source=source,
        structure_sha256=workspace.offered(source).digest(),
        settings=engine_of(config.label).for_system(config.label, structure).model_dump(mode="json"),
        code=code_identity(config.label, elements),
    )
    return _compute(request, workspace)


def _compute(request: Request, workspace: Workspace) -> Result:
    result = compute(request, workspace)
    workspace.write(result)
    return result


if __name__ == "__main__":
    main()
