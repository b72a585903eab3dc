"""Limit the atoms and walkers of one evaluation, by the kind of device and by the memory it has. Pure."""

from __future__ import annotations

ATOMS_AT_ONCE = {"cpu": 96, "cuda": 8192}
"""Atoms in one evaluation: on a CPU larger arrays leave its caches, on a GPU its memory is the limit."""
SHARE_OF_FREE = 0.8
MOST_BYTES = 1 << 34
"""An array and the derivative by it are there at the same time: within this much memory neither has over 2³¹ numbers,
which is what many kernels count to. A GPU is busy long before."""


def walkers_at_once(device: str, atoms: int) -> int:
    """Return how many walkers of some atoms are evaluated at once on a kind of device (``cpu`` or ``cuda``)."""
    return max(ATOMS_AT_ONCE[device.partition(":")[0]] // atoms, 1)


def atoms_that_fit(bytes_per_atom: float, free_bytes: int) -> int:
    """Return how many atoms are evaluated at once where memory is the limit, at least one.

    Parameters
    ----------
    bytes_per_atom : float
        What an evaluation of fewer atoms took at its peak, for each.
    free_bytes : int
        Memory that nothing uses.

    Examples
    --------
    >>> atoms_that_fit(1e5, 2_000_000_000)
    16000
    >>> atoms_that_fit(1e5, 80_000_000_000)
    171798
    >>> atoms_that_fit(1e9, 80)
    1
    >>> atoms_that_fit(0.0, 1000)  # nothing new was taken from what the allocator keeps
    800
    """
    return max(int(min(SHARE_OF_FREE * free_bytes, MOST_BYTES) / max(bytes_per_atom, 1.0)), 1)
