"""``alloop list``: the campaigns in a folder, one row each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from alloop.config.errors import ConfigError, Problem
from alloop.failures import first_line
from alloop.journal.journal import JOURNAL_FILE, JournalError
from alloop.reading import ReadCampaign
from alloop.status.numbers import clipped, duration, plus_minus

DEEPEST = 2
"""Levels of folders below the one that is named in which campaigns are looked for."""


@dataclass(frozen=True)
class ListedCampaign:
    """One campaign of a folder.

    Attributes
    ----------
    folder, name : str
        Its folder below the one that was named, and its name.
    state : str
        ``running``, its verdict, ``interrupted`` without driver and verdict, or ``unreadable``.
    driver : str or None
        Process and host of its driver.
    rung : int or None
        Largest judged rung.
    next_rung : int or None
        Rung that it labels for, where it has no verdict.
    labels, heldout : int
        Labels to train on, and held-out ones.
    rmse_forces_meV_per_A, se_forces_meV_per_A : float or None
        Force RMSE of the largest judged rung, and its standard error.
    reason : str
        Reason of the verdict, or why the campaign cannot be read.
    changed_t : float or None
        Time of its last event (s since the epoch).
    """

    folder: str
    name: str
    state: str
    driver: str | None = None
    rung: int | None = None
    next_rung: int | None = None
    labels: int = 0
    heldout: int = 0
    rmse_forces_meV_per_A: float | None = None
    se_forces_meV_per_A: float | None = None
    reason: str = ""
    changed_t: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return everything as one JSON object."""
        return asdict(self)


def list_campaigns(folder: Path) -> list[ListedCampaign]:
    """Return the campaigns in a folder and the folders in it, the one that changed last first.

    Raises
    ------
    ConfigError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(folder, Problem("", "no such folder; name one that holds campaigns, such as runs"))
    found = [_listed(root, str(root.relative_to(folder))) for root in _campaign_folders(folder, DEEPEST)]
    return sorted(found, key=lambda one: -(one.changed_t or 0.0))


def _campaign_folders(folder: Path, levels: int) -> Iterator[Path]:
    try:
        if (folder / JOURNAL_FILE).is_file():
            yield folder
            return
        below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return
    for path in below if levels else ():
        yield from _campaign_folders(path, levels - 1)


def _listed(root: Path, folder: str) -> ListedCampaign:
    try:
        campaign = ReadCampaign(root)
    except (JournalError, OSError, ValueError) as error:
        return ListedCampaign(folder, root.name, "unreadable", reason=clipped(first_line(error), 200))
    status = campaign.status
    rung = max((row for row in status.rungs if row.size), key=lambda row: row.size, default=None)
    return ListedCampaign(
        folder=folder,
        name=status.name,
        state="running" if campaign.driver else status.verdict or "interrupted",
        driver=campaign.driver,
        rung=None if rung is None else rung.size,
        next_rung=None if status.verdict else status.next_rung,
        labels=status.labels.train,
        heldout=status.labels.heldout,
        rmse_forces_meV_per_A=None if rung is None else rung.rmse_forces_meV_per_A,
        se_forces_meV_per_A=None if rung is None else rung.se_forces_meV_per_A,
        reason=status.reason,
        changed_t=campaign.state.last_t,
    )


def listing_table(campaigns: list[ListedCampaign], now: float | None = None) -> Table:
    """Return the campaigns as a table for a terminal."""
    now = time.time() if now is None else now
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("folder", "state"):
        table.add_column(name, overflow="fold")
    for name in ("rung", "labels", "force RMSE (meV/Å)", "changed"):
        table.add_column(name, justify="right")
    for one in campaigns:
        named = one.name in (one.folder, one.folder.rpartition("/")[2])
        cells = (
            one.folder if named else f"{one.folder} ({one.name})",
            _state_words(one),
            _rung_words(one),
            f"{one.labels} + {one.heldout}",
            _error_words(one),
            "" if one.changed_t is None else f"{duration(now - one.changed_t)} ago",
        )
        table.add_row(*(Text(clipped(cell, 200)) for cell in cells))
    return table


def _state_words(one: ListedCampaign) -> str:
    return f"unreadable: {one.reason}" if one.state == "unreadable" else one.state.replace("_", " ")


def _rung_words(one: ListedCampaign) -> str:
    goal = f"→ {one.next_rung}" if one.next_rung is not None else ""
    return f"{one.rung if one.rung is not None else '–'} {goal}".strip()


def _error_words(one: ListedCampaign) -> str:
    if one.rmse_forces_meV_per_A is None:
        return "–"
    return plus_minus(one.rmse_forces_meV_per_A, one.se_forces_meV_per_A, "").strip()
