"""Error bars of a root-mean-square error over several fits and held-out frames of several walkers.

Frames of one walker are correlated and all frames of one fit share its luck, so neither frames nor fits alone are
the independent units. Both are resampled at once: whole walkers (the cluster bootstrap, Field and Welsh, J. R. Stat.
Soc. B 69, 369 (2007)) crossed with fits (the pigeonhole bootstrap, Owen, Ann. Appl. Stat. 1, 386 (2007), which errs
on the wide side where fits and walkers interact). With squared errors e²_fi of fit f on frame i of walker w(i), and
with a_f and b_w the numbers of times that fit and walker were drawn, one resample is::

    RMSE* = sqrt( sum_fi a_f b_w(i) e²_fi  /  sum_fi a_f b_w(i) )

and the standard error is the standard deviation of RMSE* over the resamples (Efron and Tibshirani, An Introduction
to the Bootstrap, 1993). Of n units n − 1 are drawn, which makes the variance unbiased for few units (Rao and Wu,
J. Am. Stat. Assoc. 83, 231 (1988)); drawing n would halve it for two fits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def rmse(squared: Array) -> float:
    """Return the root of the mean of squared errors, shape (fits, frames)."""
    return float(np.sqrt(np.mean(squared)))


def standard_error(squared: Array, cluster: Sequence[str], seed: int, resamples: int = 1000) -> float:
    """Return the standard error of `rmse`, in its unit.

    Parameters
    ----------
    squared : ndarray, shape (fits, frames)
        Squared error of each fit on each held-out frame.
    cluster : sequence of str, length frames
        Walker each frame comes from.
    seed : int
        Seed of the resampling.
    resamples : int
        Number of resamples.

    Returns
    -------
    float
        NaN with fewer than two fits or two walkers, whose spread nobody can know.
    """
    sums, frames = _by_cluster(squared, cluster)
    if min(sums.shape) < 2:
        return float("nan")
    rng = np.random.default_rng(seed)
    walkers = _draws(rng, len(frames), resamples)
    return float(np.std(_resampled(rng, sums, frames, walkers), ddof=1))


def paired_standard_error(
    previous: Array, last: Array, cluster: Sequence[str], seed: int, resamples: int = 1000
) -> float:
    """Return the standard error of ``rmse(last) - rmse(previous)`` on the same held-out frames.

    The walkers drawn are the same for both, so what makes a frame hard for both cancels; the fits are drawn apart.

    Parameters
    ----------
    previous, last : ndarray, shape (fits, frames)
        Squared errors; the numbers of fits may differ.
    cluster : sequence of str, length frames
        Walker each frame comes from.
    seed : int
        Seed of the resampling.
    resamples : int
        Number of resamples.

    Returns
    -------
    float
        NaN with fewer than two fits on either side or fewer than two walkers.
    """
    before, frames = _by_cluster(previous, cluster)
    after, _ = _by_cluster(last, cluster)
    if min(*before.shape, *after.shape) < 2:
        return float("nan")
    rng = np.random.default_rng(seed)
    walkers = _draws(rng, len(frames), resamples)
    change = _resampled(rng, after, frames, walkers) - _resampled(rng, before, frames, walkers)
    return float(np.std(change, ddof=1))


def _by_cluster(squared: Array, cluster: Sequence[str]) -> tuple[Array, Array]:
    """Return the sums of squared errors, shape (fits, walkers), and the frames of each walker."""
    names, walker_of = np.unique(np.array(cluster, dtype=np.str_), return_inverse=True)
    member = np.eye(len(names))[walker_of]
    return squared @ member, member.sum(axis=0)


def _draws(rng: np.random.Generator, units: int, resamples: int) -> Array:
    """Return how often each unit is drawn, shape (resamples, units); each row sums to ``units - 1``."""
    return rng.multinomial(units - 1, np.full(units, 1.0 / units), size=resamples).astype(np.float64)


def _resampled(rng: np.random.Generator, sums: Array, frames: Array, walkers: Array) -> Array:
    """Return the resampled RMSEs, shape (resamples,)."""
    fits = _draws(rng, len(sums), len(walkers))
    total = np.sum((fits @ sums) * walkers, axis=1)
    return np.asarray(np.sqrt(total / (fits.sum(axis=1) * (walkers @ frames))))
