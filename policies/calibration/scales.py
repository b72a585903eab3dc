"""Calibrate the disagreement of a committee: learn from labels which force error of the leader it means.

Every label comes with the disagreement that was known before it. For each species the map from disagreement d to the
scale of the error is

    σ(d) = s · (1 − f + f d/d₀)

with s > 0 the scale at a typical disagreement d₀ and f between 0 and 1 the share that grows with d. It never falls, and
it need not vanish where the members agree: a committee can be wrong together. The length e of the error vector then
follows a multivariate t distribution in three dimensions with ν degrees of freedom (Lange, Little and Taylor, *J. Am.
Stat. Assoc.* 84, 881 (1989)), since a few errors are far larger than the rest:

    p(e) ∝ e²/σ³ · (1 + e²/(ν σ²))^(−(ν+3)/2)

Frames are labelled for what they are, so every frame counts as 1/probability of its selection, clipped; and committees
learn, so that old frames count less (`memory`). The atoms of one frame and species share one weight, for they are not
independent. A species is drawn towards the map of all species,
and that one towards a slope of 1: a priori the error is the disagreement, give or take a factor of four.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LARGEST_WEIGHT = 20.0
"""Weight beyond which a rarely chosen frame counts no more, against that of a frame chosen for certain."""
COVERAGE = 0.90
FORGETTING = 6
"""Power of the share of labels that a committee had, with which its labelled frames count; see `memory`."""
SMALLEST_MEMORY = 1e-4
"""What a frame counts at least, against one of the present committee."""
_PRIOR_LOG_SLOPE_SD = math.log(4.0)
_SPECIES_LOG_SCALE_SD = 0.7
_SHARE_LOGIT, _SHARE_LOGIT_SD = 2.0, 1.5
_DOF, _LOG_DOF_SD = 6.0, 0.7
_LARGEST_EXPONENT = 30.0
_NEGLIGIBLE_eV_per_A = 1e-12
# Frames that the shape of the t distribution counts as, against the residuals that were seen.
_SHAPE_FRAMES = 20.0


@dataclass(frozen=True, eq=False)
class Points:
    """Atoms of labelled frames, one entry of each field per atom.

    Attributes
    ----------
    disagreement_eV_per_A : ndarray, shape (n,)
        Disagreement of the committee that offered the frame (eV/Å), known before the label was.
    error_eV_per_A : ndarray, shape (n,)
        Length of the error of its leader's force (eV/Å).
    species : tuple of str, length n
        Element of the atom.
    frame : tuple of str, length n
        Frame of the atom.
    probability : ndarray, shape (n,)
        Probability with which the frame was selected.
    probe : ndarray of bool, shape (n,)
        Whether the frame was drawn at random, whatever its disagreement.
    memory : ndarray, shape (n,), optional
        What the frame counts for its age, see `memory`; 1 by default.
    walker : tuple of str, length n, optional
        Walker of the frame, whose errors may go together; by default every frame has its own.

    Raises
    ------
    ValueError
        If the lengths differ, a number is negative or not finite, or a probability is not in (0, 1].
    """

    disagreement_eV_per_A: Floats
    error_eV_per_A: Floats
    species: tuple[str, ...]
    frame: tuple[str, ...]
    probability: Floats
    probe: NDArray[np.bool_]
    memory: Floats = field(default_factory=lambda: np.empty(0))
    walker: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.walker:
            object.__setattr__(self, "walker", self.frame)
        if not np.size(self.memory):
            object.__setattr__(self, "memory", np.ones(len(self.species)))
        for name in ("disagreement_eV_per_A", "error_eV_per_A", "probability", "memory"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64).reshape(-1))
        object.__setattr__(self, "probe", np.array(self.probe, dtype=bool).reshape(-1))
        fields = (
            self.disagreement_eV_per_A,
            self.error_eV_per_A,
            self.frame,
            self.probability,
            self.probe,
            self.memory,
            self.walker,
        )
        if any(len(values) != len(self.species) for values in fields):
            raise ValueError(f"points: every field needs {len(self.species)} entries, one for each atom")
        numbers = np.concatenate([self.disagreement_eV_per_A, self.error_eV_per_A])
        if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
            raise ValueError("points: disagreements and errors must be finite and not negative")
        if not ((self.probability > 0) & (self.probability <= 1)).all():
            raise ValueError("points: probabilities must be above 0 and at most 1")
        if not ((self.memory > 0) & (self.memory <= 1)).all():
            raise ValueError("points: a memory must be above 0 and at most 1")

    def __len__(self) -> int:
        return len(self.species)

    def take(self, mask: NDArray[np.bool_]) -> Points:
        """Return the points where the mask is True."""
        places = np.flatnonzero(mask)
        return Points(
            self.disagreement_eV_per_A[places],
            self.error_eV_per_A[places],
            tuple(self.species[i] for i in places),
            tuple(self.frame[i] for i in places),
            self.probability[places],
            self.probe[places],
            self.memory[places],
            tuple(self.walker[i] for i in places),
        )


@dataclass(frozen=True)
class SpeciesMap:
    """From disagreement to error of one species.

    Attributes
    ----------
    typical_eV_per_A : float
        d₀, the middle of its disagreements (eV/Å).
    scale_eV_per_A : float
        s, the scale of its errors there, per component (eV/Å).
    share : float
        f, the part of the scale that grows with the disagreement.
    mean_factor, bound_factor : float
        Mean length of an error, and the length that 90 % of the errors stay below, in scales.
    frames : int
        Frames it was fitted on; 0 for the prior.
    effective_frames : float
        Equally weighted frames that would say as much (Kish, *Survey Sampling* (1965)).
    lowest_eV_per_A, highest_eV_per_A : float
        Disagreements between which it was fitted (eV/Å).
    """

    typical_eV_per_A: float = 1.0
    scale_eV_per_A: float = 1.0
    share: float = 1.0
    mean_factor: float = 1.0
    bound_factor: float = 5.0
    frames: int = 0
    effective_frames: float = 0.0
    lowest_eV_per_A: float = 0.0
    highest_eV_per_A: float = 0.0

    def scale(self, disagreement_eV_per_A: ArrayLike) -> Floats:
        """Return σ(d) per component (eV/Å)."""
        ratio = np.asarray(disagreement_eV_per_A, dtype=np.float64) / self.typical_eV_per_A
        scale: Floats = np.asarray(self.scale_eV_per_A * (1.0 - self.share + self.share * ratio))
        return scale

    def expected_error(self, disagreement_eV_per_A: ArrayLike) -> Floats:
        """Return the mean length of the force error (eV/Å)."""
        return self.mean_factor * self.scale(disagreement_eV_per_A)

    def bound(self, disagreement_eV_per_A: ArrayLike) -> Floats:
        """Return the length below which 90 % of the force errors are expected (eV/Å)."""
        return self.bound_factor * self.scale(disagreement_eV_per_A)


PRIOR = SpeciesMap()
"""What is believed of a species without a label: the error is the disagreement, and 90 % are below five times that."""


@dataclass(frozen=True)
class Calibration:
    """The maps of all species.

    Attributes
    ----------
    maps : mapping of str to SpeciesMap
        By element.
    dof : float
        ν, how heavy the tails are: errors are nearly normal above 30.
    """

    maps: Mapping[str, SpeciesMap]
    dof: float = _DOF

    def of(self, species: str) -> SpeciesMap:
        """Return the map of a species; the prior of one without a label."""
        return self.maps.get(species, PRIOR)

    def expected_error(self, species: Sequence[str], disagreement_eV_per_A: ArrayLike) -> Floats:
        """Return the expected error of some atoms (eV/Å), shape (atoms,)."""
        return self._each(species, disagreement_eV_per_A, SpeciesMap.expected_error)

    def bound(self, species: Sequence[str], disagreement_eV_per_A: ArrayLike) -> Floats:
        """Return the 90 % bound of the error of some atoms (eV/Å), shape (atoms,)."""
        return self._each(species, disagreement_eV_per_A, SpeciesMap.bound)

    def _each(
        self,
        species: Sequence[str],
        disagreement_eV_per_A: ArrayLike,
        ask: Callable[[SpeciesMap, Floats], NDArray[np.generic]],
    ) -> Floats:
        names, d = np.asarray(species, dtype=np.str_), np.asarray(disagreement_eV_per_A, dtype=np.float64)
        answer = np.empty(len(d))
        for name in np.unique(names):
            answer[names == name] = ask(self.of(str(name)), d[names == name])
        return answer


def memory(labels: ArrayLike, now: int) -> Floats:
    """Return what frames count whose disagreement a committee of so many labels stated, (labels / now)⁶.

    A committee learns and its disagreement changes its meaning; that of a tenth fewer labels counts about half.

    Parameters
    ----------
    labels : array_like of int, shape (frames,)
        Labels that the committee had been fitted on.
    now : int
        Labels of the present committee.
    """
    share = np.maximum(np.asarray(labels, dtype=np.float64), 1.0) / max(now, 1)
    return np.clip(share**FORGETTING, SMALLEST_MEMORY, 1.0)


def frame_weights(points: Points) -> Floats:
    """Return what each atom counts: its frame's clipped 1/probability, times its memory, shared by a species' atoms."""
    weight: Floats = np.minimum(1.0 / points.probability, LARGEST_WEIGHT) * points.memory
    groups = np.unique([f"{s} {f}" for s, f in zip(points.species, points.frame, strict=True)], return_inverse=True)[1]
    shared: Floats = weight / np.bincount(groups)[groups]
    return shared


def fit_calibration(points: Points) -> Calibration:
    """Fit the map of every species by weighted maximum likelihood.

    Parameters
    ----------
    points : Points
        Atoms of labelled frames; without any, the prior is returned.

    Returns
    -------
    Calibration
        Of the species that the points hold.
    """
    if not len(points):
        return Calibration({})
    weight = frame_weights(points)
    everything = _Sample.of(points, weight)
    first = (0.0, _PRIOR_LOG_SLOPE_SD), (_SHARE_LOGIT, _SHARE_LOGIT_SD)
    log_ratio, logit, log_dof = _maximise(everything, first, None)
    share, dof = _expit(logit), math.exp(log_dof)
    names = np.array(points.species)
    maps = {}
    for name in sorted(set(points.species)):
        mask = names == name
        sample = _Sample.of(points.take(mask), weight[mask])
        # Where the map of all species is at the typical disagreement of this one, and how much of it grows there.
        x = sample.typical / everything.typical
        there = 1.0 - share + share * x
        expected = math.log(everything.typical / sample.typical) + log_ratio + math.log(there)
        growing = float(np.clip(share * x / there, 1e-6, 1.0 - 1e-6))
        prior = (expected, _SPECIES_LOG_SCALE_SD), (_logit(growing), _SHARE_LOGIT_SD)
        maps[name] = _species_map(sample, _maximise(sample, prior, dof), dof)
    return Calibration(maps, dof)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Points of one map: relative disagreements, errors in units of the typical disagreement, weights summing to n."""

    x: Floats
    u: Floats
    weight: Floats
    typical: float
    frames: int
    effective: float
    low: float
    high: float

    @classmethod
    def of(cls, points: Points, weight: Floats) -> _Sample:
        d, e = points.disagreement_eV_per_A, points.error_eV_per_A
        typical = _typical(d, weight) or _typical(e, weight) or 1.0
        of_frame = np.bincount(np.unique(points.frame, return_inverse=True)[1], weights=weight)
        effective = float(of_frame.sum() ** 2 / (of_frame**2).sum())
        return cls(
            x=d / typical,
            u=e / typical,
            weight=weight * (effective / weight.sum()),
            typical=typical,
            frames=len(of_frame),
            effective=effective,
            low=float(d.min()),
            high=float(d.max()),
        )


