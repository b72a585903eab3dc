"""Find values of `explore.swaps` that do not fit together, or not with the structures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ase.data import atomic_numbers

from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.materials.structure import Structure
from alloop.materials.sublattices import sublattices_of

Finding = tuple[KeyPath, str]


def find_in_swaps(config: CampaignConfig) -> Iterator[Finding]:
    """Yield the key and the problem of swaps that never happen, and of elements that are none or listed twice."""
    yield from _walkers(config)
    if (named := config.studies.disorder.sublattices) is not None:
        yield from find_in_sublattices(("studies", "disorder", "sublattices"), named)


def _walkers(config: CampaignConfig) -> Iterator[Finding]:
    explore, swaps = config.explore, config.explore.swaps
    if swaps is None:
        return
    shortest_fs = min(explore.segment_fs, config.heldout.segment_fs)
    key: KeyPath = ("explore", "swaps", "every_fs")
    if swaps.every_fs > shortest_fs:
        what = f"{swaps.every_fs:g} fs is longer than a segment of {shortest_fs:g} fs, so nothing would be swapped"
        yield key, f"{what}; lower it, or raise explore.segment_fs and heldout.segment_fs"
    if swaps.every_fs < explore.timestep_fs:
        yield key, f"{swaps.every_fs:g} fs is shorter than a step of {explore.timestep_fs:g} fs; make it longer"
    yield from find_in_sublattices(("explore", "swaps", "sublattices"), swaps.sublattices)


def find_in_sublattices(key: KeyPath, sublattices: tuple[tuple[str, ...], ...]) -> Iterator[Finding]:
    """Yield the elements of sublattices that are none or listed twice; `key` is where the sublattices stand."""
    seen: set[str] = set()
    for i, sublattice in enumerate(sublattices):
        for j, element in enumerate(sublattice):
            if not _is_element(element):
                yield (*key, i, j), f"`{element}` is not a chemical element; write it as in a formula, such as `In`"
            elif element in seen:
                yield (*key, i, j), f"{element} is listed twice; name all that exchanges with it in one list"
            seen.add(element)


def _is_element(symbol: str) -> bool:
    return bool(atomic_numbers.get(symbol))


def find_swapped(config: CampaignConfig, structures: Mapping[str, Structure]) -> Iterator[Finding]:
    """Yield the sublattices of which no system holds two elements."""
    if config.explore.swaps is not None:
        yield from find_unheld(("explore", "swaps", "sublattices"), config.explore.swaps.sublattices, structures)
    if (named := config.studies.disorder.sublattices) is not None:
        yield from find_unheld(("studies", "disorder", "sublattices"), named, structures)


def find_unheld(
    key: KeyPath, sublattices: tuple[tuple[str, ...], ...], structures: Mapping[str, Structure]
) -> Iterator[Finding]:
    """Yield the sublattices, which stand at `key`, of which no structure holds two elements.

    One that names what is no element is told by `find_in_sublattices`.
    """
    held = [structure.elements() for structure in structures.values()]
    for i, sublattice in enumerate(sublattices if held else ()):
        if not all(map(_is_element, sublattice)):
            continue
        if not any(sublattices_of([sublattice], elements) for elements in held):
            what = f"no system holds two of {', '.join(sublattice)}, so nothing can be swapped"
            yield (*key, i), f"{what}; name elements that share sites, or delete this line"
