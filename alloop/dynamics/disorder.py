"""Canonical Monte Carlo of orderings with a potential: swaps between stretches of molecular dynamics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from alloop.dynamics.batch import WalkerBatch
from alloop.dynamics.checks import Stop
from alloop.dynamics.integrators import Langevin
from alloop.dynamics.limits import Limits
from alloop.dynamics.noise import generator
from alloop.dynamics.phase import ForceField, Integers, Phase
from alloop.dynamics.state import CHAIN, Point, fresh_state
from alloop.dynamics.swaps import Swap, Swapping, Swaps, SwapSettings
from alloop.materials.orderings.neighbours import expected_share, near_pairs, unlike_share


@dataclass(frozen=True)
class DisorderSettings:
    """How orderings are sampled.

    Attributes
    ----------
    swaps : SwapSettings
        What is swapped, and the steps of dynamics before every attempt.
    timestep_fs, friction_per_fs : float
        Step of the dynamics and friction of its thermostat.
    attempts : int
        Attempts of a block; numbers are means over blocks.
    blocks : int
        Blocks of this run.
    stop_contact : float
        Contact in sums of covalent radii that stops a walker.
    """

    swaps: SwapSettings
    timestep_fs: float
    friction_per_fs: float
    attempts: int
    blocks: int
    stop_contact: float


@dataclass(frozen=True)
class Block:
    """Means over the samples of a block, one after every attempt, and its swaps.

    Attributes
    ----------
    energy_eV : float
        Potential energy of the cell.
    order : mapping
        Warren-Cowley parameter of the first neighbours, by pair such as ``Br–Cl``.
    swaps : mapping
        Attempted and accepted swaps, by sublattice.
    """

    energy_eV: float
    order: Mapping[str, float]
    swaps: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a walker is: its point, and the atom on each site; sites are numbered as the atoms that begin on them."""

    point: Point
    occupants: Integers


@dataclass(eq=False)
class Chain:
    """What came of a walker.

    Attributes
    ----------
    blocks : list of Block
        The whole blocks before its end.
    last : Place or None
        Where it continues; None if it was stopped.
    ended : str
        ``length``, or why it was stopped.
    """

    blocks: list[Block] = field(default_factory=list)
    last: Place | None = None
    ended: str = "length"


class OrderMeter:
    """Warren-Cowley parameters of the ions of some sublattices, on the sites where the atoms begin.

    Parameters
    ----------
    atoms : ase.Atoms
        The atoms on their sites.
    sublattices : sequence of sequence of str
        Elements that share sites.
    """

    def __init__(self, atoms: Atoms, sublattices: Sequence[Sequence[str]]) -> None:
        self._numbers = atoms.numbers
        self._pairs: list[tuple[str, Integers, tuple[Integers, Integers], int, int, float]] = []
        for elements in sublattices:
            sites = np.flatnonzero(np.isin(atoms.numbers, [atomic_numbers[element] for element in elements]))
            near = near_pairs(atoms.positions[sites], atoms.cell.array)
            for pair in combinations(sorted(elements), 2):
                one, other = (atomic_numbers[element] for element in pair)
                counts = (int((atoms.numbers == number).sum()) for number in (one, other))
                expected = expected_share(near, len(sites), *counts)
                if expected:
                    self._pairs.append(("–".join(pair), sites, near, one, other, expected))

    def of(self, occupants: Integers) -> dict[str, float]:
        """Return 1 - p / p̄ of every pair of elements; p̄ is the exact mean of p over all orderings."""
        held = self._numbers[occupants]
        return {
            name: 1.0 - unlike_share(held[sites], near, one, other) / expected
            for name, sites, near, one, other, expected in self._pairs
        }


def begin(atoms: Atoms, temperatures_K: Sequence[float], seeds: Sequence[int]) -> dict[int, Place]:
    """Return where walkers begin: the atoms on their sites, with velocities drawn at the temperature."""
    zeros, places = np.zeros(CHAIN), {}
    for walker, (temperature_K, seed) in enumerate(zip(temperatures_K, seeds, strict=True)):
        state = fresh_state(atoms, temperature_K, generator(seed, "momenta"))
        point = Point(0, state.positions_A, state.momenta, zeros, zeros, 0.0)
        places[walker] = Place(point, np.arange(len(atoms)))
    return places


