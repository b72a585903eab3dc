"""Swaps of ions by the walkers, and how many were accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from alloop.state.records import WalkerState


@dataclass(frozen=True)
class SwapRow:
    """Swaps on one sublattice by all walkers.

    Attributes
    ----------
    sublattice : str
        Its elements, such as ``In/Y``.
    """

    sublattice: str
    attempted: int
    accepted: int


def swap_rows(walkers: Iterable[WalkerState]) -> tuple[SwapRow, ...]:
    """Return the swaps of all walkers together, by sublattice."""
    attempted: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for walker in walkers:
        attempted.update({name: count.attempted for name, count in walker.swaps.items()})
        accepted.update({name: count.accepted for name, count in walker.swaps.items()})
    return tuple(SwapRow(name, attempted[name], accepted[name]) for name in sorted(attempted) if attempted[name])


def swaps_text(rows: Iterable[SwapRow]) -> str:
    """Return how many swaps were accepted, in words.

    Examples
    --------
    >>> swaps_text([SwapRow("Br/Cl", 340, 12), SwapRow("In/Y", 3, 0)])
    'Br/Cl 12 of 340 accepted (3.5 %), In/Y 0 of 3 accepted (0 %)'
    """
    return ", ".join(
        f"{row.sublattice} {row.accepted} of {row.attempted} accepted ({100 * row.accepted / row.attempted:.2g} %)"
        for row in rows
    )
