"""Measure transport of trajectories that were read, by the code that measures production runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from alloop.dynamics.trajectory import Trajectory
from alloop.trajectories.collecting import ReadRun
from alloop.trajectories.frames import Floats, TrajectoryError
from alloop.trajectories.reading import alike
from alloop.transport.density import DensitySettings
from alloop.transport.measure import measure
from alloop.transport.results import TransportCurves, TransportSummary
from alloop.transport.settings import MeasureSettings
from alloop.transport.sites import DensityResult, analyse_density
from alloop.transport.temperature import without_start

_MOST_POSITIONS = 4_000_000
_SAME_CELL_A = 1e-3


@dataclass(frozen=True, eq=False)
class Analysis:
    """What trajectories say of transport.

    Attributes
    ----------
    system : str
        Formula of the simulated cell.
    runs : tuple of ReadRun
        The runs.
    summary : TransportSummary
        Numbers with error bars.
    curves : TransportCurves
        Curves for plots.
    start : ase.Atoms
        The first frame of the density, unwrapped.
    density : DensityResult or None
        Density and sites of the mobile ions; None where there is none.
    grid_per_A3 : ndarray or None
        The number density on a grid (Å⁻³).
    density_note : str
        Why there is no density, or of which runs it is; empty where it is of all.
    """

    system: str
    runs: tuple[ReadRun, ...]
    summary: TransportSummary
    curves: TransportCurves
    start: Atoms
    density: DensityResult | None = None
    grid_per_A3: Floats | None = None
    density_note: str = ""


def analyse(
    runs: Sequence[ReadRun],
    settings: MeasureSettings,
    density_at_K: float | None = None,
    resolution_A: float = 0.3,
) -> Analysis:
    """Return what runs say of transport; those of one temperature are replicas.

    Parameters
    ----------
    runs : sequence of ReadRun
        Runs of one system, at least one.
    settings : MeasureSettings
        What is wanted, and what counts as measured.
    density_at_K : float or None
        Temperature of the density and the sites (K); None for the middle one.
    resolution_A : float
        Edge of a voxel of the density (Å).

    Raises
    ------
    TrajectoryError
        If the runs are of different systems, replicas have their atoms in another order, nothing is left of a run, or
        no run has the temperature of the density.
    """
    grouped = _by_temperature(runs)
    _refuse_empty([run for own in grouped.values() for run in own], settings.skip_ps)
    summary, curves = measure({kelvin: [one.trajectory for one in own] for kelvin, own in grouped.items()}, settings)
    wanted = sorted(grouped)[len(grouped) // 2] if density_at_K is None else density_at_K
    if wanted not in grouped:
        raise TrajectoryError(f"no run has {wanted:g} K; --density-at takes {', '.join(f'{k:g}' for k in grouped)}")
    chosen = [one.trajectory for one in grouped[wanted]]
    found, grid, note = _density(chosen, settings, resolution_A)
    first = chosen[0]
    start = Atoms(first.numbers, positions=first.snapshots_A[0].astype(float), cell=first.cell_A, pbc=True)
    return Analysis(
        system=start.get_chemical_formula(mode="hill", empirical=True),
        runs=tuple(runs),
        summary=summary,
        curves=_known(curves, grouped),
        start=start,
        density=found,
        grid_per_A3=grid,
        density_note=note,
    )


def _by_temperature(runs: Sequence[ReadRun]) -> dict[float, list[ReadRun]]:
    """Return runs by temperature (K), the coldest first, with snapshots at one interval."""
    first = runs[0]
    for run in runs[1:]:
        if not np.array_equal(np.sort(run.trajectory.numbers), np.sort(first.trajectory.numbers)):
            raise TrajectoryError(f"{run.file}: other atoms than in {first.file}; analyse each system on its own")
    _refuse_twice(runs)
    found: dict[float, list[ReadRun]] = {}
    for run in sorted(runs, key=lambda run: run.trajectory.temperature_K):
        found.setdefault(run.trajectory.temperature_K, []).append(run)
    for first, *others in found.values():
        for run in others:
            if not np.array_equal(run.trajectory.numbers, first.trajectory.numbers):
                raise TrajectoryError(f"{run.file}: atoms in another order than in {first.file}; write both in one")
    return {kelvin: alike(own) for kelvin, own in found.items()}


def _refuse_twice(runs: Sequence[ReadRun]) -> None:
    """Refuse a run that is there twice: as replicas its two copies would have smaller errors than it has."""
    for place, run in enumerate(runs):
        for other in runs[:place]:
            if np.array_equal(run.trajectory.mobile_A[-1], other.trajectory.mobile_A[-1]):
                raise TrajectoryError(f"{run.file}: is the same run as {other.file}; name every run once")


def _refuse_empty(runs: Sequence[ReadRun], skip_ps: float) -> None:
    for run in runs:
        path = run.trajectory
        if skip_ps > 0 and without_start(path, skip_ps) is path:
            raise TrajectoryError(f"{run.file}: is {path.length_ps:.4g} ps long; --skip-ps {skip_ps:g} leaves nothing")


def _known(curves: TransportCurves, runs: dict[float, list[ReadRun]]) -> TransportCurves:
    """Return curves without those of a conserved energy or kinetic temperature that no file holds."""
    shown = []
    for at in curves.temperatures:
        own = runs[at.temperature_K]
        unknown = {} if all(run.conserved for run in own) else {"conserved_meV_per_atom": ()}
        unknown |= {} if all(run.kinetic for run in own) else {"kinetic_K": ()}
        shown.append(at.model_copy(update=unknown))
    return TransportCurves(temperatures=tuple(shown))


def _density(
    runs: Sequence[Trajectory], settings: MeasureSettings, resolution_A: float
) -> tuple[DensityResult | None, Floats | None, str]:
    """Return density and grid of the runs in the cell of the first, and what to say of them."""
    own = [run for run in runs if np.allclose(run.cell_A, runs[0].cell_A, atol=_SAME_CELL_A)]
    asked = DensitySettings(
        resolution_A=resolution_A, skip_ps=settings.skip_ps, element=_present(runs[0], settings.elements)
    )
    try:
        found, grid = analyse_density([_thinned(run, _MOST_POSITIONS // len(own)) for run in own], asked)
    except ValueError as error:
        return None, None, f"no density: {error}"
    left = len(runs) - len(own)
    return found, grid, f"density of {len(own)} of {len(runs)} runs: the others have another mean cell" if left else ""


def _present(run: Trajectory, elements: Sequence[str]) -> str | None:
    """Return the first mobile element that a run has."""
    symbols = Atoms(run.numbers[run.mobile]).get_chemical_symbols()
    return next((element for element in elements if element in symbols), None)


def _thinned(run: Trajectory, most: int) -> Trajectory:
    """Return a run with so few samples that its mobile ions have `most` positions: a density counts fewer anyway."""
    stride = math.ceil(run.samples * len(run.mobile) / most)
    if stride <= 1:
        return run
    # Snapshots stay those of samples that are kept.
    stride = math.ceil(stride / run.snapshot_every) * run.snapshot_every
    return replace(
        run,
        mobile_A=run.mobile_A[::stride],
        drift_A=run.drift_A[::stride],
        kinetic_K=run.kinetic_K[::stride],
        conserved_eV=run.conserved_eV[::stride],
        snapshots_A=run.snapshots_A[:: stride // run.snapshot_every],
        snapshot_every=1,
        interval_fs=run.interval_fs * stride,
    )


def remarks(analysis: Analysis) -> tuple[str, ...]:
    """Return, in one line each, what a reader should know of files and numbers, the gravest first."""
    whole, runs = analysis.summary, analysis.runs
    named = {f"{whole.element}, " if whole.element else "": whole}
    named |= {f"{element}, ": summary for element, summary in whole.others.items()}
    lines = [line for whose, summary in named.items() for line in _reasons(whose, summary)]
    lines += [f"{run.file}: {note}" for run in runs for note in run.notes]
    lines += [line for whose, summary in named.items() for line in _notes(whose, summary)]
    if not all(run.conserved for run in runs):
        lines.append("no file holds the conserved energy: whether it drifts is not checked")
    if not all(run.kinetic for run in runs):
        lines.append("not every file holds velocities: temperatures are those that were named, not checked")
    lines += [analysis.density_note] if analysis.density_note else []
    return tuple(dict.fromkeys(lines))


def _reasons(whose: str, summary: TransportSummary) -> Iterator[str]:
    """Yield why numbers do not count."""
    for at in summary.temperatures:
        for name, why in (("unphysical", at.unphysical), ("unmeasured", at.unmeasured)):
            if why:
                yield f"{whose}{at.temperature_K:g} K: {name}: {why}"
    if summary.unmeasured and len(summary.temperatures) > 1:
        # What follows repeats the reasons of each temperature.
        yield f"{whose}no activation energy: {summary.unmeasured.split('; ')[0]}"


def _notes(whose: str, summary: TransportSummary) -> Iterator[str]:
    for at in summary.temperatures:
        yield from (f"{whose}{at.temperature_K:g} K: {note}" for note in at.notes)
    yield from (f"{whose}{note}" for note in (summary.arrhenius.notes if summary.arrhenius else ()))
