"""Choose of which events the user is alerted. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from alloop.journal.events import CodeChanged, CodeDriftFound, CodeRefused, TaskFinished, Tick, VerdictReached
from alloop.journal.journal import Entry
from alloop.journal.verdicts import VERDICTS
from alloop.state.state import CampaignState
from alloop.status.reasons import counted_words

Level = Literal["INFO", "WARN", "ERROR"]
STALL_S, STALL_TASKS = 1800.0, 3.0
"""Nothing ended or began for this long (s), and for this many times the longest task so far: the campaign stalls."""
_LEVELS: dict[str, Level] = {"good": "INFO", "fair": "WARN", "bad": "ERROR"}


@dataclass(frozen=True)
class Alert:
    """What the user is told at once: a title of less than 64 characters, a text, and how bad it is."""

    title: str
    text: str
    level: Level = "WARN"


class Quiet:
    """Notices that a campaign stalls, from the events of its journal in their order."""

    def __init__(self) -> None:
        self._since_t: float | None = None
        self._longest_s = 0.0
        self._told = False

    def hear(self, entry: Entry) -> Alert | None:
        """Return an alert if a tick says that nothing happened for long; one per stall."""
        if not isinstance(entry.event, Tick) or self._since_t is None:
            timing = entry.event.timing if isinstance(entry.event, TaskFinished) else None
            if timing is not None:
                self._longest_s = max(self._longest_s, timing.finished_t - timing.started_t)
            self._since_t, self._told = entry.t, False
            return None
        idle_s = entry.t - self._since_t
        if self._told or idle_s < max(STALL_S, STALL_TASKS * self._longest_s):
            return None
        self._told = True
        longest = f"the longest task so far took {self._longest_s / 60:.0f} min"
        return Alert("alloop: stalled", f"No task ended or began for {idle_s / 60:.0f} min; {longest}.")


def alert(entry: Entry, state: CampaignState) -> Alert | None:
    """Return the alert of an event already folded into the state, or None."""
    event = entry.event
    if isinstance(event, VerdictReached):
        return Alert(f"alloop: {event.verdict.replace('_', ' ')}", event.reason, _LEVELS[VERDICTS[event.verdict].look])
    if isinstance(event, CodeDriftFound):
        what = f"Other code would make the labels now; {len(event.labels)} labels are made again to compare."
        return Alert("alloop: the code of the labels changed", what)
    if isinstance(event, CodeRefused):
        return Alert("alloop: changed code refused", event.reason, "ERROR")
    if isinstance(event, CodeChanged) and event.probes:
        return Alert("alloop: changed code accepted", f"{len(event.probes)} labels made again agree.", "INFO")
    if isinstance(event, TaskFinished) and event.status == "failed":
        return _failures(event, state)
    return None


def _failures(event: TaskFinished, state: CampaignState) -> Alert | None:
    """Return an alert when half of the failures that the budget allows are used up, and when all are."""
    if state.tasks[event.purpose].task != "label":
        return None
    failed, most = sum(state.failures.values()), int(state.config["budget"]["failed_labels"])
    if failed not in {math.ceil(most / 2), most}:
        return None
    what = f"{failed} labels failed; more than {most} stop the campaign: {counted_words(state.failures)}."
    return Alert(f"alloop: {failed} of {most} failures used", what)
