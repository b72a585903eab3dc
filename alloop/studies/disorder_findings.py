"""What the study ``disorder`` found: energy, acceptance and short-range order against temperature. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alloop.state.records import StudyResult
from alloop.studies.plot import Line, Plot
from alloop.studies.study import Cell, Column, Number, Table
from alloop.tasks.contract.disorder import DisorderSummary, OrderBlock
from alloop.tasks.contract.records import Record

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
    "sublattice: 0 is chance, below 0 unlike ions seek each other, 1 is complete separation. Means over the runs of "
    f"all fits and orderings, without the first {WARM} of {BLOCKS} blocks of each; ± is one standard error: that from "
    "the blocks of the runs, or that from the spread between runs, whichever is larger."
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
        points = [(run.temperature_K, _mean([run.orders(pair)])) for run in own]
        known = [(kelvin, number) for kelvin, number in points if number is not None]
        yield Line(
            name=f"{pair}, {system}, fit {fit}",
            group=pair,
            x=tuple(kelvin for kelvin, _ in known),
            y=tuple(number.value for _, number in known),
            errors=tuple(number.error or 0.0 for _, number in known),
        )


def _rows(runs: Sequence[_Run]) -> Iterator[tuple[Cell, ...]]:
    """Yield a row for every pair of elements, of runs of one composition and temperature."""
    energy = _mean([run.energies() for run in runs])
    first = runs[0]
    for pair in _pairs(runs):
        sublattice = next((one for one in _sublattices(runs) if set(pair.split("–")) <= set(one.split("/"))), "")
        yield (
            first.told.composition,
            Number(first.temperature_K),
            energy,
            sublattice,
            _mean([run.acceptances(sublattice) for run in runs]),
            pair,
            _mean([run.orders(pair) for run in runs]),
            _note(runs),
        )
    if not _pairs(runs):
        yield (first.told.composition, Number(first.temperature_K), energy, None, None, None, None, _note(runs))


def _note(runs: Sequence[_Run]) -> str:
    whole = sum(len(run.blocks) == BLOCKS - WARM for run in runs)
    broken = dict.fromkeys(run.problem for run in runs if run.problem)
    rung = f"rung of {runs[0].told.rung} labels" if runs[0].told.rung else "foundation"
    return "; ".join([f"{rung}, {whole} of {len(runs)} runs done", *broken])


def _mean(runs: Sequence[Sequence[float]]) -> Number | None:
    """Return the mean over runs of the means over their blocks, with its standard error; None of nothing."""
    known = [values for values in runs if values]
    if not known:
        return None
    means, errors = [statistics.fmean(values) for values in known], [block_error(values) for values in known]
    within = None if None in errors else math.sqrt(sum((error or 0.0) ** 2 for error in errors)) / len(known)
    between = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else None
    return Number(statistics.fmean(means), max((one for one in (within, between) if one is not None), default=None))


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
    """Return the runs of the newest settings and the newest rung."""
    told = [(Told.model_validate(result.context), result) for result in results]
    if not told:
        return []
    last = told[-1][0]
    now = [one for one in told if (one[0].settings, one[0].rung) == (last.settings, last.rung)]
    chains: dict[tuple[str, int], list[tuple[Told, StudyResult]]] = {}
    for one in now:
        # A first segment begins a run anew, should the fit have been made again.
        chain = [] if one[0].segment == 0 else chains.get((one[0].system, one[0].fit), [])
        chains[one[0].system, one[0].fit] = [*chain, one]
    return [run for chain in chains.values() for run in _runs(chain)]


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


def _sublattices(runs: Sequence[_Run]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for block in run.blocks for name in block.swaps))
