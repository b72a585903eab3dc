"""Elements that share the sites of a crystal."""

from __future__ import annotations

from collections.abc import Sequence


def sublattices_of(sublattices: Sequence[Sequence[str]], elements: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return what of some sublattices a system of these elements holds; those of one element are left out."""
    held = (tuple(element for element in one if element in elements) for one in sublattices)
    return tuple(one for one in held if len(one) > 1)
