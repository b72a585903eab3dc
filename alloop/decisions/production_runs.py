"""Find the production runs and measurements that the rungs still lack. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from alloop.config.measuring import MeasureConfig
from alloop.decisions.charter import Charter
from alloop.state.records import RungState, RunState
from alloop.state.state import CampaignState


@dataclass(frozen=True)
class ProductionWalkerId:
    """One production run of a fit in a system: its temperature (K) and replica."""

    temperature_K: float
    replica: int


@dataclass(frozen=True)
class ProductionSegment:
    """The next segment of one task's production runs."""

    rung: RungState
    fit: int
    system: str
    batch: int
    walkers: tuple[ProductionWalkerId, ...]
    number: int
    start: str | None


@dataclass(frozen=True)
class Measurement:
    """One measurement that is possible and not done: a fit in a system, from runs of one length."""

    rung: RungState
    fit: int
    system: str
    production_ps: float


def measured_systems(charter: Charter) -> tuple[str, ...]:
    """Return the systems whose transport is measured, in the order of the config."""
    if charter.config.measure is None:
        return ()
    ladder = charter.config.ladder
    return tuple(name for name in charter.systems if ladder.measures(name, charter.composition(name)))


def batches(settings: MeasureConfig) -> list[tuple[ProductionWalkerId, ...]]:
    """Return the production runs of one fit in one system, grouped as they are evaluated together."""
    runs = [ProductionWalkerId(t, r) for r, t in product(range(settings.replicas), settings.temperatures_K)]
    size = settings.walkers_per_task
    return [tuple(runs[i : i + size]) for i in range(0, len(runs), size)]


def production_ps(rung: RungState, charter: Charter) -> float:
    """Return how long a rung's production runs shall be (ps); 0 where none is measured."""
    settings = charter.config.measure
    if settings is None:
        return 0.0
    return settings.production_ps if rung.production_ps is None else rung.production_ps


def next_segments(state: CampaignState, charter: Charter, rungs: list[RungState]) -> Iterator[ProductionSegment]:
    """Yield the next segment of every production run that is not as long as it shall be."""
    settings = charter.config.measure
    if settings is None:
        return
    groups = batches(settings)
    for rung in rungs:
        wanted = _segments(rung, charter, settings)
        for fit, system in product(sorted(rung.models), measured_systems(charter)):
            for number, walkers in enumerate(groups):
                run = state.runs.get((rung.name, fit, system, number), RunState())
                if not run.over and len(run.segments) < wanted:
                    start = run.segments[-1] if run.segments else None
                    yield ProductionSegment(rung, fit, system, number, walkers, len(run.segments), start)


def measurements(state: CampaignState, charter: Charter, rungs: list[RungState]) -> Iterator[Measurement]:
    """Yield the measurements whose runs are complete and that are not done."""
    for rung in rungs:
        length = production_ps(rung, charter)
        for fit, system in product(sorted(rung.models), measured_systems(charter)):
            done = (rung.name, fit, system, length) in state.transports
            if not done and _complete(state, charter, rung, fit, system):
                yield Measurement(rung, fit, system, length)


def is_measured(state: CampaignState, charter: Charter, rung: RungState) -> bool:
    """Return whether every fit of a rung is measured in every system, from runs of the length now wanted."""
    length = production_ps(rung, charter)
    return all(
        (rung.name, fit, system, length) in state.transports
        for fit, system in product(sorted(rung.models), measured_systems(charter))
    )


def can_extend(state: CampaignState, charter: Charter, rung: RungState) -> bool:
    """Return whether longer production runs of a rung are allowed and possible."""
    settings = charter.config.measure
    if settings is None or production_ps(rung, charter) >= settings.max_ps:
        return False
    return any(not run.over for (name, *_), run in state.runs.items() if name == rung.name)


def extended_ps(rung: RungState, charter: Charter) -> float:
    """Return the length of a rung's production runs (ps) after the next extension: twice the present one."""
    settings = charter.config.measure
    return 0.0 if settings is None else min(2 * production_ps(rung, charter), settings.max_ps)


def _complete(state: CampaignState, charter: Charter, rung: RungState, fit: int, system: str) -> bool:
    assert charter.config.measure is not None
    settings = charter.config.measure
    wanted = _segments(rung, charter, settings)
    runs = [state.runs.get((rung.name, fit, system, number)) for number in range(len(batches(settings)))]
    return all(run is not None and (run.over or len(run.segments) >= wanted) for run in runs)


def _segments(rung: RungState, charter: Charter, settings: MeasureConfig) -> int:
    return max(1, math.ceil(production_ps(rung, charter) / settings.segment_ps - 1e-9))
