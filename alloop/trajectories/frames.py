"""One frame of a trajectory as a file gives it, and the error of a file that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from alloop.failures import ForeseenError

Floats = NDArray[np.float64]
Integers = NDArray[np.int_]


class TrajectoryError(ForeseenError):
    """A trajectory cannot be used; the message is one line that says what is wrong, where, and the mend."""


class CutOffError(Exception):
    """A file ends before its last frame does, which is left out; the frames before it stand. The message is a note."""

    def __init__(self, note: str = "the file ends within a frame, which is left out") -> None:
        super().__init__(note)

    def __str__(self) -> str:
        """Return the note with what may have happened."""
        return f"{self.args[0]}; the run was stopped, or still writes"


@dataclass(frozen=True, eq=False)
class Frame:
    """All atoms at one time.

    Attributes
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å), one per row.
    positions : ndarray, shape (atoms, 3)
        Cartesian positions (Å), or scaled ones.
    scaled : bool
        Whether they are scaled.
    unwrapped : bool
        Whether the file says that atoms are followed from image to image.
    step : int or None
        The step of the dynamics.
    time_fs : float or None
        The time (fs).
    timestep_fs, temperature_K : float or None
        Time step of the dynamics (fs) and temperature of the thermostat (K), where the file says them.
    kinetic_K : float or None
        Kinetic temperature (K).
    """

    numbers: Integers
    cell_A: Floats
    positions: Floats
    scaled: bool = False
    unwrapped: bool = False
    step: int | None = None
    time_fs: float | None = None
    timestep_fs: float | None = None
    temperature_K: float | None = None
    kinetic_K: float | None = None


def next_lines(file: BinaryIO, count: int) -> list[bytes]:
    """Return the next lines of a file.

    Raises
    ------
    CutOffError
        If the file ends before them, or within the last one.
    """
    lines = list(islice(file, count))
    if len(lines) < count or not lines[-1].endswith(b"\n"):
        raise CutOffError
    return lines


def floats_of(words: bytes, wanted: int, where: str) -> Floats:
    """Return the numbers of a text.

    Raises
    ------
    TrajectoryError
        If they are not as many as wanted, or one is no number; `where` names the place.
    """
    try:
        found = np.array(words.split(), dtype=np.float64)
    except ValueError:
        raise TrajectoryError(f"{where}: {_no_number(words)}") from None
    if found.size != wanted:
        raise TrajectoryError(f"{where}: {found.size} numbers where {wanted} belong; the file is cut off or damaged")
    return found


def _no_number(words: bytes) -> str:
    """Return which word of a text is no number, and why it may be none."""
    for word in words.split():
        try:
            float(word)
        except ValueError:
            why = "decimals need a point" if b"," in word else "the file is damaged"
            return f"`{word[:20].decode(errors='replace')}` is no number; {why}"
    return "there is a word that is no number; the file is damaged"


def whole_of(words: bytes, where: str, least: int = 1) -> int:
    """Return the whole number of a text.

    Raises
    ------
    TrajectoryError
        If it is none, or smaller than `least`.
    """
    found = float(floats_of(words, 1, where)[0])
    if not found.is_integer() or found < least:
        raise TrajectoryError(f"{where}: {found:g} is no whole number of {least} or more; the file is damaged")
    return int(found)


def number_of(value: Any) -> float | None:
    """Return a number that a file gives as such, as text or in an array of its own; None where it is none."""
    try:
        return None if isinstance(value, bool) else float(np.asarray(value).item())
    except (TypeError, ValueError):
        return None


def numbers_of(symbols: list[str], where: str) -> Integers:
    """Return the atomic numbers of symbols.

    Raises
    ------
    TrajectoryError
        If one is no element.
    """
    from ase.data import atomic_numbers

    unknown = next((symbol for symbol in symbols if symbol not in atomic_numbers), None)
    if unknown is not None:
        raise TrajectoryError(
            f"{where}: `{unknown[:20]}` is no element; write symbols as in Li, and isotopes of hydrogen as H"
        )
    return np.array([atomic_numbers[symbol] for symbol in symbols], dtype=int)
