"""``aimd``: molecular dynamics driven by the label engine, beside what the models and the literature say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from alloop.checks.literature import read_literature
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.measuring import MeasureConfig
from alloop.config.studies import AimdConfig
from alloop.config.suggestions import hint
from alloop.decisions.charter import Charter
from alloop.labelling.registry import engine_of
from alloop.materials.supercell import repeated
from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.aimd_findings import NAME, Told, curves, table
from alloop.studies.study import Asked, Study
from alloop.tasks.contract.aimd import (
    AIMD,
    MEASURE_AIMD,
    AimdRequest,
    AimdSummary,
    LiteraturePoint,
    MeasureAimdRequest,
)
from alloop.tasks.contract.measure import ProductionRun
from alloop.tasks.contract.produce import ProductionWalker

KEY: KeyPath = ("studies", NAME)


@dataclass(frozen=True)
class Given:
    """What is not in the config itself: the code of the engine with the study's functional, and published points."""

    code: Mapping[str, str] | None = None
    literature: tuple[LiteraturePoint, ...] = ()


def wants(given: Given, state: CampaignState, charter: Charter, settings: AimdConfig) -> Iterator[Asked]:
    """Yield the next segment of every run, and of a system whose runs are over, its transport."""
    done = {result.key: result for result in state.studies.get(NAME, {}).values()}
    for system in charter.systems:
        if settings.systems is not None and not {system, charter.composition(system)} & {*settings.systems}:
            continue
        runs = [
            _run(given, state, charter, settings, Told(system=system, temperature_K=kelvin, replica=replica))
            for kelvin, replica in product(_temperatures(charter.config, settings), range(settings.replicas))
        ]
        chains = [_chain(done, run, settings.segment_steps) for run in runs]
        yield from (asked for chain in chains for asked in chain.asked)
        if all(chain.over for chain in chains):
            yield _measurement(given, charter, settings, runs[0].told, chains)


@dataclass(frozen=True)
class _Run:
    """One run: the request for the whole of it, and what is told of it."""

    request: AimdRequest
    told: Told


@dataclass(frozen=True)
class _Chain:
    """The segments of a run up to the first that is not done, the keys of those that succeeded; whether it is over."""

    temperature_K: float
    asked: tuple[Asked, ...]
    segments: tuple[str, ...]
    over: bool


def _temperatures(config: CampaignConfig, settings: AimdConfig) -> list[float]:
    return sorted({*(settings.temperatures_K or _measure(config).temperatures_K)})


def _measure(config: CampaignConfig) -> MeasureConfig:
    assert config.measure is not None
    return config.measure


def _run(given: Given, state: CampaignState, charter: Charter, settings: AimdConfig, told: Told) -> _Run:
    measure, assigned = _measure(charter.config), settings.functional_of(charter.config.label)
    structure = repeated(charter.systems[told.system], settings.repeat)
    engine = engine_of(assigned)
    label = engine.for_system(assigned, structure)
    assert told.temperature_K is not None
    seed = charter.seed(f"study/{NAME}/{told.system}/{told.temperature_K:g}K/{told.replica}")
    request = AimdRequest(
        structure=structure,
        settings=label.model_dump(mode="json"),
        code=engine.code_for(given.code or state.code, structure.elements()),
        walkers=(ProductionWalker(temperature_K=told.temperature_K, seed=seed),),
        ensemble=settings.ensemble,
        timestep_fs=settings.timestep_fs,
        thermostat_fs=settings.thermostat_fs,
        equilibration_steps=0,
        steps=settings.steps,
        sample_every_steps=settings.sample_steps,
        snapshot_every=1,
        mobile=measure.mobile,
        stop_temperature_factor=measure.stop_temperature_factor,
        stop_contact=measure.stop_contact,
    )
    return _Run(request, told.model_copy(update={"method": engine.words(label)}))


