"""``scratch``: fits from what the campaign starts from, against fits of the same labels from random weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.measuring import MeasureConfig
from alloop.config.studies import ScratchConfig
from alloop.decisions import fit_requests, task_requests
from alloop.decisions.charter import Charter
from alloop.decisions.evaluations import fitted_rungs
from alloop.decisions.rung_judgement import cluster
from alloop.materials.supercell import repeated
from alloop.state.records import RungState, StudyResult
from alloop.state.state import CampaignState
from alloop.studies.scratch_findings import FROM_SCRATCH, Told, curves, table
from alloop.studies.study import Asked, Study
from alloop.tasks.contract.evaluate import EVALUATE
from alloop.tasks.contract.fit import FIT, FitRequest
from alloop.tasks.contract.pairs import PAIRS, PairsRequest
from alloop.tasks.contract.produce import PRODUCE, ProduceRequest, ProduceSummary, ProductionWalker
from alloop.tasks.contract.request import Request

NAME = "scratch"
SAMPLE_FS, SNAPSHOT_SAMPLES = 10.0, 5
"""A survival time is known to one sample; g(r) counts snapshots."""
SEGMENT_PS = 10.0
"""Length of one task of MD at most: what a killed driver loses."""
THERMOSTAT_FS = 200.0
REACH_A, BIN_A, SNAPSHOTS = 8.0, 0.05, 200


@dataclass(frozen=True)
class _Model:
    """One fit: where it starts, its number, and its request; None of one that the campaign has made."""

    told: Told
    model: str
    request: FitRequest | None


@dataclass(frozen=True)
class _Run:
    """MD of one fit in one system, and the lengths of its segments in steps."""

    told: Told
    name: str
    request: ProduceRequest
    segments: tuple[int, ...]


Results = dict[str, StudyResult]


def wants(state: CampaignState, charter: Charter, settings: ScratchConfig) -> Iterator[Asked]:
    """Yield fits of the largest rung's labels from either start, then their errors, their MD and its pairs."""
    done: Results = {result.key: result for result in state.studies.get(NAME, {}).values()}
    for rung in fitted_rungs(state, charter)[-1:]:
        for one in _models(state, charter, rung, settings.fits):
            name = f"{one.told.start.replace(' ', '-')}/{rung.name}/f{one.told.fit}"
            if one.request is not None:
                yield _asked(name, one.request, one.told)
                if not _is_ok(done, one.request.key()):
                    continue
            yield from _errors(state, charter, name, one)
            for system in charter.systems:
                yield from _dynamics(done, _run(charter, settings, f"{name}/{system}", one, system))


def _models(state: CampaignState, charter: Charter, rung: RungState, fits: int) -> Iterator[_Model]:
    """Yield the fits from either start, those from what the campaign starts from first; none if that is nothing."""
    tuned = partial(fit_requests.rung_fit, charter, state, rung)
    if tuned(0).init is None:
        return
    start = _start(charter)
    for number in range(fits):
        told = Told(part="fit", start=start, fit=number, rung=rung.size)
        if number in rung.models:
            yield _Model(told, rung.models[number], None)
        else:
            yield _fitted(told, tuned(number))
    for number in range(fits):
        told = Told(part="fit", start=FROM_SCRATCH, fit=number, rung=rung.size)
        yield _fitted(told, fit_requests.scratch_fit(charter, state, rung, number))


def _fitted(told: Told, request: FitRequest) -> _Model:
    return _Model(told, f"fit:{request.key()}", request)


def _start(charter: Charter) -> str:
    if charter.config.teacher is not None:
        return "from the teacher"
    return "pre-trained" if charter.config.potential.foundation is None else "from the foundation"


def _errors(state: CampaignState, charter: Charter, name: str, one: _Model) -> Iterator[Asked]:
    frames = state.labelled_frames("heldout")
    if frames:
        places = {walker: place for place, walker in enumerate(dict.fromkeys(map(cluster, frames)))}
        told = one.told.model_copy(
            update={"part": "errors", "clusters": tuple(places[cluster(frame)] for frame in frames)}
        )
        yield _asked(f"{name}/errors", task_requests.evaluate(charter, state, one.model, len(frames)), told)


