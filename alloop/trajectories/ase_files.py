"""Read trajectories of ASE, one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alloop.trajectories.frames import Frame, TrajectoryError


def read_ase(path: str) -> Iterator[Frame]:
    """Yield the frames of an ASE ``.traj`` file; kinetic temperatures are those of its momenta.

    Raises
    ------
    TrajectoryError
        If the file is damaged.
    """
    from ase.io.trajectory import Trajectory

    try:
        with Trajectory(path) as images:
            for atoms in images:
                yield _frame(atoms)
    except TrajectoryError:
        raise
    except Exception as error:  # a damaged file may make ASE raise anything
        raise TrajectoryError(f"{path}: ASE cannot read it ({type(error).__name__}); the file is damaged") from error


def _frame(atoms: Any) -> Frame:
    known = atoms.has("momenta")
    return Frame(
        numbers=atoms.numbers,
        cell_A=atoms.cell.array,
        positions=atoms.positions,
        time_fs=atoms.info.get("time_fs"),
        temperature_K=atoms.info.get("temperature_K"),
        kinetic_K=float(atoms.get_temperature()) if known else atoms.info.get("kinetic_K"),
    )
