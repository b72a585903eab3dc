"""Read extended XYZ files frame by frame.

Of a frame's comment, ``Lattice`` and ``Properties`` are needed; ``time_fs``, ``time_ps``, ``step``, ``timestep_fs``,
``temperature_K`` and ``kinetic_K`` are used where they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from ase.io.extxyz import key_val_str_to_dict

from alloop.trajectories.frames import (
    CutOffError,
    Frame,
    TrajectoryError,
    floats_of,
    next_lines,
    number_of,
    numbers_of,
    whole_of,
)

_SPECIES, _POSITIONS = ("species", "symbols"), ("pos", "positions")


def read_extxyz(file: BinaryIO, where: str) -> Iterator[Frame]:
    """Yield the frames of an extended XYZ file.

    Raises
    ------
    TrajectoryError
        If the file is damaged, or a frame has no lattice.
    CutOffError
        At its end, if the last frame is not whole.
    """
    for count, line in enumerate(iter(file.readline, b"")):
        if not line.strip():
            continue
        here = f"{where}, frame {count + 1}"
        if not line.endswith(b"\n"):
            raise CutOffError
        atoms = whole_of(line, here)
        info = _comment(next_lines(file, 1)[0], here)
        yield _frame(info, next_lines(file, atoms), here)


def _comment(line: bytes, here: str) -> dict[str, Any]:
    try:
        info: dict[str, Any] = key_val_str_to_dict(line.decode(errors="replace"))
    except Exception as error:  # a hostile comment may make the parser raise anything
        raise TrajectoryError(f"{here}: the comment is none of extended XYZ") from error
    lattice = info.get("Lattice")
    if lattice is None or np.shape(lattice) != (3, 3):
        raise TrajectoryError(f"{here}: no Lattice with nine numbers; write extended XYZ with its cell")
    if not np.all(info.get("pbc", True)):
        raise TrajectoryError(f"{here}: the cell is not periodic in all directions (pbc)")
    return info


def _frame(info: Mapping[str, Any], lines: list[bytes], here: str) -> Frame:
    species, positions = _columns(str(info.get("Properties", "species:S:1:pos:R:3")), here)
    words = [line.split() for line in lines]
    if any(len(row) < max(species + 1, positions + 3) for row in words):
        raise TrajectoryError(f"{here}: an atom has too few columns; the file is damaged")
    symbols = [row[species].decode(errors="replace") for row in words]
    places = floats_of(b" ".join(b" ".join(row[positions : positions + 3]) for row in words), 3 * len(words), here)
    time_ps, step = number_of(info.get("time_ps")), number_of(info.get("step"))
    return Frame(
        numbers=numbers_of(symbols, here),
        # ASE returns the nine numbers in Fortran's order: transposed, vectors are rows.
        cell_A=np.asarray(info["Lattice"], dtype=float).T,
        positions=places.reshape(-1, 3),
        step=None if step is None else round(step),
        time_fs=number_of(info.get("time_fs")) if time_ps is None else 1000.0 * time_ps,
        timestep_fs=number_of(info.get("timestep_fs")),
        temperature_K=number_of(info.get("temperature_K")),
        kinetic_K=number_of(info.get("kinetic_K")),
    )


def _columns(properties: str, here: str) -> tuple[int, int]:
    """Return the first column of the species and of the positions."""
    words = properties.split(":")
    try:
        widths = [int(width) for width in words[2::3]]
    except ValueError:
        raise TrajectoryError(f"{here}: Properties is damaged") from None
    starts = dict(zip(words[::3], np.cumsum([0, *widths])[:-1].tolist(), strict=False))
    found = [next((starts[name] for name in names if name in starts), None) for names in (_SPECIES, _POSITIONS)]
    if found[0] is None or found[1] is None:
        raise TrajectoryError(f"{here}: Properties names no species or no pos")
    return found[0], found[1]
