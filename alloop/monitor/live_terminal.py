"""Show the campaign on the terminal: a live display, or plain lines now and then where output is not a terminal."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from alloop.journal.journal import Entry
from alloop.monitor.display import display
from alloop.monitor.running_fits import MOST_FITS, fit_lines
from alloop.state.state import CampaignState
from alloop.status.messages import closing_lines, lines, progress_line, stamped
from alloop.status.numbers import clipped, duration
from alloop.status.progress import Progress, progress
from alloop.status.summary import Status, summary
from alloop.status.task_words import task_words

QUIET_S = 60.0
RECENT = 5
REPEATED = 100
"""Newest lines that are printed again after the terminal changed its size."""
FRAMES_PER_S = 4
log = logging.getLogger(__name__)


class ConsoleView:
    """Progress and verdict of a campaign for a person; a `Listener`.

    Parameters
    ----------
    console : rich.console.Console
        Where to print.
    root : pathlib.Path or None
        The campaign's folder, where running fits say how far they are; None shows nothing of that.
    plain : bool
        True: only lines, for logs; False: lines above a display that is redrawn.
    redraw_s : float
        Time between two looks at the state for the display (s).
    summary_s : float
        Time between two plain lines about the progress (s).
    """

    def __init__(
        self,
        console: Console,
        plain: bool,
        *,
        root: Path | None = None,
        redraw_s: float = 0.5,
        summary_s: float = 10.0,
    ) -> None:
        self._console, self._plain, self._root = console, plain, root
        self._fits: tuple[str, ...] = ()
        self._redraw_s, self._summary_s = redraw_s, summary_s
        self._status: Status | None = None
        self._progress = Progress(None)
        self._size = console.size
        self._lines: deque[str] = deque(maxlen=REPEATED)
        self._status_t = self._told_t = self._entry_t = self._now = self._wall_s = 0.0
        self._told = ""
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._broken = False

    def on_entry(self, entry: Entry, state: CampaignState) -> None:
        """Print the messages of the event, and refresh the numbers when it is time."""
        self._guarded(self._see, entry, state)

    def tick(self, state: CampaignState, now: float) -> None:
        """Refresh the numbers when it is time."""
        self._guarded(self._refresh, state, now)

    def close(self) -> None:
        """Take the display away and print the verdict with the numbers behind it."""
        self._guarded(self._close)

    def _guarded(self, action: Callable[..., None], *arguments: object) -> None:
        """Do something with the terminal; a terminal that is gone is not asked again."""
        if self._broken:
            return
        try:
            action(*arguments)
        except (Exception, SystemExit):  # rich exits where a pipe is closed
            self._broken = True
            log.info("the console is given up", exc_info=True)

    def _see(self, entry: Entry, state: CampaignState) -> None:
        self._entry_t, self._wall_s = entry.t, state.wall_s
        self._told_t = self._told_t or entry.t
        for text in lines(entry, state):
            self._print(stamped(text, state.wall_s))
        if not self._plain:
            self._remember(entry)
        self._refresh(state, entry.t, final=state.verdict is not None)

    def _refresh(self, state: CampaignState, now: float, final: bool = False) -> None:
        self._now = max(now, self._entry_t)
        if final or now - self._status_t >= self._redraw_s or self._status is None:
            self._status, self._progress, self._status_t = summary(state, now), progress(state, now), now
            if not self._plain:
                self._fits = fit_lines(self._root, state) if self._root is not None else ()
                self._show()
        if self._plain:
            self._summarise(now)

    def _summarise(self, now: float) -> None:
        """Print a line on the progress: when something changed, and now and then when nothing did."""
        if self._status is None or self._status.verdict is not None:
            return
        text, quiet = progress_line(self._status), now - self._told_t
        if quiet >= QUIET_S or (quiet >= self._summary_s and text != self._told):
            self._told, self._told_t = text, now
            self._print(stamped(text, self._elapsed_s()))

    def _elapsed_s(self) -> float:
        """Return the campaign's time now: the journal knows it only up to its last event."""
        return self._wall_s + (self._now - self._entry_t if self._entry_t else 0.0)

    def _print(self, text: str) -> None:
        """Print a line; beside a live display it is wrapped between words, in a log it stays one line."""
        if not self._plain:
            self._lines.append(text)
        self._console.print(text, markup=False, highlight=False, soft_wrap=self._plain)

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._status is not None:
            self._print("")
            for text in closing_lines(self._status):
                self._print(text)

    # -- the live display ----------------------------------------------------------------------------------------

    def _show(self) -> None:
        if self._live is not None and self._console.size != self._size:
            self._begin_anew()
        if self._live is None:
            self._size = self._console.size
            self._live = Live(
                get_renderable=self._renderable,
                console=self._console,
                refresh_per_second=FRAMES_PER_S,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _begin_anew(self) -> None:
        """Clear the screen after the terminal changed its size, and print the newest lines again."""
        assert self._live is not None
        self._live.stop()
        self._live = None
        self._console.clear()
        fitting = max(1, self._console.height - RECENT - 11 - MOST_FITS)
        for text in tuple(self._lines)[-fitting:]:
            self._console.print(text, markup=False, highlight=False)

    def _remember(self, entry: Entry) -> None:
        event = entry.event
        if event.kind == "task_finished" and event.status == "ok":
            seconds = event.timing.finished_t - event.timing.started_t if event.timing else 0.0
            self._recent.append(clipped(f"{task_words(event.purpose)}  {duration(seconds)}", 100))

    def _renderable(self) -> RenderableType:
        status = self._status
        if status is None:
            return Text()
        return display(status, self._progress, tuple(self._recent), self._elapsed_s(), self._fits, self._spinner)
