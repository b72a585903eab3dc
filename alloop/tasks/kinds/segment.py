"""Follow one exploring walker: decide which of its frames are offered, and where its segment ends."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from ase import Atoms

from alloop.dynamics.explorers import Sight
from alloop.dynamics.look_schedule import Glance, interval, next_look
from alloop.dynamics.shortlist import Shortlist
from alloop.dynamics.state import MDState, fresh_state
from alloop.materials.contacts import Pair, comes_closer, min_contact
from alloop.materials.structure import Structure
from alloop.tasks.contract.explore import ExploreRequest, ExploreWalker
from alloop.tasks.contract.records import Offer, OffersSummary, Snapshot, SwapCount

OFFER_SPACING_FS = 50.0

Why = Literal["initial", "random", "disagreement", "last_good"]
Ended = Literal["length", "disagreement", "contact", "temperature", "volume", "nan"]


@dataclass(frozen=True)
class Doubt:
    """Disagreement and expected error of a frame, at the atom where they are largest; they may be NaN.

    Attributes
    ----------
    disagreement_eV_per_A, expected_error_eV_per_A : float
        Largest disagreement, and largest expected error.
    """

    disagreement_eV_per_A: float
    expected_error_eV_per_A: float


Ask = Callable[[MDState], Doubt | None]
"""Lets the whole committee look at any state; None for a committee of one."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A state of a walker, and the committee's doubt about it; None where the committee did not look."""

    sight: Sight
    doubt: Doubt | None = None

    @classmethod
    def of(cls, step: int, state: MDState) -> Frame:
        """Measure the contacts of a state."""
        contact = min_contact(state.to_atoms())
        return cls(Sight(step, state, contact if math.isfinite(contact) else 0.0))

    @property
    def step(self) -> int:
        """Step of the walker."""
        return self.sight.step

    @property
    def score(self) -> float | None:
        """Largest expected error (eV/Å), which decides; None where no committee looked."""
        return None if self.doubt is None else self.doubt.expected_error_eV_per_A


