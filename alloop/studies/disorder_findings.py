"""What the study ``disorder`` found: energy, acceptance and short-range order against temperature. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alloop.state.records import StudyResult
from alloop.studies.plot import Line, Plot
from alloop.studies.study import Cell, Column, Number, Table
from alloop.tasks.contract.disorder import DisorderSummary, OrderBlock
from alloop.tasks.contract.records import Record
from policies.stopping.combination import combine
from policies.stopping.orderings import between_orderings

BLOCKS, WARM = 25, 5
"""Blocks of a run, and those at its beginning that equilibrate and do not count."""
_FEWEST = 5
COLUMNS = (
    Column("composition"),
    Column("temperature", "K", ".0f"),
    Column("energy", "eV/atom", ".5f"),
    Column("sublattice"),
    Column("acceptance", "%", ".3g"),
    Column("pair"),
    Column("order", "Warren-Cowley", ".3f"),
    Column("note"),
)
HOW = (
    "Canonical Monte Carlo on the models' surface: swaps of two unlike ions (Metropolis), MD between them. The energy "
    "is the potential one, vibrations included. Order is the Warren-Cowley parameter of the first neighbours on the "
    "sublattice: 0 is chance, below 0 unlike ions seek each other, 1 is complete separation. Every fit is averaged "
    f"over its orderings, without the first {WARM} of {BLOCKS} blocks of each run. ± is one standard error of the mean "
    "over fits, from their spread or from the blocks of the runs, whichever is larger, and what the spread between "
    "orderings adds. An order has no error where a run accepted no swap; ± 0 is a pair with a single arrangement."
)


class Settings(Record):
    """Settings of the study, with what stands for their nulls."""

    sublattices: tuple[tuple[str, ...], ...]
    temperatures_K: tuple[float, ...]
    sweeps: int
    every_fs: float
    repeat: tuple[int, int, int]


class Told(Record):
    """Context of a segment: whose it is, its place in the run, and the settings of the study."""

    system: str
    composition: str
    rung: int
    fit: int
    segment: int
    settings: Settings
    study: str = "disorder"


@dataclass(frozen=True)
class _Run:
    """One walker of one fit in one system: its counted blocks, and what ended it early."""

    told: Told
    temperature_K: float
    blocks: tuple[OrderBlock, ...]
    problem: str

    def energies(self) -> list[float]:
        return [block.energy_eV_per_atom for block in self.blocks]

    def orders(self, pair: str) -> list[float]:
        return [block.order[pair] for block in self.blocks if pair in block.order]

    def acceptances(self, sublattice: str) -> list[float]:
        counts = [block.swaps[sublattice] for block in self.blocks if sublattice in block.swaps]
        return [100.0 * one.accepted / one.attempted for one in counts if one.attempted]

    def is_frozen(self, sublattice: str) -> bool:
        """Return whether no swap of a sublattice was accepted: its order is that of the first structure."""
        return bool(self.blocks) and not any(self.acceptances(sublattice))


def table(results: Sequence[StudyResult]) -> Table:
    """Return energy, acceptance and order of every composition at every temperature."""
    rows = [row for group in _groups(results).values() for row in _rows(group)]
    return Table("Orderings against temperature", COLUMNS, tuple(rows), HOW)


def curves(results: Sequence[StudyResult]) -> Iterator[Plot]:
    """Yield the order against temperature of every composition: a line for every pair, fit and system."""
    runs = _newest(results)
    for composition in dict.fromkeys(run.told.composition for run in runs):
        own = [run for run in runs if run.told.composition == composition]
        lines = [line for pair in _pairs(own) for line in _lines(own, pair)]
        if lines:
            yield Plot(composition, "temperature (K)", "Warren-Cowley parameter", tuple(lines))


def _lines(runs: Sequence[_Run], pair: str) -> Iterator[Line]:
    for system, fit in dict.fromkeys((run.told.system, run.told.fit) for run in runs):
        own = [run for run in runs if (run.told.system, run.told.fit) == (system, fit)]
        points = [(run.temperature_K, _order([run], pair)) for run in own]
        known = [(kelvin, number) for kelvin, number in points if number is not None]
        yield Line(
            name=f"{pair}, {system}, fit {fit}",
            group=pair,
            x=tuple(kelvin for kelvin, _ in known),
            y=tuple(number.value for _, number in known),
            errors=tuple(number.error for _, number in known),
        )


def _rows(runs: Sequence[_Run]) -> Iterator[tuple[Cell, ...]]:
    """Yield a row for every pair of elements, of runs of one composition and temperature."""
    energy = _mean(runs, _Run.energies)
    first = runs[0]
    for pair in _pairs(runs):
        sublattice = _sublattice(runs, pair)
        yield (
            first.told.composition,
            Number(first.temperature_K),
            energy,
            sublattice,
            _acceptance(runs, sublattice),
            pair,
            _order(runs, pair),
            "; ".join([_note(runs), *_frozen(runs, sublattice)]),
        )
    if not _pairs(runs):
        yield (first.told.composition, Number(first.temperature_K), energy, None, None, None, None, _note(runs))


def _note(runs: Sequence[_Run]) -> str:
    whole = sum(len(run.blocks) == BLOCKS - WARM for run in runs)
    broken = dict.fromkeys(run.problem for run in runs if run.problem)
    rung = f"rung of {runs[0].told.rung} labels" if runs[0].told.rung else "foundation"
    return "; ".join([f"{rung}, {whole} of {len(runs)} runs done", *broken])


def _frozen(runs: Sequence[_Run], sublattice: str) -> Iterator[str]:
    """Yield in words that runs accepted no swap, if some did not."""
    counted = [run.is_frozen(sublattice) for run in runs if run.blocks]
    if any(counted):
        some = "" if all(counted) else f" in {sum(counted)} of {len(counted)} runs"
        yield f"no swap accepted{some}: order unmeasured"


def _acceptance(runs: Sequence[_Run], sublattice: str) -> Number | None:
    """Return the acceptance (%); none at all has no error."""
    found = _mean(runs, lambda run: run.acceptances(sublattice))
    return Number(0.0) if found is not None and found.value == 0.0 else found


def _order(runs: Sequence[_Run], pair: str) -> Number | None:
    """Return the order of a pair: without an error where a run is frozen, exact where all arrangements are one."""
    found, sublattice = _mean(runs, lambda run: run.orders(pair)), _sublattice(runs, pair)
    if found is None or any(run.is_frozen(sublattice) for run in runs):
        return None if found is None else replace(found, error=None)
    alike = len({order for run in runs for order in run.orders(pair)}) == 1
    return replace(found, error=0.0) if alike and found.error is not None else found


def _mean(runs: Sequence[_Run], blocks_of: Callable[[_Run], Sequence[float]]) -> Number | None:
    """Return the mean over fits, each over its orderings, with the error of `policies.stopping`; None of nothing.

    Parameters
    ----------
    runs : sequence of _Run
        Of one composition and temperature.
    blocks_of : callable
        Run -> a number of each of its blocks.
    """
    fits: dict[int, dict[str, Sequence[float]]] = {}
    for run in runs:
        if blocks := blocks_of(run):
            fits.setdefault(run.told.fit, {})[run.told.system] = blocks
    if not fits:
        return None
    means = {fit: {name: statistics.fmean(blocks) for name, blocks in own.items()} for fit, own in fits.items()}
    over_fits = combine(
        np.array([statistics.fmean(own.values()) for own in means.values()]),
        np.array([_error_over_orderings(list(own.values())) for own in fits.values()]),
    )
    names = dict.fromkeys(name for own in means.values() for name in own)
    orderings = [statistics.fmean(own[name] for own in means.values() if name in own) for name in names]
    variance = over_fits.standard_error(alone=True) ** 2 + between_orderings(orderings, over_fits.variance_md)
    return Number(over_fits.value, math.sqrt(variance) if math.isfinite(variance) else None)


def _error_over_orderings(runs: Sequence[Sequence[float]]) -> float:
    """Return the error that the blocks of the runs of one fit give their mean; NaN where it is not known."""
    errors = [math.nan if (error := block_error(blocks)) is None else error for blocks in runs]
    return math.sqrt(sum(error**2 for error in errors)) / len(errors)


def block_error(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean of successive block means; None of fewer than five.

    Neighbouring blocks are joined, two and four at a time, as long as there are five; the largest error counts: it
    grows with the length of a block until blocks are independent (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461, 1989,
    https://doi.org/10.1063/1.457480).
    """
    errors, joined = [], list(values)
    while len(joined) >= _FEWEST:
        errors.append(statistics.stdev(joined) / math.sqrt(len(joined)))
        joined = [(one + other) / 2.0 for one, other in zip(joined[::2], joined[1::2], strict=False)]
    return max(errors, default=None)


