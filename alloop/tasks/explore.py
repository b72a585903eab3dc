"""Molecular dynamics until a frame is worth asking about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from ase import Atoms

from alloop.dynamics import MDSettings, Shortlist, State, Walker, fresh_state, temperature_limit
from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure
from alloop.potential.committee import Committee, LeaderCalculator, load_committee
from alloop.tasks.machine import Machine
from alloop.tasks.requests import ExploreRequest
from alloop.tasks.results import Offer, OffersData, OffersSummary, Snapshot
from alloop.tasks.workspace import Workspace

OFFER_SPACING_FS = 50.0

Answer = tuple[dict[str, Any], dict[str, Any]]
Why = Literal["initial", "random", "disagreement", "last_good"]
Ended = Literal["length", "disagreement", "contact", "temperature", "volume", "nan"]


@dataclass(frozen=True, eq=False)
class Frame:
    """What is known of one step of a walker.

    Attributes
    ----------
    contact : float
        Shortest contact in sums of covalent radii; 0 where the state is not finite.
    disagreement_eV_per_A : float or None
        Largest disagreement over the atoms; None where no committee looked, and it may be NaN.
    """

    step: int
    state: State
    contact: float
    disagreement_eV_per_A: float | None = None

    @classmethod
    def of(cls, step: int, state: State) -> Frame:
        """Measure the contacts of a state."""
        contact = min_contact(state.to_atoms())
        return cls(step, state, contact if math.isfinite(contact) else 0.0)


def explore(request: ExploreRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Run one segment of a walker and offer frames of it (see `Segment`).

    Parameters
    ----------
    request : ExploreRequest
        Where to start, how to move and what to look for.
    workspace : Workspace
        Holds the models and the segment to continue.
    machine : Machine
        Where to compute.

    Returns
    -------
    tuple of dict
        OffersSummary and OffersData as JSON.
    """
    committee = load_committee(workspace, request.members, machine.device, request.dtype)
    snapshot = workspace.last_good(request.start) if request.start else None
    return _dump(*Segment(request, committee, snapshot).run())


