"""How far a running fit is: a line that its worker writes now and then for whoever watches. It decides nothing.

The line is neither flushed nor part of a result, and whatever goes wrong with it is forgotten: no fit fails by it.
A file system that hangs holds it up as it does every file of the fit.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from alloop.files.plain_files import folder_below, open_below, read_below
from alloop.tasks.contract.records import Record

EVERY_S = 1.0
"""Shortest time (s) between two lines."""
LINE_BYTES = 256
"""Every line is as long as this, so that a reader sees a whole one."""
Finite = Annotated[float, Field(allow_inf_nan=False)]


class FitProgress(Record):
    """The newest check of a running fit.

    Attributes
    ----------
    step, steps : int
        Optimiser steps done, and those of the whole schedule, which patience may end earlier.
    loss : float
        Loss of the watched frames.
    rmse_forces_meV_per_A : float
        Force RMSE of the watched frames (meV/Å).
    watched : str
        Which frames these are: those to validate on, or training frames.
    """

    step: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=0)]
    loss: Finite
    rmse_forces_meV_per_A: Finite
    watched: Literal["valid", "train"]


class ProgressLine:
    """The line of one running fit, as its worker writes it.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    key : str
        Key of the fit.
    """

    def __init__(self, root: Path, key: str) -> None:
        self._root, self._path, self._next_t = root, _path(root, key), 0.0

    def write(self, **progress: Any) -> None:
        """Write the line, unless that was done just now; for the parameters see `FitProgress`."""
        if time.monotonic() < self._next_t:
            return
        self._next_t = time.monotonic() + EVERY_S
        with suppress(OSError, ValueError):
            told = FitProgress(**progress)
            descriptor = open_below(self._root, self._path, os.O_CREAT | os.O_WRONLY)
            try:
                os.pwrite(descriptor, told.model_dump_json().encode().ljust(LINE_BYTES), 0)
            finally:
                os.close(descriptor)

    def remove(self) -> None:
        """Remove the line: the fit is over."""
        with suppress(OSError), folder_below(self._root, self._path.parent) as folder:
            os.unlink(self._path.name, dir_fd=folder)


def read_progress(root: Path, key: str) -> FitProgress | None:
    """Return how far a running fit is; None if nothing readable says it."""
    try:
        return FitProgress.model_validate_json(read_below(root, _path(root, key), 2 * LINE_BYTES))
    except (OSError, ValueError, ValidationError):
        return None


def _path(root: Path, key: str) -> Path:
    """Return the file of a line: among the scratch files, which the driver removes when it ends."""
    return root / "scratch" / f"{key}.progress"
