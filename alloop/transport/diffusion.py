"""Diffusivities from walks, with error bars from a model of free diffusion and from independent parts of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alloop.transport.covariance import Line, line_through, overlaps
from alloop.transport.msd import msd_tensor

Floats = NDArray[np.float64]

CM2_PER_S = 1e-4  # per Å²/ps
EVERYWHERE: Floats = np.eye(3)

_LAGS = 24
_STARTS_RATIO = 1.4
_LINEAR_P = 0.05
_STANDS_OUT = 2.0
_FLIGHTS = 3.0
_MOST_GROUPS, _FEWEST_GROUPS = 20, 5
_GROUP_STARTS = 4
_WINDOWS_PER_START = 8


@dataclass(frozen=True, eq=False)
class IonWalks:
    """Random walks of particles that diffuse alike, in independent replicas.

    Attributes
    ----------
    paths_A : tuple of ndarray, shape (frames, particles, 3)
        Unwrapped Cartesian positions of each replica (Å), drift removed.
    interval_ps : float
        Time between two frames (ps).
    tensor_A2 : ndarray, shape (lags, 3, 3)
        Mean products of displacements (Å²) up to half of the shortest replica, all replicas together.
    """

    paths_A: tuple[NDArray[np.floating], ...]
    interval_ps: float
    tensor_A2: Floats

    @property
    def longest(self) -> int:
        """The longest lag (frames): half of the shortest replica."""
        return len(self.tensor_A2) - 1

    @property
    def frames(self) -> int:
        """Steps of all replicas together (frames)."""
        return sum(len(path) - 1 for path in self.paths_A)

    @property
    def particles(self) -> int:
        """Particles of one replica."""
        return int(self.paths_A[0].shape[1])

    @property
    def shares(self) -> tuple[float, ...]:
        """The part of all steps that each replica has."""
        return tuple((len(path) - 1) / self.frames for path in self.paths_A)

    def msd(self, within: Floats = EVERYWHERE) -> Floats:
        """Return the mean squared displacement (Å²) at every lag within the image of a projector."""
        return np.asarray(np.einsum("lab,ba->l", self.tensor_A2, within))


def ion_walks_of(paths_A: Sequence[NDArray[np.floating]], interval_ps: float) -> IonWalks:
    """Return replicas with their mean squared displacements.

    Raises
    ------
    ValueError
        If a replica has fewer than three frames.
    """
    half = (min(len(path) for path in paths_A) - 1) // 2
    if half < 1:
        raise ValueError("a run needs three frames at least")
    steps = sum(len(path) - 1 for path in paths_A)
    tensor = sum((len(path) - 1) / steps * msd_tensor(path)[: half + 1] for path in paths_A)
    return IonWalks(tuple(paths_A), interval_ps, np.asarray(tensor))


def summed(walks: IonWalks) -> IonWalks:
    """Return one particle per replica, which moves by the sum of all displacements over the root of their number.

    Its diffusivity is that of charge: equal to the tracers' where these move independently.
    """
    particles = walks.particles
    paths = [path.sum(axis=1, keepdims=True, dtype=float) / np.sqrt(particles) for path in walks.paths_A]
    return ion_walks_of(paths, walks.interval_ps)


def msd_error(walks: IonWalks, lags: NDArray[np.int_]) -> Floats:
    """Return the standard error of the mean squared displacement at each lag (Å²) of particles that diffuse freely."""
    spreads = walks.tensor_A2[lags] / lags[:, None, None]
    gaussian = 2 * np.einsum("lab,lba->l", spreads, spreads)
    variance = np.zeros(len(lags))
    for path, share in zip(walks.paths_A, walks.shares, strict=True):
        variance += share**2 * gaussian * np.diag(overlaps(lags, len(path) - 1)[1])
    return np.sqrt(variance / walks.particles)


@dataclass(frozen=True)
class Diffusivity:
    """A diffusivity and where it comes from.

    Attributes
    ----------
    D_cm2_s, se_cm2_s : float
        The diffusivity and its standard error (cm²/s).
    se_model_cm2_s : float
        The error that particles have which move independently.
    se_groups_cm2_s : float or None
        The error by the scatter of independent parts of the runs; None where they cannot be cut into five.
    groups : int
        Such parts.
    start_ps, end_ps : float
        Shortest and longest lag fitted (ps).
    exponent, se_exponent : float
        Slope of ln MSD against ln lag in the middle of the fit, and its standard error.
    linear : bool
        Whether the mean squared displacement is a straight line within its noise.
    flight_ps : float
        How long ions keep their direction (ps), if so long that the line meets zero significantly later than at lag 0.
    """

    D_cm2_s: float
    se_cm2_s: float
    se_model_cm2_s: float
    se_groups_cm2_s: float | None
    groups: int
    start_ps: float
    end_ps: float
    exponent: float
    se_exponent: float
    linear: bool
    flight_ps: float = 0.0

    @property
    def relative_se(self) -> float:
        """The standard error in parts of the diffusivity."""
        return self.se_cm2_s / self.D_cm2_s


def first_lag(walks: IonWalks, displacement_A: float, within: Floats = EVERYWHERE) -> int | None:
    """Return the shortest lag (frames) over which particles move so far on root mean square; None if they never do."""
    far = np.flatnonzero(walks.msd(within) >= displacement_A**2)
    return int(far[0]) if len(far) else None


def diffusivity(walks: IonWalks, start: int, within: Floats = EVERYWHERE, *, single: bool = True) -> Diffusivity:
    """Return the diffusivity from a line through the mean squared displacement.

    The line begins at `start` or, where it is not straight from there on, later, by an eighth of the run at the latest.
    It ends at half of the shortest replica. The error is that of free diffusion with overlapping windows, which is
    exact for random walks, or what independent parts of the runs say, if that is larger.

    Parameters
    ----------
    walks : IonWalks
        The particles.
    start : int
        Shortest lag that may be fitted (frames).
    within : ndarray, shape (3, 3)
        Projector on the directions that count.
    single : bool
        Whether particles are single ions, which hop; sums of many move smoothly.
    """
    fits = [_Fit.with_own_noise(walks, begin, within, single=single) for begin in _starts(walks, start)]
    # Parts are most where lags are shortest, so whether particles move independently is asked there first.
    earliest = _excess(walks, fits[0])
    chosen = _settled(fits, 1.0 if earliest is None else max(1.0, earliest[0]))
    scatter = earliest if chosen is fits[0] else _excess(walks, chosen) or earliest
    return _result(walks, chosen, scatter)


@dataclass(frozen=True, eq=False)
class _Noise:
    """What makes mean squared displacements stray: the variance of a step (Å²), and hops (Å², see `_hop_area`)."""

    spread: Floats
    hop_A2: float

    def covariance(self, walks: IonWalks, lags: NDArray[np.int_]) -> Floats:
        # Isserlis for the Gaussian part; hops that follow a Poisson process add their fourth cumulant.
        gaussian, poisson = 2 * np.trace(self.spread @ self.spread), self.hop_A2 * np.trace(self.spread)
        total = np.zeros((len(lags), len(lags)))
        for path, share in zip(walks.paths_A, walks.shares, strict=True):
            linear, squared = overlaps(lags, len(path) - 1)
            total += share**2 * (gaussian * squared + poisson * linear)
        return total / walks.particles

    def times(self, factor: float) -> _Noise:
        return _Noise(self.spread * factor, self.hop_A2)


@dataclass(frozen=True, eq=False)
class _Fit:
    lags: NDArray[np.int_]
    within: Floats
    noise: _Noise
    line: Line

    @property
    def se(self) -> float:
        return float(np.sqrt(self.line.covariance[1, 1]))

    def flight(self, excess: float) -> float:
        """Return the lag at which the line meets zero (frames), or 0 if that may be chance."""
        # Cages and rattling lift the line at lag 0; only ions that keep their direction sink it.
        if self.line.intercept > -_STANDS_OUT * float(np.sqrt(excess * self.line.covariance[0, 0])):
            return 0.0
        return -self.line.intercept / max(self.line.slope, 1e-30)

    @classmethod
    def of(cls, walks: IonWalks, start: int, within: Floats, noise: _Noise) -> _Fit:
        lags = np.unique(np.rint(np.geomspace(start, walks.longest, _LAGS)).astype(int))
        line = line_through(lags.astype(float), walks.msd(within)[lags], noise.covariance(walks, lags))
        return cls(lags, within, noise, line)

    @classmethod
    def with_own_noise(cls, walks: IonWalks, start: int, within: Floats, *, single: bool) -> _Fit:
        spread = within @ walks.tensor_A2[start] @ within / start
        noise = _Noise(spread, _hop_area(walks, start, within) if single else 0.0)
        # The noise goes with the slope, which the line knows better than the first lag.
        slope = cls.of(walks, start, within, noise).line.slope
        return cls.of(walks, start, within, noise.times(max(slope / np.trace(spread), 1e-3)))


def _starts(walks: IonWalks, start: int) -> list[int]:
    # Four lags can be fitted from an eighth of the run to its half; a later start has no choice.
    latest = max(start, walks.longest // 4)
    starts = [max(1, start)]
    while starts[-1] * _STARTS_RATIO <= latest:
        starts.append(max(starts[-1] + 1, round(starts[-1] * _STARTS_RATIO)))
    return starts


def _settled(fits: Sequence[_Fit], excess: float) -> _Fit:
    """Return the first fit to lags at which ions diffuse, were their variances `excess` times as large; else the last.

    Its points lie on a line, and it begins when ions have forgotten their direction: after three times as long as they
    keep it, a mean squared displacement grows by 5 % less than later.
    """
    for fit in fits:
        if fit.line.chance(excess) > _LINEAR_P and fit.lags[0] >= _FLIGHTS * fit.flight(excess):
            return fit
    return fits[-1]


def _hop_area(walks: IonWalks, lag: int, within: Floats) -> float:
    """Return by how much the fourth moment exceeds the Gaussian one, per mean squared displacement (Å²)."""
    stride = max(1, lag // _WINDOWS_PER_START)
    second, fourth, count = np.zeros((3, 3)), 0.0, 0
    for path in walks.paths_A:
        moved = ((path[lag::stride] - path[: len(path) - lag : stride]) @ within.astype(path.dtype)).reshape(-1, 3)
        second += moved.T @ moved
        fourth += float(np.sum(np.sum(moved**2, axis=1, dtype=float) ** 2))
        count += len(moved)
    second /= count
    excess = fourth / count - np.trace(second) ** 2 - 2 * np.trace(second @ second)
    return float(max(excess, 0.0) / max(np.trace(second), 1e-30))


def _excess(walks: IonWalks, fit: _Fit) -> tuple[float, int] | None:
    """Return the variance of the slopes of independent parts of the runs, over that of its model, and their number.

    Each part has a line of its own, from the same shortest lag to half of the part. How much more, or less, these
    slopes scatter than with free diffusion is how much the error of the whole differs from its model. Five replicas or
    more are the parts; fewer are cut.
    """
    start = int(fit.lags[0])
    replicas = len(walks.paths_A)
    shortest = min(len(path) for path in walks.paths_A) - 1
    parts = 1 if replicas >= _FEWEST_GROUPS else min(_MOST_GROUPS // replicas, shortest // (_GROUP_STARTS * start))
    if parts * replicas < _FEWEST_GROUPS:
        return None
    stride = max(1, start // _WINDOWS_PER_START)
    slopes, variances = [], []
    for path in walks.paths_A:
        steps = (len(path) - 1) // parts
        for part in range(parts):
            walk = ion_walks_of([path[part * steps : (part + 1) * steps + 1 : stride]], walks.interval_ps * stride)
            line = _Fit.of(walk, max(1, start // stride), fit.within, fit.noise.times(stride)).line
            slopes.append(line.slope / stride)
            variances.append(line.covariance[1, 1] / stride**2)
    weights = 1 / np.array(variances)
    mean = np.average(slopes, weights=weights)
    excess = np.sum(weights * (np.array(slopes) - mean) ** 2) / (len(slopes) - 1)
    return float(excess), len(slopes)


def _result(walks: IonWalks, fit: _Fit, scatter: tuple[float, int] | None) -> Diffusivity:
    to_D = CM2_PER_S / (2 * np.trace(fit.within) * walks.interval_ps)
    groups = None if scatter is None else fit.se * float(np.sqrt(scatter[0]))
    se = max(fit.se, groups or 0.0)
    excess = (se / fit.se) ** 2
    exponent, se_exponent = _exponent(fit)
    return Diffusivity(
        D_cm2_s=float(fit.line.slope * to_D),
        se_cm2_s=float(se * to_D),
        se_model_cm2_s=float(fit.se * to_D),
        se_groups_cm2_s=None if groups is None else float(groups * to_D),
        groups=0 if scatter is None else scatter[1],
        start_ps=float(fit.lags[0] * walks.interval_ps),
        end_ps=float(fit.lags[-1] * walks.interval_ps),
        exponent=exponent,
        se_exponent=se_exponent * se / fit.se,
        linear=abs(fit.line.bend) <= _STANDS_OUT * np.sqrt(excess),
        flight_ps=float(fit.flight(excess) * walks.interval_ps),
    )


def _exponent(fit: _Fit) -> tuple[float, float]:
    middle = float(np.sqrt(fit.lags[0] * fit.lags[-1]))
    level = max(fit.line.intercept + fit.line.slope * middle, 1e-30)
    gradient = np.array([-fit.line.slope, fit.line.intercept]) * middle / level**2
    return fit.line.slope * middle / level, float(np.sqrt(gradient @ fit.line.covariance @ gradient))
