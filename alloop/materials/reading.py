"""What reading a structure file gives."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms


@dataclass(frozen=True, eq=False)
class Reading:
    """A structure as it was read.

    Attributes
    ----------
    atoms : ase.Atoms
        The structure.
    doubts : tuple of str
        Why it may not be the crystal that the file means; each goes on after the name of the file, in one line.
    notes : tuple of str
        What of the file is read otherwise than it is written, or not used.
    """

    atoms: Atoms
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
