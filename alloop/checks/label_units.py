"""Whether energies, forces and stresses of labelled frames belong together: a wrong unit or sign shows. Pure.

Between two frames of the same atoms the energy changes by the work of the mean force and the mean stress, up to third
order. So the slope of the one over the other is 1 if both have alloop's units, and tells the unit if not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alloop.checks.labelled_frames import LabelledFrame

_PAIRS, _FEWEST = 200, 4
_CLEAR, _AGREES = 10.0, 1.4
_SURE, _AGREES_ROUGHLY = 5.0, 8.0
"""How many standard errors a slope must have, and how far from 1 it may be, for forces and for stresses."""
_LARGEST_MOVE_A, _LARGEST_STRAIN, _NEAR = 1.0, 0.06, 0.4
_FEWEST_DOUBTED, _LEAST_WORK_EV, _RELATED = 8, 0.02, 0.5
_STRESS_EV_PER_A3 = 0.3
EV_PER_A3_IN_GPA = 160.21766

_RATIOS: dict[str, float] = {
    "the energies are in hartree": 1 / 27.211386,
    "the energies are in rydberg": 1 / 13.605693,
    "energies are in hartree and forces in hartree/bohr": 51.422067 / 27.211386,
    "the forces are in hartree/bohr": 51.422067,
    "the forces are in rydberg/bohr": 25.711034,
    "the energies are in kcal/mol": 23.060548,
    "the energies are in kJ/mol": 96.485332,
    "the forces are in kcal/mol/Å": 1 / 23.060548,
    "the energies are in meV": 1000.0,
    "the forces are in meV/Å": 1 / 1000.0,
    "the forces have the wrong sign (they are gradients)": -1.0,
}
_STRESS_RATIOS: dict[str, float] = {
    "it is in GPa": 1 / EV_PER_A3_IN_GPA,
    "it is in kbar": 1 / (10 * EV_PER_A3_IN_GPA),
    "it is in kbar with the sign of VASP": -1 / (10 * EV_PER_A3_IN_GPA),
    "it is in GPa with the sign of a pressure": -1 / EV_PER_A3_IN_GPA,
    "it has the sign of a pressure": -1.0,
    "it is in hartree/bohr³": 183.6315,
}


def named_as_virial(key: str) -> bool:
    """Return whether a key says that it holds a virial."""
    return re.search(r"viri[ae]l", key, flags=re.IGNORECASE) is not None


def force_unit_fault(frames: Sequence[LabelledFrame]) -> str | None:
    """Return what is wrong with the energies or forces of frames; None if they agree or do not tell."""
    pairs = list(_pairs_of_one_cell(frames))
    slope = _slope(*_works_and_changes(pairs), _CLEAR)
    if slope is None or 1 / _AGREES < slope < _AGREES:
        return None
    atoms = {len(first.atoms) for first, _ in pairs}
    per_atom = {"the energies are per atom": 1 / atoms.pop()} if len(atoms) == 1 else {}
    meant = _nearest(slope, _RATIOS | per_atom)
    return f"energies change by {slope:.3g} times the work of the forces between them; {meant or 'check the units'}"


def force_order_doubt(frames: Sequence[LabelledFrame]) -> str | None:
    """Return that energies do not follow the forces of frames, as where these are of other atoms; None if they do.

    The correlation of labels that belong together is above 0.9.
    """
    work, change = _works_and_changes(list(_pairs_of_one_cell(frames)))
    if len(work) < _FEWEST_DOUBTED or not work.std() > _LEAST_WORK_EV or not change.std() > _LEAST_WORK_EV:
        return None
    correlation = float(np.corrcoef(work, change)[0, 1])
    if correlation > _RELATED:
        return None
    what = f"the energies do not follow the work of the forces between frames (correlation {correlation:.2f})"
    return f"{what}: are the forces in the order of the atoms, and of the same frames?"


def stress_unit_fault(frames: Sequence[LabelledFrame], pressure_GPa: float = 0.0) -> str | None:
    """Return what is wrong with the stresses of frames; None if they agree or do not tell.

    Parameters
    ----------
    frames : sequence of LabelledFrame
        Frames of one campaign.
    pressure_GPa : float
        Pressure that the campaign asks for; stresses are about as large.
    """
    work, change, volumes = [], [], []
    for first, second in _pairs(frames):
        if first.stress_eV_per_A3 is None or second.stress_eV_per_A3 is None:
            continue
        strain, volume = _strain(first, second), (first.atoms.cell.volume + second.atoms.cell.volume) / 2
        if not 1e-4 < np.abs(strain).max() < _LARGEST_STRAIN:
            continue
        mean = (first.stress_eV_per_A3 + second.stress_eV_per_A3) / 2
        work.append(float(volume * (mean * strain).sum()))
        change.append(second.energy_eV - first.energy_eV - _work_of_forces(first, second))
        volumes.append(float(volume))
    slope = _slope(np.array(work), np.array(change), _SURE)
    if slope is None or 1 / _AGREES_ROUGHLY < slope < _AGREES_ROUGHLY:
        return _too_large(frames, pressure_GPa)
    per_volume = 1 / float(np.mean(volumes))
    virial = {"it is a virial (eV)": -per_volume, "it is a stress times volume (eV)": per_volume}
    meant = _nearest(slope, _STRESS_RATIOS | virial)
    return f"energies change by {slope:.3g} times the work of the stress between frames; {meant or 'check its unit'}"


def _too_large(frames: Sequence[LabelledFrame], pressure_GPa: float) -> str | None:
    largest = [float(np.abs(f.stress_eV_per_A3).max()) for f in frames if f.stress_eV_per_A3 is not None]
    allowed = _STRESS_EV_PER_A3 + 3 * abs(pressure_GPa) / EV_PER_A3_IN_GPA
    if not largest or (typical := float(np.median(largest))) <= allowed:
        return None
    what = f"the stress of a typical frame is {typical:.3g} eV/Å³, which is {typical * EV_PER_A3_IN_GPA:.3g} GPa"
    return f"{what}; is it a virial (eV), or in kbar or GPa?"


def _pairs(frames: Sequence[LabelledFrame]) -> Iterator[tuple[LabelledFrame, LabelledFrame]]:
    """Yield neighbouring frames of the same atoms in the same order that lie close to each other."""
    groups: dict[bytes, list[LabelledFrame]] = defaultdict(list)
    for frame in frames:
        groups[frame.atoms.numbers.tobytes()].append(frame)
    found = 0
    for group in groups.values():
        for first, second in pairwise(group):
            if (
                found < _PAIRS
                and _have_like_cells(first, second)
                and np.abs(_moves(first, second)).max() < _LARGEST_MOVE_A
            ):
                found += 1
                yield first, second


def _pairs_of_one_cell(frames: Sequence[LabelledFrame]) -> Iterator[tuple[LabelledFrame, LabelledFrame]]:
    """Yield those of the pairs whose cells are the same."""
    yield from ((first, second) for first, second in _pairs(frames) if np.abs(_strain(first, second)).max() <= 1e-6)


def _works_and_changes(
    pairs: Sequence[tuple[LabelledFrame, LabelledFrame]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the work of the forces and the change of the energy (eV) between the frames of each pair."""
    work = [_work_of_forces(first, second) for first, second in pairs]
    return np.array(work), np.array([second.energy_eV - first.energy_eV for first, second in pairs])


