"""Run exploring walkers under a committee's leader, let the committee look at them, stop each on its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from ase.data import atomic_masses
from torch import Tensor

from alloop.dynamics.barostat import Barostat, LangevinNPT
from alloop.dynamics.batch import LEAP_STEPS, WalkerBatch
from alloop.dynamics.checks import Stop
from alloop.dynamics.integrators import Integrator, Langevin
from alloop.dynamics.limits import Limits
from alloop.dynamics.phase import ForceField, Phase, on_host
from alloop.dynamics.state import CHAIN, Floats, MDState, Point
from alloop.dynamics.swaps import Swapping, Swaps, SwapSettings


class CommitteeField(ForceField, Protocol):
    """The leader of a committee as a force field, and the disagreement of all members."""

    def disagreement(
        self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None
    ) -> Floats | None:
        """Return the disagreement per atom (eV/Å), shape (walkers, atoms); None for a committee of one.

        Positions that were evaluated last cost the other members only.
        """
        ...


@dataclass(frozen=True, eq=False)
class Sight:
    """The state of a walker at a step.

    Attributes
    ----------
    contact : float
        Shortest contact in sums of covalent radii; infinite beyond the reach of the potential, 0 if not finite.
    fault : str or None
        Why it stopped, if it did.
    """

    step: int
    state: MDState
    contact: float
    fault: Stop | None = None


@dataclass(frozen=True, eq=False)
class _Moment:
    """Where walkers were after a step, on their device."""

    step: int
    walkers: tuple[int, ...]
    numbers: Tensor
    positions_A: Tensor
    momenta: Tensor
    stretches: Tensor
    temperatures_K: Tensor

    @classmethod
    def of(cls, phase: Phase) -> _Moment:
        """Keep the present tensors, into which nothing is written any more."""
        now = (phase.numbers, phase.positions_A, phase.momenta, phase.stretches, phase.temperatures())
        return cls(phase.step, tuple(phase.walkers.tolist()), *now)

    def point(self, walker: int) -> Point:
        """Return where one of them was."""
        row, zeros = self.walkers.index(walker), np.zeros(CHAIN)
        place = on_host(self.positions_A[row]), on_host(self.momenta[row])
        return Point(self.step, *place, zeros, zeros, 0.0, float(self.stretches[row]))


class ExplorerBatch:
    """Walkers of the same atoms under Langevin dynamics, in one evaluation.

    All have the same cell; with a barostat each has its own, of the same shape. What a walker does depends on its own
    start, temperature and seed alone, but for rounding.

    Parameters
    ----------
    starts : sequence of MDState
        Where they begin; momentum of the centre of mass is removed.
    field : CommitteeField
        The committee: its leader gives the forces, its members the disagreement.
    temperatures_K, limits_K : sequence of float
        Temperature of each walker's thermostat, and the kinetic temperature that stops it.
    seeds : sequence of int
        Decide the noise of each walker.
    timestep_fs, friction_per_fs : float
        Step of the integrator and friction of the thermostat.
    stop_contact : float
        A shorter contact, in sums of covalent radii, stops a walker.
    memory : int
        How many of the last states are remembered.
    barostat : Barostat or None
        Moves the cells; None where they stay.
    swaps : SwapSettings or None
        Ions that exchange places between steps; None for none.

    Raises
    ------
    ValueError
        If the walkers are not of the same atoms and cell, or have fewer than two atoms.
    """

    def __init__(
        self,
        starts: Sequence[MDState],
        field: CommitteeField,
        *,
        temperatures_K: Sequence[float],
        limits_K: Sequence[float],
        seeds: Sequence[int],
        timestep_fs: float,
        friction_per_fs: float,
        stop_contact: float,
        memory: int,
        barostat: Barostat | None = None,
        swaps: SwapSettings | None = None,
    ) -> None:
        _require_one_kind(starts, same_cell=barostat is None)
        self._numbers, self._field, self._barostat = starts[0].numbers, field, barostat
        self._cell_A = starts[0].cell_A if barostat is None else barostat.cell_A
        self._timestep_fs = timestep_fs
        method = _method(timestep_fs, 1.0 / friction_per_fs, barostat)
        self._swapping = None if swaps is None else Swapping(method, Swaps(self._numbers, swaps, stop_contact))
        self._method: Integrator = self._swapping or method
        phase = Phase.of(
            [self._point(start) for start in starts],
            range(len(starts)),
            atomic_masses[self._numbers],
            temperatures_K,
            seeds,
            field,
            None if barostat is None else barostat.volume(),
        )
        phase.rest()
        self._batch = WalkerBatch(phase, field, Limits(np.array(limits_K, dtype=float), stop_contact), timestep_fs)
        self._told: set[int] = set()
        self._past: deque[_Moment] = deque([_Moment.of(phase)], maxlen=memory)
        self._temperature_sums_K = torch.zeros(len(starts), dtype=torch.float64).to(phase.device)
        self._counts = [0] * len(starts)

    @property
    def step(self) -> int:
        """Steps made."""
        return self._batch.phase.step

    @property
    def walkers(self) -> tuple[int, ...]:
        """Those that still move."""
        return tuple(self._batch.phase.walkers.tolist())

    def run(self, steps: int) -> dict[int, Sight]:
        """Make steps, but none after one that stopped a walker; return who stopped, and where."""
        end = self.step + steps
        while self.step < end and self.walkers and self._told == self._batch.stopped.keys():
            # What is remembered of steps that turn out to be too many is no more than a leap.
            some = min(end - self.step, LEAP_STEPS)
            for moment in self._batch.advance(self._method, self._timestep_fs, some, _Moment.of):
                self._past.append(moment)
                self._count(moment)
        news = self._batch.stopped.keys() - self._told
        self._told |= news
        return {walker: self._last_sight(walker) for walker in sorted(news)}

    def see(self, walker: int) -> Sight:
        """Return where a moving walker is."""
        phase, row = self._batch.phase, self.walkers.index(walker)
        return Sight(self.step, self._state(phase.point(row)), float(phase.contacts[row]))

    def disagreements(self, walkers: Sequence[int]) -> dict[int, Floats]:
        """Return the disagreement per atom (eV/Å) about moving walkers; empty for a committee of one."""
        moving = self.walkers
        rows = [moving.index(walker) for walker in walkers]
        if not rows:
            return {}
        phase = self._batch.phase
        which = torch.tensor(rows).to(phase.device)
        asked = (phase.positions_A.index_select(0, which), walkers, phase.stretches.index_select(0, which))
        found = self._looked_at(*asked)
        return {} if found is None else dict(zip(walkers, found, strict=True))

    def disagreement_at(self, state: MDState) -> Floats | None:
        """Return the disagreement per atom (eV/Å) about any state; None for a committee of one."""
        sent = (torch.tensor(state.positions_A[None]), torch.tensor([self._stretch(state)], dtype=torch.float64))
        positions_A, stretches = (one.to(self._batch.phase.device) for one in sent)
        found = self._looked_at(positions_A, (ELSEWHERE,), stretches)
        return None if found is None else found[0]

    def recent(self, walker: int) -> list[tuple[int, MDState]]:
        """Return the last states without a fault of a walker that moves or stopped at this step, newest first."""
        past = [moment for moment in reversed(self._past) if walker in moment.walkers]
        return [(moment.step, self._state(moment.point(walker))) for moment in past]

    def mean_temperature(self, walker: int) -> float | None:
        """Return the mean kinetic temperature (K) of the steps without fault, or None where there were none."""
        count = self._counts[walker]
        return float(self._temperature_sums_K[walker]) / count if count else None

    def swaps(self, walker: int) -> dict[str, tuple[int, int]]:
        """Return the attempted and the accepted swaps of a walker by sublattice."""
        return {} if self._swapping is None else self._swapping.counts(walker)

    def take_out(self, walker: int) -> None:
        """Let a walker leave."""
        self._batch.take_out(walker)

    def _count(self, moment: _Moment) -> None:
        self._temperature_sums_K.index_add_(0, moment.numbers, moment.temperatures_K)
        for walker in moment.walkers:
            self._counts[walker] += 1

    def _last_sight(self, walker: int) -> Sight:
        point = self._batch.last[walker]
        state = self._state(point)
        contact = self._batch.contacts[walker] if state.is_finite() else 0.0
        return Sight(point.step, state, contact, self._batch.stopped[walker])

    def _looked_at(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor) -> Floats | None:
        return self._field.disagreement(positions_A, walkers, None if self._barostat is None else stretches)

    def _stretch(self, state: MDState) -> float:
        return 1.0 if self._barostat is None else self._barostat.stretch(state.cell_A)

    def _point(self, start: MDState) -> Point:
        zeros = np.zeros(CHAIN)
        return Point(0, start.positions_A, start.momenta, zeros, zeros, 0.0, self._stretch(start))

    def _state(self, point: Point) -> MDState:
        return MDState(self._numbers, point.positions_A, point.momenta, point.stretch * self._cell_A)


ELSEWHERE = -1
"""Number for a state that is not the present one of any walker."""


def _method(timestep_fs: float, thermostat_fs: float, barostat: Barostat | None) -> Langevin:
    if barostat is None:
        return Langevin(timestep_fs, thermostat_fs, "exploration")
    return LangevinNPT(timestep_fs, thermostat_fs, barostat.pressure_GPa)


def _require_one_kind(starts: Sequence[MDState], *, same_cell: bool) -> None:
    first = starts[0]
    if len(first.numbers) < 2:
        raise ValueError("a walker needs at least two atoms")
    for other in starts[1:]:
        alike = np.array_equal(first.numbers, other.numbers)
        if not alike or (same_cell and not np.array_equal(first.cell_A, other.cell_A)):
            raise ValueError("walkers of one batch must have the same atoms and cell")