class SegmentRecorder:
    """One segment of a walker, driven by the leader and watched by the whole committee.

    The committee looks every `check_every_steps` steps, more often while the largest expected error over the atoms is
    near a side of the window or rises fast (see `alloop.dynamics.look_schedule`), at the last step and at the random
    steps; with `lower` None it looks at the random steps only. What is offered:

    ``random``
        The frames of `random_steps`, unless the gate rejects them, which is counted.
    ``disagreement``
        Of the frames inside the window, the `max_offers` with the highest expected error that lie 50 fs or more
        apart from each other and from every random step: closer frames hardly differ.
    ``last_good``
        Where the segment ends early, the newest frame that the gate lets through, so that the potential learns
        where it failed; beyond the window, the newest one still inside it. Never the first frame of the segment,
        nor one that is offered already. All steps since the committee last looked are searched.

    The gate lets frames through that DFT can compute: finite, no contact below `min_contact`, no runaway cell. Where
    `nearest_A` bounds how close atoms may come, it lets no closer ones through.

    The walker ends with ``nan``, ``contact`` (below `stop_contact`), ``temperature`` or ``volume`` (see `WalkerBatch`),
    all checked at every step, ``disagreement`` (expected error above `upper`), or ``contact`` where atoms are closer
    than `nearest_A` allows at a visit.

    The next segment continues from the newest frame looked at that passed all checks, momenta included; if there is
    none, from the first frame with new momenta, or, if that fails the checks too, from nowhere.

    Parameters
    ----------
    request : ExploreRequest
        What to do.
    walker : ExploreWalker
        Whose segment it is.
    start : MDState
        Where it begins.
    ask : Ask
        The committee.
    nearest_A : mapping
        How close two atoms may come by their elements (Å); empty for no bound.

    Attributes
    ----------
    due : int
        The next step at which the walker has to be visited.
    """

    def __init__(
        self,
        request: ExploreRequest,
        walker: ExploreWalker,
        start: MDState,
        ask: Ask,
        nearest_A: Mapping[Pair, float] = MappingProxyType({}),
    ) -> None:
        self._request, self._walker, self._start, self._ask = request, walker, start, ask
        self._nearest_A = nearest_A
        self._has_committee = len(request.members) > 1
        self._has_window = self._has_committee and request.lower_eV_per_A is not None
        self._spacing = math.ceil(OFFER_SPACING_FS / request.timestep_fs)
        self._shortlist: Shortlist[Frame] = Shortlist(request.max_offers, self._spacing)
        self._random: list[Frame] = []
        self._rescued: list[Frame] = []
        self._gated: Counter[str] = Counter()
        self._last_sane: Frame | None = None
        self._glance: Glance | None = None
        self._every = request.check_every_steps
        self._looks = 0
        self._max_disagreement: float | None = None
        self._ended: Ended | None = None
        self._steps = 0
        self._failed_at: int | None = None
        self._mean_temperature_K: float | None = None
        self._swaps: Mapping[str, tuple[int, int]] = {}
        self.due = 0 if 0 in walker.random_steps else self._next_visit(0)

    def wants_look(self, frame: Frame) -> bool:
        """Return whether the committee should look before a visit."""
        if frame.sight.fault is not None:
            return False
        is_random = frame.step in self._walker.random_steps
        return self._has_window or (self._has_committee and is_random and self._gate(frame) is None)

    def visit(self, frame: Frame) -> Ended | None:
        """Record a frame, with the committee's look if there was one; return why the walker ends here, if it does."""
        if frame.doubt is not None:
            self._note(frame, frame.doubt)
        is_random, gate = frame.step in self._walker.random_steps, self._gate(frame)
        ended = frame.sight.fault or self._window_end(frame) or self._stray(frame)
        if is_random or self._is_candidate(frame):
            self._admit(frame, gate, is_random)
        if ended is None and gate is None:
            self._last_sane = frame
        if ended is None and frame.step >= self._walker.steps:
            ended = "length"
        self._failed_at = frame.step if frame.sight.fault is not None else None
        self._steps, self.due, self._ended = frame.step, self._next_visit(frame.step), ended
        return ended

    def close(
        self,
        recent: list[tuple[int, MDState]],
        mean_temperature_K: float | None,
        swaps: Mapping[str, tuple[int, int]],
    ) -> None:
        """Record the end; where it came early, search the last states, newest first, for one to offer."""
        self._mean_temperature_K, self._swaps = mean_temperature_K, swaps
        if self._ended != "length":
            self._rescued = self._rescue(recent, {frame.step for _, frame in self._offered()})

    def summary(self, first: int) -> OffersSummary:
        """Return what came of the segment, its offers numbered from `first` on."""
        offered = zip(self._offered(), self.structures(), strict=True)
        return OffersSummary(
            offers=tuple(
                _offer(index, why, frame, structure)
                for index, ((why, frame), structure) in enumerate(offered, start=first)
            ),
            ended=self._ended or "length",
            steps=self._steps,
            looks=self._looks,
            mean_temperature_K=self._mean_temperature_K,
            max_disagreement_eV_per_A=self._max_disagreement,
            gated=dict(self._gated),
            swaps={name: SwapCount(attempted=n, accepted=yes) for name, (n, yes) in self._swaps.items()},
        )

    def structures(self) -> tuple[Structure, ...]:
        """Return the structures of the offers."""
        return tuple(_structure(frame.sight.state) for _, frame in self._offered())

    def last_good(self, restart_seed: np.random.SeedSequence) -> Snapshot | None:
        """Return where the next segment continues."""
        if self._last_sane is not None:
            return _snapshot(self._last_sane.sight.state)
        start = Frame.of(0, self._start)
        if self._failed_at == 0 or self._gate(start) is not None:
            return None
        if self._has_window and self._window_end(self._look(start)) is not None:
            return None
        return _snapshot(fresh(self._start.to_atoms(), self._walker.temperature_K, restart_seed))

    def _next_visit(self, step: int) -> int:
        ahead = [one for one in self._walker.random_steps if step < one <= self._walker.steps]
        return min(next_look(step, self._every), self._walker.steps, *ahead)

    def _offered(self) -> list[tuple[Why, Frame]]:
        offered: list[tuple[Why, Frame]] = [("random", frame) for frame in self._random]
        offered += [("disagreement", frame) for frame in self._shortlist.best()]
        offered += [("last_good", frame) for frame in self._rescued]
        return sorted(offered, key=lambda offer: offer[1].step)

    def _gate(self, frame: Frame) -> str | None:
        if not frame.sight.state.is_finite():
            return "nonfinite"
        close = not frame.sight.contact >= self._request.min_contact or self._stray(frame) is not None
        return "contact" if close else frame.sight.fault

    def _stray(self, frame: Frame) -> Ended | None:
        return "contact" if comes_closer(frame.sight.state.to_atoms(), self._nearest_A) else None

    def _window_end(self, frame: Frame) -> Ended | None:
        score = frame.score
        if not self._has_window or score is None:
            return None
        if not math.isfinite(score):
            return "nan"
        return "disagreement" if score > self._request.upper_eV_per_A else None

    def _is_candidate(self, frame: Frame) -> bool:
        lower, score = self._request.lower_eV_per_A, frame.score
        if lower is None or score is None or not lower <= score <= self._request.upper_eV_per_A:
            return False
        return all(abs(frame.step - step) >= self._spacing for step in self._walker.random_steps)

    def _admit(self, frame: Frame, gate: str | None, is_random: bool) -> None:
        if gate is not None:
            self._gated[gate] += 1
        elif is_random:
            self._random.append(frame)
        else:
            self._shortlist.add(frame.step, frame.score or 0.0, frame)

    def _look(self, frame: Frame) -> Frame:
        if not self._has_committee or frame.doubt is not None:
            return frame
        doubt = self._ask(frame.sight.state)
        if doubt is not None:
            self._note(None, doubt)
        return replace(frame, doubt=doubt)

    def _note(self, frame: Frame | None, doubt: Doubt) -> None:
        """Count a look; one at the present frame decides when to look next."""
        self._looks += 1
        if math.isfinite(doubt.disagreement_eV_per_A):
            self._max_disagreement = max(doubt.disagreement_eV_per_A, self._max_disagreement or 0.0)
        request = self._request
        if frame is not None and self._has_window and request.lower_eV_per_A is not None:
            before, self._glance = self._glance, Glance(frame.step, doubt.expected_error_eV_per_A)
            window = (request.lower_eV_per_A, request.upper_eV_per_A)
            self._every = interval(request.check_every_steps, before, self._glance, *window)

    def _rescue(self, recent: list[tuple[int, MDState]], offered: set[int]) -> list[Frame]:
        for frame in self._newest_first(recent):
            if frame.step == 0 or frame.step in offered:
                return []
            if self._gate(frame) is None:
                looked = self._look(frame)
                if self._ended != "disagreement" or self._window_end(looked) is None:
                    return [looked]
        return []

    def _newest_first(self, recent: list[tuple[int, MDState]]) -> Iterator[Frame]:
        yield from (Frame.of(step, state) for step, state in recent)
        if self._last_sane is not None and all(step > self._last_sane.step for step, _ in recent):
            yield self._last_sane


def fresh(atoms: Atoms, temperature_K: float, seed: np.random.SeedSequence) -> MDState:
    """Return atoms with momenta drawn for a temperature."""
    return fresh_state(atoms, temperature_K, np.random.default_rng(seed))


def _structure(state: MDState) -> Structure:
    return Structure.from_atoms(state.to_atoms())


def _snapshot(state: MDState) -> Snapshot:
    momenta = tuple((float(x), float(y), float(z)) for x, y, z in state.momenta)
    return Snapshot(structure=_structure(state), momenta=momenta)


def _offer(index: int, why: Why, frame: Frame, structure: Structure) -> Offer:
    doubt = frame.doubt
    return Offer(
        index=index,
        why=why,
        step=frame.step,
        temperature_K=frame.sight.state.temperature(),
        disagreement_eV_per_A=_finite(doubt.disagreement_eV_per_A) if doubt else None,
        expected_error_eV_per_A=_finite(doubt.expected_error_eV_per_A) if doubt else None,
        min_contact=min_contact(frame.sight.state.to_atoms()),
        structure_sha256=structure.digest(),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