def _typical(values: Floats, weight: Floats) -> float:
    """Return the weighted geometric mean of the values that are not negligible; 0 without any."""
    positive = values > _NEGLIGIBLE_eV_per_A
    if not positive.any():
        return 0.0
    return float(np.exp(np.average(np.log(values[positive]), weights=weight[positive])))


def _maximise(
    sample: _Sample, prior: tuple[tuple[float, float], tuple[float, float]], dof: float | None
) -> tuple[float, float, float]:
    """Return log(s/d₀), logit f and log ν at the maximum of likelihood times prior; ν is found only if not given."""
    from scipy.optimize import minimize
    from scipy.special import gammaln

    (ratio, ratio_sd), (logit, logit_sd) = prior
    start = [ratio, logit] + ([math.log(_DOF)] if dof is None else [])

    def cost(p: Floats) -> float:
        nu = math.exp(p[2]) if dof is None else dof
        share = _expit(p[1])
        log_scale = p[0] + np.log(1.0 - share + share * sample.x)
        tail = np.log1p(np.exp(np.clip(2.0 * (_log(sample.u) - log_scale), -700, 700)) / nu)
        constant = float(gammaln((nu + 3) / 2) - gammaln(nu / 2)) - 1.5 * math.log(nu)
        likelihood = sample.weight @ (constant - 3.0 * log_scale - 0.5 * (nu + 3.0) * tail)
        penalty = ((p[0] - ratio) / ratio_sd) ** 2 + ((p[1] - logit) / logit_sd) ** 2
        if dof is None:
            penalty += ((p[2] - math.log(_DOF)) / _LOG_DOF_SD) ** 2
        return float(0.5 * penalty - likelihood)

    bounds = [(-_LARGEST_EXPONENT, _LARGEST_EXPONENT), (-_LARGEST_EXPONENT, _LARGEST_EXPONENT)]
    bounds += [(math.log(2.5), math.log(100.0))] if dof is None else []
    best = minimize(cost, np.array(start), method="L-BFGS-B", bounds=bounds).x
    return float(best[0]), float(best[1]), float(best[2]) if dof is None else math.log(dof)


