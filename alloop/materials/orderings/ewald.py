"""Coulomb energies of point charges in a periodic cell: Ewald's sum as a matrix between sites."""

from __future__ import annotations

import math

import numpy as np
from matscipy.neighbours import neighbour_list
from numpy.typing import NDArray
from scipy.special import erfc

COULOMB_EV_A = 14.3996454784
"""e²/(4πε₀) in eV Å."""
_CUTOFF_A = 12.0
_DEPTH = 4.5
_WAVES_AT_ONCE = 2000
Floats = NDArray[np.float64]


class EwaldSum:
    """Potentials (eV/e per e) that unit charges on the sites of a cell exert on each other, images included.

    Parameters
    ----------
    cell_A : ndarray, shape (3, 3)
        Cell vectors as rows (Å).
    positions_A : ndarray, shape (sites, 3)
        The sites (Å).

    Notes
    -----
    With M the whole matrix and charges q (e) that sum to 0, the energy is q·M·q/2 (eV). A uniform background
    compensates the charge of a single site. Both sums are cut where their terms are below 2e-9 of the largest.
    """

    def __init__(self, cell_A: Floats, positions_A: Floats) -> None:
        self._cell_A, self._positions_A = cell_A, positions_A
        self._volume_A3 = abs(float(np.linalg.det(cell_A)))
        self._alpha_per_A = _DEPTH / _CUTOFF_A
        self._waves, self._weights = self._reciprocal()
        i, j, distances_A = neighbour_list("ijd", positions=positions_A, cell=cell_A, pbc=[True] * 3, cutoff=_CUTOFF_A)
        self._pairs = i, j, COULOMB_EV_A * erfc(self._alpha_per_A * distances_A) / distances_A
        alpha = self._alpha_per_A
        self._self = -2.0 * alpha / math.sqrt(math.pi) * COULOMB_EV_A
        self._background = -math.pi / (alpha**2 * self._volume_A3) * COULOMB_EV_A

    def matrix(self, sites: NDArray[np.int_]) -> Floats:
        """Return the potentials between some sites, shape (sites, sites)."""
        place = np.full(len(self._positions_A), -1)
        place[sites] = np.arange(len(sites))
        i, j, near = self._pairs
        both = (place[i] >= 0) & (place[j] >= 0)
        result = np.zeros((len(sites), len(sites)))
        np.add.at(result, (place[i[both]], place[j[both]]), near[both])
        for waves, weights in self._chunks():
            phase = self._positions_A[sites] @ waves.T
            for part in (np.cos(phase), np.sin(phase)):
                result = result + (part * weights) @ part.T
        np.fill_diagonal(result, result.diagonal() + self._self)
        return result + self._background

    def potential(self, charges_e: Floats) -> Floats:
        """Return the potential of given charges at every site (eV/e), shape (sites,)."""
        i, j, near = self._pairs
        result = np.asarray(np.bincount(i, weights=near * charges_e[j], minlength=len(charges_e)), dtype=float)
        for waves, weights in self._chunks():
            phase = self._positions_A @ waves.T
            for part in (np.cos(phase), np.sin(phase)):
                result += part @ (weights * (charges_e @ part))
        return np.asarray(result + self._self * charges_e + self._background * charges_e.sum())

    def _chunks(self) -> list[tuple[Floats, Floats]]:
        starts = range(0, len(self._waves), _WAVES_AT_ONCE)
        return [(self._waves[s : s + _WAVES_AT_ONCE], self._weights[s : s + _WAVES_AT_ONCE]) for s in starts]

    def _reciprocal(self) -> tuple[Floats, Floats]:
        """Return half of the waves (1/Å) and what each contributes (eV); the other half are their negatives."""
        longest = 2.0 * self._alpha_per_A * _DEPTH
        inverse = 2.0 * math.pi * np.linalg.inv(self._cell_A).T
        reach = [math.ceil(longest * float(np.linalg.norm(vector)) / (2.0 * math.pi)) for vector in self._cell_A]
        grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
        half = (grid[:, 0] > 0) | ((grid[:, 0] == 0) & ((grid[:, 1] > 0) | ((grid[:, 1] == 0) & (grid[:, 2] > 0))))
        waves = grid[half] @ inverse
        squares = (waves**2).sum(axis=1)
        within = squares <= longest**2
        waves, squares = waves[within], squares[within]
        weights = np.exp(-squares / (4.0 * self._alpha_per_A**2)) / squares
        return waves, 2.0 * 4.0 * math.pi / self._volume_A3 * COULOMB_EV_A * weights
