"""Read XDATCAR files of VASP, of constant and of changing cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from alloop.trajectories.frames import (
    Floats,
    Frame,
    Integers,
    TrajectoryError,
    floats_of,
    next_lines,
    numbers_of,
    whole_of,
)

_FRAME = re.compile(rb"^\s*direct configuration\s*=?\s*(\d+|\**)", re.IGNORECASE)


def read_xdatcar(file: BinaryIO, where: str) -> Iterator[Frame]:
    """Yield the frames of an XDATCAR file; its header may stand before every frame.

    Raises
    ------
    TrajectoryError
        If the file is damaged or of another form.
    CutOffError
        At its end, if the last frame is not whole.
    """
    cell: Floats | None = None
    numbers: Integers = np.array([], dtype=int)
    steps, blank = _Steps(), False
    for line in file:
        found = _FRAME.match(line)
        if found is None:
            if blank and cell is not None and _is_velocity(line):
                continue  # a blank line and velocities may follow the positions
            if line.strip():
                # A title may be blank: then the scale follows it.
                cell, numbers = _header(line if blank and _is_number(line) else file.readline(), file, where)
            blank = not line.strip()
            continue
        blank = False
        if cell is None:
            raise TrajectoryError(f"{where}: no lattice stands before the first frame; this is no XDATCAR")
        step = steps.after(found[1])
        words = b" ".join(b" ".join(line.split()[:3]) for line in next_lines(file, len(numbers)))
        places = floats_of(words, 3 * len(numbers), f"{where}, configuration {step}")
        yield Frame(numbers, cell, places.reshape(-1, 3), scaled=True, step=step)


class _Steps:
    """Configuration numbers, also where they are missing, or have too many digits to be printed and are stars."""

    def __init__(self) -> None:
        self._last, self._gap = 0, 1

    def after(self, word: bytes) -> int:
        step = int(word) if word.isdigit() else self._last + self._gap
        self._gap, self._last = step - self._last, step
        return step


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_velocity(line: bytes) -> bool:
    """Return whether a line between frames holds a velocity; where a header begins, it holds a title or a scale."""
    words = line.split()
    return len(words) == 3 and all(map(_is_number, words))


def _header(scale_line: bytes, file: BinaryIO, where: str) -> tuple[Floats, Integers]:
    """Return lattice and atoms from the line of the scale and those that follow it."""
    here = f"{where}, header"
    scale = float(floats_of(scale_line, 1, here)[0])
    cell = np.array([floats_of(file.readline(), 3, here) for _ in range(3)])
    if scale == 0 or not np.isfinite(cell).all() or not np.linalg.det(cell):
        raise TrajectoryError(f"{here}: the cell has no volume")
    # A negative scale is the volume (Å³).
    cell *= scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
    symbols = [word.split("_")[0].split("/")[0] for word in file.readline().decode(errors="replace").split()]
    place = f"{here}, atoms of each element"
    words = file.readline().split()
    if len(words) != len(symbols):
        raise TrajectoryError(f"{place}: {len(words)} numbers where {len(symbols)} belong; the file is damaged")
    counts = [whole_of(word, place) for word in words]
    return cell, np.repeat(numbers_of(symbols, here), counts)