def _species_map(sample: _Sample, found: tuple[float, float, float], dof: float) -> SpeciesMap:
    from scipy.stats import f as f_distribution

    log_ratio, logit, _ = found
    share = _expit(logit)
    residual = sample.u / (math.exp(log_ratio) * (1.0 - share + share * sample.x))
    seen = sample.effective / (sample.effective + _SHAPE_FRAMES)
    mean = math.sqrt(dof) * math.exp(math.lgamma((dof - 1) / 2) - math.lgamma(1.5) - math.lgamma(dof / 2))
    # The scale of n errors of three components is known to a chi-squared with 3 n degrees of freedom.
    unsure = 1.0 / (1.0 / dof + 1.0 / (3.0 * sample.effective))
    bound = math.sqrt(3.0 * float(f_distribution.ppf(COVERAGE, 3, unsure)))
    level = next_below(COVERAGE, float(sample.weight.sum() ** 2 / (sample.weight**2).sum()))
    return SpeciesMap(
        typical_eV_per_A=sample.typical,
        scale_eV_per_A=math.exp(log_ratio) * sample.typical,
        share=share,
        mean_factor=seen * float(np.average(residual, weights=sample.weight)) + (1 - seen) * mean,
        bound_factor=seen * weighted_quantile(residual, sample.weight, level) + (1 - seen) * bound,
        frames=sample.frames,
        effective_frames=sample.effective,
        lowest_eV_per_A=sample.low,
        highest_eV_per_A=sample.high,
    )


def next_below(share: float, count: float) -> float:
    """Return the level of so many values that the next value is below with the probability `share`.

    The next of n + 1 values that are alike has any rank with the same probability (Lei et al., *J. Am. Stat. Assoc.*
    113, 1094 (2018)).

    Examples
    --------
    >>> next_below(0.9, 19), next_below(0.9, 5)
    (0.9473684210526315, 1.0)
    """
    return min(1.0, share * (1.0 + 1.0 / count))


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """Return the smallest value at which the weights of the values up to it reach a share of their sum."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, level * reached[-1]))
    return float(values[order][min(place, len(values) - 1)])


def _log(values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _expit(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value)) if value >= 0 else math.exp(value) / (1.0 + math.exp(value))


def _logit(value: float) -> float:
    return math.log(value) - math.log1p(-value)
