"""The segments of a run of Weights & Biases below a campaign's folder, and the rows that they hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

INSPECT_TIMEOUT_S = 60.0


def segments(folder: Path, run_id: str) -> list[Path]:
    """Return the folders of a run's segments, oldest first."""
    found = (folder / "wandb").glob(f"*run-*-{run_id}")
    return sorted(found, key=lambda path: path.name.removeprefix("offline-"))


def begun_t(segment: Path) -> float:
    """Return when a segment was begun (s since the epoch, a whole second), as its name says; 0 if it does not."""
    try:
        return datetime.strptime(segment.name.split("-")[-2], "%Y%m%d_%H%M%S").timestamp()
    except (IndexError, ValueError):
        return 0.0


def published_rows(segment: Path) -> list[dict[str, Any]]:
    """Return the rows of the history that a segment holds, a torn tail left out."""
    command = [sys.executable, "-P", "-m", "wandb", "leet", "inspect", "--json", str(segment)]
    done = subprocess.run(command, capture_output=True, timeout=INSPECT_TIMEOUT_S, stdin=subprocess.DEVNULL)
    records = (_record(line) for line in done.stdout.splitlines())
    return [record["history"]["item"] for record in records if record.get("type") == "history"]


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def last_published(folder: Path, run_id: str) -> int:
    """Return the largest ``seq`` in a run's segments, or 0; the newest segment with rows holds it."""
    for segment in reversed(segments(folder, run_id)):
        seqs = [int(row["seq"]) for row in published_rows(segment) if "seq" in row]
        if seqs:
            return max(seqs)
    return 0


def mark_synced(folders: Iterable[Path]) -> None:
    """Keep ``wandb sync`` from sending again what the online run already holds."""
    for folder in folders:
        if folder.name.startswith("offline-"):
            for path in folder.glob("*.wandb"):
                path.with_suffix(".wandb.synced").touch()
