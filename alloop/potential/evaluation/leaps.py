"""A potential for a few steps of a device, of which the host hears nothing but whether all answers are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from alloop.dynamics.phase import Evaluation
from alloop.potential.evaluation.batch_splitting import BatchSplitter
from alloop.potential.evaluation.device_neighbours import DeviceNeighbourhoods
from alloop.potential.evaluation.neighbours import Edges
from alloop.potential.evaluation.radial import SHORTEST_A

MARGIN = 0.9
"""Part of the skin up to which lists are expected to hold."""

Told = Callable[[Tensor, tuple[int, ...], "Tensor | None", Edges], Evaluation]


class Pace:
    """How fast the skin of lists is used up, so that they are made anew before they lack a pair and not much earlier.

    Examples
    --------
    >>> pace = Pace()
    >>> pace.steps(10)
    10
    >>> pace.landed(10, 0.3)
    >>> pace.steps(10), pace.steps(30)
    (10, 20)
    >>> pace.landed(10, 0.89)
    >>> pace.steps(10)
    0
    >>> pace.begin(50)
    20
    """

    def __init__(self) -> None:
        self._used, self._age, self._per_step = 0.0, 0, 0.0

    def steps(self, wanted: int) -> int:
        """Return for how many of the steps wanted the present lists are expected to do."""
        return self._until(self._used, wanted)

    def begin(self, wanted: int) -> int:
        """Return for how many steps new lists will do, at least for one."""
        self._used, self._age = 0.0, 0
        return max(self._until(0.0, wanted), 1)

    def landed(self, steps: int, used: float) -> None:
        """Take note of which part of the skin has been used up after some more steps.

        Less than before means that lists were made anew in between.
        """
        self._used, self._age = used, steps if used < self._used else self._age + steps
        self._per_step = used / self._age

    def _until(self, used: float, wanted: int) -> int:
        if not used < MARGIN:
            return 0
        return wanted if self._per_step * wanted <= MARGIN - used else int((MARGIN - used) / self._per_step)


class Ahead:
    """A potential for the next steps (see `alloop.dynamics.batch.Leap`).

    Answers are wrong, and the verdict says so, where a list of pairs has been outgrown, where a pair is so short that
    the tables of radial weights lack it, and where positions are not finite.

    Parameters
    ----------
    steps : int
        For how many steps it is meant.
    near : DeviceNeighbourhoods
        Lists pairs.
    pace : Pace
        How fast lists are outgrown.
    splitter : BatchSplitter
        Splits walkers into evaluations that fit into memory.
    told : callable
        What the model says on edges that are there.
    begin : callable
        Called before every evaluation of all walkers.
    """

    def __init__(
        self,
        steps: int,
        near: DeviceNeighbourhoods,
        pace: Pace,
        splitter: BatchSplitter,
        told: Told,
        begin: Callable[[], None],
    ) -> None:
        self.steps = steps
        self._near, self._pace, self._splitter, self._told, self._begin = near, pace, splitter, told, begin
        self._verdicts: list[Tensor] = []

    def __call__(self, positions_A: Tensor, walkers: Sequence[int], stretches: Tensor | None = None) -> Evaluation:
        """Return energies, forces and shortest contacts, and virials where stretches are given."""
        self._begin()

        def evaluate(some: Sequence[int]) -> tuple[tuple[int, ...], Evaluation]:
            rows = slice(some[0], some[-1] + 1)
            part = tuple(walkers[row] for row in some)
            return part, self._part(positions_A[rows], part, None if stretches is None else stretches[rows])

        found = self._splitter.in_parts(range(len(walkers)), positions_A.shape[1], evaluate)
        self._near.only([part for part, _ in found])
        return _joined([told for _, told in found])

    def verdict(self) -> Tensor:
        """Return, on the device, 1 if an answer is wrong, 0 if none is, and the largest part of a skin used up."""
        return torch.stack(self._verdicts).amax(dim=0)

    def landed(self, verdict: Sequence[float]) -> None:
        """Take note of the verdict, which is on the host now."""
        self._pace.landed(self.steps, verdict[1])

    def _part(self, positions_A: Tensor, walkers: tuple[int, ...], stretches: Tensor | None) -> Evaluation:
        # Places in tables are worked out from positions, so none that is no number may get there.
        places_A = positions_A.nan_to_num()
        sizes = None if stretches is None else stretches.nan_to_num()
        edges = self._near.edges_as_listed(places_A, walkers, sizes)
        used = self._near.used(places_A, walkers, sizes)
        wrong = (used >= 1.0) | ~torch.isfinite(positions_A).all()
        if stretches is not None:
            wrong = wrong | ~torch.isfinite(stretches).all()
        if len(edges.senders):
            wrong = wrong | ~(edges.lengths_A.amin() > SHORTEST_A)
        self._verdicts.append(torch.stack([wrong.double(), used]))
        return self._told(positions_A, walkers, stretches, replace(edges, in_tables=True))


def _joined(parts: Sequence[Evaluation]) -> Evaluation:
    """Return the answers about several parts of the walkers as one."""
    if len(parts) == 1:
        return parts[0]
    virials = [part.virials_eV for part in parts if part.virials_eV is not None]
    return Evaluation(
        torch.cat([part.energies_eV for part in parts]),
        torch.cat([part.forces_eV_per_A for part in parts]),
        torch.cat([part.contacts for part in parts]),
        torch.cat(virials) if virials else None,
    )
