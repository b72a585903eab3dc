"""Campaign folders in which something is missing, or something else is in its place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from alloop.config.errors import ConfigError, Problem
from alloop.journal.journal import JOURNAL_FILE, SNAPSHOT_FILE
from alloop.journal.open_files import SAVED_FILE
from alloop.tasks.registry import KINDS

WORKER_LEVELS = 3
"""Levels of folders below ``logs/workers``: executor, block, group of workers."""
OF_A_CAMPAIGN = frozenset(
    (
        *("results", "locks", "scratch", "logs", "foundation", "foundation.pt", "driver.lock", "driver.lease"),
        *("export", "report.html", "wandb", ".wandb", "stop.request"),
    )
)
"""What a campaign's folder may hold besides its journal."""


def refuse_links(root: Path) -> None:
    """Refuse a campaign in which a link, pipe or file is in the place of a folder.

    Parsl writes job scripts, logs and keys below ``logs`` without looking where that leads.

    Raises
    ------
    ConfigError
        With the first of them.
    """
    results = (f"results/{kind}" for kind in KINDS)
    for name in ("results", *results, "locks", "scratch", "foundation", "logs", "logs/parsl", "logs/workers"):
        if _is_something_else(root / name):
            raise _misplaced(root / name)
    for link in _links(root / "logs" / "workers", WORKER_LEVELS):
        raise _misplaced(link)


def _misplaced(path: Path) -> ConfigError:
    return ConfigError(path, Problem("", "is a link or file where a folder of the campaign belongs; remove it"))


def _is_something_else(folder: Path) -> bool:
    try:
        return not stat.S_ISDIR(folder.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _links(folder: Path, levels: int) -> Iterator[Path]:
    """Yield the links at some levels below a folder."""
    if not levels or not folder.is_dir():
        return
    for inner in folder.iterdir():
        if inner.is_symlink():
            yield inner
        else:
            yield from _links(inner, levels - 1)


def without_journal(root: Path) -> list[str]:
    """Return what to tell of a campaign's folder that has no journal; nothing of a new or a whole one.

    Raises
    ------
    ConfigError
        If the folder is a file, holds what is not a campaign's, or a copy of its journal.
    """
    if not root.is_dir() or os.path.lexists(root / JOURNAL_FILE):
        if root.exists() and not root.is_dir():
            raise ConfigError(root, Problem("", "is a file; name another campaign folder with --folder"))
        return []
    names = {entry.name for entry in root.iterdir()}
    saved = {name for name in names if name.startswith(Path(SAVED_FILE).stem) and name.endswith(".sqlite")}
    copies = sorted(saved | names & {SNAPSHOT_FILE})
    if copies:
        what = (
            f"its {JOURNAL_FILE} is gone, but {copies[0]} is a copy of it: move that to {JOURNAL_FILE}, and run again"
        )
        raise ConfigError(root, Problem("", what))
    if any(name not in OF_A_CAMPAIGN and not name.startswith("journal.") for name in names):
        raise ConfigError(root, Problem("", "holds files but no campaign; name an empty folder with --folder"))
    begun = "the campaign begins anew and finds the results that are there by their keys"
    return [f"{root}: its {JOURNAL_FILE} is gone; {begun}."] if "results" in names else []
