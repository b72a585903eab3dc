"""Write and read model files: our own format inside a campaign, MACE's for exports."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from alloop.failures import first_line
from alloop.files.durable import write_durably
from alloop.files.plain_files import NotPlainError, open_below, read_below
from alloop.potential.mace_api import for_mliap, torchscript_for_lammps
from alloop.potential.models.architecture import build_model, describe_model, load_state, rebuilt
from alloop.potential.models.runtime import DTYPES, building

FORMAT = 1
_HOT_MODELS = 24

_hot: OrderedDict[tuple[str, str, str], torch.nn.Module] = OrderedDict()
_lock = threading.RLock()

MAX_MODEL_BYTES = 1 << 30


class ModelFileError(Exception):
    """The file is not a model in alloop's format."""


def write_model(path: Path, model: torch.nn.Module, *, below: Path | None = None) -> str:
    """Write a model as description and state, whole or not at all, and return the file's SHA-256.

    No link between the folder `below` and the file is followed.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT} | contents_of(model), buffer)
    content = buffer.getvalue()
    write_durably(path, content, below=below)
    return hashlib.sha256(content).hexdigest()


def contents_of(model: torch.nn.Module) -> dict[str, Any]:
    """Return a model as its description and its state, from which `model_of` builds it again."""
    state = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in model.state_dict().items()}
    return {"config": describe_model(model), "state": state}


def model_of(saved: Any, device: str, dtype: str | None = None) -> torch.nn.Module:
    """Build the model of a description and a state on a device, in its own precision if no other is wanted."""
    model = build_model(saved["config"])
    load_state(model, saved["state"])
    return model.to(device=device, dtype=DTYPES[dtype or saved["config"]["dtype"]])


def read_model(
    path: Path, *, sha256: str | None = None, device: str = "cpu", dtype: str | None = None
) -> torch.nn.Module:
    """Rebuild a model from a file written by :func:`write_model`; nothing in the file is executed.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    sha256 : str or None
        Checksum that the file must have; None for any.
    device : str
        Where the model shall live.
    dtype : str or None
        Precision wanted; None keeps that of the file.

    Raises
    ------
    ModelFileError
        If the file is not such a file, is damaged or has another checksum.
    """
    content = _content(path)
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ModelFileError(f"{path} is not the model that was fitted: its checksum differs")
    try:
        return _model(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), path, device, dtype)
    except ModelFileError:
        raise
    except Exception as error:  # a hostile file may make torch and MACE raise anything
        raise ModelFileError(f"{path} is not a model file of alloop: {first_line(error)}") from error


def _content(path: Path) -> bytes:
    try:
        return read_below(path.parent, path, MAX_MODEL_BYTES)
    except NotPlainError as error:
        raise ModelFileError(f"{path} is not a model file of alloop: {error.strerror}") from error


def _model(content: Any, path: Path, device: str, dtype: str | None) -> torch.nn.Module:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelFileError(f"{path} is not a model file of alloop in format {FORMAT}")
    return model_of(content, device, dtype)


def hot_model(path: Path, device: str, dtype: str, sha256: str | None = None) -> torch.nn.Module:
    """Return a model for evaluation, kept in memory by the content of its file; it must not be changed."""
    known = sha256 or file_sha256(path)
    return hot(known, device, dtype, lambda: read_model(path, sha256=known, device=device, dtype=dtype))


def hot(content: str, device: str, dtype: str, load: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """Return the model of a content, device and precision from memory, or load it and keep it.

    Parameters
    ----------
    content : str
        Digest of the file that `load` reads, and what of it, if not all.
    load : callable
        Returns the model on `device` in `dtype`.
    """
    key = (content, device, dtype)
    with _lock:
        if key not in _hot:
            _hot[key] = load().eval().requires_grad_(False)
        _hot.move_to_end(key)
        while len(_hot) > _HOT_MODELS:
            _hot.popitem(last=False)
        return _hot[key]


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file."""
    with os.fdopen(open_below(path.parent, path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def export_mace_model(model: torch.nn.Module, path: Path) -> None:
    """Write a model as MACE does, for ``mace.calculators.MACECalculator`` and every tool that reads MACE models.

    Such a file is a pickle: who loads it must trust its author.
    """
    buffer = io.BytesIO()
    torch.save(rebuilt(model), buffer)
    write_durably(path, buffer.getvalue())


def export_mliap_model(model: torch.nn.Module, path: Path) -> None:
    """Write a model in float64 for LAMMPS, ``pair_style mliap unified``. Such a file is a pickle too."""
    buffer = io.BytesIO()
    with building("float64"):
        torch.save(for_mliap(rebuilt(model).double()), buffer)
    write_durably(path, buffer.getvalue())


def export_libtorch_model(model: torch.nn.Module, path: Path) -> None:
    """Write a model in float64 as TorchScript for LAMMPS, ``pair_style mace``."""
    buffer = io.BytesIO()
    with building("float64"):
        torch.jit.save(torchscript_for_lammps(rebuilt(model).double()), buffer)
    write_durably(path, buffer.getvalue())
