"""Error bars of a root-mean-square error over several fits and held-out frames of several walkers.

Frames of one walker are correlated and all frames of one fit share its luck, so the units are walkers and fits,
crossed. With squared errors e²_fi of F fits on N frames, n_w of them of walker w, the share of fit f and walker w in
the RMSE is, to first order::

    ψ_fw = ( sum of e²_fi over the frames of w  -  n_w RMSE² ) / (2 RMSE F N)

Their sum is the deviation of the RMSE. Its variance has three parts, none of them negative (two-way clustering:
Cameron, Gelbach and Miller, J. Bus. Econ. Stat. 29, 238 (2011), with the crossed part as in an analysis of variance,
so that what fits and walkers share is not counted twice)::

    fits     V_f = F / (F-1) sum_f ψ_f.²
    walkers  V_w = W / (W-1) sum_w ψ_.w²
    crossed  V_x = F W / ((F-1)(W-1)) sum_fw ( ψ_fw - ψ_f. n_w/N - ψ_.w / F )²

    V = V_x + max(V_w - V_x, 0) + max(V_f - V_x, 0)

because V_w and V_f each hold V_x once. Every part is known from few numbers: the degrees of freedom of V are Welch's
(`policies.stopping.significance.welch`) of (F-1)(W-1), W-1 and F-1.

How an RMSE changed is counted in units of the previous one, as its tolerance is: with q = RMSE(last) / RMSE(previous)
the shares of ``RMSE(previous) q`` are ``ψ(last) - q ψ(previous)``. Walkers are the same on both rungs and are paired,
so that what makes a frame hard for both cancels; fits are different ones, so V_x and V_f of the two are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.stopping.significance import welch

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """The variance of a number over fits and walkers, by where it comes from; numbers, or arrays of one shape.

    Attributes
    ----------
    crossed, walkers, fits : ndarray or float
        V_x, V_w and V_f of the module, each as it is estimated alone.
    crossed_degrees, walkers_degrees, fits_degrees : ndarray or float
        Degrees of freedom of each.
    """

    crossed: Array | float
    walkers: Array | float
    fits: Array | float
    crossed_degrees: Array | float
    walkers_degrees: Array | float
    fits_degrees: Array | float

    @property
    def variance(self) -> Array:
        """The variance of all parts together."""
        return np.asarray(sum(self._apart()))

    @property
    def degrees(self) -> Array:
        """Degrees of freedom of `variance`."""
        return welch(self._apart(), (self.crossed_degrees, self.walkers_degrees, self.fits_degrees))

    def _apart(self) -> tuple[Array, Array, Array]:
        """Return the crossed part, and what walkers and fits each add to it."""
        crossed = np.asarray(self.crossed)
        return crossed, np.maximum(self.walkers - crossed, 0.0), np.maximum(self.fits - crossed, 0.0)


@dataclass(frozen=True)
class ErrorBar:
    """A standard error and the degrees of freedom it is known with; NaN and 1 where nobody can know it."""

    se: float
    degrees: float


UNKNOWN = ErrorBar(float("nan"), 1.0)


def rmse(squared: Array) -> float:
    """Return the root of the mean of squared errors, shape (fits, frames)."""
    return float(np.sqrt(np.mean(squared)))


def error_bar(squared: Array, cluster: Sequence[str]) -> ErrorBar:
    """Return the error bar of `rmse`, in its unit.

    Parameters
    ----------
    squared : ndarray, shape (fits, frames)
        Squared error of each fit on each held-out frame.
    cluster : sequence of str, length frames
        Walker each frame comes from.

    Returns
    -------
    ErrorBar
        NaN with fewer than two fits or two walkers, whose spread nobody can know.
    """
    shares, frames = _shares(squared, cluster)
    return UNKNOWN if min(shares.shape) < 2 else _error_bar([shares], shares.sum(axis=0), frames)


def paired_error_bar(previous: Array, last: Array, cluster: Sequence[str]) -> ErrorBar:
    """Return the error bar of ``rmse(last) - rmse(previous)``, counted in units of ``rmse(previous)``.

    Parameters
    ----------
    previous, last : ndarray, shape (fits, frames)
        Squared errors on the same held-out frames; the numbers of fits may differ.
    cluster : sequence of str, length frames
        Walker each frame comes from.

    Returns
    -------
    ErrorBar
        ``rmse(previous)`` times the standard error of ``rmse(last) / rmse(previous)``, in the unit of both. NaN with
        fewer than two fits on either side or fewer than two walkers.
    """
    before, frames = _shares(previous, cluster)
    after, _ = _shares(last, cluster)
    if min(*before.shape, *after.shape) < 2:
        return UNKNOWN
    former = rmse(previous)
    before = before * (rmse(last) / former if former > 0 else 1.0)
    return _error_bar([before, after], after.sum(axis=0) - before.sum(axis=0), frames)


def _shares(squared: Array, cluster: Sequence[str]) -> tuple[Array, Array]:
    """Return ψ of the module, shape (fits, walkers), and the frames of each walker."""
    names, walker_of = np.unique(np.array(cluster, dtype=np.str_), return_inverse=True)
    member = np.eye(len(names))[walker_of]
    frames, value = member.sum(axis=0), rmse(squared)
    deviation = squared @ member - frames * value**2
    return deviation / (2 * value * squared.size) if value > 0 else np.zeros_like(deviation), frames


def _error_bar(rungs: Sequence[Array], walkers: Array, frames: Array) -> ErrorBar:
    """Return the error bar of the shares of rungs, whose sums over the fits are `walkers`, shape (walkers,)."""
    w = len(frames)
    fits = [_variance(shares.sum(axis=1)) for shares in rungs]
    crossed = [_crossed(shares, frames) for shares in rungs]
    degrees = [len(shares) - 1 for shares in rungs]
    parts = Parts(
        crossed=sum(crossed),
        walkers=_variance(walkers),
        fits=sum(fits),
        crossed_degrees=welch(crossed, [(w - 1) * number for number in degrees]),
        walkers_degrees=w - 1,
        fits_degrees=welch(fits, degrees),
    )
    return ErrorBar(float(np.sqrt(parts.variance)), float(parts.degrees))


def _variance(shares: Array) -> float:
    """Return the variance of a sum of independent shares whose mean is 0."""
    return float(len(shares) / (len(shares) - 1) * np.sum(shares**2))


def _crossed(shares: Array, frames: Array) -> float:
    """Return the variance of what is left of the shares without what fits and walkers each have in common."""
    f, w = shares.shape
    left = shares - np.outer(shares.sum(axis=1), frames / frames.sum()) - shares.sum(axis=0) / f
    return float(f * w / ((f - 1) * (w - 1)) * np.sum(left**2))