def _run(charter: Charter, settings: ScratchConfig, name: str, one: _Model, system: str) -> _Run:
    """Return the MD of a fit: runs of one number and system have the same seeds from either start."""
    explore, measure = charter.config.explore, charter.config.measure
    temperatures_K = settings.temperatures_K or (max(explore.temperatures_K),)
    structure = repeated(charter.systems[system], settings.repeat)
    elements = structure.elements()
    every = max(1, round(SAMPLE_FS / explore.timestep_fs))
    segments = _segments(1000.0 * settings.ps / explore.timestep_fs, every * SNAPSHOT_SAMPLES, explore.timestep_fs)
    seeds = [charter.seed(f"study/{NAME}/f{one.told.fit}/{system}/{kelvin:g}K") for kelvin in temperatures_K]
    request = ProduceRequest(
        structure=structure,
        model=one.model,
        dtype=charter.config.potential.dtype,
        walkers=tuple(
            ProductionWalker(temperature_K=kelvin, seed=seed)
            for kelvin, seed in zip(temperatures_K, seeds, strict=True)
        ),
        ensemble="bussi",
        timestep_fs=explore.timestep_fs,
        thermostat_fs=THERMOSTAT_FS,
        # The time that a fit survives counts from the first step.
        equilibration_steps=0,
        steps=segments[0],
        sample_every_steps=every,
        snapshot_every=SNAPSHOT_SAMPLES,
        mobile=_mobile(measure, elements),
        stop_temperature_factor=explore.stop_temperature_factor,
        stop_contact=explore.stop_contact,
    )
    md = {"system": system, "temperatures_K": temperatures_K, "ps": settings.ps, "repeat": settings.repeat}
    told = one.told.model_copy(update={**md, "part": "md", "interval_fs": every * explore.timestep_fs})
    return _Run(told.model_copy(update={"stop_contact": explore.stop_contact}), name, request, segments)


def _mobile(measure: MeasureConfig | None, elements: Sequence[str]) -> str:
    """Return the element whose ions are sampled often: the first mobile one, or any."""
    return next((one for one in (measure.mobile_elements if measure else ()) if one in elements), elements[0])


def _segments(steps: float, unit: int, timestep_fs: float) -> tuple[int, ...]:
    """Return the steps of every segment, whole numbers of snapshots that are `steps` or a little more together."""
    left, most = math.ceil(steps / unit - 1e-9), max(1, int(1000.0 * SEGMENT_PS / timestep_fs / unit))
    return tuple(unit * min(most, left - begun) for begun in range(0, left, most))


def _dynamics(done: Results, run: _Run) -> Iterator[Asked]:
    """Yield the segments of a run up to the first that is not done, then the pairs of its atoms."""
    keys: list[str] = []
    for number, steps in enumerate(run.segments):
        start = keys[-1] if keys else None
        request = run.request.model_copy(update={"steps": steps, "start": start})
        yield _asked(f"{run.name}/md{number}", request, run.told.model_copy(update={"segment": number}))
        result = done.get(request.key())
        if result is None:
            return
        if result.summary is None:
            break
        keys.append(request.key())
        if isinstance(result.summary, ProduceSummary) and all(w.ended != "length" for w in result.summary.walkers):
            break
    for walker in range(len(run.request.walkers) if keys else 0):
        pairs = PairsRequest(segments=tuple(keys), walker=walker, reach_A=REACH_A, bin_A=BIN_A, snapshots=SNAPSHOTS)
        told = run.told.model_copy(update={"part": "pairs", "walker": walker})
        yield _asked(f"{run.name}/pairs{walker}", pairs, told)


def _is_ok(done: Results, key: str) -> bool:
    return key in done and done[key].summary is not None


def _asked(name: str, request: Request, told: Told) -> Asked:
    return Asked(name, request, told.model_dump(mode="json"))


def problem(config: CampaignConfig) -> tuple[KeyPath, str] | None:
    """Return why there is nothing to compare, if every fit of the campaign starts from random weights."""
    data = config.data
    # Labels of another campaign may turn out to have other settings; then they are there to pre-train on.
    pretrains = bool(data.campaigns) or bool(data.initial and data.reference == "other")
    if config.teacher is not None or config.potential.foundation is not None or pretrains:
        return None
    what = "every fit of this campaign starts from random weights, so there is nothing to compare; name a `teacher`"
    return ("studies", NAME), what


STUDY = Study(
    name=NAME,
    kinds=(FIT, EVALUATE, PRODUCE, PAIRS),
    wants=wants,
    table=table,
    plots=lambda state, results, read: curves(results, read),
    problem=problem,
)
