"""Analyse runs of one material in cells of one size or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alloop.trajectories.analysis import Analysis, analyse
from alloop.trajectories.collecting import ReadRun
from alloop.trajectories.frames import TrajectoryError
from alloop.transport.cell_sizes import SizeSeries, size_series
from alloop.transport.results import TransportSummary
from alloop.transport.settings import MeasureSettings


@dataclass(frozen=True, eq=False)
class Analyses:
    """Analyses of every size of the cell, the smallest first, and the diffusivity over it where there are several."""

    cells: tuple[Analysis, ...]
    series: tuple[SizeSeries, ...] = ()


def analyse_cells(runs: Sequence[ReadRun], settings: MeasureSettings, density_at_K: float | None = None) -> Analyses:
    """Return what runs say of transport; for the parameters see `alloop.trajectories.analysis.analyse`.

    Raises
    ------
    TrajectoryError
        As `analyse` does, and if cells differ in more than their size.
    """
    groups = _by_size(runs)
    if len(groups) == 1:
        return Analyses((analyse(runs, settings, density_at_K),))
    nowhere = not _has(runs, density_at_K)
    found = [analyse(own, settings, density_at_K if nowhere or _has(own, density_at_K) else None) for own in groups]
    cells = tuple(replace(one, system=f"{one.system}, {len(one.start)} atoms") for one in found)
    kelvins = [{at.temperature_K for at in cell.summary.temperatures} for cell in cells]
    shared = sorted(set.union(*kelvins))
    return Analyses(
        cells,
        tuple(
            size_series([(len(cell.start), _of(cell.summary, element)) for cell in cells], element, kelvin)
            for element in settings.elements
            for kelvin in shared
            if sum(kelvin in own for own in kelvins) > 1
        ),
    )


def _has(runs: Sequence[ReadRun], temperature_K: float | None) -> bool:
    return any(run.trajectory.temperature_K == temperature_K for run in runs)


def _of(summary: TransportSummary, element: str) -> TransportSummary:
    return summary.others.get(element, summary)


def _by_size(runs: Sequence[ReadRun]) -> list[list[ReadRun]]:
    """Return runs by the number of their atoms, the fewest first."""
    first = runs[0]
    for run in runs[1:]:
        if _formula(run) != _formula(first):
            raise TrajectoryError(f"{run.file}: other atoms than in {first.file}; analyse each system on its own")
    sizes = sorted({len(run.trajectory.numbers) for run in runs})
    return [[run for run in runs if len(run.trajectory.numbers) == size] for size in sizes]


def _formula(run: ReadRun) -> dict[int, int]:
    """Return the composition in its smallest whole numbers, by atomic number."""
    numbers, counts = np.unique(run.trajectory.numbers, return_counts=True)
    unit = math.gcd(*map(int, counts))
    return {int(number): int(count) // unit for number, count in zip(numbers, counts, strict=True)}
