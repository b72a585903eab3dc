"""Read trajectories of ASE, one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alloop.trajectories.frames import Frame, TrajectoryError, number_of


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
                yield _frame(atoms, path)
    except TrajectoryError:
        raise
    except Exception as error:  # a damaged file may make ASE raise anything
        raise TrajectoryError(f"{path}: ASE cannot read it ({type(error).__name__}); the file is damaged") from error


def _frame(atoms: Any, path: str) -> Frame:
    if not atoms.pbc.all():
        raise TrajectoryError(f"{path}: the atoms are not periodic in all directions (pbc)")
    known = atoms.has("momenta")
    return Frame(
        numbers=atoms.numbers,
        cell_A=atoms.cell.array,
        positions=atoms.positions,
        time_fs=number_of(atoms.info.get("time_fs")),
        temperature_K=number_of(atoms.info.get("temperature_K")),
        kinetic_K=float(atoms.get_temperature()) if known else number_of(atoms.info.get("kinetic_K")),
    )
