"""Mean squared displacements over all time origins, as tensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CHUNK_VALUES = 4_000_000
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def msd_tensor(path_A: NDArray[np.floating]) -> Floats:
    """Return the mean of the products of displacements, over all particles and all time origins, at every lag.

    The sums over origins are autocorrelations, so they cost a Fourier transform each (Calandrini et al., Collection SFN
    12, 201 (2011)). Particles are transformed a few at a time; their spectra are summed, not kept.

    Parameters
    ----------
    path_A : ndarray, shape (frames, particles, 3)
        Unwrapped Cartesian positions (Å).

    Returns
    -------
    ndarray, shape (frames, 3, 3)
        Element ``[n, a, b]`` is the mean of Δa Δb over a lag of n frames (Å²): its trace is the mean squared
        displacement, and the trace of its product with a projector the one within a plane.
    """
    from scipy import fft

    frames, particles, _ = path_A.shape
    length = fft.next_fast_len(2 * frames, real=True)
    spectra = np.zeros((len(_PAIRS), length // 2 + 1), dtype=complex)
    products = np.zeros((len(_PAIRS), frames))
    at_once = max(1, _CHUNK_VALUES // (3 * length))
    for first in range(0, particles, at_once):
        # Series run along the last axis; about their mean, sums of squares lose the fewest digits.
        series = np.ascontiguousarray(path_A[:, first : first + at_once].transpose(1, 2, 0), dtype=float)
        series -= series.mean(axis=2, keepdims=True)
        transformed = fft.rfft(series, length, axis=2)
        for pair, (a, b) in enumerate(_PAIRS):
            spectra[pair] += np.einsum("wf,wf->f", transformed[:, a], transformed[:, b].conj())
            products[pair] += np.einsum("wt,wt->t", series[:, a], series[:, b])
    # The real part of a cross spectrum is the spectrum of the symmetrised correlation.
    correlations = fft.irfft(spectra.real, length, axis=1)[:, :frames]
    heads = np.cumsum(products, axis=1)[:, ::-1]
    tails = np.cumsum(products[:, ::-1], axis=1)[:, ::-1]
    origins = np.arange(frames, 0, -1)
    packed = (heads + tails - 2 * correlations) / (origins * particles)
    packed[:, 0] = 0.0
    tensor = np.empty((frames, 3, 3))
    for pair, (a, b) in enumerate(_PAIRS):
        tensor[:, a, b] = tensor[:, b, a] = packed[pair]
    return tensor
