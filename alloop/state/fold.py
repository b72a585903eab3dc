"""The fold of the journal: how each event changes the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from alloop.failures import one_line
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
from alloop.state import fold_campaign, fold_code, fold_frames, fold_ladder, fold_tasks
from alloop.state.admission import MisfitError, admit
from alloop.state.state import CampaignState

HEARTBEAT_GAP_S = 120.0
"""Longest time between two events (s) in which a driver is taken to have lived."""

_FOLDS: dict[type, Callable[[CampaignState, Any], None]] = {
    CampaignCreated: fold_campaign.created,
    ConfigChanged: fold_campaign.config_changed,
    PolicyChanged: fold_campaign.policy_changed,
    LabelsImported: fold_campaign.labels_imported,
    GenerationOpened: fold_campaign.generation_opened,
    RungJudged: fold_ladder.rung_judged,
    ProductionExtended: fold_ladder.production_extended,
    SubsetsDrawn: fold_ladder.subsets_drawn,
    SubsetsJudged: fold_ladder.subsets_judged,
    VerdictReached: fold_campaign.verdict_reached,
    CodeDriftFound: fold_code.drift_found,
    CodeChanged: fold_code.code_changed,
    CodeRefused: fold_code.code_refused,
    TaskPlanned: fold_tasks.task_planned,
    TaskFinished: fold_tasks.task_finished,
    AttemptLost: fold_tasks.attempt_lost,
    SelectionAsked: fold_frames.selection_asked,
    FramesSelected: fold_frames.frames_selected,
    HeldoutDrawn: fold_frames.heldout_drawn,
}


def fold(entries: Iterable[Entry]) -> CampaignState:
    """Return the state after all entries.

    Raises
    ------
    JournalError
        If an event does not fit those before it, as in a journal that somebody changed.
    """
    state = CampaignState()
    for entry in entries:
        try:
            admit(state, entry.event)
        except MisfitError as error:
            what = one_line(f"event {entry.seq} ({entry.event.kind}) does not fit those before it: {error}")
            raise JournalError(f"the journal's {what}; restore it from a copy") from error
        apply(state, entry)
    return state


def apply(state: CampaignState, entry: Entry) -> None:
    """Fold one event into the state."""
    _pass_time(state, entry)
    state.seq = entry.seq
    change = _FOLDS.get(type(entry.event))
    if change is not None:
        change(state, entry.event)


def _pass_time(state: CampaignState, entry: Entry) -> None:
    if state.last_t is not None and not isinstance(entry.event, DriverStarted | ConfigChanged):
        state.wall_s += max(0.0, min(entry.t - state.last_t, HEARTBEAT_GAP_S))
    state.last_t = entry.t
    if isinstance(entry.event, DriverStarted):
        state.driver_t = entry.t
