"""One walker whose cell moves, in the interface of many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from alloop.dynamics.explorers import Sight
from alloop.dynamics.phase import Floats
from alloop.dynamics.state import State
from alloop.dynamics.walker import Walker
from alloop.materials.contacts import min_contact


class LoneExplorer:
    """A `Walker` as `Explorers`: its number is 0.

    Parameters
    ----------
    walker : Walker
        The walker.
    look : callable
        Disagreement per atom (eV/Å) about a state; None for a committee of one.
    stop_contact : float
        A shorter contact, in sums of covalent radii, stops it; contacts are checked where it is seen.
    """

    def __init__(self, walker: Walker, look: Callable[[State], Floats | None], stop_contact: float) -> None:
        self._walker, self._look, self._stop_contact = walker, look, stop_contact
        self._out = False

    @property
    def step(self) -> int:
        """Steps made."""
        return self._walker.steps

    @property
    def walkers(self) -> tuple[int, ...]:
        """Those that still move."""
        return () if self._out else (0,)

    def run(self, steps: int) -> dict[int, Sight]:
        """Make steps, but none after one that stopped the walker; return it if it stopped."""
        if self._out:
            return {}
        self._walker.run(steps)
        sight = self.see(0)
        self._out = sight.fault is not None
        return {0: sight} if self._out else {}

    def see(self, walker: int) -> Sight:
        """Return where the walker is."""
        state = self._walker.state
        contact = min_contact(state.to_atoms())
        close = contact < self._stop_contact and self._walker.fault != "nan"
        fault = "contact" if close else self._walker.fault
        return Sight(self._walker.steps, state, contact if math.isfinite(contact) else 0.0, fault)

    def disagreements(self, walkers: Sequence[int]) -> dict[int, Floats]:
        """Return the disagreement per atom (eV/Å) about the walker; empty for a committee of one."""
        found = self._look(self._walker.state) if walkers else None
        return {} if found is None else {0: found}

    def disagreement_at(self, state: State) -> Floats | None:
        """Return the disagreement per atom (eV/Å) about any state; None for a committee of one."""
        return self._look(state)

    def recent(self, walker: int) -> list[tuple[int, State]]:
        """Return the last states without a fault, newest first."""
        return self._walker.recent

    def mean_temperature(self, walker: int) -> float | None:
        """Return the mean kinetic temperature (K) of the steps without fault, or None where there were none."""
        return self._walker.mean_temperature

    def take_out(self, walker: int) -> None:
        """Let the walker leave."""
        self._out = True
