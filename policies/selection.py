"""Which offered frames are worth a label."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

OFFERED_BLIND = ("initial", "random")
"""Reasons of offers that no committee had a say in."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Frames that wait for a decision, one entry of each field per frame.

    Attributes
    ----------
    ids : tuple of str, length n
        Unique names; they break ties, so that the order of the arrays never matters.
    walker : tuple of str, length n
        Trajectory each frame comes from.
    composition : tuple of str, length n
        System each frame belongs to.
    why : tuple of str, length n
        Why the frame was offered: ``initial``, ``random``, ``disagreement`` or ``last_good`` (the last sane frame of
        a walker that turned unphysical).
    disagreement_eV_per_A : ndarray, shape (n,)
        Largest committee standard deviation of a force over the atoms (eV/Å); NaN where no committee looked.
    min_contact : ndarray, shape (n,)
        Shortest contact in sums of covalent radii.
    expected_error_eV_per_A : mapping of str to ndarray, shape (n,)
        By element: largest expected error of a force over the atoms of that element (eV/Å); NaN where no committee
        looked, or where a frame lacks the element.
    novelty : ndarray, shape (n,)
        How far the atom of a frame that is most unlike all atoms of its element in labelled and ordered frames is
        from the nearest of them, in units of the typical distance among those; infinite where there are none.
    separation : ndarray, shape (n, n)
        The same of frame i with only frame j known; 0 on the diagonal.
    quiet : ndarray of int, shape (n,)
        Segments of the frame's walker since a frame of it was last chosen.

    Raises
    ------
    ValueError
        If the lengths differ or an id stands twice.
    """

    ids: tuple[str, ...]
    walker: tuple[str, ...]
    composition: tuple[str, ...]
    why: tuple[str, ...]
    disagreement_eV_per_A: NDArray[np.float64]
    min_contact: NDArray[np.float64]
    expected_error_eV_per_A: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    novelty: NDArray[np.float64] | None = None
    separation: NDArray[np.float64] | None = None
    quiet: NDArray[np.int_] | None = None

    def __post_init__(self) -> None:
        for name in ("disagreement_eV_per_A", "min_contact"):
            object.__setattr__(self, name, _vector(getattr(self, name)))
        fields = (self.walker, self.composition, self.why, self.disagreement_eV_per_A, self.min_contact)
        if any(len(values) != len(self.ids) for values in fields):
            raise ValueError(f"candidates: every field needs {len(self.ids)} entries, one for each id")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("candidates: an id stands twice")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Window:
    """Disagreements worth a label (eV/Å), both ends included: below is known, above is beyond the potential.

    Raises
    ------
    ValueError
        Unless 0 <= lower < upper.
    """

    lower_eV_per_A: float
    upper_eV_per_A: float

    def __post_init__(self) -> None:
        if not 0 <= self.lower_eV_per_A < self.upper_eV_per_A:
            raise ValueError(f"window: need 0 <= lower < upper, got {self.lower_eV_per_A} and {self.upper_eV_per_A}")


@dataclass(frozen=True)
class Choice:
    """One chosen frame.

    Attributes
    ----------
    index : int
        Its place in the candidates.
    rank : int
        1 for the frame that is wanted most.
    why : str
        Countable reason.
    probability : float
        Probability with which it was chosen; 1 unless it was drawn at random.
    """

    index: int
    rank: int
    why: str
    probability: float = 1.0


@dataclass(frozen=True)
class Selection:
    """What became of the candidates.

    A chosen frame is labelled. A rejected frame is out for good, with a countable reason. A frame that is neither
    waits: it stays a candidate of the next selection.

    Attributes
    ----------
    chosen : tuple of Choice
        In the order of their rank.
    rejected : mapping of int to str
        Reason by place in the candidates.
    """

    chosen: tuple[Choice, ...] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)

    def waiting(self, candidates: int) -> tuple[int, ...]:
        """Return the places of the frames that stay, given the number of candidates."""
        settled = {choice.index for choice in self.chosen} | set(self.rejected)
        return tuple(index for index in range(candidates) if index not in settled)


@runtime_checkable
class SelectionPolicy(Protocol):
    """Decides which candidates are labelled."""

    def select(self, candidates: Candidates, window: Window, count: int, per_walker: int, seed: int) -> Selection:
        """Choose frames to label.

        Parameters
        ----------
        candidates : Candidates
            Frames on offer.
        window : Window
            Disagreements worth a label.
        count : int
            Frames wanted; fewer may be chosen, never more.
        per_walker : int
            Frames of one walker chosen at most.
        seed : int
            Seed of whatever is drawn.

        Returns
        -------
        Selection
            Chosen and rejected frames; the others wait.
        """
        ...


class DisagreementSelection:
    """Highest disagreement inside the window first, balanced over compositions.

    The composition with the fewest chosen frames goes next, so a noisy one cannot take everything; inside a
    composition the highest disagreement wins, ties by id. A ``last_good`` frame lies at the wall that the potential
    has yet to learn, and is eligible above the window too. Where the window gives too few frames, the rest are
    probes: drawn at random from the frames offered blind and those that no committee looked at.

    Reasons of choice: ``disagreement``, ``last_good``, ``probe``. Reasons of rejection: ``known`` (below the window),
    ``beyond`` (above it), ``nonfinite`` (the committee looked and gave no number), ``walker_quota`` (its walker gave
    its share) and ``not_needed`` (a blind offer, and there was better). Frames inside the window that were not
    reached wait, with the disagreement they were offered with.
    """

    def select(self, candidates: Candidates, window: Window, count: int, per_walker: int, seed: int) -> Selection:
        """Choose frames to label; see `SelectionPolicy.select`."""
        if not _asked(count, per_walker):
            return Selection()
        kinds = _classify(candidates, window)
        ranked = _by_disagreement(candidates, kinds.in_window, window)
        picked = _draw(ranked, candidates, count, per_walker)
        probes = _shuffled(candidates, kinds.probe, seed)
        drawn = _draw(probes, candidates, count - len(picked), per_walker, already=picked)
        reasons = ["last_good" if candidates.why[i] == "last_good" else "disagreement" for i in picked]
        chosen = _choices(picked + drawn, reasons + ["probe"] * len(drawn))
        return Selection(chosen, _rejections(candidates, kinds, picked + drawn, per_walker))


class RandomSelection:
    """Frames drawn at random from those offered blind: the baseline that every other policy has to beat.

    It never reads the disagreement. Frames offered because of disagreement or of a wall are rejected as
    ``not_random``, for drawing among them would not be chance. Count, cap per walker and balance over compositions
    are those of `DisagreementSelection`, so only the ranking differs. Frames that were not reached wait.
    """

    def select(self, candidates: Candidates, window: Window, count: int, per_walker: int, seed: int) -> Selection:
        """Choose frames to label; see `SelectionPolicy.select`."""
        if not _asked(count, per_walker):
            return Selection()
        blind = np.isin(np.array(candidates.why, dtype=np.str_), OFFERED_BLIND)
        picked = _draw(_shuffled(candidates, blind, seed), candidates, count, per_walker)
        rejected = dict.fromkeys(_places(~blind), "not_random")
        rejected |= _over_quota(candidates, set(_places(blind)) - set(picked), picked, per_walker)
        return Selection(_choices(picked, ["random"] * len(picked)), rejected)


@dataclass(frozen=True, eq=False)
class _Kinds:
    """Boolean masks over the candidates; every frame is in exactly one of the first four or `never_looked`."""

    known: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    nonfinite: NDArray[np.bool_]
    in_window: NDArray[np.bool_]
    never_looked: NDArray[np.bool_]
    probe: NDArray[np.bool_]


def _classify(candidates: Candidates, window: Window) -> _Kinds:
    why = np.array(candidates.why, dtype=np.str_)
    blind, wall = np.isin(why, OFFERED_BLIND), why == "last_good"
    disagreement = candidates.disagreement_eV_per_A
    finite = np.isfinite(disagreement)
    never_looked = np.isnan(disagreement) & (blind | wall)
    known = finite & (disagreement < window.lower_eV_per_A)
    beyond = finite & (disagreement > window.upper_eV_per_A) & ~wall
    return _Kinds(
        known=known,
        beyond=beyond,
        nonfinite=~finite & ~never_looked,
        in_window=finite & ~known & ~beyond,
        never_looked=never_looked,
        probe=never_looked | (known & blind),
    )


def _by_disagreement(candidates: Candidates, mask: NDArray[np.bool_], window: Window) -> list[int]:
    # How far a wall lies beyond the window says little, so walls rank together at its upper end.
    score = np.minimum(candidates.disagreement_eV_per_A, window.upper_eV_per_A)
    return sorted(_places(mask), key=lambda index: (-score[index], candidates.ids[index]))


def _shuffled(candidates: Candidates, mask: NDArray[np.bool_], seed: int) -> list[int]:
    places = sorted(_places(mask), key=lambda index: candidates.ids[index])
    return [places[draw] for draw in np.random.default_rng(seed).permutation(len(places))]


def _draw(
    ranked: Sequence[int], candidates: Candidates, count: int, per_walker: int, already: Sequence[int] = ()
) -> list[int]:
    """Take up to `count` of the ranked frames: next the composition with the fewest, then the better rank."""
    queues: dict[str, deque[tuple[int, int]]] = {}
    for rank, index in enumerate(ranked):
        queues.setdefault(candidates.composition[index], deque()).append((rank, index))
    taken = Counter(candidates.composition[index] for index in already)
    of_walker = Counter(candidates.walker[index] for index in already)
    picked: list[int] = []
    while len(picked) < count:
        for queue in queues.values():
            while queue and of_walker[candidates.walker[queue[0][1]]] >= per_walker:
                queue.popleft()
        open_queues = [name for name, queue in queues.items() if queue]
        if not open_queues:
            break
        composition = min(open_queues, key=lambda name: (taken[name], queues[name][0][0]))
        _, index = queues[composition].popleft()
        picked.append(index)
        taken[composition] += 1
        of_walker[candidates.walker[index]] += 1
    return picked


def _rejections(candidates: Candidates, kinds: _Kinds, picked: Sequence[int], per_walker: int) -> dict[int, str]:
    rejected = dict.fromkeys(_places(kinds.never_looked), "not_needed")
    rejected |= _over_quota(candidates, _places(kinds.in_window | kinds.never_looked), picked, per_walker)
    for reason in ("known", "beyond", "nonfinite"):
        rejected |= dict.fromkeys(_places(getattr(kinds, reason)), reason)
    return {index: rejected[index] for index in sorted(rejected.keys() - set(picked))}


def _over_quota(
    candidates: Candidates, places: Iterable[int], picked: Sequence[int], per_walker: int
) -> dict[int, str]:
    of_walker = Counter(candidates.walker[index] for index in picked)
    return {index: "walker_quota" for index in places if of_walker[candidates.walker[index]] >= per_walker}


def _choices(picked: Sequence[int], reasons: Sequence[str]) -> tuple[Choice, ...]:
    return tuple(Choice(i, rank, why) for rank, (i, why) in enumerate(zip(picked, reasons, strict=True), start=1))


def _asked(count: int, per_walker: int) -> bool:
    if count < 0 or per_walker < 1:
        raise ValueError(f"selection: need count >= 0 and per_walker >= 1, got {count} and {per_walker}")
    return count > 0


def _places(mask: NDArray[np.bool_]) -> list[int]:
    return [int(index) for index in np.flatnonzero(mask)]


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    vector = np.array(values, dtype=np.float64).reshape(-1)
    vector.setflags(write=False)
    return vector
