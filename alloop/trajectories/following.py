"""Follow atoms from frame to frame and from image to image, in a cell that may change. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alloop.trajectories.frames import Floats, Frame, TrajectoryError

_SAME_A = 1e-6
_JUMPS = 0.2
_NEAR_HALF, _HALF = 0.4, 0.5
_OUTSIDE = 1e-3


class Follower:
    """Turns frames into unwrapped positions in the cell of the first frame.

    Between two frames every atom takes the shortest step along each lattice vector, unless the file says that atoms are
    followed already. Where the cell changes, scaled coordinates are followed and are given in the first cell: atoms
    that a changing cell carries along do not move.

    Parameters
    ----------
    first : Frame
        The first frame.
    where : str
        The file.

    Attributes
    ----------
    steps, near_half, long : int
        Steps of atoms that were followed; those of more than 0.4 of the cell; those of more than half of it that atoms
        took which had left the cell already, so that the file may be unwrapped.
    constant : bool
        Whether the cell was the same all the time.
    volumes_A3 : list of float
        Volume of every frame (Å³).
    mean_cell : ndarray, shape (3, 3)
        Mean cell (Å).
    """

    def __init__(self, first: Frame, where: str) -> None:
        self.first, self._where = first, where
        if abs(np.linalg.det(first.cell_A)) < _SAME_A:
            raise TrajectoryError(f"{where}: the cell has no volume; write the trajectory with its periodic cell")
        self.steps = self.near_half = self.long = 0
        self.constant = True
        self._turned = False
        self.volumes_A3: list[float] = []
        self._sum = np.zeros((3, 3))
        self._before: Floats | None = None
        self._shift = np.zeros((len(first.numbers), 3))
        self._inverse_of = first.cell_A
        self._inverse: Floats = np.asarray(np.linalg.inv(first.cell_A), dtype=float)

    @property
    def mean_cell(self) -> Floats:
        """Mean cell, shape (3, 3) (Å)."""
        return self.first.cell_A if self.constant else self._sum / len(self.volumes_A3)

    def follow(self, frame: Frame) -> Floats:
        """Return unwrapped positions, shape (atoms, 3), in the cell of the first frame (Å).

        Raises
        ------
        TrajectoryError
            If the frame has other atoms than the first, a position is no number, or the cell has no volume or is
            another one than before.
        """
        number = f"{self._where}, frame {len(self.volumes_A3) + 1}"
        if not np.array_equal(frame.numbers, self.first.numbers):
            raise TrajectoryError(f"{number}: other atoms than in the first frame, or in another order")
        if not np.isfinite(frame.positions).all() or not np.isfinite(frame.cell_A).all():
            raise TrajectoryError(f"{number}: a position is not a number: the run broke off there; cut it before")
        if abs(np.linalg.det(frame.cell_A)) < _SAME_A:
            raise TrajectoryError(f"{number}: the cell has no volume")
        frame = self._in_the_vectors_before(frame, number)
        self._weigh(frame.cell_A)
        scaled = frame.positions if frame.scaled else frame.positions @ self._inverse
        if not frame.unwrapped:
            self._take_step(scaled)
        same = frame.cell_A is self.first.cell_A or np.allclose(frame.cell_A, self.first.cell_A, rtol=0, atol=_SAME_A)
        self.constant = self.constant and same
        if frame.scaled or not same:
            return np.asarray((scaled + self._shift) @ self.first.cell_A)
        return np.asarray(frame.positions + self._shift @ self.first.cell_A)

    def _in_the_vectors_before(self, frame: Frame, number: str) -> Frame:
        """Return a frame in the lattice vectors nearest to those of the frame before.

        A program may take other vectors of the same lattice: LAMMPS does when a box leans too far (``flip``).

        Raises
        ------
        TrajectoryError
            If the lattice is another one.
        """
        if frame.cell_A is self._inverse_of:
            return frame
        ratio = frame.cell_A @ self._inverse
        turned = np.rint(ratio)
        if abs(round(float(np.linalg.det(turned)))) != 1 or np.abs(ratio - turned).max() > _JUMPS:
            raise TrajectoryError(
                f"{number}: the cell is not that of the frame before: two runs in one file; cut it there"
            )
        if np.array_equal(turned, np.eye(3)):
            return frame
        self._turned = True
        places = frame.positions @ turned if frame.scaled else frame.positions
        return replace(frame, cell_A=np.linalg.inv(turned) @ frame.cell_A, positions=places)

    def _weigh(self, cell_A: Floats) -> None:
        if cell_A is not self._inverse_of and not np.array_equal(cell_A, self._inverse_of):
            self._inverse, self._inverse_of = np.asarray(np.linalg.inv(cell_A), dtype=float), cell_A
        self._sum += cell_A
        self.volumes_A3.append(float(abs(np.linalg.det(cell_A))))

    def _take_step(self, scaled: Floats) -> None:
        if self._before is not None:
            steps = scaled - self._before
            turns = np.round(steps)
            self.steps += len(steps)
            self.near_half += int((np.abs(steps - turns) > _NEAR_HALF).any(axis=1).sum())
            turned = turns.any(axis=1)
            if turned.any():
                self._shift -= turns
            # Atoms that are wrapped into a cell of other vectors may be outside of that of the first.
            if turned.any() and not self._turned:
                left = (np.abs(self._before[turned] - _HALF) > _HALF + _OUTSIDE).any(axis=1)
                self.long += int(left.sum())
        self._before = scaled
