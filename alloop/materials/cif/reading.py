"""Read the crystal of a CIF, and say where the file does not agree with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alloop.materials.cif.claims import Crystal, contradictions, decided
from alloop.materials.cif.sites import LABEL, TYPE, Sites, refuse_disorder, sites_of
from alloop.materials.cif.symmetry import (
    HALL,
    NAME,
    NUMBER,
    Operations,
    listed_operations,
    named_operations,
    standard,
    usual_axes,
)
from alloop.materials.cif.tags import Block, CifError, blocks_of
from alloop.materials.reading import Reading

_SAME_A = 0.05
_NO_SYMMETRY = Operations(np.eye(3, dtype=int)[None], np.zeros((1, 3)), "no symmetry")


def read_cif(text: str, most_atoms: int) -> list[Reading]:
    """Return the crystals of a CIF, one for each block with sites.

    Parameters
    ----------
    text : str
        The file.
    most_atoms : int
        Larger crystals are refused.

    Raises
    ------
    CifError
        If there is none, or a crystal is not ordered or cannot be read.
    """
    blocks = [block for block in blocks_of(text) if block.column(LABEL, TYPE) is not None]
    if not blocks:
        raise CifError(f"lists no sites (`{LABEL}` or `{TYPE}`)")
    return [_crystal(block, most_atoms) for block in blocks]


@dataclass(frozen=True, eq=False)
class Found:
    """What a block means.

    Attributes
    ----------
    sites : Sites
        Those that it lists.
    crystal : Crystal
        All atoms of its cell.
    operations : Operations
        What made them of the sites.
    doubts, notes : tuple of str
        As those of a `Reading`; doubts about the symmetry alone.
    contradictions : tuple of str
        What else the block says that is not so of the crystal.
    """

    sites: Sites
    crystal: Crystal
    operations: Operations
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    contradictions: tuple[str, ...]


def _crystal(block: Block, most_atoms: int) -> Reading:
    found = read_block(block, most_atoms)
    refuse_disorder(block, found.sites)
    return Reading(found.crystal.atoms, (*found.doubts, *found.contradictions), found.notes)


def read_block(block: Block, most_atoms: int) -> Found:
    """Return what a block means, whatever the occupancies of its sites.

    Raises
    ------
    CifError
        If it is no crystal, or cannot be read.
    """
    if (many := len(block.column(LABEL, TYPE) or ())) > most_atoms:
        raise CifError(f"lists {many} sites; alloop takes cells of up to {most_atoms} atoms")
    sites = sites_of(block)
    options, doubts, notes = _options(block, sites, most_atoms)
    crystals = [_expanded(sites, option, most_atoms) for option in options]
    told = [contradictions(block, crystal.contents()) for crystal in crystals]
    fitting = [i for i, against in enumerate(told) if not against]
    best = fitting[0] if fitting else 0
    if len(fitting) > 1 and not _alike([crystals[i] for i in fitting]):
        doubts += (_ambiguous(block, [crystals[i] for i in fitting]),)
    if tag := block.has("_atom_site_moment"):
        notes += (f"its magnetic moments (`{block.written(tag)}`) are not used: `label.magmoms` sets them, by element",)
    notes += tuple(f"`{word}` belongs to no tag and is passed over" for word in block.stray[:1])
    doubts = _unless_decided(doubts, block) if fitting else doubts
    return Found(sites, crystals[best], options[best], doubts, (*sites.notes, *notes), tuple(told[best]))


def _unless_decided(doubts: tuple[str, ...], block: Block) -> tuple[str, ...]:
    """Return no doubts where the formula and Z confirm what was read."""
    return () if decided(block) and not any("choice" in doubt for doubt in doubts) else doubts


def _options(block: Block, sites: Sites, most_atoms: int) -> tuple[list[Operations], tuple[str, ...], tuple[str, ...]]:
    """Return the operations that may be meant, what speaks against the first, and what was taken for granted."""
    listed, cell_A = listed_operations(block), np.asarray(sites.cell.array)
    if listed is None:
        named = named_operations(block)
        if not named:
            tags = " or ".join(f"`{block.written(tag)}`" for tag in (NAME[0], HALL[0], NUMBER[0]))
            note = f"names no symmetry ({tags}): its {len(sites.labels)} sites are taken for all atoms of the cell"
            return [_NO_SYMMETRY], (), (note,)
        fitting = [option for option in named if option.fit(cell_A)]
        if not fitting:
            shape = ", ".join(f"{value:g}" for value in sites.cell.cellpar())
            raise CifError(f"names the space group {named[0].words}, which its cell ({shape}) cannot have")
        return (usual_axes(fitting) if block.text(*NAME, *HALL) else standard(fitting)), (), ()
    return [listed], tuple(_against_the_list(block, listed, sites, most_atoms)), ()


def _against_the_list(block: Block, listed: Operations, sites: Sites, most_atoms: int) -> Iterable[str]:
    """Yield what speaks against listed operations: the cell, their own products, the space group that is named."""
    cell_A = np.asarray(sites.cell.array)
    if not listed.fit(cell_A):
        yield f"lists symmetry operations under {listed.words} that its cell cannot have"
    elif not listed.whole():
        yield f"lists {len(listed)} symmetry operations under {listed.words} that are no whole group"
    try:
        named = [option for option in named_operations(block) if option.fit(cell_A)]
    except CifError:
        return
    if not named or len(listed) >= min(len(option) for option in named):
        return
    whole = [_expanded(sites, option, most_atoms) for option in named]
    if all(len(crystal.atoms) != len(_expanded(sites, listed, most_atoms).atoms) for crystal in whole):
        what = f"lists {len(listed)} symmetry operations under {listed.words} and names {named[0].words}"
        yield f"{what}, which has {len(named[0])}; list them all, or correct the name"


def _expanded(sites: Sites, operations: Operations, most_atoms: int) -> Crystal:
    """Return the crystal of sites and operations; sites that are equivalent count once."""
    positions: list[NDArray[np.float64]] = []
    symbols: list[str] = []
    shares: list[float] = []
    copies = []
    cell_A = np.asarray(sites.cell.array)
    for symbol, site, share in zip(sites.symbols, sites.fractional, sites.shares, strict=True):
        orbit = _orbit(site, operations, cell_A)
        copies.append(len(orbit))
        alike = [p for p, s in zip(positions, symbols, strict=True) if s == symbol] if len(operations) > 1 else []
        if not alike or not _near(np.array(alike), orbit[0], cell_A).any():
            positions.extend(orbit)
            symbols.extend([symbol] * len(orbit))
            shares.extend([share] * len(orbit))
        if len(symbols) > most_atoms:
            what = f"makes more than {most_atoms} atoms of its {len(sites.labels)} sites and {operations.words}"
            raise CifError(f"{what}; alloop takes no larger cells")
    atoms = Atoms(symbols, scaled_positions=np.array(positions), cell=sites.cell, pbc=True)
    return Crystal(atoms, shares, copies, len(operations), operations.words)


def _orbit(site: NDArray[np.float64], operations: Operations, cell_A: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the copies of a site, which is first moved onto the symmetry element that its rounded digits miss."""
    images = operations.rotations @ site + operations.translations
    away = images - site
    away -= np.rint(away)
    at_home = np.linalg.norm(away @ cell_A, axis=1) < _SAME_A
    at_home[0] |= not at_home.any()
    images = operations.rotations @ (site + away[at_home].mean(axis=0)) + operations.translations
    orbit: list[NDArray[np.float64]] = []
    for image in images % 1.0:
        if not orbit or not _near(np.array(orbit), image, cell_A).any():
            orbit.append(image)
    return orbit


