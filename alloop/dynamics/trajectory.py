"""Store a production run compactly for transport: frequent samples of mobile ions, rare ones of all atoms."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

MAX_BYTES = 2 << 30
"""What a trajectory may take in memory: about a million samples of 200 ions."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One production run of one walker in a fixed cell. The arrays are not to be written to.

    Sample 0 is the state in which production begins; sample `i` lies `i * interval_fs` after it.

    Attributes
    ----------
    numbers : ndarray of int, shape (atoms,)
        Atomic numbers.
    mobile : ndarray of int, shape (ions,)
        Indices of the mobile ions.
    cell_A : ndarray, shape (3, 3)
        Lattice vectors (Å), one per row.
    temperature_K : float
        Target temperature (K).
    interval_fs : float
        Time between two samples (fs).
    snapshot_every : int
        Samples from one snapshot of all atoms to the next; sample 0 has one.
    mobile_A : ndarray of float32 or float64, shape (samples, ions, 3)
        Unwrapped Cartesian positions of the mobile ions (Å), as simulated.
    drift_A : ndarray, shape (samples, 3)
        Displacement of the centre of mass of all other atoms, the framework, since sample 0 (Å).
    snapshots_A : ndarray of float32, shape (snapshots, atoms, 3)
        Unwrapped Cartesian positions of all atoms (Å).
    kinetic_K : ndarray, shape (samples,)
        Kinetic temperature (K); zero throughout where velocities are not known.
    conserved_eV : ndarray, shape (samples,)
        What the equations of motion conserve: the total energy, less the heat a thermostat put in (eV).
    """

    numbers: NDArray[np.int_]
    mobile: NDArray[np.int_]
    cell_A: Floats
    temperature_K: float
    interval_fs: float
    snapshot_every: int
    mobile_A: NDArray[np.floating]
    drift_A: Floats
    snapshots_A: Singles
    kinetic_K: Floats
    conserved_eV: Floats

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.mobile_A)

    @property
    def length_ps(self) -> float:
        """Time from the first sample to the last (ps)."""
        return max(self.samples - 1, 0) * self.interval_fs / 1000.0

    @property
    def times_ps(self) -> Floats:
        """Time of every sample since the first (ps), shape (samples,)."""
        return np.arange(self.samples, dtype=np.float64) * (self.interval_fs / 1000.0)

    @property
    def snapshot_times_ps(self) -> Floats:
        """Time of every snapshot since the first sample (ps), shape (snapshots,)."""
        return np.arange(len(self.snapshots_A), dtype=np.float64) * (self.snapshot_every * self.interval_fs / 1000.0)

    @property
    def volume(self) -> float:
        """Volume of the cell (Å³)."""
        return float(abs(np.linalg.det(self.cell_A)))

    def save(self, file: BinaryIO) -> None:
        """Write the trajectory as a compressed npz archive."""
        arrays: dict[str, Any] = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        np.savez_compressed(file, **arrays)

    def to_bytes(self) -> bytes:
        """Return what `save` writes."""
        buffer = io.BytesIO()
        self.save(buffer)
        return buffer.getvalue()

    @classmethod
    def load(cls, file: BinaryIO) -> Trajectory:
        """Read a trajectory that `save` wrote.

        Raises
        ------
        KeyError, OSError, ValueError, zipfile.BadZipFile
            If the file is something else, or unpacks to more than `MAX_BYTES`. Pickled objects in it are refused.
        """
        with zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise ValueError("a trajectory is too large")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            values = {field.name: arrays[field.name] for field in fields(cls)}
        plain = {
            "temperature_K": float(values["temperature_K"]),
            "interval_fs": float(values["interval_fs"]),
            "snapshot_every": int(values["snapshot_every"]),
        }
        return cls(**{**values, **plain})


def concatenate(segments: Sequence[Trajectory]) -> Trajectory:
    """Join consecutive segments; the first sample of each is the last one of the segment before.

    Segments without samples, which follow the end of a walker that was stopped, are passed over.

    Raises
    ------
    ValueError
        If no segment is given, or one does not begin where the one before ended.
    """
    if not segments:
        raise ValueError("no segment to join")
    segments = [segment for segment in segments if segment.samples] or segments[:1]
    first = segments[0]
    for before, after in pairwise(segments):
        if (before.samples - 1) % before.snapshot_every:
            raise ValueError("a segment that another follows must end with a snapshot")
        if not np.allclose(before.mobile_A[-1], after.mobile_A[0], atol=1e-4):
            raise ValueError("a segment does not begin where the one before ended")
    if len(segments) == 1:
        return first
    drifts, offset = [first.drift_A], first.drift_A[-1]
    for segment in segments[1:]:
        drifts.append(segment.drift_A[1:] + offset)
        offset = offset + segment.drift_A[-1]
    rest = segments[1:]
    return replace(
        first,
        mobile_A=np.concatenate([first.mobile_A, *(segment.mobile_A[1:] for segment in rest)]),
        drift_A=np.concatenate(drifts),
        snapshots_A=np.concatenate([first.snapshots_A, *(segment.snapshots_A[1:] for segment in rest)]),
        kinetic_K=np.concatenate([first.kinetic_K, *(segment.kinetic_K[1:] for segment in rest)]),
        conserved_eV=np.concatenate([first.conserved_eV, *(segment.conserved_eV[1:] for segment in rest)]),
    )
