"""The closest pairs of atoms of some frames, and whether forces on them are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list

_REACH = 1.5


@dataclass(frozen=True)
class Contact:
    """The closest pair of different atoms of a frame.

    Attributes
    ----------
    atoms : tuple of int
        Their rows among the atoms of all frames.
    direction : tuple of float
        Unit vector from the first to the second.
    radii : float
        Their distance in sums of covalent radii.
    """

    atoms: tuple[int, int]
    direction: tuple[float, float, float]
    radii: float


def shortest_contacts(frames: Sequence[Atoms], count: int) -> tuple[Contact, ...]:
    """Return the closest pair of the frames in which it is closest, the shortest first."""
    first_rows = np.cumsum([0, *(len(frame) for frame in frames)])
    found = [_closest(frame, int(row)) for frame, row in zip(frames, first_rows, strict=False)]
    return tuple(sorted((one for one in found if one is not None), key=lambda contact: contact.radii)[:count])


def agreement(predicted: np.ndarray, labels: np.ndarray, contacts: Sequence[Contact]) -> tuple[float, float]:
    """Return the share of contacts driven the right way (%) and the median cosine between forces and labels.

    Parameters
    ----------
    predicted, labels : numpy.ndarray
        Forces on the atoms of all frames (eV/Å), shape (atoms, 3).
    contacts : sequence of Contact
        A pair is driven apart where the difference of its forces points from the first to the second.
    """
    right, cosines = [], []
    for contact in contacts:
        one, two = contact.atoms
        apart = [float((forces[two] - forces[one]) @ np.array(contact.direction)) for forces in (predicted, labels)]
        right.append(apart[0] * apart[1] > 0)
        cosines += [_cosine(predicted[atom], labels[atom]) for atom in contact.atoms]
    return 100 * float(np.mean(right)), float(np.median(cosines))


def _closest(frame: Atoms, first_row: int) -> Contact | None:
    radii = covalent_radii[frame.numbers]
    one, two, vectors_A, distances_A = neighbour_list("ijDd", frame, cutoff=_REACH * radii)
    scaled = np.where(one != two, distances_A / (radii[one] + radii[two]), np.inf)
    if not np.isfinite(scaled).any():
        return None
    best = int(scaled.argmin())
    x, y, z = vectors_A[best] / distances_A[best]
    return Contact(
        (first_row + int(one[best]), first_row + int(two[best])), (float(x), float(y), float(z)), float(scaled[best])
    )


def _cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one @ two / max(float(np.linalg.norm(one) * np.linalg.norm(two)), 1e-12))
