"""The contract of a selection policy: the candidates it gets, the selection it returns, the methods it has.

The policies themselves are in `policies.selection.disagreement` and `policies.selection.baselines`; probes, which no
policy has a say in, are drawn in `policies.selection.probing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from policies.arrays import frozen, frozen_floats

OFFERED_BLIND = ("initial", "random")
"""Reasons of offers that do not depend on a committee."""


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
        Why the frame was offered: ``initial``, ``random``, ``disagreement`` or ``last_good`` (the last good frame of
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
        If the lengths differ, an id is there twice, a frame is apart from itself, or `quiet` is negative.
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
            object.__setattr__(self, name, frozen_floats(getattr(self, name)).reshape(-1))
        expected = {
            element: frozen_floats(errors).reshape(-1) for element, errors in self.expected_error_eV_per_A.items()
        }
        object.__setattr__(self, "expected_error_eV_per_A", expected)
        if self.novelty is not None:
            object.__setattr__(self, "novelty", frozen_floats(self.novelty).reshape(-1))
        if self.separation is not None:
            object.__setattr__(self, "separation", frozen_floats(self.separation))
        if self.quiet is not None:
            object.__setattr__(self, "quiet", frozen(np.array(self.quiet, dtype=np.int_).reshape(-1)))
        self._check()

    def _check(self) -> None:
        n = len(self.ids)
        fields = [self.walker, self.composition, self.why, self.disagreement_eV_per_A, self.min_contact]
        fields += [*self.expected_error_eV_per_A.values()]
        fields += [values for values in (self.novelty, self.quiet) if values is not None]
        if any(len(values) != n for values in fields):
            raise ValueError(f"candidates: every field needs {n} entries, one for each id")
        if len(set(self.ids)) != n:
            raise ValueError("candidates: an id is there twice")
        if self.separation is not None and self.separation.shape != (n, n):
            raise ValueError(f"candidates: separation needs the shape ({n}, {n}), got {self.separation.shape}")
        if self.separation is not None and self.separation.diagonal().any():
            raise ValueError("candidates: the separation of a frame from itself must be 0")
        if self.quiet is not None and (self.quiet < 0).any():
            raise ValueError("candidates: quiet must not be negative")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: Sequence[int]) -> Candidates:
        """Return some of the frames, in the order of the places given."""
        some = np.array(places, dtype=np.int_)
        return Candidates(
            ids=tuple(self.ids[place] for place in places),
            walker=tuple(self.walker[place] for place in places),
            composition=tuple(self.composition[place] for place in places),
            why=tuple(self.why[place] for place in places),
            disagreement_eV_per_A=self.disagreement_eV_per_A[some],
            min_contact=self.min_contact[some],
            expected_error_eV_per_A={name: errors[some] for name, errors in self.expected_error_eV_per_A.items()},
            novelty=None if self.novelty is None else self.novelty[some],
            separation=None if self.separation is None else self.separation[np.ix_(some, some)],
            quiet=None if self.quiet is None else self.quiet[some],
        )


@dataclass(frozen=True)
class Window:
    """Expected errors worth a label (eV/Å), both ends included: below is known, above is too far off.

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
    """The chosen and the rejected candidates.

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
            Expected errors worth a label.
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
