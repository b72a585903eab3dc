"""What the study ``scratch`` found: errors, survival times and shortest contacts, and g(r). Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.data import atomic_numbers, covalent_radii

from alloop.state.records import StudyResult
from alloop.state.state import CampaignState
from alloop.studies.plot import Line, Plot
from alloop.studies.study import Cell, Column, Number, Read, Table
from alloop.tasks.contract.evaluate import EvaluateSummary
from alloop.tasks.contract.pairs import PairsData, PairsSummary
from alloop.tasks.contract.produce import ProducedWalker, ProduceSummary
from alloop.tasks.contract.records import Record
from policies.stopping.ladder import RungEvidence, summarise

FROM_SCRATCH = "from scratch"
COLUMNS = (
    Column("start"),
    Column("on"),
    Column("temperature", "K", "g"),
    Column("energy RMSE", "meV/atom", ".1f"),
    Column("force RMSE", "meV/Å", ".1f"),
    Column("survived", "ps", ".3g"),
    Column("shortest contact", "covalent radii", ".2f"),
    Column("shortest distance", "Å", ".2f"),
    Column("note"),
)
HOW = (
    "Fits of the same labels, those of the largest rung, with the recipe of a rung's fit; from scratch: random weights "
    "in the shape of potential.architecture, and the whole learning rate. RMSE on all held-out frames; ± is the "
    "standard error, over fits and walkers. MD begins in the system's structure with velocities drawn at the "
    "temperature, and runs without equilibration until a contact, the temperature or a number that is not finite ends "
    "it. Survived: mean over the fits, ± its standard error; a run that nothing ended counts with its whole length and "
    "makes the mean a lower bound. Shortest contact: of all steps of all fits, in sums of covalent radii. Shortest "
    "distance: of the pair that came closest for its size, in the snapshots that g(r) counts. Figure: g(r) of every "
    "fit; triangles mark its shortest distance, the dashed line the contact that ends MD."
)


class Told(Record):
    """Context of a task of the study.

    Attributes
    ----------
    part : str
        ``fit``, ``errors`` of a fit on held-out frames, ``md`` (one segment) or ``pairs`` of one of its walkers.
    start : str
        Where the fit starts, in words.
    fit, rung : int
        Number of the fit, and its labels.
    clusters : tuple of int
        Walker of every held-out frame, by a number.
    system : str or None
        System of the MD; its walkers run at `temperatures_K` (K) for `ps` (ps), in the system's cell repeated.
    segment, walker : int
        Which one.
    interval_fs : float
        Time between two samples (fs).
    stop_contact : float
        Contact in sums of covalent radii that ends a walker.
    """

    part: Literal["fit", "errors", "md", "pairs"]
    start: str
    fit: int
    rung: int
    clusters: tuple[int, ...] = ()
    system: str | None = None
    temperatures_K: tuple[float, ...] = ()
    ps: float = 0.0
    repeat: tuple[int, int, int] = (1, 1, 1)
    segment: int = 0
    walker: int = 0
    interval_fs: float = 0.0
    stop_contact: float = 0.0
    study: str = "scratch"


@dataclass(frozen=True)
class _Done:
    told: Told
    found: Record | None
    problem: str
    result: StudyResult


@dataclass(frozen=True)
class _Run:
    """MD of one fit at one temperature, all its segments."""

    survived_ps: float
    ended: str
    min_contact: float | None


def table(state: CampaignState, results: Sequence[StudyResult]) -> Table:
    """Return a row of errors for either start, then one of MD for every system, temperature and start."""
    done = _newest(results)
    starts = dict.fromkeys(one.told.start for one in done)
    rows = [row for start in starts for row in _error_row(start, [one for one in done if one.told.start == start])]
    places = dict.fromkeys(
        (one.told.system, walker) for one in done if one.told.part == "md" for walker in _walkers(one.told)
    )
    for system, walker in places:
        for start in starts:
            own = [one for one in done if (one.told.system, one.told.start) == (system, start)]
            rows += _dynamics_row(start, own, walker)
    return Table("Fine-tuned against from scratch", COLUMNS, tuple(rows), HOW)


def curves(results: Sequence[StudyResult], read: Read) -> Iterator[Plot]:
    """Yield g(r) of every pair of a system at a temperature: a line per fit, its shortest distance marked."""
    done = [one for one in _newest(results) if one.told.part == "pairs"]
    known = [(one, data) for one in done if isinstance(data := read(one.result), PairsData)]
    for system, walker in dict.fromkeys((one.told.system, one.told.walker) for one, _ in known):
        own = [(one, data) for one, data in known if (one.told.system, one.told.walker) == (system, walker)]
        told = own[0][0].told
        for pair in sorted({pair for _, data in own for pair in data.g_r}):
            lines = tuple(_line(one, data, pair) for one, data in own if pair in data.g_r)
            title = f"{system}, {pair}, {told.temperatures_K[walker]:g} K"
            yield Plot(title, "r (Å)", "g(r)", lines, limit=told.stop_contact * _radii(pair))


def _newest(results: Sequence[StudyResult]) -> list[_Done]:
    """Return the results of the newest rung, held-out frames and settings of the MD."""
    done = [_done(result) for result in results]
    rung = done[-1].told.rung if done else 0
    kept = [one for one in done if one.told.rung == rung]
    last = {_setting(one.told)[0]: _setting(one.told) for one in kept}
    return [one for one in kept if _setting(one.told) in last.values()]


def _setting(told: Told) -> tuple[object, ...]:
    """Return what newer settings replace; its first part says of which kind it is."""
    if told.part in ("md", "pairs"):
        return "md", told.temperatures_K, told.ps, told.repeat
    return told.part, told.clusters


def _done(result: StudyResult) -> _Done:
    return _Done(Told.model_validate(result.context), result.summary, f"{result.reason}: {result.detail}", result)


def _walkers(told: Told) -> range:
    return range(len(told.temperatures_K))


# -- errors ------------------------------------------------------------------------------------------------------


def _error_row(start: str, done: Sequence[_Done]) -> Iterator[tuple[Cell, ...]]:
    """Yield the errors of the fits from one start, and why others have none."""
    found = {one.told.fit: one.found for one in done if isinstance(one.found, EvaluateSummary)}
    failed = [one.problem for one in done if one.told.part in ("fit", "errors") and one.found is None]
    if not found and not failed:
        return
    clusters = next((one.told.clusters for one in done if one.told.part == "errors"), ())
    errors: tuple[Cell, ...] = (None, None)
    if found:
        evidence = RungEvidence(
            size=done[0].told.rung,
            energy_error=np.array([one.energy_error_eV_per_atom for one in found.values()]),
            forces_squared_error=np.array([one.forces_squared_error for one in found.values()]),
            cluster=tuple(map(str, clusters)),
        )
        row = summarise(evidence)
        errors = (
            _number(row.rmse_energy_meV_per_atom, row.se_energy_meV_per_atom),
            _number(row.rmse_forces_meV_per_A, row.se_forces_meV_per_A),
        )
    note = "; ".join([f"{len(found)} fits of {done[0].told.rung} labels", *failed])
    yield (start, f"{len(clusters)} held-out frames", None, *errors, None, None, None, note)


def _number(value: float, error: float) -> Number | None:
    return Number(value, error if math.isfinite(error) else None) if math.isfinite(value) else None


# -- MD ----------------------------------------------------------------------------------------------------------


def _dynamics_row(start: str, done: Sequence[_Done], walker: int) -> Iterator[tuple[Cell, ...]]:
    """Yield how long the fits from one start survive in a system at a temperature."""
    runs = {fit: run for fit in _fits(done) if (run := _run([o for o in done if o.told.fit == fit], walker))}
    failed = [one.problem for one in done if one.told.part in ("md", "pairs") and one.found is None]
    if not runs and not failed:
        return
    told = done[0].told
    contacts = [run.min_contact for run in runs.values() if run.min_contact is not None]
    closest = _closest(done, walker)
    broken = [f"{run.ended} at {run.survived_ps:.3g} ps" for run in runs.values() if run.ended != "length"]
    ends = f"{len(broken)} of {len(runs)} runs broke off" + (f" ({', '.join(broken)})" if broken else "")
    note = "; ".join([ends, *([f"{closest[0]} closest"] if closest else []), *failed])
    yield (
        start,
        told.system,
        Number(told.temperatures_K[walker]),
        None,
        None,
        _survival([run.survived_ps for run in runs.values()], bool(broken)),
        Number(min(contacts)) if contacts else None,
        Number(closest[1]) if closest else None,
        note,
    )


def _fits(done: Iterable[_Done]) -> list[int]:
    return sorted({one.told.fit for one in done})


def _run(done: Sequence[_Done], walker: int) -> _Run | None:
    """Return a fit's run so far, None before its first segment."""
    segments: list[ProducedWalker] = [
        one.found.walkers[walker]
        for one in sorted(done, key=lambda one: one.told.segment)
        if isinstance(one.found, ProduceSummary)
    ]
    if not segments:
        return None
    intervals = sum(max(segment.samples - 1, 0) for segment in segments)
    interval_fs = next(one.told.interval_fs for one in done if one.told.part == "md")
    contacts = [segment.min_contact for segment in segments if segment.min_contact is not None]
    return _Run(intervals * interval_fs / 1000.0, segments[-1].ended, min(contacts, default=None))


