"""Collect the frames of a file into a trajectory for transport, in little memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.trajectories import checks
from alloop.trajectories.following import Follower
from alloop.trajectories.frames import CutOffError, Floats, Frame, TrajectoryError
from alloop.trajectories.timing import Clock, Said

Kept = NDArray[np.floating]

_CHUNK = 1024
_MOST_SNAPSHOTS = 2000
_EXACT_VALUES = 16_000_000


@dataclass(frozen=True, eq=False)
class ReadRun:
    """A run that was read, and what its reader should know.

    Attributes
    ----------
    file : str
        The file.
    format : str
        Its format.
    trajectory : Trajectory
        The run. Velocities that the file does not hold have a kinetic temperature of zero, and the conserved energy,
        which no such file holds, is zero.
    frames : int
        Frames in the file.
    kinetic : bool
        Whether kinetic temperatures were read.
    conserved : bool
        Whether the conserved energy was read.
    notes : tuple of str
        What a reader should know.
    """

    file: str
    format: str
    trajectory: Trajectory
    frames: int
    kinetic: bool = False
    conserved: bool = False
    notes: tuple[str, ...] = ()


class Rows:
    """Arrays that grow one by one, in chunks; `join` frees them while it puts them together.

    Parameters
    ----------
    exact_values : int
        Numbers that are kept as float64 at most; more, and all are kept as float32.
    """

    def __init__(self, exact_values: int = 0) -> None:
        self._exact_values = exact_values
        self._dtype: type[np.float32] | type[np.float64] = np.float64
        self._chunks: list[Kept] = []
        self.count = 0

    def add(self, row: Floats) -> None:
        """Add an array."""
        place = self.count % _CHUNK
        if place == 0:
            if (self.count + _CHUNK) * row.size > self._exact_values:
                self._dtype = np.float32
                self._chunks = [chunk.astype(np.float32, copy=False) for chunk in self._chunks]
            self._chunks.append(np.empty((_CHUNK, *row.shape), dtype=self._dtype))
        self._chunks[-1][place] = row
        self.count += 1

    def halve(self) -> None:
        """Keep every other array, the first one too."""
        kept = self.join()[::2]
        self._chunks, self.count = [], 0
        for row in kept:
            self.add(row)

    def join(self) -> Kept:
        """Return all arrays as one, and keep none."""
        shape = self._chunks[0].shape[1:] if self._chunks else ()
        whole: Kept = np.empty((self.count, *shape), dtype=self._dtype)
        for begin in range(0, self.count, _CHUNK):
            chunk = self._chunks.pop(0)
            whole[begin : begin + _CHUNK] = chunk[: self.count - begin]
        return whole


class Collector:
    """Keeps mobile ions at the sampling interval, rare snapshots of all atoms, and the drift of the framework.

    Parameters
    ----------
    first : Frame
        The first frame.
    said : Said
        What the user says of the run.
    mobile : tuple of str
        Mobile elements.
    sample_fs : float
        Time between two samples (fs) that is wanted at least.
    where : str
        The file.
    """

    def __init__(self, first: Frame, said: Said, mobile: tuple[str, ...], sample_fs: float, where: str) -> None:
        self._where, self._clock = where, Clock(first, said, sample_fs, where)
        self._unit_named, self._unit_note = said.length_A is not None, ""
        self._numbers = first.numbers
        self._mobile = np.flatnonzero(np.isin(first.numbers, [atomic_numbers.get(one, 0) for one in mobile]))
        if not len(self._mobile):
            raise TrajectoryError(f"{where}: the frames have no {' or '.join(mobile)}; see --mobile")
        masses = np.array(atomic_masses[first.numbers])
        masses[self._mobile] = 0.0
        self._framework = masses / masses.sum() if masses.sum() > 0 else masses
        self._follower = Follower(first, where)
        self._ions, self._snapshots = Rows(_EXACT_VALUES), Rows()
        self._snapshot_every = 1
        self._drift: list[Floats] = []
        self._kinetic: list[float] = []
        self._start: Floats | None = None
        self._before: Floats | None = None
        self._squares = self._frames = 0.0
        self._jumps = checks.Jumps(first.numbers, self._mobile)

    def take(self, frame: Frame) -> None:
        """Take the next frame.

        Raises
        ------
        TrajectoryError
            If it does not belong to the run.
        """
        if not self._clock.advance(frame):
            return
        positions = self._follower.follow(frame)
        if self._start is None:
            self._start = self._begin(positions)
        drift = self._framework @ (positions - self._start)
        self._measure_step(positions[self._mobile] - drift)
        self._jumps.take(positions, self._clock.frames + self._clock.doubles)
        if self._clock.due():
            self._sample(frame, positions, drift)

    def _begin(self, positions: Floats) -> Floats:
        problem = checks.unit_problem(self._numbers, positions, self._follower.first.cell_A)
        if problem and not self._unit_named:
            raise TrajectoryError(f"{self._where}: {problem}")
        self._unit_note = f"{problem.split(':')[0]}; the unit of lengths that was named stands" if problem else ""
        return positions.copy()

    def _measure_step(self, ions: Floats) -> None:
        if self._before is not None:
            self._squares += float(((ions - self._before) ** 2).sum(axis=1).mean())
            self._frames += 1
        self._before = ions

    def _sample(self, frame: Frame, positions: Floats, drift: Floats) -> None:
        if self._ions.count % self._snapshot_every == 0:
            self._snapshots.add(positions)
            if self._snapshots.count > _MOST_SNAPSHOTS:
                self._snapshots.halve()
                self._snapshot_every *= 2
        self._ions.add(positions[self._mobile])
        self._drift.append(drift)
        self._kinetic.append(math.nan if frame.kinetic_K is None else frame.kinetic_K)

    def run(self, name: str) -> ReadRun:
        """Return the run.

        Raises
        ------
        TrajectoryError
            If it is too short, its time is not known, or its numbers cannot be right.
        """
        interval_fs, temperature_K = self._clock.interval_fs(), self._clock.temperature()
        msd = self._squares / self._frames
        mobile = self._numbers[self._mobile]
        frame_fs = self._clock.frame_fs()
        problem = checks.speed_problem(mobile, msd, frame_fs, temperature_K)
        if problem:
            raise TrajectoryError(f"{self._where}: {problem}")
        jump = self._jumps.problem(frame_fs, temperature_K)
        if jump:
            raise TrajectoryError(f"{self._where}, {jump}")
        kinetic = np.array(self._kinetic)
        # Velocities that are all zero were never set.
        known = bool(np.isfinite(kinetic).all() and kinetic.max() > 0)
        notes = self._notes(msd, float(kinetic.mean()) if known else None, temperature_K)
        into = _into(self._follower)
        trajectory = Trajectory(
            numbers=self._numbers,
            mobile=self._mobile,
            cell_A=self._follower.mean_cell,
            temperature_K=temperature_K,
            interval_fs=interval_fs,
            snapshot_every=self._snapshot_every,
            mobile_A=_turned(self._ions.join(), into),
            drift_A=np.array(self._drift) if into is None else np.array(self._drift) @ into,
            snapshots_A=_turned(self._snapshots.join(), into).astype(np.float32, copy=False),
            kinetic_K=kinetic if known else np.zeros(len(kinetic)),
            conserved_eV=np.zeros(len(kinetic)),
        )
        return ReadRun(self._where, name, trajectory, self._clock.frames, known, notes=notes)

    def _notes(self, msd_A2: float, kinetic_K: float | None, temperature_K: float) -> tuple[str, ...]:
        follower = self._follower
        try:
            jumps = [*checks.jump_notes(follower.near_half, follower.long, follower.steps)]
        except ValueError as error:
            raise TrajectoryError(f"{self._where}: {error}") from None
        found = (
            *self._clock.notes(),
            *jumps,
            ""
            if self._framework.any()
            else "the file holds mobile ions only: what the framework drifts is not taken off",
            self._unit_note,
            checks.stillness(msd_A2, self._clock.frame_fs()),
            checks.cell_drift(follower.volumes_A3),
            checks.temperature_note(kinetic_K, temperature_K),
        )
        return tuple(note for note in found if note)


def _into(follower: Follower) -> Floats | None:
    """Return what turns positions in the first cell into those in the mean cell; None where it is the same."""
    return None if follower.constant else np.linalg.inv(follower.first.cell_A) @ follower.mean_cell


def _turned(positions: Kept, into: Floats | None) -> Kept:
    if into is not None:
        for begin in range(0, len(positions), _CHUNK):
            positions[begin : begin + _CHUNK] = positions[begin : begin + _CHUNK].astype(float) @ into
    return positions


def collect(
    frames: Iterable[Frame], said: Said, mobile: tuple[str, ...], sample_fs: float, where: str, name: str
) -> ReadRun:
    """Return the run of a series of frames; for the parameters see `Collector`.

    Raises
    ------
    TrajectoryError
        If the frames cannot be used.
    """
    collector: Collector | None = None
    scale = 1.0 if said.length_A is None else said.length_A
    end = ""
    try:
        for frame in frames:
            sized = frame if scale == 1.0 else _scaled_up(frame, scale)
            if collector is None:
                collector = Collector(sized, said, mobile, sample_fs, where)
            collector.take(sized)
    except CutOffError as error:
        end = str(error)
    if collector is None:
        raise TrajectoryError(f"{where}: there is no frame in it" + (f": {end}" if end else ""))
    run = collector.run(name)
    return replace(run, notes=(*run.notes, end)) if end else run


def _scaled_up(frame: Frame, scale: float) -> Frame:
    return replace(
        frame, cell_A=frame.cell_A * scale, positions=frame.positions if frame.scaled else frame.positions * scale
    )
