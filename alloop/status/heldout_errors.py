"""Held-out errors of the largest judged rung, by composition and by system. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alloop.decisions.rung_judgement import cluster
from alloop.state.records import FrameState
from alloop.state.state import CampaignState
from alloop.status.numbers import finite, plus_minus
from policies.stopping.clustered import error_bar, rmse

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroupErrors:
    """Errors of a rung on the held-out frames of a composition or of a system; None where it is not known.

    Attributes
    ----------
    size : int
        Training labels of the rung.
    composition : str
        The composition.
    system : str or None
        One of its orderings; None of all of them together.
    frames : int
        Held-out frames behind the numbers.
    """

    size: int
    composition: str
    system: str | None
    frames: int
    rmse_energy_meV_per_atom: float | None
    se_energy_meV_per_atom: float | None
    rmse_forces_meV_per_A: float | None
    se_forces_meV_per_A: float | None

    def forces(self) -> str:
        """Return the force RMSE in words."""
        return plus_minus(self.rmse_forces_meV_per_A, self.se_forces_meV_per_A, "meV/Å")

    def energy(self) -> str:
        """Return the energy RMSE in words."""
        return plus_minus(self.rmse_energy_meV_per_atom, self.se_energy_meV_per_atom, "meV/atom")


def heldout_errors(state: CampaignState) -> tuple[GroupErrors, ...]:
    """Return the errors of every composition, each followed by its orderings; nothing of a single system.

    A composition of one ordering is not told twice.
    """
    systems = {one.name: one.composition for one in state.created.systems} if state.created is not None else {}
    if len(systems) < 2 or not state.judged:
        return ()
    size, heldout = max((event.size, event.heldout) for event in state.judged)
    frames = state.labelled_frames("heldout")[:heldout]
    squared = _squared_errors(state, size, heldout, len(frames))
    if squared is None:
        return ()
    return tuple(_groups(size, systems, frames, *squared))


def _groups(
    size: int, systems: dict[str, str], frames: list[FrameState], energy: Floats, forces: Floats
) -> Iterator[GroupErrors]:
    for composition in dict.fromkeys(systems.values()):
        orderings = [name for name, of in systems.items() if of == composition]
        for system, own in ((None, orderings), *((name, [name]) for name in orderings if len(orderings) > 1)):
            places = [place for place, frame in enumerate(frames) if frame.system in own]
            walkers = [cluster(frames[place]) for place in places]
            numbers = (*_error(energy[:, places], walkers), *_error(forces[:, places], walkers))
            yield GroupErrors(size, composition, system, len(places), *numbers)


def _squared_errors(state: CampaignState, size: int, heldout: int, frames: int) -> tuple[Floats, Floats] | None:
    """Return squared errors of the energy ((meV/atom)²) and of the forces ((meV/Å)²), shape (fits, frames)."""
    models = state.rungs[size].models if size in state.rungs else {}
    known = [state.evaluations.get((model, heldout)) for _, model in sorted(models.items())]
    found = [one for one in known if one is not None and len(one.forces_squared_error) == frames]
    if not found or len(found) < len(known):
        return None
    energy = 1000.0 * np.array([one.energy_error_eV_per_atom for one in found], dtype=float)
    return energy**2, 1e6 * np.array([one.forces_squared_error for one in found], dtype=float)


def _error(squared: Floats, walkers: list[str]) -> tuple[float | None, float | None]:
    """Return an RMSE and its standard error."""
    if not squared.size:
        return None, None
    return finite(rmse(squared)), finite(error_bar(squared, walkers).se)
