"""Say whether a disk has room."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

LEAST_BYTES = 256 << 20
"""Free space (bytes) of a disk that has room."""
LEAST_FILES = 100
_TRIED_BYTES = 1 << 20


def has_room(folder: Path) -> bool:
    """Return whether the disk of a folder has room for this user, who may have a quota: a file is written there.

    A folder that is missing, or cannot be written for another reason, says nothing about its disk.
    """
    try:
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < LEAST_BYTES or (disk.f_files and disk.f_favail < LEAST_FILES):
            return False
    except OSError:
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno not in (errno.ENOSPC, errno.EDQUOT)
    return True
