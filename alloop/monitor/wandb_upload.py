"""Publish a campaign at Weights & Biases: one thread publishes, the loop only puts rows on its queue.

A run keeps its id for the life of the campaign. Every driver writes a new segment of it, online or offline, and a
segment begins where the earlier ones end, by the ``seq`` of their rows; what was lost with a killed process is
published again from the journal.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

from alloop.config.machine import WandbConfig
from alloop.journal.journal import Entry
from alloop.monitor.wandb_account import Mode, choose_mode, refusal, short, sync_command
from alloop.monitor.wandb_numbers import Publication, Publications
from alloop.monitor.wandb_run import PublishedRun, end_core, open_run, teardown
from alloop.monitor.wandb_segments import last_published, mark_synced, segments
from alloop.state.fold import apply
from alloop.state.state import CampaignState

RECOVERIES = 3
log = logging.getLogger(__name__)


class WandbView:
    """A campaign's run at Weights & Biases; a `Listener`.

    Parameters
    ----------
    config : WandbConfig
        The config's section.
    run_id : str
        Id of the run, kept in the journal.
    name : str
        Name of the campaign.
    folder : pathlib.Path
        The campaign's folder; segments lie in its subfolder ``wandb``.
    history : iterable of Entry
        The journal up to now; what earlier segments lack of it is published first.
    init_timeout_s, finish_timeout_s : float
        Longest wait for the server at the beginning and at the end (s).
    """

    def __init__(
        self,
        config: WandbConfig,
        run_id: str,
        name: str,
        folder: Path,
        history: Iterable[Entry] = (),
        *,
        init_timeout_s: float = 20.0,
        finish_timeout_s: float = 15.0,
    ) -> None:
        self._queue: SimpleQueue[Publication | None] = SimpleQueue()
        self._close_timeout_s = finish_timeout_s + 5.0
        self._sink = _Sink(config, run_id, name, Path(folder), init_timeout_s, finish_timeout_s)
        self._thread: threading.Thread | None = None
        self._publications = Publications()
        if config.enabled:
            history = tuple(history)
            for entry in history:
                self._publications.pass_over(entry)
            work = (self._queue, history)
            self._thread = threading.Thread(target=self._sink.run, args=work, name="alloop-wandb", daemon=True)
            self._thread.start()

    @property
    def online(self) -> bool:
        """Whether a server has everything so far."""
        return self._sink.online and not (self._thread is not None and self._thread.is_alive())

    @property
    def note(self) -> str:
        """One line on where the run is, for the user; empty while that is not known."""
        return self._sink.note

    def on_entry(self, entry: Entry, state: CampaignState) -> None:
        """Put what is published of an event on the queue."""
        if self._thread is None:
            return
        item = _publication(self._publications, entry, state)
        if item is not None:
            self._queue.put(item)

    def tick(self, state: CampaignState, now: float) -> None:
        """Do nothing: the queue has its own thread."""

    def close(self) -> None:
        """Publish what is left and finish the segment, within the time limit for finishing."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join(self._close_timeout_s)
        if self._thread.is_alive():
            end_core()


class _Sink:
    """Calls wandb, in a thread of its own, and catches every error of wandb."""

    def __init__(
        self, config: WandbConfig, run_id: str, name: str, folder: Path, init_timeout_s: float, finish_timeout_s: float
    ) -> None:
        self.config, self.run_id, self.name, self.folder = config, run_id, name, folder
        self.init_timeout_s, self.finish_timeout_s = init_timeout_s, finish_timeout_s
        self.note = ""
        self.online = False
        self._run: PublishedRun | None = None
        self._recoveries = 0
        self._items: list[Publication] = []

    def run(self, queue: SimpleQueue[Publication | None], history: Sequence[Entry]) -> None:
        """Serve the queue until it says None."""
        try:
            refused = refusal(self.folder)
            if refused is not None:
                self.note = f"W&B: not used; {refused}"
                return
            self._items = catch_up(history)
            self._start(choose_mode(self.config, os.environ))
            for item in iter(queue.get, None):
                self._items.append(item)
                if self._run is not None:
                    self._attempt(self._run.publish, item)
            self._finish()
        except Exception as error:
            self._give_up(error)

    def _start(self, mode: Mode) -> None:
        if mode == "disabled":
            return
        if mode == "online":
            try:
                run = self._open("online")
                self._run, self.online = PublishedRun(run, int(run.starting_step) - 1, self.folder), True
                self.note = f"W&B: {run.url}"
            except Exception as error:
                log.info("no online run: %s", short(error), exc_info=True)
                teardown()
        if self._run is None:
            self._attempt(self._start_offline)
        self._attempt(self._replay)

    def _start_offline(self) -> None:
        self.online = False
        last = last_published(self.folder, self.run_id)
        self._run = PublishedRun(self._open("offline"), last, self.folder)
        self.note = f"W&B: offline; upload with {sync_command(self.config, self.folder)}"

    def _open(self, mode: Literal["online", "offline"]) -> Any:
        limits = {"init_timeout_s": self.init_timeout_s, "finish_timeout_s": self.finish_timeout_s}
        return open_run(self.config, self.run_id, self.name, self.folder, mode, **limits)

    def _replay(self) -> None:
        if self._run is not None:
            self._run.publish_all(self._items)

    def _attempt(self, action: Any, *arguments: Any) -> None:
        """Do something with wandb; when wandb broke, go on in a new offline segment, a few times."""
        try:
            action(*arguments)
        except Exception as error:
            log.info("the W&B run broke: %s", short(error), exc_info=True)
            self._recover(error)

    def _recover(self, error: Exception) -> None:
        self._run = None
        self._recoveries += 1
        if self._recoveries > RECOVERIES:
            self._give_up(error)
            return
        teardown()
        time.sleep(1.1)  # segments are named by the second
        self._attempt(self._start_offline)
        self._attempt(self._replay)

    def _finish(self) -> None:
        if self._run is None:
            return
        try:
            self._run.run.finish(exit_code=0)
        except Exception as error:
            log.info("the W&B run is not finished: %s", short(error), exc_info=True)
            if self.online:
                self.note = f"W&B: the server fell silent; {sync_command(self.config, self.folder)} sends the rest"
            self.online = False
            teardown()
        else:
            if self.online:
                mark_synced(segments(self.folder, self.run_id))

    def _give_up(self, error: Exception) -> None:
        self._run, self.online = None, False
        self.note = f"W&B: not available ({short(error)}); the journal has everything"
        log.info("%s", self.note)


def catch_up(history: Sequence[Entry]) -> list[Publication]:
    """Return what is published of a journal."""
    state, publications, items = CampaignState(), Publications(), []
    for entry in history:
        apply(state, entry)
        item = _publication(publications, entry, state)
        if item is not None:
            items.append(item)
    return items


def _publication(publications: Publications, entry: Entry, state: CampaignState) -> Publication | None:
    """Return what is published of an event; one that cannot be published is left out."""
    try:
        return publications.of(entry, state)
    except Exception:
        log.info("event %s is not published", entry.seq, exc_info=True)
        return None
