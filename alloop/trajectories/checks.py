"""Say in one line what is wrong with a trajectory, or what its reader should know. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from ase.data import atomic_masses, covalent_radii
from matscipy.neighbours import neighbour_list

from alloop.trajectories.frames import Floats, Integers
from alloop.transport.unwrapping import near_half_note

KB_EV_PER_K = 8.617333262e-5
EV_FS2_PER_U_A2 = 103.642697
"""One u Å²/fs² in eV."""

_REACH_A = 6.0
_NEAREST, _FARTHEST = 0.4, 1.6
_TOO_FAST = 2.0
_JUMP, _JUMP_OF_ONE, _FEWEST = 3.0, 8.0, 3
_STILL_A, _STILL_fs = 0.03, 50.0
_CELL_DRIFTS = 0.01
_STANDS_OUT = 3.0
_TEMPERATURE = 0.1
_LEFT = 0.001


def unit_problem(numbers: Integers, positions_A: Floats, cell_A: Floats) -> str | None:
    """Return that lengths are not in Å, or None.

    The median distance of an atom to its nearest neighbour is about the sum of two covalent radii; in nm it is a tenth
    of that, in Bohr nearly twice as much. Where they are in Å nevertheless, ``--length-unit A`` says so.
    """
    inverse = np.linalg.inv(cell_A)
    inside = ((positions_A @ inverse) % 1.0) @ cell_A
    i, j, distances = neighbour_list("ijd", positions=inside, cell=cell_A, pbc=[True] * 3, cutoff=_reach(cell_A))
    nearest = np.full(len(numbers), np.inf)
    np.minimum.at(nearest, i, distances / (covalent_radii[numbers[i]] + covalent_radii[numbers[j]]))
    typical = float(np.median(nearest))
    if typical < _NEAREST:
        return f"atoms lie {typical:.2g} of their covalent radii apart: lengths seem to be in nm; add --length-unit nm"
    if math.isfinite(typical) and typical > _FARTHEST:
        return f"atoms lie {typical:.2g} covalent radii apart: lengths seem to be in Bohr; add --length-unit bohr"
    return None


def _reach(cell_A: Floats) -> float:
    # Of a cell in nm a reach in Å would find millions of images.
    return min(_REACH_A, 2.0 * float(np.cbrt(abs(np.linalg.det(cell_A)))))


def speed_problem(numbers: Integers, msd_A2: float, interval_fs: float, temperature_K: float) -> str | None:
    """Return that ions move faster than heat lets them, or None.

    Over a time t the mean squared displacement of a particle in equilibrium is at most ⟨v²⟩ t² = 3 kB T t² / m.

    Parameters
    ----------
    numbers : ndarray of int
        Atomic numbers of the ions.
    msd_A2 : float
        Their mean squared displacement from one frame to the next (Å²).
    interval_fs, temperature_K : float
        Time between the two (fs), and temperature (K).
    """
    fastest = _thermal_speed(float(np.mean(atomic_masses[numbers])), temperature_K) * interval_fs
    moved = math.sqrt(msd_A2)
    if moved <= _TOO_FAST * fastest:
        return None
    return (
        f"ions move {moved:.2g} Å from frame to frame, but heat moves them {fastest:.2g} Å at most in {interval_fs:g} "
        f"fs at {temperature_K:g} K: name the right --timestep-fs (in fs), --steps-per-frame and --temperature"
    )


def _thermal_speed(mass_u: float, temperature_K: float) -> float:
    """Return the root mean square speed of a particle in equilibrium (Å/fs)."""
    return math.sqrt(3 * KB_EV_PER_K * temperature_K / (mass_u * EV_FS2_PER_U_A2))


class Jumps:
    """Finds the frame at which atoms jump as no heat moves them.

    An atom of the framework that is as fast as eight times the root mean square speed, or half of the mobile ions at
    three times theirs, are none of any equilibrium: atoms changed their order, frames are missing, or another run
    begins.

    Parameters
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    mobile : ndarray of int
        Places of the mobile ions.
    """

    def __init__(self, numbers: Integers, mobile: Integers) -> None:
        self._masses = np.asarray(atomic_masses[numbers])
        self._mobile, self._still = mobile, np.setdiff1d(np.arange(len(numbers)), mobile)
        self._before: Floats | None = None
        self._worst = self._worst_A = self._worst_u = 0.0
        self._frame = 0

    def take(self, positions_A: Floats, frame: int) -> None:
        """Take the positions of all atoms, followed from image to image, in a frame of that number."""
        if self._before is not None:
            squares = ((positions_A - self._before) ** 2).sum(axis=1)
            weighed = squares * self._masses
            if len(self._still):
                self._keep(int(self._still[weighed[self._still].argmax()]), _JUMP_OF_ONE, squares, frame)
            if len(self._mobile) >= _FEWEST:
                order = np.argpartition(weighed[self._mobile], len(self._mobile) // 2)
                self._keep(int(self._mobile[order[len(self._mobile) // 2]]), _JUMP, squares, frame)
        self._before = positions_A

    def _keep(self, atom: int, factor: float, squares: Floats, frame: int) -> None:
        size = math.sqrt(squares[atom] * self._masses[atom]) / factor
        if size > self._worst:
            self._worst, self._worst_A, self._worst_u = size, math.sqrt(squares[atom]), float(self._masses[atom])
            self._frame = frame

    def problem(self, interval_fs: float, temperature_K: float) -> str | None:
        """Return at which frame atoms jump, or None; frames are `interval_fs` apart."""
        if self._worst <= _thermal_speed(1.0, temperature_K) * interval_fs:
            return None
        heat_A = _thermal_speed(self._worst_u, temperature_K) * interval_fs
        return (
            f"frame {self._frame}: atoms jump by {self._worst_A:.2g} Å where heat moves them {heat_A:.2g} Å in "
            f"{interval_fs:g} fs: their order changed, frames are missing or another run begins; cut the file there"
        )


def stillness(msd_A2: float, interval_fs: float) -> str | None:
    """Return that ions hardly move in a time in which they vibrate, or None."""
    moved = math.sqrt(msd_A2)
    if interval_fs < _STILL_fs or moved > _STILL_A:
        return None
    return (
        f"ions move {moved:.2g} Å only from frame to frame, less than they vibrate: {interval_fs:g} fs between frames "
        "may be too long; see --timestep-fs and --steps-per-frame"
    )


def jump_notes(near_half: int, long: int, steps: int) -> Iterator[str]:
    """Yield what a reader should know of steps that were followed from image to image.

    Raises
    ------
    ValueError
        If more than 5 % of steps are near half of the cell.
    """
    note = near_half_note(near_half / steps if steps else 0.0)
    if note:
        yield note
    if steps and long > _LEFT * steps:
        yield (
            f"{long} steps of atoms that had left the cell are longer than half of it: taken for the shortest step to "
            "an image; if the file is unwrapped, sample more often"
        )


def cell_drift(volumes_A3: Sequence[float]) -> str | None:
    """Return by how much the volume changes from the first to the second half of a run, if it drifts, or None.

    A drift is a change of more than 1 % that stands out of the fluctuation of ten parts of the run.
    """
    if len(volumes_A3) < 20:
        return None
    parts = np.array([float(np.mean(part)) for part in np.array_split(np.asarray(volumes_A3), 10)])
    change = float(parts[5:].mean() / parts[:5].mean()) - 1.0
    error = float(np.hypot(parts[5:].std(ddof=1), parts[:5].std(ddof=1)) / math.sqrt(5) / parts.mean())
    trend = float(parts[-1] / parts[0]) - 1.0
    if abs(trend) <= _CELL_DRIFTS or abs(change) <= max(_STANDS_OUT * error, _CELL_DRIFTS / 2):
        return None
    return (
        f"the cell drifts: its volume changes by {100 * trend:+.2g} % from the first to the last tenth of the run, so "
        "the numbers belong to no one volume; leave the beginning out with --skip-ps"
    )


def temperature_note(kinetic_K: float | None, temperature_K: float) -> str | None:
    """Return that the velocities say another temperature than was named, or None."""
    if kinetic_K is None or abs(kinetic_K - temperature_K) <= _TEMPERATURE * temperature_K:
        return None
    return (
        f"the velocities are those of {kinetic_K:.0f} K, not of the {temperature_K:g} K that were named: conductivity "
        "and activation energy take the temperature of the velocities"
    )
