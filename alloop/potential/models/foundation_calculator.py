"""A MACE model, by its file or by its name, as an ASE calculator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.foundation import FoundationError, fetch_foundation, load_model_file
from alloop.potential.models.heads import HeadError, chosen_head


class FoundationCalculator(MACECalculator):  # type: ignore[misc]
    """A MACE model whose file is opened only if it has the right checksum.

    Parameters
    ----------
    path, sha256 : str or None
        The file and its checksum.
    name : str or None
        Instead of them, the name of one of alloop's foundations, or of MACE's, which is downloaded once.
    head : str or None
        Head of a model that has several.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ValueError
        In one line, if the model cannot be used.
    """

    def __init__(
        self,
        path: str | None = None,
        sha256: str | None = None,
        name: str | None = None,
        head: str | None = None,
        device: str = "cpu",
    ) -> None:
        try:
            model = _model(path, sha256, name, device)
            chosen = chosen_head(model, head)
        except (FoundationError, HeadError) as error:
            raise ValueError(str(error)) from error
        super().__init__(models=[model], device=device, head=chosen)


def _model(path: str | None, sha256: str | None, name: str | None, device: str) -> torch.nn.Module:
    if name is not None:
        file, checksum = fetch_foundation(name)
    elif path is not None and sha256 is not None:
        file, checksum = Path(path), sha256
    else:
        raise ValueError("a MACE model needs a name, or the path and the sha256 of a file")
    model: Any = load_model_file(file, checksum, device=device)
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "atomic_numbers"):
        raise ValueError(f"{file} is not a model saved by MACE: it holds a {type(model).__name__}")
    return model
