"""Check whether runs describe a solid that can exist: contacts, energy, temperature, framework."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.msd import msd_tensor
from alloop.transport.pairs import PairStatistics, closest
from alloop.transport.settings import MeasureSettings

Floats = NDArray[np.float64]

_TURN = 2.5
_GROWS = 2.0
_DRIFT_STANDS_OUT = 3.0
_FEWEST_SNAPSHOTS = 9


def exploded(run: Trajectory, settings: MeasureSettings) -> str | None:
    """Return why a run does not describe a solid at its temperature, or None."""
    arrays = (run.mobile_A, run.drift_A, run.snapshots_A, run.kinetic_K, run.conserved_eV)
    if not all(np.isfinite(array).all() for array in arrays):
        return "exploded: not every position and energy is a number"
    if not np.isfinite(run.cell_A).all() or run.volume <= 0 or run.interval_fs <= 0:
        return "no cell with a volume, or no time between samples"
    hottest = float(run.kinetic_K.max(initial=0.0))
    if hottest > settings.max_kinetic_ratio * run.temperature_K:
        return f"exploded: kinetic temperature reached {hottest:.0f} K at a target of {run.temperature_K:g} K"
    return None


def contact(pairs: PairStatistics, settings: MeasureSettings) -> str | None:
    """Return which atoms merged, or None."""
    nearest = closest(pairs.shortest_A)
    if nearest is None or nearest[2] >= settings.min_contact:
        return None
    name, distance_A, ratio = nearest
    return (
        f"atoms merged: {name} came as close as {distance_A:.2f} Å, {ratio:.2f} of their covalent radii, less than "
        f"{settings.min_contact:g}"
    )


def drift_problem(run: Trajectory, settings: MeasureSettings) -> str | None:
    """Return by how much the conserved energy drifts, if by too much, or None."""
    if run.samples < 3 or run.length_ps <= 0:
        return None
    time_ps = np.arange(run.samples) * run.interval_fs / 1000.0
    energy_meV = 1000.0 * (run.conserved_eV - run.conserved_eV[0]) / len(run.numbers)
    slope, level = np.polyfit(time_ps, energy_meV, 1)
    rest = float(np.std(energy_meV - (slope * time_ps + level)))
    if abs(slope) <= settings.max_drift_meV_per_atom_ps or abs(slope) * run.length_ps <= _DRIFT_STANDS_OUT * rest:
        return None
    return (
        f"the conserved energy drifts by {slope:.2g} meV/atom/ps, more than {settings.max_drift_meV_per_atom_ps:g} "
        "meV/atom/ps"
    )


def framework(run: Trajectory) -> tuple[Floats, NDArray[np.int_]]:
    """Return the paths of all atoms but the mobile ions, shape (snapshots, atoms, 3) (Å), and their atomic numbers."""
    still = np.setdiff1d(np.arange(len(run.numbers)), run.mobile)
    drift = run.drift_A[:: run.snapshot_every][: len(run.snapshots_A)]
    return run.snapshots_A[:, still].astype(float) - drift[:, None], run.numbers[still]


def melted(paths_A: list[Floats], numbers: NDArray[np.int_], settings: MeasureSettings) -> str | None:
    """Return why the framework is not solid, or None.

    Vibrations and turning groups level off; a liquid does not. So the framework has melted where atoms move far and the
    mean squared displacement still doubles from an eighth to a half of the run: every element beyond the limit, or any
    one beyond what groups that turn can explain.

    Parameters
    ----------
    paths_A : list of ndarray, shape (snapshots, atoms, 3)
        Framework atoms of each replica without drift (Å).
    numbers : ndarray of int, shape (atoms,)
        Their atomic numbers.
    settings : MeasureSettings
        The limit.
    """
    moved: dict[str, tuple[float, bool]] = {}
    for number in np.unique(numbers):
        msds = [np.trace(msd_tensor(path[:, numbers == number]), axis1=1, axis2=2) for path in paths_A]
        msds = [msd for msd in msds if len(msd) >= _FEWEST_SNAPSHOTS]
        if msds:
            half, eighth = (float(np.mean([msd[len(msd) // part] for msd in msds])) for part in (2, 8))
            moved[chemical_symbols[number]] = (half**0.5, half > _GROWS * eighth)
    if not moved:
        return None
    limit = settings.max_framework_A
    every = all(far > limit and grows for far, grows in moved.values())
    symbol, (far, grows) = max(moved.items(), key=lambda item: item[1])
    if every or (grows and far > _TURN * limit):
        return (
            f"the framework melted: {symbol} moved {far:.1f} Å on root mean square over half of the run, and moves on"
        )
    return None
