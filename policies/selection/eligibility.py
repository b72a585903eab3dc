"""Sort candidates into those that may be labelled and those that are rejected, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.selection.contract import OFFERED_BLIND, Candidates, Window
from policies.selection.quotas import over_quota


@dataclass(frozen=True, eq=False)
class Kinds:
    """Boolean masks over the candidates; every frame is in exactly one of all but the last.

    Attributes
    ----------
    known, beyond : ndarray of bool, shape (n,)
        Below and above the window; a ``last_good`` frame is never beyond.
    nonfinite : ndarray of bool, shape (n,)
        The committee looked and gave no number.
    duplicate : ndarray of bool, shape (n,)
        Not known by its error, but nearly the same as a labelled frame.
    in_window : ndarray of bool, shape (n,)
        Worth a label.
    never_looked : ndarray of bool, shape (n,)
        No committee looked, and none had to.
    fill : ndarray of bool, shape (n,)
        Better than no label: frames that no committee looked at, and known ones that were offered blind.
    """

    known: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    nonfinite: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]
    in_window: NDArray[np.bool_]
    never_looked: NDArray[np.bool_]
    fill: NDArray[np.bool_]


def classify(candidates: Candidates, window: Window, duplicate: float = 0.0) -> Kinds:
    """Sort candidates by the largest of their expected errors, and by their novelty.

    Parameters
    ----------
    candidates : Candidates
        Frames on offer.
    window : Window
        Expected errors worth a label.
    duplicate : float
        Novelty below which a frame is a duplicate of a labelled one.
    """
    why = np.array(candidates.why, dtype=np.str_)
    blind, wall = np.isin(why, OFFERED_BLIND), why == "last_good"
    errors = largest_errors(candidates)
    finite = np.isfinite(errors)
    unseen = np.isnan(errors) & (blind | wall)
    known = finite & (errors < window.lower_eV_per_A)
    beyond = finite & (errors > window.upper_eV_per_A) & ~wall
    same = np.zeros(len(candidates), dtype=np.bool_) if candidates.novelty is None else candidates.novelty < duplicate
    inside = finite & ~known & ~beyond
    return Kinds(
        known=known,
        beyond=beyond,
        nonfinite=~finite & ~unseen,
        duplicate=(inside | unseen) & same,
        in_window=inside & ~same,
        never_looked=unseen & ~same,
        fill=(unseen | (known & blind)) & ~same,
    )


def errors_by_element(candidates: Candidates) -> NDArray[np.float64]:
    """Return expected errors (eV/Å), shape (n, elements).

    Where none are known, the disagreement takes their place, as if of one element.
    """
    columns = [errors for _, errors in sorted(candidates.expected_error_eV_per_A.items())]
    return np.stack(columns or [candidates.disagreement_eV_per_A], axis=1)


def largest_errors(candidates: Candidates) -> NDArray[np.float64]:
    """Return the largest expected error of each frame (eV/Å), shape (n,); NaN where there is none."""
    errors = errors_by_element(candidates)
    absent = np.isnan(errors)
    largest: NDArray[np.float64] = np.where(absent, -np.inf, errors).max(axis=1)
    return np.where(absent.all(axis=1), np.nan, largest)


def rejections(
    candidates: Candidates, kinds: Kinds, picked: Sequence[int], per_walker: int, twins: Iterable[int] = ()
) -> dict[int, str]:
    """Return why frames are out for good; those inside the window that were merely not reached are not.

    Parameters
    ----------
    candidates : Candidates
        Frames on offer.
    kinds : Kinds
        What they are.
    picked : sequence of int
        Places of the chosen frames.
    per_walker : int
        Frames of one walker at most.
    twins : iterable of int
        Places of frames that are nearly the same as a chosen one.
    """
    open_frames = [int(index) for index in np.flatnonzero(kinds.in_window | kinds.never_looked)]
    rejected = dict.fromkeys(places(kinds.never_looked), "not_needed")
    rejected |= over_quota(candidates, open_frames, picked, per_walker)
    rejected |= dict.fromkeys(set(open_frames) & set(twins), "duplicate")
    for reason in ("known", "beyond", "nonfinite", "duplicate"):
        rejected |= dict.fromkeys(places(getattr(kinds, reason)), reason)
    return {index: rejected[index] for index in sorted(rejected.keys() - set(picked))}


def places(mask: NDArray[np.bool_]) -> list[int]:
    """Return the places at which a mask is true."""
    return [int(index) for index in np.flatnonzero(mask)]
