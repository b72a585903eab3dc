"""Random numbers that depend on a walker, a purpose and a step only."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from alloop.dynamics.phase import Phase

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


class Draws:
    """What walkers draw at every step, sent to their device for several steps at once.

    The host draws, so numbers are the same on every device to the last bit; a GPU does not wait for them, as it is busy
    with the steps before.

    Parameters
    ----------
    purpose : str
        What the numbers are for.
    draw : callable
        Returns what one walker draws from the generator of a step, given the phase it is in.
    """

    def __init__(self, purpose: Purpose, draw: Callable[[np.random.Generator, Phase], ArrayLike]) -> None:
        self._purpose: Purpose = purpose
        self._draw = draw
        self._first, self._seeds, self._sent = 0, b"", torch.empty(0)

    def prepare(self, phase: Phase, steps: int, ahead: int = 0) -> None:
        """Draw for some steps, from so many ahead of the present one on, unless that was done."""
        first = phase.step + ahead
        if self._has(phase, first) and self._has(phase, first + steps - 1):
            return
        drawn = [
            [self._draw(generator(seed, self._purpose, step), phase) for seed in phase.seeds.tolist()]
            for step in range(first, first + steps)
        ]
        self._first, self._seeds = first, phase.seeds.tobytes()
        self._sent = _sent(torch.as_tensor(np.array(drawn, dtype=float)), phase.device)

    def now(self, phase: Phase) -> torch.Tensor:
        """Return what every walker draws at the present step, shape (walkers, ...)."""
        self.prepare(phase, 1)
        return self._sent[phase.step - self._first]

    def _has(self, phase: Phase, step: int) -> bool:
        return 0 <= step - self._first < len(self._sent) and self._seeds == phase.seeds.tobytes()


def _sent(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return numbers on a device; from pinned memory they are copied while it computes."""
    if device.type == "cuda" and torch.cuda.is_available():
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


@lru_cache(maxsize=4096)
def _key(seed: int, purpose: Purpose) -> NDArray[np.unsignedinteger]:
    return np.random.SeedSequence(seed, spawn_key=(_PURPOSES.index(purpose),)).generate_state(2, np.uint64)