def _have_like_cells(first: LabelledFrame, second: LabelledFrame) -> bool:
    """Return whether the mean of two cells is a cell; that of a right-handed and a left-handed one may be none."""
    cells = [frame.atoms.cell.array for frame in (first, second)]
    least = min(abs(float(np.linalg.det(cell))) for cell in cells)
    return abs(float(np.linalg.det((cells[0] + cells[1]) / 2))) > least / 2


def _moves(first: LabelledFrame, second: LabelledFrame) -> NDArray[np.float64]:
    """Return how far atoms move (Å) beside the strain of the cell, without the motion of all."""
    away = second.atoms.get_scaled_positions(wrap=False) - first.atoms.get_scaled_positions(wrap=False)
    away -= np.rint(away)
    moves = away @ ((first.atoms.cell.array + second.atoms.cell.array) / 2)
    return np.asarray(moves - moves.mean(axis=0))


def _work_of_forces(first: LabelledFrame, second: LabelledFrame) -> float:
    return -0.5 * float(((first.forces_eV_per_A + second.forces_eV_per_A) * _moves(first, second)).sum())


def _strain(first: LabelledFrame, second: LabelledFrame) -> NDArray[np.float64]:
    """Return the symmetric strain from one cell to the other."""
    middle = (first.atoms.cell.array + second.atoms.cell.array) / 2
    change = np.linalg.solve(middle, second.atoms.cell.array - first.atoms.cell.array)
    return np.asarray((change + change.T) / 2)


def _slope(work: NDArray[np.float64], change: NDArray[np.float64], clear: float) -> float | None:
    """Return how the change follows the work, or None where it does not follow as clearly as asked."""
    if len(work) < _FEWEST or not (work**2).sum() > 1e-10 or not (change**2).sum() > 0:
        return None
    slope = float((work * change).sum() / (work**2).sum())
    error = float(np.sqrt(((change - slope * work) ** 2).sum() / (len(work) - 1) / (work**2).sum()))
    return slope if abs(slope) > clear * error else None


def _nearest(slope: float, ratios: Mapping[str, float]) -> str:
    """Return what would give a slope, if one of the ratios is near."""
    near = {words: abs(np.log(slope / ratio)) for words, ratio in ratios.items() if slope * ratio > 0}
    best = min(near, key=lambda words: near[words], default="")
    return f"it looks as if {best}" if best and near[best] < _NEAR else ""
