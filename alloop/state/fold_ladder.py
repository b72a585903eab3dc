"""Events of the ladder: production runs, transport, judged rungs, and random subsets of a finished set."""

from __future__ import annotations

from alloop.journal.events import ProductionExtended, RungJudged, SubsetsDrawn, SubsetsJudged, TaskFinished
from alloop.journal.verdicts import LIFTABLE_VERDICTS
from alloop.state.records import RungState, RunState, TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.measure import MeasureSummary
from alloop.tasks.contract.produce import ProduceSummary


def rung_judged(state: CampaignState, event: RungJudged) -> None:
    """A rung was judged."""
    state.judged.append(event)


def production_extended(state: CampaignState, event: ProductionExtended) -> None:
    """Some rungs are measured by longer runs."""
    for name in event.rungs:
        state.rung(name).production_ps = event.production_ps


def subsets_drawn(state: CampaignState, event: SubsetsDrawn) -> None:
    """A ladder of random subsets is asked for."""
    state.drawn, state.subsets_judged = event, None
    state.subsets = {
        record.size: RungState(record.size, record.frames, kind="random", ladder=event.number) for record in event.rungs
    }


def subsets_judged(state: CampaignState, event: SubsetsJudged) -> None:
    """The ladder of random subsets has its answer."""
    state.subsets_judged = event


def produce_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    """A segment of production runs ended."""
    state.segments_produced += event.status == "ok"
    context = task.context
    if context["measuring"] != state.measurings:
        return
    name = (context["rung"], int(context["fit"]), context["system"], int(context["batch"]))
    run = state.runs.setdefault(name, RunState())
    if event.status != "ok":
        run.over = True
        return
    run.segments.append(event.key)
    summary = ProduceSummary.model_validate(event.summary)
    run.over = all(walker.ended != "length" for walker in summary.walkers)


def measure_finished(state: CampaignState, task: TaskState, event: TaskFinished) -> None:
    """Transport of one fit in one system was measured, or could not be."""
    context = task.context
    if context["measuring"] != state.measurings:
        return
    name = (context["rung"], int(context["fit"]), context["system"], float(context["production_ps"]))
    state.transports[name] = MeasureSummary.model_validate(event.summary) if event.status == "ok" else None


def measure_anew(state: CampaignState) -> None:
    """Forget what was measured under other settings, and the verdict that rests on it; files and tasks stay."""
    state.measurings += 1
    state.runs.clear()
    state.transports.clear()
    state.judged.clear()
    rungs = [*state.rungs.values(), *state.subsets.values()]
    if state.foundation_rung is not None:
        rungs.append(state.foundation_rung)
    for rung in rungs:
        rung.production_ps = None
    if state.verdict is not None and state.verdict.verdict not in LIFTABLE_VERDICTS:
        state.verdict = None
