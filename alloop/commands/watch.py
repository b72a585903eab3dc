"""``alloop status --watch``: the live view of a campaign from anywhere; the folder is only read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from alloop.journal.events import TaskFinished
from alloop.journal.journal import JOURNAL_FILE, SNAPSHOT_FILE, Entry, living_driver, read_entries
from alloop.monitor.display import display, rung_lines_shown
from alloop.monitor.running_fits import fit_lines
from alloop.state.fold import apply
from alloop.state.state import CampaignState
from alloop.status.messages import lines, stamped
from alloop.status.numbers import clipped, duration
from alloop.status.progress import progress
from alloop.status.summary import summary
from alloop.status.table import verdict_text
from alloop.status.task_words import task_words

LOOK_S = 1.0
SHARE = 0.1
"""Largest share of the time that reading the journal takes."""
TOLD_AT_FIRST = 300
PANEL_LINES = 7
"""Lines of the panel without bars, fits and finished tasks, and of what stands below it."""


class Watched:
    """A campaign that is followed by reading its journal again.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = CampaignState()
        self.finished: deque[str] = deque(maxlen=5)
        self.told: deque[str] = deque(maxlen=200)
        self.driver: str | None = None
        self._seen: tuple[int, int] | None = None
        self._next_t = 0.0

    def look(self) -> None:
        """Take in what is new in the journal, if it changed; long journals are read less often."""
        self.driver = living_driver(self.root)
        if time.monotonic() < self._next_t or (seen := self._stamp()) == self._seen:
            return
        began = time.monotonic()
        self.take_in(read_entries(self.root))
        self._seen = seen
        self._next_t = time.monotonic() + max(LOOK_S, (time.monotonic() - began) / SHARE)

    def take_in(self, entries: Sequence[Entry]) -> None:
        """Fold the events that are new."""
        for entry in entries[self.state.seq :]:
            apply(self.state, entry)
            if len(entries) - entry.seq < TOLD_AT_FIRST:
                self.told += [stamped(text, self.state.wall_s) for text in lines(entry, self.state)]
            event = entry.event
            if isinstance(event, TaskFinished) and event.status == "ok" and event.timing is not None:
                took_s = event.timing.finished_t - event.timing.started_t
                self.finished.append(clipped(f"{task_words(event.purpose)}  {duration(took_s)}", 100))

    def _stamp(self) -> tuple[int, int]:
        """Return what changes when something is written: in the journal, the log beside it, or the copy for readers."""
        times, sizes = 0, 0
        for name in (JOURNAL_FILE, f"{JOURNAL_FILE}-wal", SNAPSHOT_FILE):
            try:
                found = (self.root / name).stat()
            except OSError:
                continue
            times, sizes = max(times, found.st_mtime_ns), sizes + found.st_size
        return times, sizes


def run_watch(root: Path, console: Console) -> None:
    """Show a campaign until its verdict, or until a signal ends the command."""
    watched = Watched(root)
    watched.look()
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(view(watched, time.time(), console.height), refresh=True)
            if watched.state.verdict is not None and watched.driver is None:
                return
            time.sleep(LOOK_S)
            watched.look()


def view(watched: Watched, now: float, height: int) -> RenderableType:
    """Return what is shown of a campaign on so many lines: the panel, the rungs, and the newest messages."""
    state = watched.state
    status = summary(state, now)
    since_s = now - state.last_t if watched.driver is not None and state.last_t is not None else 0.0
    few = height < 30
    recent = tuple(watched.finished)[-(3 if few else 5) :]
    left = progress(state, now)
    if watched.driver is None:
        status, left = replace(status, running={}), replace(left, running=False)
    fits = () if watched.driver is None else fit_lines(watched.root, state)
    parts: list[RenderableType] = [display(status, left, recent, state.wall_s + max(0.0, since_s), fits)]
    free = height - PANEL_LINES - len(left.parts) - len(fits) - len(recent) - 1
    rungs = rung_lines_shown(status.rungs, min(len(status.rungs), max(0, free // 2)))
    parts += rungs
    told = list(watched.told)[-max(0, free - len(rungs)) :] if free > len(rungs) else []
    parts += [Text(text, no_wrap=True, overflow="ellipsis", style="dim") for text in told]
    parts.append(Text(_foot(watched, status.verdict, status.reason), no_wrap=True, overflow="ellipsis", style="bold"))
    return Group(*parts)


def _foot(watched: Watched, verdict: str | None, reason: str) -> str:
    if verdict is not None:
        return verdict_text(verdict, reason)
    if watched.driver is None:
        return "No driver runs it now; `alloop run` with its config continues it. Ctrl-C leaves this view."
    return f"Driver: {watched.driver}. Ctrl-C leaves this view; the campaign goes on."
