"""The artifacts of a campaign at Weights & Biases: its dataset, model, report and config."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from alloop.config.machine import PRIVATE_SECTIONS
from alloop.monitor.wandb_account import short
from alloop.state.state import CampaignState

Kind = Literal["dataset", "model", "report", "config"]
CONFIG_FILE = "config.yaml"
_OF_A_MODEL = ("run_id", "verdict", "units", "energy_zero", "e0s_eV", "labels", "seed", "code", "versions")
_BEFORE_IT = ("foundation", "foundation_sha256", "teacher", "potential_settings")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class Output:
    """Files of a campaign that are one artifact.

    Attributes
    ----------
    kind : str
        ``dataset``, ``model``, ``report`` or ``config``.
    files : tuple of pathlib.Path
        Those that exist are uploaded.
    metadata : dict
        What is said of them.
    """

    kind: Kind
    files: tuple[Path, ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Size of the files together (bytes)."""
        return sum(path.stat().st_size for path in self.files if path.is_file())


@dataclass(frozen=True)
class Upload:
    """What became of an output.

    Attributes
    ----------
    kind : str
        Kind of the output.
    size_bytes : int
        Its size (bytes).
    version : str
        Version of the artifact, ``v0`` and so on, the old one if its files are; empty if it is not at the server.
    trouble : str
        Why it is not at the server.
    unwanted : bool
        Whether that is by the user's own limit, and no failure.
    """

    kind: Kind
    size_bytes: int
    version: str = ""
    trouble: str = ""
    unwanted: bool = False

    def __str__(self) -> str:
        size = f"{self.size_bytes / 1e6:.1f} MB" if self.size_bytes >= 1e5 else f"{self.size_bytes / 1e3:.1f} kB"
        if self.trouble:
            return f"{self.kind} ({size}) not uploaded: {self.trouble}"
        return f"{self.kind} {self.version} ({size})"


def outputs(
    state: CampaignState, dataset: Path, models: Sequence[Path], about_models: Path, report: Path, scratch: Path
) -> list[Output]:
    """Return the outputs of a campaign that exist.

    Parameters
    ----------
    state : CampaignState
        The campaign.
    dataset, report : pathlib.Path
        Their files.
    models : sequence of pathlib.Path
        Exported models.
    about_models : pathlib.Path
        File that says where the models come from, see `alloop.outputs.models`.
    scratch : pathlib.Path
        Folder in which the published part of the config is written.
    """
    config = scratch / CONFIG_FILE
    public = {name: value for name, value in state.config.items() if name not in PRIVATE_SECTIONS}
    config.write_text(yaml.safe_dump(public, sort_keys=False, allow_unicode=True), encoding="utf-8")
    labels = {"train_labels": state.labelled("train"), "heldout_labels": state.labelled("heldout")}
    frames = {"frames": frames_in(dataset)}
    found = [
        Output("dataset", (dataset,), {**frames, "sha256": _sha256(dataset)}),
        Output("model", (*models, about_models), _lineage(about_models) | {"dataset_sha256": _sha256(dataset)}),
        Output("report", (report,), labels),
        Output("config", (config,)),
    ]
    return [one for one in found if one.files and one.files[0].is_file()]


def frames_in(dataset: Path) -> int | None:
    """Return the number of frames in an extended XYZ file; None if it is not there."""
    if not dataset.is_file():
        return None
    with dataset.open("rb") as file:
        return sum(b"Lattice=" in line for line in file)


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lineage(about: Path) -> dict[str, Any]:
    """Return where the models come from: labels, seed, code, foundation and teacher, and their held-out errors."""
    try:
        told = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: told.get(name) for name in (*_OF_A_MODEL, *_BEFORE_IT, "models")}


def upload(run: Any, name: str, found: Iterable[Output], limit_MB: float, until: float) -> list[Upload]:
    """Upload outputs as artifacts of an open run.

    The server knows files by their digest: what it has is not sent again.

    Parameters
    ----------
    run : wandb.sdk.wandb_run.Run
        The run, online.
    name : str
        Name of the campaign; the artifacts are called ``<name>-dataset`` and so on.
    found : iterable of Output
        What to upload.
    limit_MB : float
        What is larger is not uploaded (MB).
    until : float
        Time on the monotonic clock at which waiting ends (s).
    """
    return [_uploaded(run, name, one, limit_MB, until) for one in found]


def _uploaded(run: Any, name: str, output: Output, limit_MB: float, until: float) -> Upload:
    size = output.size_bytes
    if size > 1e6 * limit_MB:
        why = f"larger than monitor.wandb.artifact_limit_MB, {limit_MB:g} MB"
        return Upload(output.kind, size, trouble=why, unwanted=True)
    left_s = until - time.monotonic()
    if left_s < 1.0:
        return Upload(output.kind, size, trouble="no time was left")
    try:
        logged = run.log_artifact(_artifact(name, output)).wait(timeout=int(left_s))
        if output.kind == "dataset":
            run.use_artifact(logged)  # W&B draws dataset → run → model
        return Upload(output.kind, size, str(logged.version))
    except Exception as error:
        return Upload(output.kind, size, trouble=short(error))


def _artifact(name: str, output: Output) -> Any:
    import wandb

    artifact = wandb.Artifact(f"{_UNSAFE.sub('-', name)[:100]}-{output.kind}", output.kind, metadata=output.metadata)
    for path in output.files:
        if path.is_file():
            artifact.add_file(str(path), policy="immutable", skip_cache=True)
    return artifact
