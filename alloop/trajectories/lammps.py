"""Read text dumps of LAMMPS: boxes of any shape, scaled, wrapped or unwrapped positions, atoms in any order.

ASE's reader takes triclinic boxes with tilts of different signs for smaller than they are, and passes over images; this
one follows https://docs.lammps.org/Howto_triclinic.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from alloop.trajectories.frames import (
    CutOffError,
    Floats,
    Frame,
    Integers,
    TrajectoryError,
    floats_of,
    next_lines,
    numbers_of,
    whole_of,
)

_TIMES_fs = {"metal": 1000.0, "real": 1.0}
"""Units whose lengths are in Å, and their unit of time (fs)."""
_FORMS = (("xu", "yu", "zu"), ("xsu", "ysu", "zsu"), ("x", "y", "z"), ("xs", "ys", "zs"))
_IMAGES = ("ix", "iy", "iz")


@dataclass(frozen=True)
class _Columns:
    """Which columns of an atom's line are read: numbers, and the one that says the element."""

    form: tuple[str, ...]
    images: bool
    kind: str


def read_lammps(file: BinaryIO, where: str, types: Sequence[str] = (), timestep_known: bool = False) -> Iterator[Frame]:
    """Yield the frames of a LAMMPS dump.

    Parameters
    ----------
    file : binary file
        The dump.
    where : str
        Its name.
    types : sequence of str
        Element of each atom type, where the dump has no column ``element``.
    timestep_known : bool
        Whether steps tell the time, so that times of an unknown unit are not needed.

    Raises
    ------
    TrajectoryError
        If the file is damaged, or of units or columns that are not known.
    CutOffError
        At its end, if the last frame is not whole.
    """
    reader = _Dump(where, types, timestep_known)
    said: dict[str, bytes] = {}
    box: tuple[Floats, Floats] | None = None
    for line in file:
        if not line.endswith(b"\n"):
            raise CutOffError
        if not line.startswith(b"ITEM:"):
            if line.strip():
                raise TrajectoryError(f"{where}: a line stands where ITEM: belongs; the dump is damaged")
            continue
        item = line[5:].decode(errors="replace").split()
        if item[:2] == ["BOX", "BOUNDS"]:
            box = _box(item[2:], next_lines(file, 3), where)
        elif item[:1] == ["ATOMS"]:
            if box is None or not {"TIMESTEP", "NUMBER"} <= set(said):
                raise TrajectoryError(f"{where}: a frame lacks TIMESTEP, NUMBER or BOX BOUNDS; the dump is damaged")
            atoms = whole_of(said["NUMBER"], f"{where}, NUMBER OF ATOMS")
            yield reader.frame(said, item[1:], next_lines(file, atoms), *box)
            # Units are said once, all else in every frame.
            said, box = {name: line for name, line in said.items() if name == "UNITS"}, None
        elif item:
            said[item[0]] = file.readline()
        else:
            raise TrajectoryError(f"{where}: ITEM: says nothing; the dump is damaged")


