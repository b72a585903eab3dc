"""Move a batch of walkers in one evaluation of the potential; a walker that stops leaves the batch."""

from __future__ import annotations

from typing import Literal

import numpy as np
from ase import units
from numpy.typing import NDArray

from alloop.dynamics.integrators import Integrator
from alloop.dynamics.limits import Limits
from alloop.dynamics.phase import ForceField, Phase, Point

Stop = Literal["nan", "temperature", "contact", "volume"]


class WalkerBatch:
    """Walkers of the same atoms that move together; each is stopped on its own.

    Every step is checked: numbers that are not finite, a kinetic temperature beyond the limit (now, or after the kick
    that the present forces will give, so that no atom is thrown where no neighbour search ends), a contact that is too
    short, and a cell that has swollen or shrunk too far.

    Parameters
    ----------
    phase : Phase
        Where the walkers are; it is moved.
    field : ForceField
        The potential.
    limits : Limits
        When to stop them.
    timestep_fs : float
        How far the check before the first step looks ahead.

    Attributes
    ----------
    phase : Phase
        Those that are left.
    stopped, last, contacts : dict
        Why each of the others was stopped, and where and with what contact, which may not be finite.
    shortest : dict
        Shortest contact of all steps, that of the end included, in sums of covalent radii.
    """

    def __init__(self, phase: Phase, field: ForceField, limits: Limits, timestep_fs: float = 0.0) -> None:
        self.phase = phase
        self.stopped: dict[int, Stop] = {}
        self.last: dict[int, Point] = {}
        self.contacts: dict[int, float] = {}
        self.shortest: dict[int, float] = {int(walker): float("inf") for walker in phase.walkers}
        self._field, self._limits = field, limits
        self._first_stretches = dict(zip(phase.walkers.tolist(), phase.stretches.tolist(), strict=True))
        self._check(timestep_fs)

    def run(self, integrator: Integrator, timestep_fs: float, steps: int) -> None:
        """Make steps, as long as any walker is left."""
        for _ in range(steps):
            if not len(self.phase.walkers):
                return
            with np.errstate(all="ignore"):
                integrator.step(self.phase, self._field)
            self._check(timestep_fs)

    def take_out(self, walker: int) -> None:
        """Let a walker leave that nothing is wrong with."""
        self.phase.keep(self.phase.walkers != walker)

    def _check(self, timestep_fs: float) -> None:
        phase, limits = self.phase, self._limits
        with np.errstate(all="ignore"):
            kicked = phase.momenta + 0.5 * timestep_fs * float(units.fs) * phase.forces_eV_per_A
            ahead_eV = 0.5 * np.einsum("wai,wai,a->w", kicked, kicked, 1.0 / phase.masses_amu)
            ahead_K = 2.0 * ahead_eV / (phase.degrees_of_freedom * float(units.kB))
            hottest_K = np.maximum(phase.temperatures(), ahead_K)
        finite = np.isfinite(hottest_K) & np.isfinite(phase.energies_eV) & np.isfinite(phase.positions_A).all((1, 2))
        hot = hottest_K > limits.temperatures_K[phase.walkers]
        close = phase.contacts < limits.contact
        for row in np.flatnonzero(~np.isnan(phase.contacts)):
            walker = int(phase.walkers[row])
            self.shortest[walker] = min(self.shortest[walker], float(phase.contacts[row]))
        strayed = self._strayed()
        going = ~finite | hot | close | strayed
        for row in np.flatnonzero(going):
            why = _reason(not finite[row], close[row], strayed[row])
            walker = int(phase.walkers[row])
            self.stopped[walker], self.last[walker] = why, phase.point(int(row))
            self.contacts[walker] = float(phase.contacts[row])
        if going.any():
            phase.keep(~going)

    def _strayed(self) -> NDArray[np.bool_]:
        """Return which walkers' cells have left the allowed volumes."""
        low, high = self._limits.volumes
        first = np.array([self._first_stretches[walker] for walker in self.phase.walkers.tolist()])
        relative = (self.phase.stretches / first) ** 3
        strayed: NDArray[np.bool_] = (relative < low) | (relative > high)
        return strayed


def _reason(is_nan: bool, is_close: bool, has_strayed: bool) -> Stop:
    """Return the most telling of the reasons for which a walker stops."""
    if is_nan:
        return "nan"
    if is_close:
        return "contact"
    return "volume" if has_strayed else "temperature"