class Segment:
    """One segment of a walker, driven by the leader and watched by the whole committee.

    The committee looks every `check_every_steps` steps, at the last step and at the random steps; with `lower`
    None it looks at the random steps only. What is offered:

    ``random``
        The frames of `random_steps`, unless the gate rejects them, which is counted.
    ``disagreement``
        Of the frames inside the window, the `max_offers` with the highest disagreement that lie 50 fs or more
        apart from each other and from every random step: closer frames hardly differ.
    ``last_good``
        Where the segment ends early, the newest frame that the gate lets through, so that the potential learns
        where it failed; beyond the window, the newest one still inside it. Never the first frame of the segment,
        nor one that is offered already. All steps since the committee last looked are searched.

    The gate is what DFT can do something with: finite, no contact below `min_contact`, no runaway.

    The walker ends with ``nan``, ``contact`` (below `stop_contact`), ``temperature`` or ``volume`` (see `Walker`),
    or ``disagreement`` (above `upper`). Temperature, volume and finiteness are checked at every step, contacts
    and disagreement where the committee looks.

    The next segment continues from the newest frame looked at that passed all checks, momenta included; if there is
    none, from the first frame with new momenta, or, if that fails the checks too, from nowhere.

    Parameters
    ----------
    request : ExploreRequest
        What to do.
    committee : Committee
        Who drives and looks.
    snapshot : Snapshot or None
        State to continue; None to start from the request's structure with new momenta.
    """

    def __init__(self, request: ExploreRequest, committee: Committee, snapshot: Snapshot | None) -> None:
        self._request = request
        self._committee = committee
        momenta_seed, noise_seed, self._restart_seed = np.random.SeedSequence(request.seed).spawn(3)
        self._start = _continued(snapshot) if snapshot else self._fresh(request.structure.to_atoms(), momenta_seed)
        self._walker = Walker(
            self._start,
            LeaderCalculator(committee, stress=request.ensemble == "npt"),
            _settings(request),
            noise_seed,
            memory=request.check_every_steps + 1,
        )
        self._has_committee = len(request.members) > 1
        self._has_window = self._has_committee and request.lower_eV_per_A is not None
        self._spacing = math.ceil(OFFER_SPACING_FS / request.timestep_fs)
        self._shortlist: Shortlist[Frame] = Shortlist(request.max_offers, self._spacing)
        self._random: list[Frame] = []
        self._gated: Counter[str] = Counter()
        self._last_sane: Frame | None = None
        self._looks = 0
        self._max_disagreement: float | None = None

    def run(self) -> tuple[OffersSummary, OffersData]:
        """Run the segment to its end."""
        ended = self._walk()
        offered: list[tuple[Why, Frame]] = [("random", frame) for frame in self._random]
        offered += [("disagreement", frame) for frame in self._shortlist.best()]
        if ended != "length":
            offered += [("last_good", frame) for frame in self._rescue(ended, {frame.step for _, frame in offered})]
        offered.sort(key=lambda offer: offer[1].step)
        structures = tuple(_structure(frame.state) for _, frame in offered)
        last_good = self._last_good()
        summary = OffersSummary(
            offers=tuple(
                _offer(index, why, frame, structure)
                for index, ((why, frame), structure) in enumerate(zip(offered, structures, strict=True))
            ),
            ended=ended,
            steps=self._walker.steps,
            looks=self._looks,
            mean_temperature_K=self._walker.mean_temperature,
            max_disagreement_eV_per_A=self._max_disagreement,
            gated=dict(self._gated),
        )
        return summary, OffersData(structures=structures, last_good=last_good)

    def _walk(self) -> Ended:
        for step in _stops(self._request):
            self._walker.run(step - self._walker.steps)
            ended = self._visit()
            if ended is not None:
                return ended
        return "length"

    def _visit(self) -> Ended | None:
        frame = Frame.of(self._walker.steps, self._walker.state)
        is_random = frame.step in self._request.random_steps
        gate = self._gate(frame)
        ended = self._physical_end(frame)
        if ended is None and (self._has_window or (is_random and gate is None)):
            frame = self._look(frame)
            ended = self._window_end(frame)
        if is_random or self._is_candidate(frame):
            self._admit(frame, gate, is_random)
        if ended is None and gate is None:
            self._last_sane = frame
        return ended

    def _gate(self, frame: Frame) -> str | None:
        if not frame.state.is_finite():
            return "nonfinite"
        if not frame.contact >= self._request.min_contact:
            return "contact"
        at_fault = self._walker.fault is not None and frame.step == self._walker.steps
        return self._walker.fault if at_fault else None

    def _physical_end(self, frame: Frame) -> Ended | None:
        if self._walker.fault == "nan" or not frame.state.is_finite():
            return "nan"
        return "contact" if frame.contact < self._request.stop_contact else self._walker.fault

    def _window_end(self, frame: Frame) -> Ended | None:
        if not self._has_window or frame.disagreement_eV_per_A is None:
            return None
        if not math.isfinite(frame.disagreement_eV_per_A):
            return "nan"
        return "disagreement" if frame.disagreement_eV_per_A > self._request.upper_eV_per_A else None

    def _is_candidate(self, frame: Frame) -> bool:
        lower, score = self._request.lower_eV_per_A, frame.disagreement_eV_per_A
        if lower is None or score is None or not lower <= score <= self._request.upper_eV_per_A:
            return False
        return all(abs(frame.step - step) >= self._spacing for step in self._request.random_steps)

    def _admit(self, frame: Frame, gate: str | None, is_random: bool) -> None:
        if gate is not None:
            self._gated[gate] += 1
        elif is_random:
            self._random.append(frame)
        else:
            self._shortlist.add(frame.step, frame.disagreement_eV_per_A or 0.0, frame)

    def _look(self, frame: Frame) -> Frame:
        if not self._has_committee or frame.disagreement_eV_per_A is not None:
            return frame
        disagreement = self._committee.look(frame.state.to_atoms()).disagreement_eV_per_A
        self._looks += 1
        if disagreement is None:
            return frame
        largest = float(np.max(disagreement))
        if math.isfinite(largest):
            self._max_disagreement = max(largest, self._max_disagreement or 0.0)
        return replace(frame, disagreement_eV_per_A=largest)

    def _rescue(self, ended: Ended, offered: set[int]) -> list[Frame]:
        for frame in self._newest_first():
            if frame.step == 0 or frame.step in offered:
                return []
            if self._gate(frame) is None:
                looked = self._look(frame)
                if ended != "disagreement" or self._window_end(looked) is None:
                    return [looked]
        return []

    def _newest_first(self) -> Iterator[Frame]:
        recent = self._walker.recent
        yield from (Frame.of(step, state) for step, state in recent)
        if self._last_sane is not None and all(step > self._last_sane.step for step, _ in recent):
            yield self._last_sane

    def _last_good(self) -> Snapshot | None:
        if self._last_sane is not None:
            return _snapshot(self._last_sane.state)
        start = Frame.of(0, self._start)
        if self._gate(start) is not None:
            return None
        if self._has_window and self._window_end(self._look(start)) is not None:
            return None
        return _snapshot(self._fresh(self._start.to_atoms(), self._restart_seed))

    def _fresh(self, atoms: Atoms, seed: np.random.SeedSequence) -> State:
        return fresh_state(atoms, self._request.temperature_K, np.random.default_rng(seed))


def _stops(request: ExploreRequest) -> list[int]:
    checks = range(request.check_every_steps, request.steps + 1, request.check_every_steps)
    random_steps = (step for step in request.random_steps if 0 <= step <= request.steps)
    return sorted({*checks, *random_steps, request.steps})


def _settings(request: ExploreRequest) -> MDSettings:
    atoms = len(request.structure.numbers)
    return MDSettings(
        ensemble=request.ensemble,
        temperature_K=request.temperature_K,
        timestep_fs=request.timestep_fs,
        friction_per_fs=request.friction_per_fs,
        pressure_GPa=request.pressure_GPa,
        max_temperature_K=temperature_limit(request.temperature_K, request.stop_temperature_factor, atoms),
    )


def _continued(snapshot: Snapshot) -> State:
    atoms = snapshot.structure.to_atoms()
    atoms.set_momenta(np.array(snapshot.momenta, dtype=float))
    return State.of(atoms)


def _structure(state: State) -> Structure:
    return Structure.from_atoms(state.to_atoms())


def _snapshot(state: State) -> Snapshot:
    momenta = tuple((float(x), float(y), float(z)) for x, y, z in state.momenta)
    return Snapshot(structure=_structure(state), momenta=momenta)


def _offer(index: int, why: Why, frame: Frame, structure: Structure) -> Offer:
    disagreement = frame.disagreement_eV_per_A
    return Offer(
        index=index,
        why=why,
        step=frame.step,
        temperature_K=frame.state.temperature(),
        disagreement_eV_per_A=disagreement if disagreement is not None and math.isfinite(disagreement) else None,
        min_contact=frame.contact,
        structure_sha256=structure.digest(),
    )


def _dump(summary: OffersSummary, data: OffersData) -> Answer:
    return summary.model_dump(mode="json"), data.model_dump(mode="json")
