"""Keep files short that other programs append to without end."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

LONGEST_BYTES = 10 << 20
"""Length (bytes) beyond which an output is cut."""
KEPT_BYTES = 5 << 20
"""Length (bytes) of its end, which is kept."""


def keep_end(descriptor: int) -> None:
    """Drop all but the end of a long file.

    Whoever else writes to it must append: then the file has no hole afterwards. What is written in the same moment may
    be lost. A file that cannot be cut is left as it is.

    Parameters
    ----------
    descriptor : int
        The file, open for writing. Anything else than a regular file is left alone.
    """
    with suppress(OSError):
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size <= LONGEST_BYTES:
            return
        dropped = found.st_size - KEPT_BYTES
        with open(f"/proc/self/fd/{descriptor}", "rb") as file:  # noqa: PTH123
            file.seek(dropped)
            end = file.read(KEPT_BYTES)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"[alloop dropped the first %d bytes of this output]\n" % dropped + end)
