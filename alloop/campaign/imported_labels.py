"""Turn labelled frames that existed before the campaign into result files like any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from ase import Atoms

from alloop.files.canonical_json import content_key
from alloop.journal.events import LabelsImported
from alloop.materials.structure import Structure
from alloop.tasks.contract.label import LabelData, LabelSummary
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.result_files import result_to_bytes
from alloop.tasks.workspace import Workspace


def imported_label(atoms: Atoms, energy_key: str, forces_key: str, stress_key: str) -> Result:
    """Return a labelled frame as the result of a label.

    Parameters
    ----------
    atoms : ase.Atoms
        Frame with its energy (eV) and stress (eV/Å³, optional, Voigt order) in `info` and forces (eV/Å) in `arrays`.
    energy_key, forces_key, stress_key : str
        Their keys.

    Returns
    -------
    Result
        Keyed by everything in the label, so the same frame is never imported twice.

    Raises
    ------
    KeyError
        If the energy or the forces are missing.
    """
    stress = atoms.info.get(stress_key)
    data = LabelData(
        structure=Structure.from_atoms(atoms),
        energy_eV=float(atoms.info[energy_key]),
        forces_eV_per_A=tuple(tuple(map(float, row)) for row in atoms.arrays[forces_key]),
        stress_eV_per_A3=None if stress is None else _voigt(np.asarray(stress, dtype=float)),
    ).model_dump(mode="json")
    summary = LabelSummary(
        energy_eV=data["energy_eV"],
        atoms=len(atoms),
        max_force_eV_per_A=float(np.abs(atoms.arrays[forces_key]).max()),
    )
    key = content_key({"imported": data})
    return Result(key=key, kind="label", status="ok", summary=summary.model_dump(mode="json"), data=data)


@dataclass(frozen=True)
class ImportedBatch:
    """Labels of one source and one use; the fields are those of `LabelsImported`, `systems` by key of the label."""

    reference: Literal["same", "teacher", "other"]
    source: str
    results: tuple[Result, ...]
    campaign: str | None = None
    why: str = ""
    systems: Mapping[str, str] = field(default_factory=dict)


def take_over(batches: Iterable[ImportedBatch], workspace: Workspace) -> tuple[list[LabelsImported], dict[str, bytes]]:
    """Write labels as result files of a campaign, and return what its journal says of them.

    Returns
    -------
    events : list of LabelsImported
        One for each batch. What an earlier batch brought is left out of a later one, and a structure gets one label.
    contents : dict
        The result files by key.
    """
    events: list[LabelsImported] = []
    contents: dict[str, bytes] = {}
    labelled: set[str] = set()
    for batch in batches:
        taken: dict[str, str] = {}
        for result in batch.results:
            digest = Structure.model_validate(result.data["structure"]).digest()
            if result.key in contents or (batch.reference == "same" and digest in labelled):
                continue
            workspace.write(result)
            contents[result.key], taken[result.key] = result_to_bytes(result), digest
            if batch.reference == "same":
                labelled.add(digest)
        events.append(
            LabelsImported(
                reference=batch.reference,
                source=batch.source,
                keys=tuple(taken),
                structures=tuple(taken.values()),
                campaign=batch.campaign,
                why=batch.why,
                systems=tuple(batch.systems.get(key, "") for key in taken) if any(batch.systems.values()) else (),
            )
        )
    return events, contents


def _voigt(stress: np.ndarray) -> tuple[float, float, float, float, float, float]:
    if stress.size == 9:
        full = stress.reshape(3, 3)
        stress = np.array([full[0, 0], full[1, 1], full[2, 2], full[1, 2], full[0, 2], full[0, 1]])
    xx, yy, zz, yz, xz, xy = (float(value) for value in stress.reshape(6))
    return xx, yy, zz, yz, xz, xy
