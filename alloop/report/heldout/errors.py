"""Errors on held-out frames by system, temperature and element. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alloop.report.heldout.data import Floats, HeldoutFrame

MOST_BINS, ATOMS_PER_BIN = 8, 20


@dataclass(frozen=True)
class ErrorRow:
    """Errors of one model on some held-out frames.

    Attributes
    ----------
    system : str
        Their system.
    of : str
        The temperature or the element.
    frames, components : int
        Frames and force components.
    forces_meV_per_A, se_forces_meV_per_A : float and float or None
        Force RMSE and its standard error over frames (meV/Å); None of one frame.
    scale_meV_per_A : float
        Root mean square of the forces themselves (meV/Å).
    energy_meV_per_atom, se_energy_meV_per_atom : float or None
        Energy RMSE and its standard error over frames (meV/atom); None of elements.
    """

    system: str
    of: str
    frames: int
    components: int
    forces_meV_per_A: float
    se_forces_meV_per_A: float | None
    scale_meV_per_A: float
    energy_meV_per_atom: float | None = None
    se_energy_meV_per_atom: float | None = None


def rmse(squares: Sequence[float], weights: Sequence[float]) -> tuple[float, float | None]:
    """Return the root of a weighted mean of squared errors per frame, and its standard error over frames.

    The error of the mean square m of n frames is the spread of the frames over √n; of its root it is that over 2√m.
    """
    values, weight = np.asarray(squares, dtype=float), np.asarray(weights, dtype=float)
    mean = float(np.average(values, weights=weight))
    root = mean**0.5
    if len(values) < 2 or root == 0.0:
        return root, None
    share = weight / weight.sum()
    variance = float(np.sum((share * (values - mean)) ** 2)) * len(values) / (len(values) - 1)
    return root, variance**0.5 / (2 * root)


def by_temperature(frames: Iterable[HeldoutFrame]) -> list[ErrorRow]:
    """Return the errors of each system by the temperature of the walkers, the coldest first."""
    groups: dict[tuple[str, float], list[HeldoutFrame]] = {}
    for frame in frames:
        groups.setdefault((frame.system, frame.temperature_K or 0.0), []).append(frame)
    return [_row(system, f"{kelvin:g} K" if kelvin else "–", own) for (system, kelvin), own in sorted(groups.items())]


def _row(system: str, of: str, frames: Sequence[HeldoutFrame]) -> ErrorRow:
    components = [3 * len(frame.symbols) for frame in frames]
    forces, se = rmse([frame.forces_squared_error for frame in frames], components)
    scale, _ = rmse([float(np.mean(frame.forces_eV_per_A**2)) for frame in frames], components)
    errors = [(frame.predicted_eV_per_atom - frame.energy_eV_per_atom) ** 2 for frame in frames]
    energy, se_energy = rmse(errors, np.ones(len(frames)).tolist())
    return ErrorRow(
        system,
        of,
        len(frames),
        sum(components),
        1000 * forces,
        _milli(se),
        1000 * scale,
        1000 * energy,
        _milli(se_energy),
    )


def by_element(frames: Iterable[HeldoutFrame]) -> list[ErrorRow]:
    """Return the force errors of each system by element; none of frames whose predicted forces were not kept."""
    groups: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for frame in frames:
        if frame.predicted_eV_per_A is None:
            continue
        squared, symbols = (frame.predicted_eV_per_A - frame.forces_eV_per_A) ** 2, np.array(frame.symbols)
        for element in sorted(set(frame.symbols)):
            own = symbols == element
            found = (float(squared[own].mean()), float((frame.forces_eV_per_A[own] ** 2).mean()), 3 * int(own.sum()))
            groups.setdefault((frame.system, element), []).append(found)
    rows = []
    for (system, element), group in sorted(groups.items()):
        errors, scales = [error for error, _, _ in group], [scale for _, scale, _ in group]
        components = [count for _, _, count in group]
        (forces, se), (scale, _) = rmse(errors, components), rmse(scales, components)
        rows.append(ErrorRow(system, element, len(group), sum(components), 1000 * forces, _milli(se), 1000 * scale))
    return rows


@dataclass(frozen=True)
class ForceBin:
    """Force errors on the atoms of one system whose labelled forces are about as large.

    Attributes
    ----------
    system : str
        Their system.
    atoms : int
        How many atoms there are, over all frames.
    force_eV_per_A : float
        Root mean square of the sizes of their labelled forces (eV/Å).
    error_meV_per_A, se_error_meV_per_A : float and float or None
        Root mean square error of a force component and its standard error over frames (meV/Å); None of one frame.
    """

    system: str
    atoms: int
    force_eV_per_A: float
    error_meV_per_A: float
    se_error_meV_per_A: float | None


def by_force(frames: Iterable[HeldoutFrame]) -> list[ForceBin]:
    """Return the force errors of each system by the size of the labelled force, in bins of equally many atoms."""
    groups: dict[str, list[tuple[Floats, Floats]]] = {}
    for frame in frames:
        if frame.predicted_eV_per_A is not None:
            sizes = np.linalg.norm(frame.forces_eV_per_A, axis=1)
            errors = np.mean((frame.predicted_eV_per_A - frame.forces_eV_per_A) ** 2, axis=1)
            groups.setdefault(frame.system, []).append((sizes, errors))
    return [one for system, group in groups.items() for one in _binned(system, group)]


def _binned(system: str, group: Sequence[tuple[Floats, Floats]]) -> Iterator[ForceBin]:
    """Yield bins of the atoms of a system, those of the smallest forces first."""
    every = np.concatenate([sizes for sizes, _ in group])
    bins = min(MOST_BINS, len(every) // ATOMS_PER_BIN)
    edges = np.quantile(every, np.linspace(0, 1, max(bins, 1) + 1))
    edges[-1] = np.inf
    for low, high in pairwise(edges):
        inside = [(sizes >= low) & (sizes < high) for sizes, _ in group]
        own = [(sizes[here], errors[here]) for (sizes, errors), here in zip(group, inside, strict=True) if here.any()]
        if own:
            counts = [len(sizes) for sizes, _ in own]
            error, se = rmse([float(errors.mean()) for _, errors in own], counts)
            force, _ = rmse([float((sizes**2).mean()) for sizes, _ in own], counts)
            yield ForceBin(system, sum(counts), force, 1000 * error, _milli(se))


def _milli(value: float | None) -> float | None:
    return None if value is None else 1000 * value
