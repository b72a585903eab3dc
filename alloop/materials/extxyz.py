"""Where the frames of an extxyz file begin, before anything is read of them."""

from __future__ import annotations

from collections.abc import Sequence


class FrameError(ValueError):
    """A frame that is not whole; the message goes on after the name of the file, in one line."""


def extxyz_frames(lines: Sequence[str]) -> list[int]:
    """Return the line, from 1, at which each frame begins.

    ASE's reader stops at an empty line without a word, and counts on whatever number of atoms a frame claims.

    Raises
    ------
    FrameError
        If a frame has too few lines, no number of atoms, or stands after an empty line.
    """
    begins, place, last = [], 0, len(lines)
    while last and not lines[last - 1].strip():
        last -= 1
    while place < last:
        begins.append(place + 1)
        which = f"its frame {len(begins)} (line {place + 1})"
        words = lines[place].split()
        if not words:
            raise FrameError(f"has an empty line {place + 1}, after which no frame is read; delete it")
        if len(words) != 1 or not words[0].isdigit():
            begin = lines[place].strip()[:40]
            raise FrameError(f"cannot be read as extxyz: {which} begins with `{begin}`, not with a number of atoms")
        atoms = int(words[0]) if len(words[0]) < 20 else 10**20
        if place + 2 + atoms > last:
            there = max(0, last - place - 2)
            raise FrameError(
                f"cannot be read as extxyz: {which} says {atoms} atoms, and the file holds {there} of them"
            )
        place += 2 + atoms
        while place < last and lines[place].lstrip().startswith("VEC"):
            place += 1
    return begins


def check_rows(lines: Sequence[str], begin: int) -> str:
    """Return in words the first row of a frame with fewer words than its other rows have, or an empty text.

    Parameters
    ----------
    lines : sequence of str
        The file.
    begin : int
        Line at which the frame begins, from 1.
    """
    rows = [lines[begin + 1 + i].split() for i in range(int(lines[begin - 1]))]
    columns = max((len(row) for row in rows), default=0)
    short = next((i for i, row in enumerate(rows) if len(row) < columns), None)
    return "" if short is None else f"line {begin + 2 + short} has {len(rows[short])} of {columns} columns"
