"""What several files of tests read and none changes: made once for all processes that run them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.support.campaigns import THREADS, TINY, left_behind, run, write_config

MEASURE = {
    "mobile": "Al",
    "temperatures_K": [300, 400],
    "repeat": [2, 2, 2],
    "equilibration_ps": 0.02,
    "production_ps": 0.2,
    "max_ps": 0.2,
    "segment_ps": 0.1,
    "sample_fs": 4,
    "snapshot_samples": 5,
}
LADDER = {**TINY["ladder"], "tolerance_energy": 50.0, "tolerance_forces": 50.0}
"""Held-out errors always agree, so transport decides."""


def tiny_config(folder: Path, **changes: Any) -> Path:
    """Write the config of the shared campaign, with other sections if wanted, and return its path."""
    return write_config(folder, **{"measure": MEASURE, "ladder": LADDER, "execution": THREADS, **changes})


def tiny_campaign(factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of a finished tiny campaign that measures transport.

    It holds ``tiny.yaml``, ``runs/tiny`` and ``output.txt``, what the campaign printed.
    """
    return _copy_of("tiny", _run_tiny, factory)


def _run_tiny(folder: Path) -> None:
    code, output = run(tiny_config(folder), folder / "runs" / "tiny")
    assert code == 0, output
    assert left_behind(folder / "runs" / "tiny") == []
    (folder / "output.txt").write_text(output)


def _copy_of(name: str, make: Callable[[Path], None], factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what `make` leaves in a folder; the first process that asks makes it, the others wait."""
    base = factory.getbasetemp()
    place = (base.parent if base.name.startswith("popen-") else base) / f"shared-{name}"
    with FileLock(f"{place}.lock"):
        if not (place / "made").exists():
            shutil.rmtree(place, ignore_errors=True)
            make(place)
            (place / "made").touch()
    return Path(shutil.copytree(place, factory.mktemp(name) / "home"))