def _chain(done: Mapping[str, StudyResult], run: _Run, segment_steps: int) -> _Chain:
    """Return the segments of a run as far as they can be asked for."""
    start: str | None = None
    asked: list[Asked] = []
    kept: list[str] = []
    begins = range(0, run.request.steps, segment_steps)
    kelvin, over = run.request.walkers[0].temperature_K, False
    for number, begun in enumerate(begins):
        steps = min(segment_steps, run.request.steps - begun)
        request = run.request.model_copy(update={"steps": steps, "start": start})
        told = run.told.model_copy(update={"segment": number, "segments": len(begins)})
        asked.append(Asked(f"{told.system}/{kelvin:g}K/{told.replica}/{number}", request, told.model_dump(mode="json")))
        start = request.key()
        result = done.get(start)
        if result is None:
            break
        summary = result.summary if isinstance(result.summary, AimdSummary) else None
        kept += [start] if summary is not None else []
        over = number + 1 == len(begins) or summary is None or summary.walkers[0].ended != "length"
        if over:
            break
    return _Chain(kelvin, tuple(asked), tuple(kept), over)


def _measurement(given: Given, charter: Charter, settings: AimdConfig, told: Told, chains: Sequence[_Chain]) -> Asked:
    """Return the request for the transport of a system from its runs."""
    measure = _measure(charter.config)
    temperatures_K = _temperatures(charter.config, settings)
    middle_K = temperatures_K[len(temperatures_K) // 2]
    runs = tuple(ProductionRun(temperature_K=c.temperature_K, segments=c.segments, walker=0) for c in chains)
    request = MeasureAimdRequest(
        system=told.system,
        structure=charter.systems[told.system],
        repeat=settings.repeat,
        runs=runs,
        mobile=measure.mobile,
        charge_e=measure.charge_e,
        targets_K=measure.targets_K,
        planes=dict(measure.planes),
        min_width_A=measure.min_width_A,
        density_at_K=measure.density_at_K if measure.density_at_K in temperatures_K else middle_K,
        density_resolution_A=measure.density_resolution_A,
        skip_ps=settings.skip_ps,
        literature=given.literature,
    )
    whole = told.model_copy(update={"temperature_K": None, "segment": None, "runs": runs})
    return Asked(f"{told.system}/transport", request, whole.model_dump(mode="json"))


def problem(config: CampaignConfig) -> tuple[KeyPath, str] | None:
    """Return what keeps the engine from driving molecular dynamics, of what the config alone can tell."""
    settings = config.studies.aimd
    if config.measure is None:
        return ("measure",), "add a `measure` section: it says what is measured of the runs, with at least `mobile: Li`"
    if settings.xc is not None and not hasattr(config.label, "xc"):
        return (*KEY, "xc"), "the label engine has no functional of this name; leave it out"
    return None


def prepare(asked: Study, loaded: LoadedConfig, state: CampaignState) -> Study:
    """Return the study with the code of its functional and the published points.

    Raises
    ------
    ConfigError
        If a system is unknown, the functional cannot be used, or the file of points cannot be read.
    """
    settings, created = loaded.config.studies.aimd, state.created
    assert created is not None
    known = [*dict.fromkeys(name for one in created.systems for name in (one.name, one.composition) if name)]
    others = f"known: {', '.join(known)}"
    for i, name in enumerate(settings.systems or ()):
        if name not in known:
            what = f"no system or composition is `{name}`; {hint(name, known, others)}"
            raise loaded.error((*KEY, "systems", i), what)
    code = None
    if settings.xc is not None:
        code = _code(loaded, created.elements)
    literature: tuple[LiteraturePoint, ...] = ()
    if settings.literature is not None:
        literature = read_literature(loaded, (*KEY, "literature"), settings.literature)
    return replace(asked, wants=partial(wants, Given(code, literature)))


def _code(loaded: LoadedConfig, elements: tuple[str, ...]) -> dict[str, str]:
    """Return the code that decides a single point with another functional."""
    label = loaded.config.studies.aimd.functional_of(loaded.config.label)
    engine = engine_of(label)
    for line in engine.check(label, elements):
        raise loaded.error((*KEY, "xc"), line.partition(": ")[2] or line)
    return engine.identity(label, elements)


STUDY = Study(
    name=NAME,
    kinds=(AIMD, MEASURE_AIMD),
    wants=partial(wants, Given()),
    table=table,
    plots=lambda state, results, read: curves(state, results),
    problem=problem,
    prepare=prepare,
    of_models=False,
)
