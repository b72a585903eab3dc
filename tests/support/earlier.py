"""A campaign that was stopped half-way, as the code of before the rooms left it: journal, results and config."""

import json
import shutil
import tarfile
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "earlier"
STATUS = json.loads((DATA / "status.json").read_text())
"""What ``alloop status --json`` said then; how long tasks have been running depends on when it is asked."""


def unpack(folder: Path) -> tuple[Path, Path]:
    """Unpack the campaign, and return its config and its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tiny.yaml", "CuAl.extxyz"):
        shutil.copy(DATA / name, folder / name)
    with tarfile.open(DATA / "campaign.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "tiny.yaml", folder / "campaign"
