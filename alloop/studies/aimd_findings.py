"""What the study ``aimd`` found: transport by the label engine, the models and published points. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.plot import Line, Plot
from alloop.studies.study import Cell, Column, Number, Table
from alloop.tasks.contract.aimd import MEASURE_AIMD, AimdSummary, LiteraturePoint, MeasureAimdSummary
from alloop.tasks.contract.measure import MeasureSummary, ProductionRun
from alloop.tasks.contract.records import Record
from alloop.transport.arrhenius import arrhenius_line
from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from alloop.transport.results import Measured, TemperatureTransport, TransportSummary

NAME = "aimd"
COLUMNS = (
    Column("system"),
    Column("source"),
    Column("temperature", "K", "g"),
    Column("length", "ps", ".4g"),
    Column("MSD at the end", "Å²", ".3g"),
    Column("D", "cm²/s", ".3g"),
    Column("conductivity", "S/cm", ".3g"),
    Column("activation energy", "eV", ".3f"),
    Column("note"),
)
HOW = (
    "Molecular dynamics driven by the label engine, from the system's structure with velocities drawn at the "
    "temperature. Measured by the code that measures the models' production runs, with the same limits: D is the "
    "tracer diffusivity of the mobile ions, the conductivity is Nernst-Einstein's; ± is one standard error. A number "
    "that does not count as measured is left out, with the reason in the note. Models: every fit of the largest rung "
    "whose transport is measured in the system. Literature: the points of the CSV file, as they stand there."
)


class Told(Record):
    """Context of a task: a segment of a run, or the transport of a system.

    Of the latter temperature and segment are None, and `runs` are those that it measures.
    """

    system: str
    temperature_K: float | None
    replica: int
    method: str = ""
    segment: int | None = 0
    segments: int = 1
    runs: tuple[ProductionRun, ...] = ()
    study: str = NAME


@dataclass(frozen=True)
class _Source:
    """Transport of a system by one method: the label engine, or a fit of a rung."""

    name: str
    group: str
    found: TransportSummary
    note: str = ""


@dataclass(frozen=True)
class _System:
    """What is known of a system: sources of transport, published points, and runs that are not measured yet."""

    name: str
    sources: tuple[_Source, ...]
    literature: tuple[LiteraturePoint, ...]
    under_way: tuple[tuple[Told, str], ...]


def measurements(state: CampaignState) -> list[tuple[Told, StudyResult]]:
    """Return the newest measurement of every system by every method, whether it succeeded or not."""
    results = (result for result in state.studies.get(NAME, {}).values() if result.kind == MEASURE_AIMD.name)
    told = [(Told.model_validate(result.context), result) for result in results]
    return [*{(one.system, one.method): (one, result) for one, result in told}.values()]


def file_name(*words: str) -> str:
    """Return a part of a file's name that names a system and a method.

    Examples
    --------
    >>> file_name("Li3InCl6", "GPAW PBE + D3, plane waves 340 eV")
    'Li3InCl6.GPAW-PBE-D3-plane-waves-340-eV'
    """
    return ".".join(part for one in words if (part := re.sub(r"[^\w.-]+", "-", one, flags=re.ASCII).strip("-.")))


def table(state: CampaignState, results: Sequence[StudyResult]) -> Table:
    """Return transport at every temperature by every source, then published points."""
    rows: list[tuple[Cell, ...]] = []
    for one in _systems(state, results):
        for source in one.sources:
            rows += _rows(one.name, source)
        rows += [_published(one.name, point) for point in one.literature]
        rows += [_unfinished(told, note) for told, note in one.under_way]
    return Table("Molecular dynamics by the label engine", COLUMNS, tuple(rows), HOW)


def _systems(state: CampaignState, results: Sequence[StudyResult]) -> Iterator[_System]:
    told = [(Told.model_validate(result.context), result) for result in results]
    for system in dict.fromkeys(one.system for one, _ in told):
        own = [(one, result) for one, result in told if one.system == system]
        newest = {one.method: (place, one, result) for place, (one, result) in enumerate(own) if one.segment is None}
        sources = [_by_engine(one, result.summary) for _, one, result in newest.values() if _measured(result)]
        last = next((result.summary for _, _, result in reversed([*newest.values()]) if _measured(result)), None)
        literature = last.literature if isinstance(last, MeasureAimdSummary) else ()
        sources += _of_models(state, system)
        by_element = tuple(one for source in sources for one in _by_element(source))
        yield _System(system, by_element, literature, tuple(_under_way(own, newest)))


def _measured(result: StudyResult) -> bool:
    return isinstance(result.summary, MeasureAimdSummary)


def _by_engine(told: Told, summary: object) -> _Source:
    assert isinstance(summary, MeasureAimdSummary)
    return _Source(f"AIMD, {told.method}", f"AIMD, {told.method}", summary.transport, summary.narrow)


def _by_element(source: _Source) -> Iterator[_Source]:
    """Yield a source, and where several elements are mobile one for each of them, named after it."""
    first, others = source.found, source.found.others
    if not others:
        yield source
        return
    for element, found in {first.element or "": first, **others}.items():
        yield replace(source, name=f"{source.name}, {element}", group=f"{source.group}, {element}", found=found)


def _under_way(
    own: Sequence[tuple[Told, StudyResult]], newest: dict[str, tuple[int, Told, StudyResult]]
) -> Iterator[tuple[Told, str]]:
    """Yield the runs that have segments after the last measurement, or whose last one failed, in words."""
    runs: dict[tuple[str, float | None, int], tuple[int, Told, StudyResult]] = {}
    for place, (told, result) in enumerate(own):
        if told.segment is not None:
            runs[told.method, told.temperature_K, told.replica] = (place, told, result)
    for (method, _, _), (place, told, result) in runs.items():
        failed = "" if isinstance(result.summary, AimdSummary) else f", then {result.reason}: {result.detail}"
        measured = method in newest and newest[method][0] > place
        assert told.segment is not None
        done = told.segment + (not failed)
        if failed or not measured:
            yield told, f"{done} of {told.segments} segments done{failed}"


def _of_models(state: CampaignState, system: str) -> Iterator[_Source]:
    """Yield the transport of every fit of the largest rung that is measured in a system, of its longest runs."""
    sizes = {rung.name: rung.size for rung in state.rungs.values()}
    known = {
        name: found for name, found in state.transports.items() if name[2] == system and found and name[0] in sizes
    }
    largest = max((sizes[rung] for rung, *_ in known), default=0)
    longest: dict[int, tuple[float, MeasureSummary]] = {}
    for (rung, fit, _, length_ps), found in known.items():
        if found is not None and sizes[rung] == largest and length_ps >= longest.get(fit, (0.0,))[0]:
            longest[fit] = (length_ps, found)
    for fit, (_, found) in sorted(longest.items()):
        group = f"models of {largest} labels"
        yield _Source(f"{group}, fit {fit}", group, found.transport, found.narrow)


def _rows(system: str, source: _Source) -> Iterator[tuple[Cell, ...]]:
    """Yield a row per temperature, and one with the activation energy."""
    for at in source.found.temperatures:
        why = [why for why in (at.unphysical, at.unmeasured) if why]
        counts = not why
        yield (
            system,
            source.name,
            Number(at.temperature_K),
            Number(at.length_ps),
            None if at.msd_end_A2 is None else Number(at.msd_end_A2),
            _number(at.D_tracer_cm2_s) if counts else None,
            _number(at.sigma_ne_S_per_cm) if counts else None,
            None,
            "; ".join([*why, *at.notes]),
        )
    arrhenius = source.found.arrhenius
    if len(source.found.temperatures) > 1 or arrhenius is not None:
        energy = None if arrhenius is None or source.found.unmeasured else _number(arrhenius.activation_energy_eV)
        note = "; ".join(part for part in (source.found.unmeasured or "", source.note) if part)
        yield (system, source.name, None, None, None, None, None, energy, note)


def _number(found: Measured | None) -> Number | None:
    return None if found is None else Number(found.value, found.se)


def _published(system: str, point: LiteraturePoint) -> tuple[Cell, ...]:
    D, sigma = point.diffusivity_cm2_per_s, point.conductivity_S_per_cm
    return (
        system,
        f"literature: {point.label}",
        Number(point.temperature_K),
        None,
        None,
        None if D is None else Number(D, point.error),
        None if sigma is None else Number(sigma, point.error),
        None,
        "",
    )


def _unfinished(told: Told, note: str) -> tuple[Cell, ...]:
    kelvin = None if told.temperature_K is None else Number(told.temperature_K)
    return (told.system, f"AIMD, {told.method}", kelvin, None, None, None, None, None, note)


def curves(state: CampaignState, results: Sequence[StudyResult]) -> Iterator[Plot]:
    """Yield conductivity and diffusivity of every system against inverse temperature, with the fitted lines."""
    for one in _systems(state, results):
        sigma = [line for source in one.sources for line in _of_source(source, conductivity=True)]
        sigma += _of_literature((p.label, p.temperature_K, p.conductivity_S_per_cm, p.error) for p in one.literature)
        D = [line for source in one.sources for line in _of_source(source, conductivity=False)]
        D += _of_literature((p.label, p.temperature_K, p.diffusivity_cm2_per_s, p.error) for p in one.literature)
        for what, unit, lines in (("conductivity", "S/cm", sigma), ("D", "cm²/s", D)):
            if lines:
                yield Plot(f"{one.name}: {what}", "1000 / T (1/K)", f"{what} ({unit})", tuple(lines), log_y=True)


def _of_source(source: _Source, *, conductivity: bool) -> Iterator[Line]:
    """Yield the points of a source that count, and between them the line of its Arrhenius fit."""
    points = [
        (1000.0 / at.temperature_K, found)
        for at in source.found.temperatures
        if (found := _of(at, conductivity)) is not None and found.value > 0
    ]
    if points:
        x, values = zip(*points, strict=True)
        errors = tuple(value.se for value in values)
        yield Line(source.name, source.group, x, tuple(value.value for value in values), errors=errors, points=True)
    line = None if conductivity else arrhenius_line(source.found)
    if line is not None and source.found.arrhenius is not None:
        energy_eV, ln_D0 = line
        ends = (min(source.found.arrhenius.used_K), max(source.found.arrhenius.used_K))
        D = tuple(math.exp(ln_D0 - energy_eV / (BOLTZMANN_EV_PER_K * kelvin)) for kelvin in ends)
        yield Line(f"{source.name}: fit", source.group, tuple(1000.0 / kelvin for kelvin in ends), D)


def _of(at: TemperatureTransport, conductivity: bool) -> Measured | None:
    if at.unmeasured or at.unphysical:
        return None
    return at.sigma_ne_S_per_cm if conductivity else at.D_tracer_cm2_s


def _of_literature(points: Iterable[tuple[str, float, float | None, float | None]]) -> list[Line]:
    """Return a line of points for every label."""
    known = [(label, kelvin, value, error) for label, kelvin, value, error in points if value is not None]
    lines = []
    for label in dict.fromkeys(label for label, *_ in known):
        own = [(1000.0 / kelvin, value, error) for name, kelvin, value, error in known if name == label]
        x, y, errors = zip(*own, strict=True)
        lines.append(Line(label, label, x, y, errors=errors if any(e is not None for e in errors) else (), points=True))
    return lines
