"""Test expected errors on labels that they were not fitted to, and say whether they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.calibration.scales import Calibration, Floats, Points, fit_calibration, frame_weights
from policies.calibration.trust import doubt

FOLDS = 5
BINS = 5


@dataclass(frozen=True)
class ReliabilityRow:
    """Atoms of one bin of expected error, and what their errors were.

    Attributes
    ----------
    among : str
        ``probe``: frames drawn at random; ``selected``: all others.
    species : str or None
        Element; None for all.
    predicted_eV_per_A, observed_eV_per_A : float
        Mean expected and mean true length of the force error (eV/Å).
    se_observed_eV_per_A : float or None
        Standard error of the latter, from frame to frame; None of one frame.
    atoms, frames : int
        How many there are.
    coverage : float
        Share of the errors below their 90 % bound.
    se_coverage : float or None
        Its standard error, from frame to frame.
    """

    among: str
    species: str | None
    predicted_eV_per_A: float
    observed_eV_per_A: float
    se_observed_eV_per_A: float | None
    atoms: int
    frames: int
    coverage: float
    se_coverage: float | None


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration, how it fared on labels that it was not fitted to, and where it cannot be trusted.

    Attributes
    ----------
    table : tuple of ReliabilityRow
        Bins of expected error, of probes and of selected frames; predictions are made without the frame's own label.
    overall : tuple of ReliabilityRow
        The same of every species, in one bin each.
    doubts : mapping of str to str
        By species: why its expected errors cannot be trusted, with numbers. A species without a doubt can be.
    """

    calibration: Calibration
    table: tuple[ReliabilityRow, ...]
    overall: tuple[ReliabilityRow, ...]
    doubts: Mapping[str, str]

    @property
    def trusted(self) -> bool:
        """Whether the expected errors of all species can be trusted."""
        return bool(self.calibration.maps) and not self.doubts


def calibrate(points: Points) -> CalibrationReport:
    """Fit the calibration, and try it on frames that were held back.

    The frames are divided into five parts; each is predicted by a calibration fitted on the other four.

    Parameters
    ----------
    points : Points
        Atoms of labelled frames.
    """
    calibration = fit_calibration(points)
    expected, bound = held_back(points)
    overall = []
    for among, mask in _kinds(points):
        for species in sorted(set(points.species)):
            rows = mask & (np.array(points.species) == species)
            if rows.any():
                overall.append(_row(points, expected, bound, rows, among, species))
    doubts = {}
    for name in calibration.maps:
        own = np.array(points.species) == name
        if why := doubt(points.take(own), expected[own], bound[own]):
            doubts[name] = why
    return CalibrationReport(calibration, reliability(points, expected, bound), tuple(overall), doubts)


def reliability(points: Points, expected_eV_per_A: Floats, bound_eV_per_A: Floats) -> tuple[ReliabilityRow, ...]:
    """Return what errors were where they were expected, in bins of about the same number of atoms.

    Parameters
    ----------
    points : Points
        Atoms of labelled frames.
    expected_eV_per_A, bound_eV_per_A : ndarray, shape (n,)
        Expected error of each force and the bound that 90 % should stay below (eV/Å), made without these labels.
    """
    rows = [_binned(points, expected_eV_per_A, bound_eV_per_A, mask, among) for among, mask in _kinds(points)]
    return tuple(row for some in rows for row in some)


def _kinds(points: Points) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    return ("probe", points.probe), ("selected", ~points.probe)


def held_back(points: Points) -> tuple[Floats, Floats]:
    """Return expected error and bound of every atom (eV/Å), from calibrations that did not see its frame."""
    frames, place = np.unique(points.frame, return_inverse=True)
    # Frames are named after their walkers: neighbours in the order of names fall into different folds.
    fold = (np.arange(len(frames)) % FOLDS)[place]
    expected, bound = np.empty(len(points)), np.empty(len(points))
    for number in np.unique(fold):
        out = fold == number
        seen, asked = fit_calibration(points.take(~out)), points.take(out)
        expected[out] = seen.expected_error(asked.species, asked.disagreement_eV_per_A)
        bound[out] = seen.bound(asked.species, asked.disagreement_eV_per_A)
    return expected, bound


def _binned(
    points: Points, expected: Floats, bound: Floats, mask: NDArray[np.bool_], among: str
) -> list[ReliabilityRow]:
    """Return the rows of bins that hold about the same number of atoms."""
    if not mask.any():
        return []
    edges = np.unique(np.quantile(expected[mask], np.linspace(0, 1, BINS + 1))[1:-1])
    bins = np.searchsorted(edges, expected, side="right")
    return [_row(points, expected, bound, mask & (bins == b), among, None) for b in np.unique(bins[mask])]


def _row(
    points: Points, expected: Floats, bound: Floats, mask: NDArray[np.bool_], among: str, species: str | None
) -> ReliabilityRow:
    inside = points.take(mask)
    weight = frame_weights(inside)
    errors, below = inside.error_eV_per_A, (inside.error_eV_per_A <= bound[mask]).astype(float)
    observed, se_observed = _clustered(errors, weight, inside.frame)
    coverage, se_coverage = _clustered(below, weight, inside.frame)
    return ReliabilityRow(
        among=among,
        species=species,
        predicted_eV_per_A=float(np.average(expected[mask], weights=weight)),
        observed_eV_per_A=observed,
        se_observed_eV_per_A=se_observed,
        atoms=len(inside),
        frames=len(set(inside.frame)),
        coverage=coverage,
        se_coverage=se_coverage,
    )


def _clustered(values: Floats, weight: Floats, frame: tuple[str, ...]) -> tuple[float, float | None]:
    """Return a weighted mean and its standard error over frames (Cochran, *Sampling Techniques* (1977), ch. 9)."""
    mean = float(np.average(values, weights=weight))
    of_frame = np.bincount(np.unique(frame, return_inverse=True)[1], weights=weight * (values - mean))
    n = len(of_frame)
    if n < 2:
        return mean, None
    return mean, float(math.sqrt(n / (n - 1) * (of_frame**2).sum()) / weight.sum())
