"""Where the frames of an extxyz file begin, before anything is read of them."""

from __future__ import annotations

import re
from collections.abc import Sequence


class FrameError(ValueError):
    """A frame that is not whole; the message goes on after the name of the file, in one line."""


def extxyz_frames(lines: Sequence[str]) -> list[int]:
    """Return the line, from 1, at which each frame begins.

    ASE's reader stops at an empty line without a word, and counts on whatever number of atoms and of columns a frame
    claims.

    Raises
    ------
    FrameError
        If a frame has too few lines or columns, no number of atoms, or stands after an empty line.
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
        if len(words) != 1 or not words[0].isdecimal():
            begin = lines[place].strip()[:40]
            raise FrameError(f"cannot be read as extxyz: {which} begins with `{begin}`, not with a number of atoms")
        atoms = _whole(words[0])
        if place + 2 + atoms > last:
            there = max(0, last - place - 2)
            raise FrameError(
                f"cannot be read as extxyz: {which} says {atoms} atoms, and the file holds {there} of them"
            )
        if atoms and (columns := _columns(lines[place + 1])) > (there := len(lines[place + 2].split())):
            raise FrameError(
                f"cannot be read as extxyz: {which} says {columns} columns (Properties), and its first row has {there}"
            )
        place += 2 + atoms
        while place < last and lines[place].lstrip().startswith("VEC"):
            place += 1
    return begins


def _columns(comment: str) -> int:
    """Return how many columns a comment claims; 0 where it does not say."""
    found = re.search(r"Properties['\"]?\s*=\s*['\"{]?([^\s'\"}]+)", comment)
    return sum(_whole(width) for width in found.group(1).split(":")[2::3] if width.isdecimal()) if found else 0


def _whole(digits: str) -> int:
    return int(digits) if len(digits) < 20 else 10**20


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
