"""Judge the rungs: gather the evidence of each and ask the stopping policy for a verdict. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import fitted_subsets, ladder_rungs, subsets_heldout
from alloop.decisions.label_budget import heldout_complete
from alloop.decisions.production_runs import can_extend, extended_ps, is_measured, measured_systems, production_ps
from alloop.decisions.refits import under_way
from alloop.failures import blaming
from alloop.journal.events import Event, ProductionExtended, RungJudged, SubsetsJudged, VerdictReached
from alloop.state.records import FrameState, RungState
from alloop.state.state import CampaignState
from alloop.tasks.contract.evaluate import EvaluateSummary
from alloop.transport.quantities import Reading, read_quantities
from alloop.transport.results import Measured, TransportSummary
from policies.stopping.ladder import MeasureMore, RungEvidence, TransportEvidence, Verdict, summarise
from policies.stopping.transport import QUANTITIES, refuse_weak

Floats = NDArray[np.float64]


def judge_rungs(state: CampaignState, charter: Charter) -> list[Event]:
    """Judge the ladder up to the largest rung below which every rung is evaluated and measured.

    The largest of all waits for its committee, which would be left without members after a verdict.
    """
    heldout = heldout_complete(state, charter)
    if heldout is None:
        return []
    rungs = _leading(ladder_rungs(state, charter), lambda rung: _is_known(state, charter, rung, heldout))
    if not rungs or not rungs[-1].size or _judged_so(state, charter, rungs[-1], heldout):
        return []
    ladder = charter.config.ladder.rungs
    if charter.goal == "verdict" and rungs[-1].size == ladder[-1] and under_way(state):
        return []
    frames = state.labelled_frames("heldout")[:heldout]
    evidence = [_evidence(rung, state, charter, heldout, frames) for rung in rungs]
    answer = _ask(charter, evidence, ladder)
    longer = _extension(rungs, charter, answer) if isinstance(answer, MeasureMore) else []
    events: list[Event] = [
        RungJudged(
            size=rung.size,
            heldout=heldout,
            table=_table(evidence[: place + 1], state, charter),
            judgements=_changes(evidence[: place + 1], charter, ladder),
            production_ps=production_ps(rung, charter),
            final=not (longer and place == len(rungs) - 1),
        )
        for place, rung in enumerate(rungs)
        if rung.size and not _judged_so(state, charter, rung, heldout)
    ]
    if answer is not None and not isinstance(answer, MeasureMore):
        events.append(VerdictReached(verdict=answer.kind, reason=answer.reason))
    return [*events, *longer]


def judge_subsets(state: CampaignState, charter: Charter, *, idle: bool) -> list[Event]:
    """Judge the ladder of random subsets when all of it is known, or when no more of it can become known."""
    drawn, heldout = state.drawn, subsets_heldout(state)
    assert drawn is not None
    fitted = fitted_subsets(state, charter)
    rungs = [rung for rung in fitted if _is_known(state, charter, rung, heldout)]
    if len(rungs) < len(drawn.rungs) and not idle:
        return []
    frames = [state.frames[name] for name in drawn.heldout]
    evidence = [_evidence(rung, state, charter, heldout, frames) for rung in rungs]
    if not evidence:
        why = f"no rung could be fitted and measured ({state.last_problem or 'nothing was done'})"
        return [SubsetsJudged(number=drawn.number, table=(), judgements=(), converged=False, reason=why)]
    ladder = tuple(record.size for record in drawn.rungs)
    answer = _ask(charter, evidence, ladder)
    longer = _extension(rungs, charter, answer) if isinstance(answer, MeasureMore) else []
    verdict = None if isinstance(answer, MeasureMore) else answer
    return longer or [
        SubsetsJudged(
            number=drawn.number,
            table=_table(evidence, state, charter),
            judgements=_changes(evidence, charter, ladder),
            converged=verdict is not None and verdict.kind == "converged",
            reason=verdict.reason if verdict is not None else "not all rungs could be fitted and measured",
        )
    ]


def _ask(charter: Charter, evidence: list[RungEvidence], ladder: tuple[int, ...]) -> Verdict | MeasureMore | None:
    policy = charter.config.ladder.policy
    with blaming("ladder.policy", policy):
        return charter.stopping.judge(evidence, ladder, charter.seed("judge"))


def _extension(rungs: list[RungState], charter: Charter, wish: MeasureMore) -> list[Event]:
    """Return the extensions a policy asked for, by the length they lead to; none that changes nothing."""
    wanted: dict[float, list[str]] = {}
    for rung in rungs:
        if rung.size in wish.sizes and extended_ps(rung, charter) > production_ps(rung, charter):
            wanted.setdefault(extended_ps(rung, charter), []).append(rung.name)
    reason = wish.reason
    return [ProductionExtended(rungs=tuple(names), production_ps=ps, reason=reason) for ps, names in wanted.items()]


def _leading(rungs: list[RungState], known: Callable[[RungState], bool]) -> list[RungState]:
    """Return the rungs before the first that is not known."""
    first = next((place for place, rung in enumerate(rungs) if not known(rung)), len(rungs))
    return rungs[:first]


def _is_known(state: CampaignState, charter: Charter, rung: RungState, heldout: int) -> bool:
    evaluated = all((model, heldout) in state.evaluations for model in rung.models.values())
    return evaluated and is_measured(state, charter, rung)


def _judged_so(state: CampaignState, charter: Charter, rung: RungState, heldout: int) -> bool:
    now = (rung.size, heldout, production_ps(rung, charter))
    return any((event.size, event.heldout, event.production_ps) == now for event in state.judged)


def _table(evidence: list[RungEvidence], state: CampaignState, charter: Charter) -> tuple[dict[str, Any], ...]:
    """Return the rungs as rows; transport says where its conductivity is, and whether the cell is narrow."""
    rows = [_plain(asdict(summarise(rung))) for rung in evidence]
    at_K, narrow = charter.config.ladder.conductivity_at_K, _narrow(state, charter)
    for row in rows:
        row["transport"] = [{**one, "at_K": at_K, "narrow": narrow.get(one["system"], "")} for one in row["transport"]]
    return tuple(rows)


def _narrow(state: CampaignState, charter: Charter) -> dict[str, str]:
    """Return by system and composition why its results may be limited by the size of the cell."""
    known = {system: one.narrow for (_, _, system, _), one in state.transports.items() if one is not None}
    compositions = {charter.composition(system): why for system, why in known.items() if why}
    return known | compositions


def _changes(evidence: list[RungEvidence], charter: Charter, ladder: tuple[int, ...]) -> tuple[dict[str, Any], ...]:
    """Compare the last two rungs, at the level of their place on the ladder, whatever the stopping policy looks at."""
    labelled = [rung for rung in evidence if rung.size]
    if len(labelled) < 2 or any(rung.unmeasured() for rung in labelled[-2:]):
        return ()
    level = charter.yardstick.level(labelled[-1].size, ladder)
    judgements = charter.yardstick.compare(labelled[-2], labelled[-1], level=level)
    return tuple({**_plain(asdict(j)), "text": str(j)} for j in judgements)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with None in place of NaN, as it will be read back from the journal."""
    return {key: _plain_value(value) for key, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_plain_value(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _evidence(
    rung: RungState, state: CampaignState, charter: Charter, heldout: int, frames: list[FrameState]
) -> RungEvidence:
    evaluations = [state.evaluations[model, heldout] for _, model in sorted(rung.models.items())]
    measured: dict[str, list[TransportEvidence]] = {}
    for system in measured_systems(charter):
        measured.setdefault(charter.composition(system), []).append(_transport(rung, system, state, charter))
    return RungEvidence(
        size=rung.size,
        energy_error=np.array([_energy_errors(e, rung, frames, charter) for e in evaluations]),
        forces_squared_error=np.array([e.forces_squared_error for e in evaluations]),
        cluster=tuple(cluster(frame) for frame in frames),
        transport=tuple(_standing(name, some, alone=not rung.size) for name, some in measured.items()),
        can_extend=can_extend(state, charter, rung),
    )


def _standing(composition: str, orderings: list[TransportEvidence], alone: bool) -> TransportEvidence:
    return refuse_weak(TransportEvidence.of_orderings(composition, orderings), alone)


def cluster(frame: FrameState) -> str:
    """Return the group of frames whose errors are correlated: the frame's walker, or the frame itself if imported."""
    return frame.id if frame.walker == "imported" else frame.walker


def _energy_errors(evaluation: EvaluateSummary, rung: RungState, frames: list[FrameState], charter: Charter) -> Floats:
    """Return the errors per atom (eV/atom); a foundation's without their mean in each composition.

    A foundation counts energies from atoms of its own reference: its energies differ from the labels' by a constant of
    the composition, which says nothing about the dynamics.
    """
    errors = np.array(evaluation.energy_error_eV_per_atom, dtype=float)
    if rung.kind == "foundation":
        compositions = np.array([charter.composition(frame.system) for frame in frames])
        for one in np.unique(compositions):
            errors[compositions == one] -= errors[compositions == one].mean()
    return errors


def _transport(rung: RungState, system: str, state: CampaignState, charter: Charter) -> TransportEvidence:
    length, at_K = production_ps(rung, charter), charter.config.ladder.conductivity_at_K
    answers = [state.transports[rung.name, fit, system, length] for fit in sorted(rung.models)]
    summaries = [answer.transport if answer is not None else None for answer in answers]
    readings = [read_quantities(summary, at_K) for summary in summaries]
    numbers: dict[str, Floats] = {}
    for field in (quantity.field for quantity in QUANTITIES):
        numbers |= _columns(field, [reading[field] for reading in readings])
    return TransportEvidence(
        system=system,
        **numbers,
        unmeasured=_first([_unmeasured(*pair) for pair in zip(summaries, readings, strict=True)]),
        unphysical=_first([summary.unphysical for summary in summaries if summary is not None]),
        orderings=(),
    )


def _columns(field: str, fits: list[Reading]) -> dict[str, Floats]:
    """Return a quantity of the fits and its error from the dynamics; NaN where it is not known."""
    known = [(fit.value, fit.se) if isinstance(fit, Measured) else (None, None) for fit in fits]
    values, errors = np.array(known, dtype=float).reshape(-1, 2).T
    return {field: values, f"se_{field}": errors}


def _unmeasured(summary: TransportSummary | None, readings: dict[str, Reading]) -> str | None:
    """Return why something could not be measured with a fit, or None; a slope may be lost in its error."""
    whole = summary.unmeasured_apart_from_slope if summary is not None else None
    return whole or next((reading for reading in readings.values() if isinstance(reading, str)), None)


def _first(reasons: list[str | None]) -> str | None:
    """Return the first reason, with the number of the fit it comes from."""
    said = [(fit, reason) for fit, reason in enumerate(reasons) if reason]
    return f"fit {said[0][0]}: {said[0][1]}" if said else None
