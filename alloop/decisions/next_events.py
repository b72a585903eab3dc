"""Return the decisions that are due: events that follow from the state alone. Pure; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable

from alloop.config.label import engine_name
from alloop.decisions.charter import Charter
from alloop.decisions.label_budget import heldout_need, label_allowance, labels_left, training_need
from alloop.decisions.refits import generation_due
from alloop.decisions.retirement import retire
from alloop.decisions.rung_judgement import judge_rungs, judge_subsets
from alloop.decisions.selection_needs import (
    fresh_candidates,
    heldout_pool,
    heldout_walkers,
    oldest_fresh,
    pool_full,
    selection_size,
    stalled,
    starving,
)
from alloop.decisions.teaching import teaching_failure
from alloop.journal.events import Event, FramesSelected, HeldoutDrawn, SelectionAsked, VerdictReached
from alloop.journal.verdicts import VerdictName
from alloop.state.state import RETRIED, CampaignState
from alloop.tasks.contract.select import ChosenFrame

Rule = Callable[[CampaignState, Charter], list[Event]]


def decide(state: CampaignState, charter: Charter, *, idle: bool) -> list[Event]:
    """Return the events of the first decision that is due, or nothing.

    Parameters
    ----------
    state : CampaignState
        The campaign so far.
    charter : Charter
        What it was founded on.
    idle : bool
        Whether no task runs and none is planned. In lockstep nothing but an emergency is decided before that;
        an idle campaign without a decision has nothing left to do and ends.
    """
    if state.drift is not None or charter.goal == "study":
        return []
    if state.subsets_open():
        return judge_subsets(state, charter, idle=idle)
    if state.verdict is not None or charter.goal == "subsets":
        return []
    if charter.goal == "taught":
        return _emergency(state, charter)
    if charter.goal == "transport":
        return judge_rungs(state, charter)
    emergency = _emergency(state, charter)
    if emergency or not (idle or charter.config.overlap):
        return emergency
    for rule in _RULES:
        events = rule(state, charter)
        if events:
            return events
    return _nothing_left(state, charter) if idle else []


# -- ends --------------------------------------------------------------------------------------------------------


def _emergency(state: CampaignState, charter: Charter) -> list[Event]:
    budget = charter.config.budget
    failed = sum(state.failures.values())
    if failed > budget.failed_labels:
        return _end(
            "stopped",
            f"{failed} labels failed, budget.failed_labels is {budget.failed_labels}: {_count(state.failures)}",
        )
    if budget.wall_h is not None and state.wall_s > 3600.0 * budget.wall_h:
        return _end("budget_spent", f"wall time {state.wall_s / 3600:.3g} h of {budget.wall_h:g} h is spent")
    untaught = teaching_failure(state, charter)
    if untaught is not None:
        return _end(
            "stopped", f"{untaught}; begin a campaign of another `name` with a mended teacher or with `teacher: null`"
        )
    return []


def _nothing_left(state: CampaignState, charter: Charter) -> list[Event]:
    if labels_left(state, charter) == 0:
        labels, hours = state.labels_spent(), state.dft_core_s / 3600
        engine = engine_name(state.config.get("label", {}))
        return _end("budget_spent", f"the label budget is spent: {labels} labels, {hours:.2f} {engine} core-hours")
    pool = fresh_candidates(state, charter)
    if pool and training_need(state, charter) and state.asked is None:
        return _end("stopped", f"the policy {charter.config.select.policy!r} chooses none of {pool} candidates")
    if not heldout_walkers(state, charter):
        return _end("stopped", f"no held-out walker offers a frame any more{_last_problem(state)}")
    problems = _count({reason: n for reason, n in (state.broken + state.failures).items() if reason != RETRIED})
    why = f"{problems or 'the walkers offer no frame'}{_last_problem(state)}"
    return _end("stopped", f"nothing is left that could be done ({why})")


def _last_problem(state: CampaignState) -> str:
    return f"; last: {state.last_problem}" if state.last_problem else ""


def _end(verdict: VerdictName, reason: str) -> list[Event]:
    return [VerdictReached(verdict=verdict, reason=reason)]


def _count(reasons: dict[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


# -- frames ------------------------------------------------------------------------------------------------------


def _select_initial(state: CampaignState, charter: Charter) -> list[Event]:
    frames = list(state.pool_initial.values())
    if not frames or any(task.task in ("initial", "choose") for task in state.running.values()):
        return []
    known = {f.id: "imported" for f in frames if f.offer.structure_sha256 in state.imported_structures}
    frames = sorted((f for f in frames if f.id not in known), key=lambda frame: (frame.offer.index, frame.system))
    frames = frames[: label_allowance(state, charter)]
    chosen = tuple(ChosenFrame(id=frame.id, rank=rank, why="initial") for rank, frame in enumerate(frames, start=1))
    if not chosen and not known:
        return []
    seed = charter.config.seed
    return [FramesSelected(generation=None, policy="initial", seed=seed, chosen=chosen, rejected=known)]


def _draw_heldout(state: CampaignState, charter: Charter) -> list[Event]:
    need = heldout_need(state, charter)
    frames = heldout_pool(state) if need else []
    return [HeldoutDrawn(frames=tuple(frame.id for frame in frames[:need]))] if need and frames else []


def _ask_for_selection(state: CampaignState, charter: Charter) -> list[Event]:
    active, need = state.active(), training_need(state, charter)
    news = state.segments_since_selection > 0 or state.last_chosen > 0
    if active is None or state.asked is not None or not need or not news or not starving(state, charter):
        return []
    tired = stalled(state, charter)
    if tired and state.selections and not state.last_chosen and not state.running:
        return _nothing_left(state, charter)
    if charter.config.overlap and not tired and not pool_full(state, charter):
        return []
    return [
        SelectionAsked(
            number=state.selections,
            generation=active.number,
            oldest=oldest_fresh(state, charter),
            count=min(selection_size(charter), need),
            seed=charter.seed(f"selection/{state.selections}"),
        )
    ]


# -- generations -------------------------------------------------------------------------------------------------


def _open_generation(state: CampaignState, charter: Charter) -> list[Event]:
    due = generation_due(state, charter)
    return [due] if due else []


_RULES: tuple[Rule, ...] = (_select_initial, _open_generation, retire, _draw_heldout, judge_rungs, _ask_for_selection)