def _near(points: NDArray[np.float64], point: NDArray[np.float64], cell_A: NDArray[np.float64]) -> NDArray[np.bool_]:
    away = points - point
    away -= np.rint(away)
    return np.asarray(np.linalg.norm(away @ cell_A, axis=1) < _SAME_A)


def _alike(crystals: list[Crystal]) -> bool:
    """Return whether several crystals have the same atoms at the same places."""
    first = crystals[0].atoms
    cell_A, places = np.asarray(first.cell.array), first.get_scaled_positions()
    for other in (crystal.atoms for crystal in crystals[1:]):
        if len(other) != len(first):
            return False
        for symbol, place in zip(other.get_chemical_symbols(), other.get_scaled_positions(), strict=True):
            same = np.array([s == symbol for s in first.get_chemical_symbols()])
            if not _near(places[same], place, cell_A).any():
                return False
    return True


def _ambiguous(block: Block, crystals: list[Crystal]) -> str:
    name = block.text(*NAME) or block.text(*HALL) or f"No. {block.text(*NUMBER)}"
    choices = " or ".join(f"{len(crystal.atoms)} atoms by {crystal.words}" for crystal in crystals[:3])
    mend = f"write the choice after it, as in `{crystals[0].words.split('`')[1]} :2`, or list the operations"
    return f"names the space group `{name}`, which has a choice of origin or axes ({choices}); {mend}"
