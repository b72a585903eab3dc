"""Random numbers that depend on a walker, a purpose and a step only."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Purpose = Literal["momenta", "equilibration", "thermostat", "chain", "exploration", "volume", "swap"]
_PURPOSES: tuple[Purpose, ...] = ("momenta", "equilibration", "thermostat", "chain", "exploration", "volume", "swap")


def generator(seed: int, purpose: Purpose, step: int = 0) -> np.random.Generator:
    """Return the generator of one step of one walker.

    The counter of Philox begins at the step, so no generator has a state that a segment would have to hand to
    the next one, and what one walker draws depends on no other (Salmon et al., SC '11,
    https://doi.org/10.1145/2063384.2063405).
    """
    bits = np.random.Philox(key=_key(seed, purpose), counter=[0, 0, step, 0])
    return np.random.Generator(bits)


@lru_cache(maxsize=4096)
def _key(seed: int, purpose: Purpose) -> NDArray[np.unsignedinteger]:
    return np.random.SeedSequence(seed, spawn_key=(_PURPOSES.index(purpose),)).generate_state(2, np.uint64)
