"""Make the ordered cells of a disordered crystal: the ground state and samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.units import kB
from numpy.typing import NDArray

from alloop.materials.orderings.cells import cell_of_atoms, supercell
from alloop.materials.orderings.charges import charges_of
from alloop.materials.orderings.crystal import VACANCY, Crystal, OrderingError, substituted
from alloop.materials.orderings.energy import PairEnergy
from alloop.materials.orderings.enumeration import MOST_ORDERINGS, enumerated
from alloop.materials.orderings.lattice import Configuration, OrderingLattice, lattice_of
from alloop.materials.orderings.monte_carlo import Sampler, anneal
from alloop.materials.orderings.neighbours import Correlation, correlations
from alloop.materials.structure import Structure

MOST_MIXED = 6000
"""Mixed sites of the largest cell that is ordered."""
ANNEALS = 3
"""Independent searches of a ground state; the lowest counts."""
_ATTEMPT_S = 1e-5
_LONGEST_H = 2.0
Method = Literal["auto", "enumerate", "monte_carlo", "random"]


@dataclass(frozen=True)
class Recipe:
    """How a crystal is ordered.

    Attributes
    ----------
    substitute, oxidation_states : mapping
        What is substituted, and charges of ions (e); see `substituted` and `charges_of`.
    atoms : int or None
        Most atoms of the cell.
    matrix : tuple of tuple of int or None
        The supercell in units of the crystal's cell; None for both: the crystal's own cell.
    method : str
        ``enumerate``, ``monte_carlo``, ``random``; ``auto`` enumerates small cells and samples others.
    ground_state : bool
        Whether the ordering of lowest energy is wanted.
    samples : int
        Number of other orderings.
    temperature_K, permittivity : float
        Temperature of the samples (K) and relative permittivity of the energies.
    sweeps : int
        Sweeps of an annealing, before the first sample, and between two samples.
    seed : int
        Seed of all random numbers.
    """

    substitute: Mapping[str, Mapping[str, float]]
    oxidation_states: Mapping[str, float]
    atoms: int | None = None
    matrix: Sequence[Sequence[int]] | None = None
    method: Method = "auto"
    ground_state: bool = True
    samples: int = 0
    temperature_K: float = 1000.0
    permittivity: float = 10.0
    sweeps: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Ordered:
    """One ordered cell.

    Attributes
    ----------
    role : str
        ``ground``, ``sample1`` and so on; empty for a crystal without disorder.
    structure : Structure
        Its atoms.
    energy_eV : float
        Ewald energy of the cell over the permittivity.
    acceptance : float or None
        Share of the swaps that Monte Carlo accepted in the run that gave it.
    multiplicity : int or None
        Orderings of the cell that symmetry makes of it, if they were enumerated.
    correlations : tuple of Correlation
        Neighbours on each sublattice.
    """

    role: str
    structure: Structure
    energy_eV: float
    acceptance: float | None
    multiplicity: int | None
    correlations: tuple[Correlation, ...]


@dataclass(frozen=True)
class Orderings:
    """The ordered cells of one composition.

    Attributes
    ----------
    formula : str
        Its reduced formula.
    method : str
        How they were made: ``enumerate``, ``monte_carlo``, ``random``, or ``none`` where nothing is disordered.
    count : int
        Orderings of the cell, those that symmetry joins counted each.
    oxidation_states : mapping
        Charges of the ions by element (e).
    ordered : tuple of Ordered
        The ground state first.
    notes : tuple of str
        What one must know of them.
    """

    formula: str
    method: str
    count: int
    oxidation_states: Mapping[str, float]
    ordered: tuple[Ordered, ...]
    notes: tuple[str, ...] = ()


def order(crystal: Crystal, recipe: Recipe) -> Orderings:
    """Return ordered cells of a crystal.

    Raises
    ------
    OrderingError
        If it cannot be ordered as the recipe says.
    """
    mixed = substituted(crystal, recipe.substitute)
    if not mixed.composition():
        raise OrderingError(("substitute",), "leaves no ion at all; keep some of them")
    charges_e = charges_of(mixed, recipe.oxidation_states)
    if recipe.atoms is not None:
        mixed = cell_of_atoms(mixed, recipe.atoms)
    elif recipe.matrix is not None:
        mixed = supercell(mixed, np.array(recipe.matrix, dtype=int))
    lattice = lattice_of(mixed, charges_e)
    if not lattice.sublattices:
        only = _Drawn(np.zeros(0, dtype=np.int8), "")
        return _told(lattice, PairEnergy(lattice, recipe.permittivity), "none", [only], ())
    _refuse_long(lattice, recipe)
    small = lattice.orderings() <= MOST_ORDERINGS
    method = recipe.method if recipe.method != "auto" else "enumerate" if small else "monte_carlo"
    energy = PairEnergy(lattice, recipe.permittivity)
    drawn, notes = _METHODS[method](lattice, energy, recipe)
    return _told(lattice, energy, method, drawn, (*_alike(lattice), *notes))


def _refuse_long(lattice: OrderingLattice, recipe: Recipe) -> None:
    """Refuse Monte Carlo that takes hours, and a matrix that takes gigabytes."""
    if len(lattice.mixed) > MOST_MIXED:
        what = f"the cell has {len(lattice.mixed)} mixed sites, and at most {MOST_MIXED} are ordered"
        raise OrderingError(("cell",), f"{what}; give a smaller one, as in `cell: {{atoms: 80}}`")
    runs = ANNEALS * recipe.ground_state + recipe.samples + 1
    hours = runs * recipe.sweeps * len(lattice.mixed) * _ATTEMPT_S / 3600.0
    if hours > _LONGEST_H and recipe.method != "enumerate":
        what = f"{recipe.sweeps} sweeps of {len(lattice.mixed)} sites, {runs} times, take about {hours:.3g} hours"
        raise OrderingError(("orderings", "sweeps"), f"{what}; lower the sweeps or the samples")


@dataclass(frozen=True, eq=False)
class _Drawn:
    configuration: Configuration
    role: str
    acceptance: float | None = None
    multiplicity: int | None = None


_Made = tuple[list[_Drawn], tuple[str, ...]]


def _told(
    lattice: OrderingLattice, energy: PairEnergy, method: str, drawn: Sequence[_Drawn], notes: tuple[str, ...]
) -> Orderings:
    ordered = tuple(
        Ordered(
            role=one.role,
            structure=lattice.structure(one.configuration),
            energy_eV=energy.of(one.configuration),
            acceptance=one.acceptance,
            multiplicity=one.multiplicity,
            correlations=correlations(lattice, one.configuration),
        )
        for one in drawn
    )
    charges_e = zip(lattice.species, lattice.charges_e.tolist(), strict=True)
    states = {species: charge for species, charge in charges_e if species != VACANCY}
    return Orderings(lattice.formula(), method, lattice.orderings(), states, ordered, notes)


def _enumerate(lattice: OrderingLattice, energy: PairEnergy, recipe: Recipe) -> _Made:
    """Take the lowest class, and draw others without repetition with their chances at the temperature."""
    classes = enumerated(lattice)
    energies_eV = np.round(energy.of_all(classes.configurations), 9)
    by_energy = np.lexsort((classes.multiplicities, energies_eV))
    chosen = [("ground", int(by_energy[0]))] if recipe.ground_state else []
    taken = {place for _, place in chosen}
    weights = _boltzmann(energies_eV, classes.multiplicities, recipe.temperature_K)
    left = [place for place in range(len(weights)) if place not in taken]
    keys = np.log(weights[left] + 1e-300) + np.random.default_rng(recipe.seed).gumbel(size=len(left))
    draws = [left[k] for k in np.argsort(-keys)[: recipe.samples]]
    chosen += [(f"sample{n}", place) for n, place in enumerate(draws, start=1)]
    drawn = [
        _Drawn(classes.configurations[place], role, multiplicity=int(classes.multiplicities[place]))
        for role, place in chosen
    ]
    many = f"symmetry leaves {len(weights)} of {lattice.orderings()} orderings"
    few = (f"{many}: {len(draws)} samples instead of {recipe.samples}",) if len(draws) < recipe.samples else ()
    return drawn, few


def _boltzmann(
    energies_eV: NDArray[np.float64], multiplicities: NDArray[np.int_], temperature_K: float
) -> NDArray[np.float64]:
    weights = multiplicities * np.exp(-(energies_eV - energies_eV.min()) / (kB * temperature_K))
    return np.asarray(weights / weights.sum())


def _monte_carlo(lattice: OrderingLattice, energy: PairEnergy, recipe: Recipe) -> _Made:
    """Anneal several times for the ground state, and sample one chain at the temperature."""
    seeds = np.random.SeedSequence(recipe.seed).spawn(ANNEALS + 1)
    drawn: list[_Drawn] = []
    notes: tuple[str, ...] = ()
    if recipe.ground_state:
        ground, notes = _ground_state(lattice, energy, recipe, seeds[1:])
        drawn.append(ground)
    if recipe.samples:
        sampler = Sampler(lattice, energy, np.random.default_rng(seeds[0]))
        drawn += _samples(sampler, recipe)
    return drawn, notes


def _ground_state(
    lattice: OrderingLattice, energy: PairEnergy, recipe: Recipe, seeds: Sequence[np.random.SeedSequence]
) -> tuple[_Drawn, tuple[str, ...]]:
    if not lattice.charge_decides():
        return _Drawn(lattice.random(np.random.default_rng(seeds[0])), "ground"), ()
    found = []
    for seed in seeds:
        found.append(anneal(Sampler(lattice, energy, np.random.default_rng(seed)), lattice, energy, recipe.sweeps))
    found.sort(key=lambda one: one[1])
    atoms = len(lattice.structure(found[0][0]).numbers)
    spread = 1000.0 * (found[-1][1] - found[0][1]) / atoms
    note = f"ground state: the lowest of {len(found)} annealings, which end within {spread:.2g} meV per atom"
    return _Drawn(found[0][0], "ground"), (note,)


def _random(lattice: OrderingLattice, energy: PairEnergy, recipe: Recipe) -> _Made:
    """Draw orderings with equal chances, apart from split sites, which never hold two ions."""
    seeds = np.random.SeedSequence(recipe.seed).spawn(2)
    free = PairEnergy(lattice, math.inf)
    sampler = Sampler(lattice, free, np.random.default_rng(seeds[0]))
    if free.matrix_eV.any():
        sampler.set(anneal(sampler, lattice, free, recipe.sweeps)[0])
    drawn = _samples(sampler, recipe)
    if recipe.ground_state:
        ground, notes = _ground_state(
            lattice, energy, recipe, np.random.SeedSequence(recipe.seed).spawn(ANNEALS + 1)[1:]
        )
        return [ground, *drawn], notes
    return drawn, ()


def _samples(sampler: Sampler, recipe: Recipe) -> list[_Drawn]:
    sampler.sweep(recipe.sweeps, recipe.temperature_K)
    drawn = []
    for n in range(1, recipe.samples + 1):
        run = sampler.sweep(recipe.sweeps, recipe.temperature_K)
        drawn.append(_Drawn(sampler.configuration.copy(), f"sample{n}", acceptance=run.acceptance))
    return drawn


def _alike(lattice: OrderingLattice) -> tuple[str, ...]:
    """Return a note if the charges of no two ions of a sublattice differ."""
    if lattice.charge_decides():
        return ()
    names = ", ".join(one.name for one in lattice.sublattices)
    what = f"the ions of {names} have equal charges, so all orderings have one Ewald energy"
    return (f"{what}: none is a ground state, and `ground` is the most symmetric one that was enumerated, or drawn",)


_METHODS: dict[str, Callable[[OrderingLattice, PairEnergy, Recipe], _Made]] = {
    "enumerate": _enumerate,
    "monte_carlo": _monte_carlo,
    "random": _random,
}