class _Dump:
    def __init__(self, where: str, types: Sequence[str], timestep_known: bool) -> None:
        self._where, self._types, self._timestep_known = where, types, timestep_known
        self._columns: _Columns | None = None
        self._head: list[str] = []
        self._order: Integers = np.array([], dtype=int)
        self._ids: Floats | None = None
        self._known: Floats | None = None
        self._kinds: list[bytes] = []
        self._numbers: Integers = np.array([], dtype=int)

    def frame(
        self, said: Mapping[str, bytes], head: list[str], lines: list[bytes], cell: Floats, origin: Floats
    ) -> Frame:
        """Return a frame."""
        step = whole_of(said["TIMESTEP"], f"{self._where}, TIMESTEP", least=0)
        here = f"{self._where}, step {step}"
        units = said.get("UNITS", b"metal").decode(errors="replace").strip()
        if units not in _TIMES_fs:
            raise TrajectoryError(f"{here}: units {units}: known are {' and '.join(_TIMES_fs)}; dump in one of them")
        if head != self._head:
            self._head, self._columns = head, _columns(head, here, named=bool(self._types))
        assert self._columns is not None
        words = b" ".join(lines).split()
        if len(words) != len(lines) * len(head):
            raise TrajectoryError(f"{here}: atoms have other columns than the head says; the dump is damaged")
        table = self._table(words, self._columns, here)
        return self._made(table, self._columns, cell, origin, step, self._time_fs(said, here))

    def _time_fs(self, said: Mapping[str, bytes], here: str) -> float | None:
        """Return the time (fs); None where the dump does not say it, or does not say its unit and steps will do."""
        if "TIME" not in said or ("UNITS" not in said and self._timestep_known):
            return None
        if "UNITS" not in said:
            raise TrajectoryError(
                f"{here}: ITEM: TIME without ITEM: UNITS may be in ps or fs; add --timestep-fs, or dump with units yes"
            )
        return float(floats_of(said["TIME"], 1, here)[0]) * _TIMES_fs[said["UNITS"].decode().strip()]

    def _table(self, words: list[bytes], columns: _Columns, here: str) -> Floats:
        """Return the columns that are read, atoms in the order of their numbers."""
        width = len(self._head)
        wanted = (*columns.form, *(_IMAGES if columns.images else ()))
        count = len(words) // width
        picked = [words[self._head.index(name) :: width] for name in wanted]
        table = floats_of(b" ".join(word for column in picked for word in column), count * len(wanted), here)
        table = table.reshape(len(wanted), count).T
        kinds = words[self._head.index(columns.kind) :: width]
        ids = floats_of(b" ".join(words[self._head.index("id") :: width]), count, here)
        if self._ids is None or not np.array_equal(ids, self._ids):
            self._ids, self._order, self._kinds = ids, np.argsort(ids, kind="stable"), []
            self._known = self._same_atoms(ids[self._order], here)
        if kinds != self._kinds:
            self._kinds = kinds
            self._numbers = self._elements([kinds[place] for place in self._order], columns.kind, here)
        return np.asarray(table[self._order])

    def _same_atoms(self, ids: Floats, here: str) -> Floats:
        """Return sorted ids, where they are all different and those of the first frame."""
        if not (np.diff(ids) > 0).all():
            raise TrajectoryError(f"{here}: two atoms have the same id; dump every atom once, with its own id")
        if self._known is not None and not np.array_equal(ids, self._known):
            raise TrajectoryError(f"{here}: atoms have other ids than in the first frame; dump a group that stays")
        return ids

    def _elements(self, kinds: list[bytes], kind: str, here: str) -> Integers:
        names = [one.decode(errors="replace") for one in kinds]
        if kind == "element":
            return numbers_of(names, here)
        if not self._types:
            raise TrajectoryError(f"{here}: the dump has atom types only; name their elements, as in --types Li,P,S")
        try:
            symbols = [self._types[int(name) - 1] if int(name) > 0 else "" for name in names]
        except (ValueError, IndexError):
            raise TrajectoryError(f"{here}: the dump has more atom types than --types names") from None
        return numbers_of(symbols, here)

    def _made(
        self, table: Floats, columns: _Columns, cell: Floats, origin: Floats, step: int, time_fs: float | None
    ) -> Frame:
        scaled = columns.form[0].startswith("xs")
        places = table[:, :3] if scaled else table[:, :3] - origin
        if columns.images:
            places = places + table[:, 3:] @ (np.eye(3) if scaled else cell)
        unwrapped = columns.images or "u" in columns.form[0]
        return Frame(self._numbers, cell, places, scaled, unwrapped, step=step, time_fs=time_fs)


def _columns(head: list[str], here: str, named: bool) -> _Columns:
    """Return the columns to read; `named` types go before elements of the dump."""
    if "id" not in head:
        raise TrajectoryError(f"{here}: no id, so that atoms cannot be told apart: dump id element xu yu zu")
    form = next((form for form in _FORMS if set(form) <= set(head)), None)
    if form is None:
        raise TrajectoryError(f"{here}: no positions: dump id element xu yu zu")
    kind = next((name for name in (("type", "element") if named else ("element", "type")) if name in head), None)
    if kind is None:
        raise TrajectoryError(f"{here}: neither element nor type of atoms: dump id element xu yu zu")
    images = "u" not in form[0] and set(_IMAGES) <= set(head)
    return _Columns(form, images, kind)


def _box(item: list[str], lines: list[bytes], where: str) -> tuple[Floats, Floats]:
    """Return lattice vectors and origin (Å) of a box; bounds of a triclinic one are those of what it fills."""
    here = f"{where}, BOX BOUNDS"
    if "abc" in item:
        general = np.array([floats_of(line, 4, here) for line in lines])
        return general[:, :3], general[:, 3]
    if any("p" not in word for word in item if len(word) == 2 and word not in ("xy", "xz", "yz")):
        raise TrajectoryError(f"{here}: the box is not periodic in all directions")
    tilted = "xy" in item
    bounds = np.array([floats_of(line, 3 if tilted else 2, here) for line in lines])
    (xy, xz, yz) = bounds[:, 2] if tilted else (0.0, 0.0, 0.0)
    low = bounds[:, 0] - (min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0)
    high = bounds[:, 1] - (max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0)
    lx, ly, lz = high - low
    return np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]), low