def _groups(results: Sequence[StudyResult]) -> Mapping[tuple[str, float], list[_Run]]:
    """Return the runs by composition and temperature."""
    groups: dict[tuple[str, float], list[_Run]] = {}
    for run in _newest(results):
        groups.setdefault((run.told.composition, run.temperature_K), []).append(run)
    return groups


def _newest(results: Sequence[StudyResult]) -> list[_Run]:
    """Return the runs of the newest settings and the newest rung; sublattices are those that a system has."""
    told = [(Told.model_validate(result.context), result) for result in results]
    if not told:
        return []
    last = _apart(told[-1][0])
    sampled = {one.system: names for one, result in told if _apart(one) == last and (names := _sampled(result))}
    chains: dict[tuple[str, int], list[tuple[Told, StudyResult]]] = {}
    for one, result in told:
        if _apart(one) != last or _sampled(result) not in ((), sampled.get(one.system)):
            continue
        # A first segment begins a run anew, should the fit have been made again.
        chain = [] if one.segment == 0 else chains.get((one.system, one.fit), [])
        chains[one.system, one.fit] = [*chain, (one, result)]
    return [run for chain in chains.values() for run in _runs(chain)]


def _apart(told: Told) -> tuple[int, Settings]:
    """Return what tells results of all systems apart: the rung and the settings, but for the named sublattices."""
    return told.rung, told.settings.model_copy(update={"sublattices": ()})


