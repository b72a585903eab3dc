"""Compare a disordered crystal with what its CIF says of it beside the sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms

from alloop.materials.cif.claims import Contents, contradictions
from alloop.materials.cif.sites import LABEL, TYPE, refuse_others
from alloop.materials.cif.symmetry import listed_operations, named_operations
from alloop.materials.cif.tags import Block, CifError, blocks_of
from alloop.materials.contacts import closest_contact
from alloop.materials.orderings.crystal import VACANCY, Crystal
from alloop.materials.text_files import read_text

_SHARE, _LEAST = 0.05, 0.005
"""By how much refined occupancies may differ from a formula, which is often the nominal one: of an element, of all."""
_SHORTEST = 0.5
"""Contact (covalent-radius sums) of two sites that cannot both be occupied."""
_MOST_BYTES = 50_000_000


def doubts_about(path: Path, crystal: Crystal) -> list[str]:
    """Return why a crystal may not be the one that its CIF means; each goes on after the file's name, in one line.

    Parameters
    ----------
    path : pathlib.Path
        The CIF. What is wrong with the file itself is told by those who read its crystal.
    crystal : Crystal
        What was read of it.
    """
    block = _block(path)
    if block is None:
        return []
    try:
        refuse_others(block)
    except CifError as error:
        return [str(error)]
    return [*contradictions(block, _contents(block, crystal)), *_overlaps(crystal)]


def _block(path: Path) -> Block | None:
    """Return the block with sites of a CIF; None if there is not exactly one, or it cannot be read."""
    try:
        text = read_text(path, _MOST_BYTES) or ""
        blocks = [block for block in blocks_of(text) if block.column(LABEL, TYPE) is not None]
    except (CifError, OSError, EOFError, OverflowError, ValueError):
        return None
    return blocks[0] if len(blocks) == 1 else None


def _contents(block: Block, crystal: Crystal) -> Contents:
    counts = crystal.composition()
    return Contents(
        counts=counts,
        formula=" ".join(f"{symbol}{round(count, 2):g}" for symbol, count in counts.items()) + " in the cell",
        volume_A3=float(abs(np.linalg.det(crystal.cell_A))),
        copies=_copies(block, crystal),
        operations=_operations(block),
        words="its symmetry",
        share=_SHARE,
        least=_LEAST,
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
