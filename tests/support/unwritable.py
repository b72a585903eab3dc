"""Folders that cannot be written, whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Let nobody make, rename or remove files in a folder for the length of a ``with`` block; root neither."""
    if os.geteuid():
        folder.chmod(0o555)
    else:
        _do("chattr", "+i", folder)
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o755)
        else:
            _do("chattr", "-i", folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder read-only over itself for the length of a ``with`` block."""
    if os.geteuid():
        pytest.skip("only root can mount a folder read-only")
    _do("mount", "--bind", folder, folder)
    try:
        _do("mount", "-o", "remount,ro,bind", folder)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _do(name: str, *words: str | Path) -> None:
    command = shutil.which(name)
    done = command and subprocess.run([command, *map(str, words)], capture_output=True, check=False)
    if not done or done.returncode:
        pytest.skip(f"`{name}` cannot be used here")