def _sampled(result: StudyResult) -> tuple[str, ...]:
    """Return the sublattices whose ions were swapped; none of a result without blocks."""
    walkers = result.summary.walkers if isinstance(result.summary, DisorderSummary) else ()
    return tuple(sorted({name for walker in walkers for block in walker.blocks for name in block.swaps}))


def _runs(chain: Sequence[tuple[Told, StudyResult]]) -> Iterator[_Run]:
    """Yield the runs of all walkers of one fit in one system, from their segments."""
    told, last = chain[0][0], chain[-1][1]
    summaries = [result.summary for _, result in chain if isinstance(result.summary, DisorderSummary)]
    failed = "" if last.summary is not None else f"{last.reason}: {last.detail}"
    for place, kelvin in enumerate(told.settings.temperatures_K):
        segments = [summary.walkers[place] for summary in summaries if place < len(summary.walkers)]
        blocks = tuple(block for segment in segments for block in segment.blocks)
        ended = segments[-1].ended if segments else "length"
        broken = failed or ("" if ended == "length" else f"one broke off: {ended}")
        yield _Run(told, kelvin, blocks[WARM:], broken)


def _pairs(runs: Sequence[_Run]) -> list[str]:
    return list(dict.fromkeys(pair for run in runs for block in run.blocks[:1] for pair in block.order))


def _sublattice(runs: Sequence[_Run], pair: str) -> str:
    """Return the sublattice of a pair of elements; an empty text where no block tells."""
    names = dict.fromkeys(name for run in runs for block in run.blocks for name in block.swaps)
    return next((name for name in names if set(pair.split("–")) <= set(name.split("/"))), "")
