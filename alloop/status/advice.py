"""Ask the rules of `policies.advice` about a campaign that has its verdict. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from alloop.config.campaign import CampaignConfig
from alloop.state.state import CampaignState
from alloop.status.numbers import finite
from alloop.transport.results import TransportSummary
from policies.advice import Advice, Change, Rung, Situation, advise, another_rung

_UNPHYSICAL = ("contact", "temperature", "volume", "nan")


def advice(state: CampaignState) -> tuple[Advice, ...]:
    """Return what limits a campaign and what to change, the most limiting first; nothing before its verdict."""
    try:
        config = CampaignConfig.model_validate(state.config)
    except ValidationError:
        return ()
    return advise(_situation(state, config)) if state.verdict is not None else ()


def _situation(state: CampaignState, config: CampaignConfig) -> Situation:
    assert state.verdict is not None
    assert state.created is not None
    ladder, measure = config.ladder, config.measure
    sizes = (*ladder.rungs, another_rung(ladder.rungs))
    frames = state.labelled_frames("heldout")
    walkers = [walker for walker in state.walkers.values() if ".heldout" not in walker.id and walker.ended]
    return Situation(
        verdict=state.verdict.verdict,
        rungs=_rungs(state),
        changes=_changes(state),
        ladder=ladder.rungs,
        heldout={size: config.heldout.frames_for(size) for size in sizes},
        fits=ladder.fits,
        heldout_frames=len(frames),
        heldout_walkers=max(1, len({frame.walker for frame in frames})),
        kinds=len(state.created.systems) * len(config.explore.temperatures_K),
        labels=state.labels_spent(),
        label_core_s=state.dft_core_s / max(state.labels_spent(), 1),
        label_budget=config.budget.labels,
        core_hours_budget=config.budget.dft_core_hours,
        wall_h=state.wall_s / 3600,
        wall_budget_h=config.budget.wall_h,
        failures=dict(state.failures),
        walkers=len(walkers),
        broken=sum(walker.ended in _UNPHYSICAL for walker in walkers),
        doubted=_doubted(state),
        production_ps=None if measure is None else _production_ps(state),
        longest_ps=None if measure is None else measure.max_ps,
        production_core_h=_production_core_h(state),
        production_K=() if measure is None else tuple(sorted(measure.temperatures_K)),
        broken_K=_broken_temperatures(state),
        explored_K=max(config.explore.temperatures_K),
        unmeasured=_unmeasured(state),
    )


def _production_ps(state: CampaignState) -> float:
    """Return the length of the longest production runs that were judged or measured (ps)."""
    lengths_ps = (*(event.production_ps for event in state.judged), *(ps for *_, ps in state.transports))
    return max(lengths_ps, default=0.0)


def _production_core_h(state: CampaignState) -> float:
    """Return the core-hours of all production runs."""
    finished = [task.finished for task in state.tasks.values() if task.task == "produce" and task.finished is not None]
    times = [event.timing for event in finished if event.timing is not None and not event.reused]
    return sum(time.cores * (time.finished_t - time.started_t) for time in times) / 3600


def _broken_temperatures(state: CampaignState) -> tuple[float, ...]:
    """Return the temperatures (K) at which production runs of the largest rung are unphysical."""
    temperatures = [at for _, one in _transports(state) for at in one.temperatures]
    return tuple(sorted({at.temperature_K for at in temperatures if at.unphysical}))


def _unmeasured(state: CampaignState) -> tuple[str, ...]:
    """Return the systems of the largest rung that have no activation energy for another reason than broken runs."""
    broken = {system for system, one in _transports(state) if one.unphysical}
    told = state.judged[-1].table[-1].get("transport", ()) if state.judged and state.judged[-1].table else ()
    stand = {row["system"] for row in told if not row.get("unmeasured")}
    compositions = {one.name: one.composition for one in state.created.systems} if state.created is not None else {}
    silent = {system for system, one in _transports(state) if one.unmeasured} - broken
    return tuple(sorted(system for system in silent if compositions.get(system) not in stand))


def _transports(state: CampaignState) -> list[tuple[str, TransportSummary]]:
    """Return what the longest runs of the largest rung gave, fit by fit, with the name of the system."""
    last = state.rungs[max(state.rungs)].name if state.rungs else ""
    known = {key: one for key, one in state.transports.items() if key[0] == last and one is not None}
    longest_ps = max((length_ps for *_, length_ps in known), default=0.0)
    return [(system, one.transport) for (_, _, system, ps), one in known.items() if ps == longest_ps]


def _rungs(state: CampaignState) -> tuple[Rung, ...]:
    rows = {int(row["size"]): row for event in state.judged for row in event.table if row["size"]}
    known = []
    for size in sorted(rows):
        errors = [finite(rows[size].get(name)) for name in ("rmse_forces_meV_per_A", "rmse_energy_meV_per_atom")]
        known.append(Rung(size, *(math.nan if error is None else error for error in errors)))
    return tuple(known)


def _changes(state: CampaignState) -> tuple[Change, ...]:
    judgements = state.judged[-1].judgements if state.judged else ()
    return tuple(
        Change(
            metric=str(one.get("metric", "")),
            finding=str(one.get("finding", "")),
            power=finite(one.get("power")),
            wide=_wide(one),
            limit=one.get("limit"),
            system=one.get("system"),
        )
        for one in judgements
    )


def _wide(judgement: Mapping[str, Any]) -> float | None:
    """Return the standard error of a change, in tolerances."""
    se, tolerance = finite(judgement.get("se_delta")), finite(judgement.get("tolerance"))
    return se / tolerance if se is not None and tolerance else None


def _doubted(state: CampaignState) -> tuple[str, ...]:
    if not state.calibrations:
        return ()
    return tuple(sorted(state.calibrations[max(state.calibrations)].doubts))
