"""Metropolis swaps of two unlike ions of one sublattice, between steps of molecular dynamics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import units
from ase.data import atomic_numbers
from numpy.typing import NDArray
from torch import Tensor

from alloop.dynamics.integrators import Integrator
from alloop.dynamics.noise import generator
from alloop.dynamics.phase import ForceField, Integers, Phase
from alloop.materials.metropolis import accepts

_EVALUATED = ("positions_A", "energies_eV", "forces_eV_per_A", "contacts", "virials_eV")


@dataclass(frozen=True)
class SwapSettings:
    """How ions are swapped.

    Attributes
    ----------
    sublattices : tuple of tuple of str
        Elements whose ions exchange places, sublattice by sublattice. The atoms must hold two or more of each.
    every_steps : int
        Steps from one attempt of a walker to its next.
    temperature_K : float or None
        Temperature of the acceptance; None takes that of the walker.
    """

    sublattices: tuple[tuple[str, ...], ...]
    every_steps: int
    temperature_K: float | None = None


@dataclass(frozen=True)
class Swap:
    """One attempt of one walker: its sublattice, such as ``In/Y``, the two atoms, and whether it was accepted."""

    walker: int
    sublattice: str
    atoms: tuple[int, int]
    accepted: bool


@dataclass(frozen=True, eq=False)
class _Proposal:
    """What may be swapped, and where the acceptance draws its number from."""

    sublattice: str
    atoms: tuple[int, int]
    random: np.random.Generator


class Swaps:
    """Swaps of the positions of two unlike ions, accepted with the potential's energy (Metropolis).

    An attempt takes a sublattice at random, then an ion of it, then one of its unlike ions. The chance of a pair
    depends on the numbers of ions alone, so a swap and its reverse are proposed alike. Each ion keeps its momentum: the
    kinetic energy and the momentum of the whole stay as they are, in the canonical ensemble momenta are independent of
    positions, and so the difference of the potential energies decides alone. With exchanged momenta or velocities it
    would not, as the masses differ.

    Contacts below the limit before or after, and energies that are no number, refuse a swap: both ways alike.

    Parameters
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    settings : SwapSettings
        What is swapped.
    stop_contact : float
        Shortest contact allowed, in sums of covalent radii.

    Attributes
    ----------
    every_steps : int
        Steps from one attempt to the next, counted like those of the walkers.

    Raises
    ------
    ValueError
        If the atoms hold fewer than two elements of a sublattice.
    """

    def __init__(self, numbers: Integers, settings: SwapSettings, stop_contact: float) -> None:
        self._numbers, self._stop_contact = np.asarray(numbers), stop_contact
        self._kT_eV = None if settings.temperature_K is None else float(units.kB) * settings.temperature_K
        self.every_steps = settings.every_steps
        self._members = [("/".join(one), self._ions(one)) for one in settings.sublattices]

    def attempt(self, phase: Phase, field: ForceField) -> list[Swap]:
        """Attempt one swap for every walker, in one evaluation.

        What a walker draws depends on its seed and its step alone.
        """
        proposals = [self._proposal(generator(seed, "swap", phase.step)) for seed in phase.seeds.tolist()]
        before = {name: getattr(phase, name) for name in _EVALUATED}
        phase.positions_A = _swapped(phase.positions_A, [proposal.atoms for proposal in proposals])
        phase.evaluate(field)
        taken = self._taken(phase, before, proposals)
        _put_back(phase, before, ~taken)
        return [
            Swap(int(walker), proposal.sublattice, proposal.atoms, bool(accepted))
            for walker, proposal, accepted in zip(phase.walkers, proposals, taken, strict=True)
        ]

    def _taken(self, phase: Phase, before: dict[str, Tensor], proposals: Sequence[_Proposal]) -> NDArray[np.bool_]:
        costs_eV = phase.energies_eV - before["energies_eV"]
        allowed = self._is_allowed(before["energies_eV"], before["contacts"])
        allowed = allowed & self._is_allowed(phase.energies_eV, phase.contacts)
        told = torch.stack([allowed.double(), costs_eV, phase.kT_eV]).tolist()
        taken = np.zeros(len(proposals), dtype=bool)
        for row, (may, cost_eV, own_kT_eV) in enumerate(zip(*told, strict=True)):
            kT_eV = own_kT_eV if self._kT_eV is None else self._kT_eV
            taken[row] = bool(may) and accepts(cost_eV, kT_eV, proposals[row].random.random)
        return taken

    def _is_allowed(self, energies_eV: Tensor, contacts: Tensor) -> Tensor:
        return torch.isfinite(energies_eV) & (contacts >= self._stop_contact)

    def _proposal(self, random: np.random.Generator) -> _Proposal:
        name, ions = self._members[int(random.integers(len(self._members)))]
        one = int(random.choice(ions))
        other = int(random.choice(ions[self._numbers[ions] != self._numbers[one]]))
        return _Proposal(name, (one, other), random)

    def _ions(self, elements: Sequence[str]) -> Integers:
        ions = np.flatnonzero(np.isin(self._numbers, [atomic_numbers[element] for element in elements]))
        if len(np.unique(self._numbers[ions])) < 2:
            raise ValueError(f"the atoms hold fewer than two of {', '.join(elements)}, so no two can be swapped")
        return ions


class Swapping:
    """An integrator whose every nth step a swap follows (Widom et al., Metall. Mater. Trans. A 45, 196, 2014).

    Steps (but for the error of the timestep) and swaps both leave the canonical ensemble as it is, so their sequence
    does.

    Parameters
    ----------
    integrator : Integrator
        Makes the steps.
    swaps : Swaps
        What follows; its settings say how often.

    Attributes
    ----------
    told : list of Swap
        The attempts that followed the last step.
    """

    def __init__(self, integrator: Integrator, swaps: Swaps) -> None:
        self._integrator, self._swaps = integrator, swaps
        self.told: list[Swap] = []
        self._attempted: Counter[tuple[int, str]] = Counter()
        self._accepted: Counter[tuple[int, str]] = Counter()

    def prepare(self, phase: Phase, steps: int) -> int:
        """Draw for some steps. The host makes the step that a swap follows."""
        free = min(steps, self._swaps.every_steps - phase.step % self._swaps.every_steps - 1)
        self._integrator.prepare(phase, max(free, 1))
        return free

    def step(self, phase: Phase, field: ForceField) -> None:
        """Make one step, and attempt a swap where one is due."""
        self._integrator.step(phase, field)
        self.told = self._swaps.attempt(phase, field) if phase.step % self._swaps.every_steps == 0 else []
        for swap in self.told:
            self._attempted[swap.walker, swap.sublattice] += 1
            self._accepted[swap.walker, swap.sublattice] += swap.accepted

    def conserved(self, phase: Phase) -> Tensor:
        """Return what the integrator conserves between swaps (eV)."""
        return self._integrator.conserved(phase)

    def counts(self, walker: int) -> dict[str, tuple[int, int]]:
        """Return the attempted and the accepted swaps of a walker by sublattice."""
        own = sorted(name for who, name in self._attempted if who == walker)
        return {name: (self._attempted[walker, name], self._accepted[walker, name]) for name in own}


def _swapped(positions_A: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Return positions (rows, atoms, 3) after two atoms of every row have exchanged theirs."""
    rows, atoms = positions_A.shape[:2]
    order = np.tile(np.arange(atoms), (rows, 1))
    for row, (one, other) in enumerate(pairs):
        order[row, [one, other]] = other, one
    flat = torch.as_tensor((order + atoms * np.arange(rows)[:, None]).ravel()).to(positions_A.device)
    return positions_A.flatten(0, 1).index_select(0, flat).view_as(positions_A)


def _put_back(phase: Phase, before: dict[str, Tensor], rows: NDArray[np.bool_]) -> None:
    """Give some walkers back what they had before a swap."""
    back = torch.as_tensor(rows).to(phase.device)
    for name, old in before.items():
        new = getattr(phase, name)
        setattr(phase, name, torch.where(back.view(-1, *[1] * (new.dim() - 1)), old, new))