def _survival(times_ps: Sequence[float], broken: bool) -> Number | None:
    """Return the mean with its standard error; where every run reached its end, that is a bound without an error."""
    if not times_ps:
        return None
    known = broken and len(times_ps) > 1
    return Number(statistics.fmean(times_ps), statistics.stdev(times_ps) / math.sqrt(len(times_ps)) if known else None)


# -- pairs -------------------------------------------------------------------------------------------------------


def _closest(done: Sequence[_Done], walker: int) -> tuple[str, float] | None:
    """Return the pair that came closest for its size in any run, and its distance (Å)."""
    found = [
        (pair, distance_A)
        for one in done
        if isinstance(one.found, PairsSummary) and one.told.walker == walker
        for pair, distance_A in one.found.shortest_A.items()
    ]
    return min(found, key=lambda known: known[1] / _radii(known[0]), default=None)


def _line(one: _Done, data: PairsData, pair: str) -> Line:
    shortest = one.found.shortest_A.get(pair) if isinstance(one.found, PairsSummary) else None
    curve = data.g_r[pair]
    return Line(f"{one.told.start}, fit {one.told.fit}", one.told.start, curve.x, curve.y, mark=shortest)


def _radii(pair: str) -> float:
    """Return the sum of two covalent radii (Å)."""
    return float(sum(covalent_radii[atomic_numbers[symbol]] for symbol in pair.split("-")))
