"""Read the text output of GPAW, of its older and its newer code, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from alloop.trajectories.frames import CutOffError, Floats, Frame, numbers_of

_NUMBER = rb"(-?\d+\.\d+)"
_ATOM = re.compile(rb"^[\s|]*(\d+)[\s|]+([A-Z][a-z]?)(?:\.\w+)?[\s|]+" + rb"[\s|]+".join([_NUMBER] * 3))
_AXIS = re.compile(rb"(?:^|[\s|])(?:yes|no)[\s|]+" + rb"[\s|]+".join([_NUMBER] * 3))
_TITLE = re.compile(rb"^\s*(positions:|atoms\b)", re.IGNORECASE)
_CELL = re.compile(rb"^\s*unit cell", re.IGNORECASE)


def read_gpaw_text(file: BinaryIO, where: str) -> Iterator[Frame]:
    """Yield the frames of a GPAW log: one for every table of positions, in the cell that was printed last.

    Raises
    ------
    CutOffError
        At its end, if the last table is not whole.
    """
    table = _Table(where)
    for line in file:
        if not line.endswith(b"\n"):
            raise CutOffError
        atom = _ATOM.match(line) if table.reading else None
        if atom is not None:
            table.rows.append(atom.groups())
        elif (axis := _AXIS.search(line)) is not None and table.axes is not None:
            table.axes.append([float(word) for word in axis.groups()])
            if len(table.axes) == 3:
                table.cell, table.axes = np.array(table.axes), None
        elif _TITLE.match(line):
            yield from table.frame()
            table.rows, table.reading = [], True
        elif _CELL.match(line):
            table.reading, table.axes = False, []
        elif table.rows:
            table.reading = False
    if table.cut_off():
        raise CutOffError
    yield from table.frame()


class _Table:
    """The atoms and the cell that were printed last."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._atoms = 0
        self.reading = False
        self.rows: list[tuple[bytes, ...]] = []
        self.axes: list[list[float]] | None = None
        self.cell: Floats | None = None

    def cut_off(self) -> bool:
        """Return whether the table is shorter than the one before."""
        return 0 < len(self.rows) < self._atoms

    def frame(self) -> Iterator[Frame]:
        """Yield the frame, if it is whole."""
        if self.cell is None or not self.rows or len(self.rows) < self._atoms:
            return
        self._atoms = len(self.rows)
        positions = np.array([[float(word) for word in row[2:]] for row in self.rows])
        yield Frame(numbers_of([row[1].decode() for row in self.rows], self._where), self.cell, positions)
