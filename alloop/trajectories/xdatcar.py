"""Read XDATCAR files of VASP, of constant and of changing cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np

from alloop.trajectories.frames import Floats, Frame, Integers, TrajectoryError, floats_of, numbers_of

_FRAME = re.compile(rb"^\s*direct configuration\s*=?\s*(\d+)", re.IGNORECASE)


def read_xdatcar(file: BinaryIO, where: str) -> Iterator[Frame]:
    """Yield the frames of an XDATCAR file; its header may stand before every frame.

    Raises
    ------
    TrajectoryError
        If the file is damaged or of another form.
    """
    cell: Floats | None = None
    numbers: Integers = np.array([], dtype=int)
    for line in file:
        found = _FRAME.match(line)
        if found is None:
            if not line.strip():
                continue
            cell, numbers = _header(file, where)
            continue
        if cell is None:
            raise TrajectoryError(f"{where}: no lattice stands before the first frame; this is no XDATCAR")
        step = int(found[1])
        lines = list(islice(file, len(numbers)))
        if len(lines) < len(numbers):
            return  # the run was stopped while it wrote
        words = b" ".join(b" ".join(line.split()[:3]) for line in lines)
        places = floats_of(words, 3 * len(numbers), f"{where}, configuration {step}")
        yield Frame(numbers, cell, places.reshape(-1, 3), scaled=True, step=step)


def _header(file: BinaryIO, where: str) -> tuple[Floats, Integers]:
    """Return lattice and atoms from the lines that follow the title."""
    here = f"{where}, header"
    scale = float(floats_of(file.readline(), 1, here)[0])
    cell = np.array([floats_of(file.readline(), 3, here) for _ in range(3)])
    # A negative scale is the volume (Å³).
    cell *= scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
    symbols = [word.split("_")[0].split("/")[0] for word in file.readline().decode(errors="replace").split()]
    counts = floats_of(file.readline(), len(symbols), f"{here}, atoms of each element").astype(int)
    return cell, np.repeat(numbers_of(symbols, here), counts)
