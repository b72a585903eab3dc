"""A single point of a `PythonEngine` as a program: ``python -m alloop.labelling.engine_job FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from alloop.failures import TaskFailure, first_line
from alloop.labelling.calculator_server import FAILED, class_name, plain, told
from alloop.labelling.engine import PythonEngine
from alloop.labelling.errors import FORESEEN
from alloop.labelling.gpaw_job import ANSWER, JOB
from alloop.labelling.registry import engine_of, label_settings
from alloop.labelling.singlepoint import SinglePoint
from alloop.materials.structure import Structure


def main(folder: Path) -> None:
    """Answer the job of a folder; its `path` says where a calculator may lie."""
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    sys.path[:] = [*job["path"], *(place for place in sys.path if place not in job["path"])]
    atoms, label = Structure.model_validate(job["structure"]).to_atoms(), label_settings(job["settings"])
    engine = engine_of(label)
    assert isinstance(engine, PythonEngine)
    answer: dict[str, Any]
    try:
        answer = _dumped(engine.compute(atoms, label, folder))
    except TaskFailure as failure:
        answer = {"error": FAILED, "detail": failure.detail, "reason": failure.reason}
    except (*FORESEEN.values(), *engine.answers) as error:
        answer = {"error": class_name(error), "detail": first_line(error)}
    except BaseException as error:
        answer = {"error": class_name(error), "detail": first_line(error), "raised": told(error)}
    draft = folder / f"{ANSWER}.new"
    draft.write_text(json.dumps(answer), encoding="utf-8")
    draft.replace(folder / ANSWER)


def _dumped(point: SinglePoint) -> dict[str, Any]:
    return {
        "energy_eV": plain(point.energy_eV),
        "forces_eV_per_A": plain(point.forces_eV_per_A),
        "stress_eV_per_A3": plain(point.stress_eV_per_A3),
        "scf_iterations": point.scf_iterations,
        "scf_attempt": point.scf_attempt,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
