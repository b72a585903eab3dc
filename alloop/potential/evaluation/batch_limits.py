"""Limit the atoms and walkers of one evaluation, by the kind of device."""

from __future__ import annotations

ATOMS_AT_ONCE = {"cpu": 96, "cuda": 8192}
"""Atoms in one evaluation: on a CPU larger arrays leave its caches, on a GPU its memory is the limit."""


def walkers_at_once(device: str, atoms: int) -> int:
    """Return how many walkers of some atoms are evaluated at once on a kind of device (``cpu`` or ``cuda``)."""
    return max(ATOMS_AT_ONCE[device.partition(":")[0]] // atoms, 1)
