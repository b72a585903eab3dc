"""Find how a disordered crystal can be ordered: a cell, and occupancies that are whole in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from alloop.materials.orderings.cells import primitive
from alloop.materials.orderings.charges import charge_words, charges_of
from alloop.materials.orderings.crystal import VACANCY, Crystal, OrderingError, substituted
from alloop.materials.orderings.making import Orderings, Recipe, order

SIZES, LARGE_SIZES = (24, 40, 60, 80, 100), (140, 200)
"""Atoms of the cells that are tried for the fractions of the file: the smallest that makes all whole is taken.

Large ones are tried last: rounded fractions in a small cell cost less than exact ones in a large one.
"""
_LEAST_ATOMS = 20
_MOST_ROUNDED_ATOMS = 80
_MOST_CHOICES = 20_000
_TRIED = 200
_NEAR = 0.13
Shares = Mapping[str, Mapping[str, Fraction]]


@dataclass(frozen=True)
class OrderingProposal:
    """How a disordered crystal is ordered.

    Attributes
    ----------
    atoms : int
        Most atoms of the cell.
    made : Orderings
        The cells, the ground state first.
    substitute : mapping
        Shares that are whole in the cell, by the label of a site; empty if those of the file are.
    changes : tuple of str
        What of the file's occupancies was rounded, one line each.
    joined : tuple of tuple of str
        Labels of sites that exchange ions since rounding made their occupancies equal.
    oxidation_states : mapping
        Charges that had to be chosen (e); empty where only one choice balances.
    """

    atoms: int
    made: Orderings
    substitute: Shares = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    joined: tuple[tuple[str, ...], ...] = ()
    oxidation_states: Mapping[str, float] = field(default_factory=dict)


def propose_ordering(crystal: Crystal) -> OrderingProposal:
    """Return keys that order a disordered crystal: its own fractions where a small cell makes them whole.

    Raises
    ------
    OrderingError
        If there are none: with what keeps the fractions of the file from being ordered.
    """
    exact = _exact(crystal, SIZES)
    if isinstance(exact, OrderingProposal):
        return exact
    for rounded, atoms in _rounded(crystal):
        states = _states(substituted(crystal, _floats(rounded)))
        try:
            made = order(crystal, _recipe(atoms, rounded, states))
        except OrderingError:
            continue
        changes, joined = tuple(_changes(crystal, rounded)), tuple(_joined(crystal, rounded))
        return OrderingProposal(atoms, made, rounded, changes, joined, states)
    large = _exact(crystal, LARGE_SIZES)
    if isinstance(large, OrderingProposal):
        return large
    raise exact


def _exact(crystal: Crystal, sizes: Sequence[int]) -> OrderingProposal | OrderingError:
    """Return an ordering with the fractions of the file, or why no cell of these sizes has one."""
    states = _states(crystal)
    for atoms in sizes:
        try:
            return OrderingProposal(atoms, order(crystal, _recipe(atoms, {}, states)), oxidation_states=states)
        except OrderingError as error:
            problem = error
            if error.where[0] != "cell":
                break
    return problem


def _recipe(atoms: int, substitute: Shares, states: Mapping[str, float]) -> Recipe:
    return Recipe(substitute=_floats(substitute), oxidation_states=states, atoms=atoms, samples=1)


def _states(crystal: Crystal) -> dict[str, float]:
    """Return oxidation states that must be chosen: the likeliest of several; empty where nothing need be chosen."""
    try:
        charges_of(crystal, {})
    except OrderingError:
        from pymatgen.core import Composition

        counts = {symbol: round(count, 3) for symbol, count in crystal.composition().items()}
        guesses = Composition(counts).oxi_state_guesses() if all(float(n).is_integer() for n in counts.values()) else ()
        return {symbol: float(state) for symbol, state in guesses[0].items()} if guesses else {}
    return {}


def _rounded(crystal: Crystal) -> Iterator[tuple[Shares, int]]:
    """Yield occupancies near those of the file that are whole ions and may balance, with the atoms of their cell."""
    unit = primitive(crystal)
    per_cell = sum(unit.composition().values())
    loose: list[tuple[float, Shares, int]] = []
    for times in range(1, max(1, int(_MOST_ROUNDED_ATOMS / per_cell)) + 1):
        for off, shares in _choices(unit, times)[:_TRIED]:
            if not _balances(crystal, shares):
                continue
            least = round(times * sum(substituted(unit, _floats(shares)).composition().values()))
            atoms = least * -(-_LEAST_ATOMS // least)
            if off <= _NEAR:
                yield shares, atoms
            loose.append((off, shares, atoms))
            break
    yield from ((shares, atoms) for _, shares, atoms in sorted(loose, key=lambda one: one[0]))


def _choices(unit: Crystal, times: int) -> list[tuple[float, Shares]]:
    """Return the ways to round the shares of so many cells up or down, the nearest first, with the largest change."""
    sites: dict[str, tuple[int, Mapping[str, float]]] = {}
    for label, occupancy in zip(unit.labels, unit.occupancies, strict=True):
        if len(occupancy) > 1:
            sites[label] = (sites.get(label, (0, occupancy))[0] + times, occupancy)
    ways, count = [], 1
    for label, (many, occupancy) in sites.items():
        ways.append([(label, many, counts) for counts in _roundings(many, occupancy)])
        count *= len(ways[-1])
    if not ways or count > _MOST_CHOICES:
        return []
    found = []
    for choice in product(*ways):
        off = [abs(n / many - sites[label][1][s]) for label, many, counts in choice for s, n in counts.items()]
        shares = {label: {s: Fraction(n, many) for s, n in counts.items() if n} for label, many, counts in choice}
        if _keeps_elements(unit, shares):
            found.append((max(off), sum(off), {label: one or {VACANCY: Fraction(1)} for label, one in shares.items()}))
    return [(most, shares) for most, _, shares in sorted(found, key=lambda one: one[:2])]


def _roundings(many: int, occupancy: Mapping[str, float]) -> Iterator[dict[str, int]]:
    """Yield whole numbers of ions of each species for so many sites of this occupancy."""
    ions = [species for species in occupancy if species != VACANCY]
    full = VACANCY not in occupancy
    ends = [sorted({int(many * occupancy[s] + 1e-6), -int(-(many * occupancy[s] - 1e-6) // 1)}) for s in ions]
    for counts in product(*ends):
        if sum(counts) <= many and (not full or sum(counts) == many):
            yield dict(zip(ions, counts, strict=True))


def _keeps_elements(unit: Crystal, shares: Shares) -> bool:
    before = set(unit.composition())
    kept = (site for label, site in zip(unit.labels, unit.occupancies, strict=True) if label not in shares)
    after = {species for site in (*kept, *shares.values()) for species in site}
    return before <= after


def _balances(crystal: Crystal, shares: Shares) -> bool:
    changed = substituted(crystal, _floats(shares))
    try:
        charges_of(changed, {})
    except OrderingError:
        return bool(_states(changed))
    return True


def _floats(shares: Shares) -> dict[str, dict[str, float]]:
    return {label: {species: float(share) for species, share in one.items()} for label, one in shares.items()}


def _changes(crystal: Crystal, shares: Shares) -> Iterator[str]:
    """Yield what a site held and what it holds now, where that differs."""
    was = dict(zip(crystal.labels, crystal.occupancies, strict=True))
    for label, one in shares.items():
        before = {s: share for s, share in was[label].items() if s != VACANCY}
        now = {s: float(share) for s, share in one.items() if s != VACANCY}
        if any(abs(before.get(s, 0.0) - now.get(s, 0.0)) > 5e-4 for s in {*before, *now}):
            words = (" ".join(f"{s} {share:.3g}" for s, share in site.items()) or "nothing" for site in (before, now))
            yield f"{label}: {' → '.join(words)}"


def _joined(crystal: Crystal, shares: Shares) -> Iterator[tuple[str, ...]]:
    """Yield the labels of sites whose occupancies differ in the file and are equal mixtures now: one sublattice."""
    was = dict(zip(crystal.labels, crystal.occupancies, strict=True))
    alike: dict[tuple[tuple[str, Fraction], ...], list[str]] = {}
    for label, site in shares.items():
        if max(site.values()) < 1:
            alike.setdefault(tuple(sorted(site.items())), []).append(label)
    for site, labels in ((dict(key), labels) for key, labels in alike.items()):
        if any(abs(was[label].get(s, 0.0) - was[labels[0]].get(s, 0.0)) > 5e-4 for label in labels for s in site):
            yield tuple(labels)


def states_words(made: Orderings) -> str:
    """Return the charges of a crystal's ions in words."""
    return charge_words(made.oxidation_states)
