"""What time a frame has: from the file, or from what the user says. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alloop.trajectories.frames import Frame, TrajectoryError

_SAME = 1e-6
_LONGEST_STEP_fs = 10.0
"""No step of molecular dynamics with atoms is longer; that of light ones is a few fs."""


@dataclass(frozen=True)
class Said:
    """What the user says of a run.

    Attributes
    ----------
    timestep_fs : float or None
        Time step of the dynamics (fs); None where the file says it.
    steps_per_frame : int or None
        Steps from one frame to the next; None where the file counts steps, else one.
    temperature_K : float or None
        Temperature (K); None where the file says it.
    length_A : float or None
        The unit of lengths of the file (Å); None where it was not named: Å, unless the atoms speak against it.
    """

    timestep_fs: float | None = None
    steps_per_frame: int | None = None
    temperature_K: float | None = None
    length_A: float | None = None


class Clock:
    """Counts frames, and tells the time between them and which of them are samples.

    Parameters
    ----------
    first : Frame
        The first frame.
    said : Said
        What the user says.
    sample_fs : float
        Time between two samples that is wanted at least (fs).
    where : str
        The file.

    Attributes
    ----------
    frames, doubles : int
        Frames that were counted, and those left out because they were there already.
    """

    def __init__(self, first: Frame, said: Said, sample_fs: float, where: str) -> None:
        self._first, self._said, self._sample_fs, self._where = first, said, sample_fs, where
        self._last: Frame | None = None
        self._frame_fs: float | None = None
        self._told_fs: float | None = None
        self._gap: float | None = None
        self._counted: float | None = None
        self._stride = 1
        self.frames = self.doubles = 0

    def advance(self, frame: Frame) -> bool:
        """Count a frame; return whether it is new: restarted runs write their last frame again.

        Raises
        ------
        TrajectoryError
            If frames do not follow each other in equal times.
        """
        if not math.isfinite(frame.time_fs or 0.0):
            raise TrajectoryError(f"{self._where}, frame {self.frames + 1}: its time is not a number")
        if self._last is not None:
            gap, still = self._gap_to(frame), _same_place(frame, self._last)
            if abs(gap) < _SAME if gap is not None else still:
                self.doubles += 1
                return False
            self._check(gap, still)
            if self._frame_fs is None:
                self._gap, self._frame_fs = gap, self._interval(gap)
                if frame.time_fs is not None and self._last.time_fs is not None:
                    self._told_fs = frame.time_fs - self._last.time_fs
                self._stride = max(1, int(self._sample_fs / self._frame_fs + _SAME))
        self._last = frame
        self.frames += 1
        return True

    def due(self) -> bool:
        """Return whether the frame that was counted last is a sample."""
        return (self.frames - 1) % self._stride == 0

    def frame_fs(self) -> float:
        """Return the time between two frames (fs).

        Raises
        ------
        TrajectoryError
            If there is one frame only.
        """
        if self._frame_fs is None and self.doubles:
            raise TrajectoryError(f"{self._where}: all {self.doubles + 1} frames have one time or one set of positions")
        if self._frame_fs is None:
            raise TrajectoryError(f"{self._where}: one frame is no trajectory")
        return self._frame_fs

    def interval_fs(self) -> float:
        """Return the time between two samples (fs)."""
        return self.frame_fs() * self._stride

    def temperature(self) -> float:
        """Return the temperature (K).

        Raises
        ------
        TrajectoryError
            If neither the file nor the user says it.
        """
        found = self._said.temperature_K or self._first.temperature_K
        if found is not None and not 0 < found < math.inf:
            raise TrajectoryError(f"{self._where}: says a temperature of {found:g} K; add --temperature (in K)")
        if found is None:
            raise TrajectoryError(f"{self._where}: does not say its temperature; add --temperature (in K)")
        return found

    def notes(self) -> Iterator[str]:
        """Yield what a reader should know of the time."""
        if self.doubles:
            yield f"{self.doubles} frames that were written twice are left out"
        file, said = self._first.timestep_fs, self._said.timestep_fs
        if file and said and abs(file - said) > _SAME * said:
            yield f"the file says a time step of {file:g} fs; {said:g} fs were named and are used"
        told, used = self._told_fs, self._frame_fs
        if told is not None and used is not None and abs(told - used) > 1e-3 * used:
            yield f"the file says {told:g} fs between frames; the time step that was named gives {used:g} fs, as used"
        steps, named = self._counted, self._said.steps_per_frame
        if steps is not None and steps > 1 and named is not None and abs(steps - named) > _SAME:
            yield f"the file counts {steps:g} steps between frames; {named} were named and are used"

    def _gap_to(self, frame: Frame) -> float | None:
        """Return the time (fs), or else the steps, from the last frame to this one; None where no file says it."""
        last = self._last
        assert last is not None
        steps = None if frame.step is None or last.step is None else float(frame.step - last.step)
        if frame.time_fs is None or last.time_fs is None or (self._counts and steps is not None):
            return steps
        return frame.time_fs - last.time_fs

    @property
    def _counts(self) -> bool:
        """Whether steps count rather than times of the file: their time step was named."""
        return self._said.timestep_fs is not None

    def _check(self, gap: float | None, still: bool) -> None:
        if still:
            raise TrajectoryError(
                f"{self._where}, frame {self.frames + self.doubles + 1}: no atom has moved since the frame before, as "
                "where a run goes on from an earlier one: take the frame out"
            )
        if gap is not None and gap < 0:
            raise TrajectoryError(
                f"{self._where}, frame {self.frames + 1}: time goes back: two runs in one file; give each a file"
            )
        if self.frames > 1 and (gap is None) != (self._gap is None):
            raise TrajectoryError(f"{self._where}, frame {self.frames + 1}: only some frames say their time")
        if gap is not None and self._gap is not None and abs(gap - self._gap) > 1e-3 * self._gap:
            raise TrajectoryError(
                f"{self._where}, frame {self.frames + 1}: frames are not equally far apart ({self._gap:g}, then "
                f"{gap:g} fs or steps); cut the file there"
            )

    def _interval(self, gap: float | None) -> float:
        """Return the time between two frames (fs)."""
        timestep_fs = self._said.timestep_fs or self._first.timestep_fs
        if self._first.time_fs is not None and gap is not None and not self._counts:
            return round(gap, 6)
        if timestep_fs is not None and not 0 < timestep_fs < math.inf:
            raise TrajectoryError(f"{self._where}: says a time step of {timestep_fs:g} fs; add --timestep-fs")
        if timestep_fs is None:
            raise TrajectoryError(f"{self._where}: does not say its time step; add --timestep-fs")
        if gap is not None and self._first.step is not None:
            self._counted = gap
        if self._said.steps_per_frame is not None:
            return self._said.steps_per_frame * timestep_fs
        counted = gap if gap is not None and self._first.step is not None else 1.0
        if counted > 1 and timestep_fs > _LONGEST_STEP_fs:
            raise TrajectoryError(
                f"{self._where}: counts {counted:g} steps between frames, but no step takes {timestep_fs:g} fs: "
                "--timestep-fs is one step of the dynamics; if it is the time between frames, add --steps-per-frame 1"
            )
        return round(counted * timestep_fs, 6)


def _same_place(frame: Frame, last: Frame) -> bool:
    """Return whether two frames are the same to the last digit."""
    return np.array_equal(frame.positions, last.positions) and np.array_equal(frame.cell_A, last.cell_A)
