"""Move a batch of walkers in one evaluation of the potential; a walker that stops leaves the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from alloop.dynamics.checks import STOPS, Checks, Stop
from alloop.dynamics.integrators import Integrator
from alloop.dynamics.limits import Limits
from alloop.dynamics.phase import ForceField, Phase
from alloop.dynamics.state import Point

LEAP_STEPS = 10
"""Most steps of a device between two questions of the host whether all is well."""

Note = TypeVar("Note")


class Leap(ForceField, Protocol):
    """A potential for the next few steps, which asks nothing of the host.

    Attributes
    ----------
    steps : int
        For how many steps it is meant.
    """

    steps: int

    def verdict(self) -> Tensor:
        """Return, on the device, numbers of which the first is above 0 if any answer since the beginning is wrong."""
        ...

    def landed(self, verdict: Sequence[float]) -> None:
        """Take note of the verdict, which is on the host now."""
        ...


class WalkerBatch:
    """Walkers of the same atoms that move together; each is stopped on its own.

    Every step is checked (`Checks`). On a CPU the host looks at the checks after each. On a GPU it leaps: the device
    makes up to `LEAP_STEPS` steps with all their checks, and sends one flag. If that says that a walker has to stop, or
    that the potential could not answer without the host, the steps are undone and made one by one. So a batch goes the
    same way with leaps and without them.

    Parameters
    ----------
    phase : Phase
        Where the walkers are; it is moved.
    field : ForceField
        The potential. One with a method `leap` may be able to leap: it returns a `Leap`, or None.
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
    """

    def __init__(self, phase: Phase, field: ForceField, limits: Limits, timestep_fs: float = 0.0) -> None:
        self.phase = phase
        self.stopped: dict[int, Stop] = {}
        self.last: dict[int, Point] = {}
        self.contacts: dict[int, float] = {}
        self._field, self._steps_to_check = field, 0
        limits_K = torch.as_tensor(limits.temperatures_K, dtype=torch.float64).to(phase.device)
        self._checks = Checks(phase, limits_K, limits.contact, limits.volumes)
        self._shortest = torch.full_like(limits_K, torch.inf)
        self._began = phase.walkers.tolist()
        self._check(timestep_fs)

    @property
    def shortest(self) -> dict[int, float]:
        """Shortest contact of all steps, that of the end included, in sums of covalent radii."""
        values = self._shortest.tolist()
        return {walker: values[walker] for walker in self._began}

    def run(self, integrator: Integrator, timestep_fs: float, steps: int) -> None:
        """Make steps, as long as any walker is left."""
        end = self.phase.step + steps
        while self.phase.step < end and len(self.phase.walkers):
            self.advance(integrator, timestep_fs, end - self.phase.step, lambda phase: None)

    def advance(
        self, integrator: Integrator, timestep_fs: float, steps: int, note: Callable[[Phase], Note]
    ) -> list[Note]:
        """Make steps, but none after one that stopped a walker, and return a note of every step about those left."""
        notes: list[Note] = []
        moving = len(self.phase.walkers)
        while len(notes) < steps and moving and len(self.phase.walkers) == moving:
            left = steps - len(notes)
            leapt = None if self._steps_to_check else self._leap(integrator, timestep_fs, left, note)
            if leapt is None:
                integrator.prepare(self.phase, 1)
                integrator.step(self.phase, self._field)
                self._check(timestep_fs)
                self._steps_to_check = max(self._steps_to_check - 1, 0)
                leapt = [note(self.phase)]
            notes += leapt
        return notes

    def take_out(self, walker: int) -> None:
        """Let a walker leave that nothing is wrong with."""
        self.phase.keep(self.phase.walkers != walker)

    def _leap(
        self, integrator: Integrator, timestep_fs: float, steps: int, note: Callable[[Phase], Note]
    ) -> list[Note] | None:
        """Make some steps of which the host sees nothing but whether all is well; None if they were undone."""
        begin = getattr(self._field, "leap", None)
        able = integrator.prepare(self.phase, min(steps, LEAP_STEPS)) if begin else 0
        leap: Leap | None = begin(able) if begin and able else None
        if leap is None:
            return None
        phase, before, shortest = self.phase, self.phase.saved(), self._shortest
        wrong, notes = torch.zeros_like(phase.numbers), []
        for _ in range(leap.steps):
            integrator.step(phase, leap)
            wrong = torch.maximum(wrong, self._checks.stops(phase, timestep_fs))
            shortest = self._with_contacts(shortest)
            notes.append(note(phase))
        verdict = torch.cat([leap.verdict(), wrong.amax(dim=0, keepdim=True).double()]).tolist()
        leap.landed(verdict[:-1])
        if verdict[0] or verdict[-1]:
            phase.restore(before)
            self._steps_to_check = leap.steps
            return None
        self._shortest = shortest
        return notes

    def _check(self, timestep_fs: float) -> None:
        phase = self.phase
        self._shortest = self._with_contacts(self._shortest)
        stops = np.array(self._checks.stops(phase, timestep_fs).tolist(), dtype=int)
        for row in np.flatnonzero(stops).tolist():
            why, walker = STOPS[stops[row]], int(phase.walkers[row])
            assert why is not None
            self.stopped[walker], self.last[walker] = why, phase.point(row)
            self.contacts[walker] = float(phase.contacts[row])
        if stops.any():
            phase.keep(stops == 0)

    def _with_contacts(self, shortest: Tensor) -> Tensor:
        """Return the shortest contacts with the present ones among them; what is no number is passed over."""
        own = torch.fmin(shortest.index_select(0, self.phase.numbers), self.phase.contacts)
        return shortest.index_copy(0, self.phase.numbers, own)
