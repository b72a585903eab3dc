"""Thin the curves of displacements, pairs and energy that a report draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.diffusion import Floats, IonWalks, ion_walks_of, msd_error
from alloop.transport.pairs import PairStatistics
from alloop.transport.results import Curve, TemperatureCurves
from alloop.transport.settings import MeasureSettings


def curves_of(
    runs: Sequence[Trajectory],
    walks: IonWalks | None,
    framework_A: Sequence[Floats],
    pairs: PairStatistics,
    settings: MeasureSettings,
) -> TemperatureCurves:
    """Return the curves of the replicas at one temperature.

    Parameters
    ----------
    runs : sequence of Trajectory
        The replicas.
    walks : IonWalks or None
        The ions without drift; None where they are too few or too short.
    framework_A : sequence of ndarray, shape (snapshots, atoms, 3)
        The other atoms of each replica without drift (Å).
    pairs : PairStatistics
        Pairs of all replicas, the first replica's snapshots first.
    settings : MeasureSettings
        How many points a curve has, and how many snapshots pairs are counted in.
    """
    first, points = runs[0], settings.curve_points
    return TemperatureCurves(
        temperature_K=first.temperature_K,
        msd_A2=_msd(walks, points),
        msd_framework_A2=_msd(_framework(framework_A, first), points),
        g_r={name: _curve(known.centres_A, known.g_r) for name, known in pairs.functions.items()},
        coordination=_coordination(pairs),
        first_minimum_A={n: known.first_minimum_A for n, known in pairs.functions.items() if known.first_minimum_A},
        shortest_A=_shortest(pairs, first, settings, len(runs)),
        conserved_meV_per_atom=tuple(_series(run, _energies(run), points) for run in runs),
        kinetic_K=tuple(_series(run, run.kinetic_K, points) for run in runs),
    )


def _curve(x: NDArray[np.floating], y: NDArray[np.floating], se: NDArray[np.floating] | None = None) -> Curve:
    # Six digits are more than a plot shows.
    def rounded(values: NDArray[np.floating]) -> tuple[float, ...]:
        return tuple(float(f"{value:.6g}") for value in values)

    return Curve(x=rounded(x), y=rounded(y), se=() if se is None else rounded(se))


def _msd(walks: IonWalks | None, points: int) -> Curve | None:
    if walks is None:
        return None
    lags = np.unique(np.rint(np.geomspace(1, walks.longest, points)).astype(int))
    return _curve(lags * walks.interval_ps, walks.msd()[lags], msd_error(walks, lags))


def _framework(paths_A: Sequence[Floats], run: Trajectory) -> IonWalks | None:
    if min(len(path) for path in paths_A) < 3 or paths_A[0].shape[1] == 0:
        return None
    return ion_walks_of(paths_A, run.interval_fs / 1000.0 * run.snapshot_every)


def _coordination(pairs: PairStatistics) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, known in pairs.functions.items():
        if known.coordination is not None:
            one, other = name.split("-")
            found[f"{one}-{other}"], found[f"{other}-{one}"] = known.coordination
    return found


def _shortest(pairs: PairStatistics, run: Trajectory, settings: MeasureSettings, replicas: int) -> dict[str, Curve]:
    taken = taken_snapshots(len(run.snapshots_A), settings.snapshots, replicas)
    time_ps = taken * run.snapshot_every * run.interval_fs / 1000.0
    found = {}
    for name, shortest_A in pairs.shortest_A.items():
        own = shortest_A[: len(taken)]
        near = np.isfinite(own)
        if near.any():
            found[name] = _curve(time_ps[near], own[near])
    return found


def taken_snapshots(snapshots: int, most: int, replicas: int) -> NDArray[np.int_]:
    """Return which snapshots of a replica pairs are counted in, evenly over the run."""
    wanted = min(snapshots, max(1, most // replicas))
    return np.unique(np.rint(np.linspace(0, snapshots - 1, wanted)).astype(int))


def _energies(run: Trajectory) -> Floats:
    return np.asarray(1000.0 * (run.conserved_eV - run.conserved_eV[0]) / len(run.numbers))


def _series(run: Trajectory, values: Floats, points: int) -> Curve:
    taken = np.unique(np.rint(np.linspace(0, len(values) - 1, min(points, len(values)))).astype(int))
    return _curve(taken * run.interval_fs / 1000.0, values[taken])
