"""The fold of the journal: how each event changes the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from alloop.folding import campaign, code, frames, ladder, tasks
from alloop.journal.events import (
    AttemptLost,
    CampaignCreated,
    CodeChanged,
    CodeDriftFound,
    CodeRefused,
    ConfigChanged,
    DriverStarted,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    LabelsImported,
    PolicyChanged,
    ProductionExtended,
    RungJudged,
    SelectionAsked,
    SubsetsDrawn,
    SubsetsJudged,
    TaskFinished,
    TaskPlanned,
    VerdictReached,
)
from alloop.journal.journal import Entry, JournalError
from alloop.state import State

HEARTBEAT_GAP_S = 120.0
"""Longest time between two events (s) in which a driver is taken to have lived."""

_FOLDS: dict[type, Callable[[State, Any], None]] = {
    CampaignCreated: campaign.created,
    ConfigChanged: campaign.config_changed,
    PolicyChanged: campaign.policy_changed,
    LabelsImported: campaign.labels_imported,
    GenerationOpened: campaign.generation_opened,
    RungJudged: ladder.rung_judged,
    ProductionExtended: ladder.production_extended,
    SubsetsDrawn: ladder.subsets_drawn,
    SubsetsJudged: ladder.subsets_judged,
    VerdictReached: campaign.verdict_reached,
    CodeDriftFound: code.drift_found,
    CodeChanged: code.code_changed,
    CodeRefused: code.code_refused,
    TaskPlanned: tasks.task_planned,
    TaskFinished: tasks.task_finished,
    AttemptLost: tasks.attempt_lost,
    SelectionAsked: frames.selection_asked,
    FramesSelected: frames.frames_selected,
    HeldoutDrawn: frames.heldout_drawn,
}


def fold(entries: Iterable[Entry]) -> State:
    """Return the state after all entries.

    Raises
    ------
    JournalError
        If an event does not fit those before it, as in a journal that somebody changed.
    """
    state = State()
    for entry in entries:
        try:
            apply(state, entry)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            what = f"event {entry.seq} ({entry.event.kind}) does not fit those before it ({type(error).__name__})"
            raise JournalError(f"the journal's {what}; restore it from a copy") from error
    return state


def apply(state: State, entry: Entry) -> None:
    """Fold one event into the state."""
    _pass_time(state, entry)
    state.seq = entry.seq
    change = _FOLDS.get(type(entry.event))
    if change is not None:
        change(state, entry.event)


def _pass_time(state: State, entry: Entry) -> None:
    if state.last_t is not None and not isinstance(entry.event, DriverStarted | ConfigChanged):
        state.wall_s += max(0.0, min(entry.t - state.last_t, HEARTBEAT_GAP_S))
    state.last_t = entry.t
