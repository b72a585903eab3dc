"""Write README.json, which says of an export where its models come from, how to use them, and what each file is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from alloop.files.durable import write_durably
from alloop.outputs.models import Chosen
from alloop.state.state import CampaignState
from alloop.status.foundation import foundation_facts
from alloop.status.summary import imported_labels, rung_rows
from alloop.status.teacher import teacher_facts

PROVENANCE_FILE = "README.json"
UNITS = {"energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "length": "Å", "temperature": "K"}
MACE = "MACE: Batatia et al., Adv. Neural Inf. Process. Syst. 35, 11423 (2022), arXiv:2206.07697"
USE = (
    "mace.calculators.MACECalculator(model_paths=FILE, device='cpu', default_dtype='{dtype}'); "
    "a pickle: trust its source"
)
PRECISION = (
    "the weights are {dtype}, the precision of the fits and of alloop's molecular dynamics; default_dtype='float64' "
    "keeps the weights and computes in float64: take it for relaxations, phonons and energy differences, because MACE "
    "in float32 sums the energy of a cell in float32; default_dtype='float32' is for molecular dynamics"
)
FILES = (
    ("leader.model", "the model fitted on the labels of the last rung, for MACECalculator; a pickle"),
    ("member-0.model", "the leader of the committee of the last rung, for MACECalculator; a pickle"),
    (
        "member-*.model",
        "another member of that committee, fitted on a bootstrap sample: for disagreement, not for results; a pickle",
    ),
    (
        "lammps/*.model-mliap_lammps.pt",
        "the model of that name for LAMMPS, `pair_style mliap unified`, float64; a pickle",
    ),
    ("lammps/*.model-lammps.pt", "the model of that name for LAMMPS, `pair_style mace`, float64; TorchScript"),
    ("lammps/*.in", "LAMMPS input: molecular dynamics of the system of that name"),
    ("lammps/*.data", "the structure that this input reads"),
    ("dataset.extxyz", "all labels: REF_energy (eV), REF_forces (eV/Å), REF_stress (eV/Å³), and why each was chosen"),
    ("heldout_errors.csv", "errors of every rung on the held-out labels, by composition and system"),
    ("transport.csv", "activation energies and conductivities of every rung, with standard errors"),
    ("transport_temperatures.csv", "diffusivities and conductivities of every rung at every temperature"),
    ("transport_compositions.csv", "transport by composition of every rung"),
    ("transport_over_composition.*", "transport over the composition"),
    ("density/*/*", "density of the mobile ions in the system of that name, and their sites"),
    (
        "studies/aimd.*.npz",
        "molecular dynamics by the label engine: system, method, temperature, replica; for `alloop analyse`",
    ),
    ("studies/*", "what the study of that name found"),
    (
        "archive.tar.xz",
        "the campaign to publish: its journal and the results that report and export read; unpacked, it is a campaign "
        "for `alloop report` and `alloop export`",
    ),
    ("trajectories/*.extxyz", "a production run: all atoms (Å, unwrapped) at its snapshots, `time_ps` of each"),
    ("trajectories/*.h5md", "a production run as H5MD: all atoms at its snapshots, the mobile ions at every sample"),
)
"""What the files of an export are, by the first pattern that fits."""


def write_readme(state: CampaignState, chosen: Sequence[Chosen], folder: Path) -> Path:
    """Write what an export is, beside its files, and return the path; nothing may be added to the folder after."""
    about = provenance(state, chosen, {item.file: _sha256(folder / item.file) for item in chosen})
    paths = {path for pattern, _ in FILES for path in folder.glob(pattern) if path.is_file()}
    names = sorted(str(path.relative_to(folder)) for path in paths)
    about["files"] = described(names, [item.file for item in chosen])
    text = json.dumps(about, indent=2, ensure_ascii=False)
    first_on_line_one = text.replace("{\n  ", "{", 1)
    write_durably(folder / PROVENANCE_FILE, first_on_line_one.encode() + b"\n")
    return folder / PROVENANCE_FILE


def described(names: Iterable[str], models: Sequence[str]) -> dict[str, str]:
    """Return what each file of an export is.

    Parameters
    ----------
    names : iterable of str
        Paths below the folder of the export, each of which fits a pattern of `FILES`.
    models : sequence of str
        Names of the models that were exported last. Other models in the folder are those of an earlier export.

    Examples
    --------
    >>> described(["leader.model", "member-0.model"], ["member-0.model"])["leader.model"]
    'left by an earlier export: it may be older than what is told here'
    """
    return {name: _words(name, models) for name in names}


def _words(name: str, models: Sequence[str]) -> str:
    model = name.removeprefix("lammps/").partition(".model")[0] + ".model"
    if ".model" in name and model not in models:
        return "left by an earlier export: it may be older than what is told here"
    return next(words for pattern, words in FILES if fnmatchcase(name, pattern))


def status_line(state: CampaignState) -> str:
    """Return whether the campaign of an export is finished: the verdict, or that the model may still change."""
    if state.verdict is None:
        labels = state.labelled("train")
        return f"UNFINISHED: no verdict yet, {labels} training labels; the model and its errors are preliminary"
    return f"finished: {state.verdict.verdict}, {state.verdict.reason}"


def credits_of(state: CampaignState) -> dict[str, Any]:
    """Return the licences under which the weights come, and what to cite, for each source that alloop knows."""
    foundation = None if state.created is None else foundation_facts(state.created)
    sources = {"foundation": foundation, "teacher": teacher_facts(state)}
    licences = {
        f"{role} {facts['name']}": facts.get("licence", "unknown")
        for role, facts in sources.items()
        if facts is not None
    }
    cited = [facts["cite"] for facts in sources.values() if facts is not None and "cite" in facts]
    return {
        "licences": licences or "no foundation and no teacher: the weights are yours",
        "cite": list(dict.fromkeys([MACE, *cited])),
    }


def provenance(state: CampaignState, chosen: Sequence[Chosen], digests: dict[str, str]) -> dict[str, Any]:
    """Return where exported models come from: labels, settings, versions, licences, and their held-out errors."""
    created, verdict = state.created, state.verdict
    errors = {row.size: asdict(row) for row in rung_rows(state)}
    dtype = str(state.config.get("potential", {}).get("dtype", "float32"))
    return {
        "status": status_line(state),
        "campaign": created.name if created else "",
        "run_id": created.run_id if created else "",
        "verdict": verdict.verdict if verdict else None,
        "reason": verdict.reason if verdict else "no verdict yet",
        **credits_of(state),
        "use": USE.format(dtype=dtype),
        "precision": PRECISION.format(dtype=dtype),
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
        "labels": _labels(state),
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


def _labels(state: CampaignState) -> dict[str, int]:
    return {
        "train": state.labelled("train"),
        "heldout": state.labelled("heldout"),
        "failed": sum(state.failures.values()),
        "imported": imported_labels(state),
        "pretraining": len(state.pretraining),
    }


def _sha256(path: Path) -> str:
    from alloop.potential.models.model_files import file_sha256

    return file_sha256(path)
