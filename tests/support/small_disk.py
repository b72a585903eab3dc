"""A disk of a few megabytes that a test can fill."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BALLAST = "ballast"


class NoSmallDisk(Exception):
    """There can be none here; the message says why."""


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a small file system on a folder for the length of a ``with`` block.

    Raises
    ------
    NoSmallDisk
        If this user may not mount.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() or shutil.which("mount") is None:
        raise NoSmallDisk("only root can mount a small disk to fill")
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoSmallDisk(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path) -> None:
    """Leave no byte on the disk of a folder."""
    with (folder / BALLAST).open("ab", buffering=0) as file, suppress(OSError):
        for size in (2**20, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)


def make_room(folder: Path) -> None:
    """Take away what `fill` put there."""
    (folder / BALLAST).unlink()