def sample(
    atoms: Atoms,
    temperatures_K: Sequence[float],
    limits_K: Sequence[float],
    seeds: Sequence[int],
    places: Mapping[int, Place],
    force_field: ForceField,
    settings: DisorderSettings,
) -> dict[int, Chain]:
    """Run some blocks of the walkers that have a place to continue from; return what came of each.

    Parameters
    ----------
    atoms : ase.Atoms
        The atoms on their sites.
    temperatures_K, limits_K, seeds : sequence
        Temperature, kinetic temperature that stops it, and seed of every walker, those that are not run included.
    places : mapping
        Where walkers continue, by number.
    force_field : ForceField
        The potential.
    settings : DisorderSettings
        How.
    """
    walkers = sorted(places)
    if not walkers:
        return {}
    own_K, own_seeds = [temperatures_K[walker] for walker in walkers], [seeds[walker] for walker in walkers]
    points = [places[walker].point for walker in walkers]
    phase = Phase.of(points, walkers, atoms.get_masses(), own_K, own_seeds, force_field)
    limits = Limits(np.array(limits_K, dtype=float), settings.stop_contact)
    langevin = Langevin(settings.timestep_fs, 1.0 / settings.friction_per_fs, "exploration")
    method = Swapping(langevin, Swaps(atoms.numbers, settings.swaps, settings.stop_contact))
    batch = WalkerBatch(phase, force_field, limits, settings.timestep_fs)
    meter = OrderMeter(atoms, settings.swaps.sublattices)
    chains = {walker: Chain() for walker in walkers}
    occupants = {walker: places[walker].occupants.copy() for walker in walkers}
    for _ in range(settings.blocks):
        sums = {walker: _Sums() for walker in walkers}
        for _ in range(settings.attempts):
            batch.run(method, settings.timestep_fs, settings.swaps.every_steps)
            _take(batch, method.told, occupants, sums, meter)
        for walker in phase.walkers.tolist():
            chains[walker].blocks.append(sums[walker].block())
    return _ended(chains, batch, occupants)


def _take(
    batch: WalkerBatch,
    told: Iterable[Swap],
    occupants: Mapping[int, Integers],
    sums: Mapping[int, _Sums],
    meter: OrderMeter,
) -> None:
    """Let swapped ions change sites, and add a sample of every walker that is left."""
    for swap in told:
        sums[swap.walker].count(swap)
        if swap.accepted:
            sites = occupants[swap.walker]
            one, other = (int(np.flatnonzero(sites == atom)[0]) for atom in swap.atoms)
            sites[[one, other]] = sites[[other, one]]
    for walker, energy_eV in zip(batch.phase.walkers.tolist(), batch.phase.energies_eV.tolist(), strict=True):
        sums[walker].add(energy_eV, meter.of(occupants[walker]))


class _Sums:
    """Samples and swaps of a block, summed up."""

    def __init__(self) -> None:
        self._samples, self._energy_eV = 0, 0.0
        self._order: defaultdict[str, float] = defaultdict(float)
        self._attempted: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()

    def count(self, swap: Swap) -> None:
        self._attempted[swap.sublattice] += 1
        self._accepted[swap.sublattice] += swap.accepted

    def add(self, energy_eV: float, order: Mapping[str, float]) -> None:
        self._samples += 1
        self._energy_eV += energy_eV
        for name, value in order.items():
            self._order[name] += value

    def block(self) -> Block:
        return Block(
            energy_eV=self._energy_eV / self._samples,
            order={name: value / self._samples for name, value in self._order.items()},
            swaps={name: (attempted, self._accepted[name]) for name, attempted in sorted(self._attempted.items())},
        )


def _ended(chains: dict[int, Chain], batch: WalkerBatch, occupants: Mapping[int, Integers]) -> dict[int, Chain]:
    stopped: dict[int, Stop] = batch.stopped
    for walker, why in stopped.items():
        chains[walker].ended = why
    for row, walker in enumerate(batch.phase.walkers.tolist()):
        chains[walker].last = Place(batch.phase.point(row), occupants[walker])
    return chains
