"""Compare a disordered crystal with what its CIF says of it beside the sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms

from alloop.materials.cif.claims import REFINED, Contents, contradictions
from alloop.materials.cif.reading import read_block
from alloop.materials.cif.sites import LABEL
from alloop.materials.cif.symmetry import listed_operations, named_operations
from alloop.materials.cif.tags import Block, CifError
from alloop.materials.contacts import closest_contact
from alloop.materials.orderings.cif_files import block_of
from alloop.materials.orderings.crystal import VACANCY, Crystal
from alloop.materials.structure_files import MOST_ATOMS

_SHORTEST = 0.5
"""Contact (covalent-radius sums) of two sites that cannot both be occupied."""


def doubts_about(path: Path, crystal: Crystal) -> list[str]:
    """Return why a crystal may not be the one that its CIF means; each goes on after the file's name, in one line.

    Parameters
    ----------
    path : pathlib.Path
        The CIF. What is wrong with the file itself is told by those who read its crystal.
    crystal : Crystal
        What was read of it.
    """
    try:
        block = block_of(path)
        found = read_block(block, MOST_ATOMS)
    except (CifError, OSError, EOFError, OverflowError):
        return []
    return [*found.doubts, *contradictions(block, _contents(block, crystal)), *_overlaps(crystal)]


def notes_about(path: Path) -> tuple[str, ...]:
    """Return what of the CIF of a disordered crystal is read otherwise than it is written, or not used."""
    try:
        return read_block(block_of(path), MOST_ATOMS).notes
    except (CifError, OSError, EOFError, OverflowError):
        return ()


def _contents(block: Block, crystal: Crystal) -> Contents:
    counts = crystal.composition()
    return Contents(
        counts=counts,
        formula=" ".join(f"{symbol}{round(count, 2):g}" for symbol, count in counts.items()) + " in the cell",
        volume_A3=float(abs(np.linalg.det(crystal.cell_A))),
        copies=_copies(block, crystal),
        operations=_operations(block),
        words="its symmetry",
        **REFINED,
    )


def _copies(block: Block, crystal: Crystal) -> list[int]:
    """Return how many sites of a crystal each site of a block gave; 0 where two share a label or a place."""
    labels = block.column(LABEL) or []
    written, read = Counter(labels), Counter(crystal.labels)
    return [read[label] if written[label] == 1 else 0 for label in labels]


def _operations(block: Block) -> int:
    try:
        found = listed_operations(block) or next(iter(named_operations(block)), None)
    except CifError:
        return 0
    return 0 if found is None else len(found)


def _overlaps(crystal: Crystal) -> Iterator[str]:
    """Yield the shortest contact of sites that are always occupied, if it is too short."""
    full = [i for i, site in enumerate(crystal.occupancies) if VACANCY not in site]
    if len(full) < 2:
        return
    symbols = [max(crystal.occupancies[i], key=lambda one: (crystal.occupancies[i][one], one)) for i in full]
    contact, one, other, distance_A = closest_contact(
        Atoms(symbols, scaled_positions=crystal.scaled[full], cell=crystal.cell_A, pbc=True)
    )
    if contact < _SHORTEST:
        what = f"has {one} and {other} {distance_A:.2f} Å apart, on sites that are always occupied"
        yield f"{what}; correct their occupancies, or give coordinates with more digits"
