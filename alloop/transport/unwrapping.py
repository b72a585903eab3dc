"""Unwrap positions of other programs, or say that samples are too far apart to tell where ions went. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_NEAR_HALF = 0.4
_WARNED, _REFUSED = 0.001, 0.05


@dataclass(frozen=True, eq=False)
class Unwrapped:
    """Paths that follow ions from image to image.

    Attributes
    ----------
    positions_A : ndarray, shape (samples, ions, 3)
        Unwrapped Cartesian positions (Å).
    near_half : float
        Share of steps that are longer than 0.4 of the cell along a lattice vector. From half on, a step is taken for
        another one.
    note : str or None
        What a reader should know of that share; None where it is below 0.1 %.
    """

    positions_A: Floats
    near_half: float
    note: str | None


def unwrap(scaled: ArrayLike, cell_A: ArrayLike) -> Unwrapped:
    """Return paths from wrapped positions, every step the shortest along each lattice vector.

    Parameters
    ----------
    scaled : ndarray, shape (samples, ions, 3)
        Scaled coordinates; it does not matter in which image.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å), one per row.

    Raises
    ------
    ValueError
        If more than 5 % of steps are near half of the cell: then so many go the wrong way that diffusivities are off.

    Examples
    --------
    >>> unwrap([[[0.9, 0, 0]], [[0.1, 0, 0]]], [[4, 0, 0], [0, 4, 0], [0, 0, 4]]).positions_A[:, 0, 0].round(9).tolist()
    [3.6, 4.4]
    """
    places, cell = np.asarray(scaled, dtype=float), np.asarray(cell_A, dtype=float)
    steps = np.diff(places, axis=0)
    steps -= np.round(steps)
    near = float((np.abs(steps) > _NEAR_HALF).any(axis=2).mean()) if steps.size else 0.0
    note = near_half_note(near)
    paths = np.concatenate([places[:1], places[:1] + steps.cumsum(axis=0)])
    return Unwrapped(paths @ cell, near, note)


def near_half_note(near: float) -> str | None:
    """Return what a reader should know of the share of steps that are near half of the cell; None below 0.1 %.

    Raises
    ------
    ValueError
        If it is more than 5 %.
    """
    if near <= _WARNED:
        return None
    note = f"{100 * near:.2g} % of steps between samples are near half of the cell, so some may go the wrong way round"
    if near > _REFUSED:
        raise ValueError(f"{note}: sample more often, or keep the positions unwrapped in the simulation")
    return note
