"""Write production runs for other programs: extxyz, and HDF5 in the layout of H5MD 1.1 (https://www.nongnu.org/h5md)."""

from __future__ import annotations

import io
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.io import write as write_atoms
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.files.durable import write_durably
from alloop.outputs.trajectories import RunName, largest_rung_runs
from alloop.state.state import CampaignState
from alloop.tasks.workspace import Workspace

TrajectoryFormat = Literal["extxyz", "h5md"]
"""How production runs are written, and the ending of the files."""


def write_trajectories(workspace: Workspace, state: CampaignState, folder: Path, form: TrajectoryFormat) -> list[Path]:
    """Write every production run of the largest rung that has some into a file of its own; return the files.

    Raises
    ------
    UnreadableError
        If a file of a run is missing or damaged.
    """
    written = []
    for name, trajectory in largest_rung_runs(workspace, state):
        content = extxyz_bytes(trajectory) if form == "extxyz" else h5md_bytes(trajectory)
        written.append(folder / f"{file_stem(name)}.{form}")
        write_durably(written[-1], content)
    return written


def file_stem(name: RunName) -> str:
    """Return the name of a run's file without its ending.

    Examples
    --------
    >>> file_stem(RunName("Li3InCl6", 600.0, 48, 1, 0))
    'Li3InCl6-600K-rung48-fit1-replica0'
    """
    return f"{name.system}-{name.temperature_K:g}K-rung{name.rung}-fit{name.fit}-replica{name.replica}"


def extxyz_bytes(trajectory: Trajectory) -> bytes:
    """Return the snapshots of all atoms as extxyz: unwrapped positions (Å), ``time_ps`` and ``temperature_K``."""
    text = io.StringIO()
    for time_ps, positions_A in zip(trajectory.snapshot_times_ps, trajectory.snapshots_A, strict=True):
        atoms = Atoms(trajectory.numbers, positions=positions_A, cell=trajectory.cell_A, pbc=True)
        atoms.info |= {"time_ps": float(time_ps), "temperature_K": trajectory.temperature_K}
        write_atoms(text, atoms, format="extxyz")
    return text.getvalue().encode()


def h5md_bytes(trajectory: Trajectory) -> bytes:
    """Return a run as an H5MD file.

    ``particles/trajectory`` has the snapshots of all atoms, ``particles/trajectory_mobile`` the mobile ions at every
    sample, both unwrapped (Å); ``observables`` the kinetic temperature (K), the conserved energy (eV) and the drift of
    the framework (Å), at every sample. Steps count samples. Every quantity has its ``unit``, as the module ``units`` of
    H5MD asks. MDAnalysis reads the first group of particles by its name, and wants the cell of every frame.
    """
    samples = np.arange(trajectory.samples)
    snapshots = np.arange(len(trajectory.snapshots_A)) * trajectory.snapshot_every
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _describe(file)
        _particles(
            file, "trajectory", trajectory, np.arange(len(trajectory.numbers)), trajectory.snapshots_A, snapshots
        )
        _particles(file, "trajectory_mobile", trajectory, trajectory.mobile, trajectory.mobile_A, samples)
        for name, values, unit in (
            ("kinetic_temperature", trajectory.kinetic_K, "K"),
            ("conserved_energy", trajectory.conserved_eV, "eV"),
            ("framework_drift", trajectory.drift_A, "Angstrom"),
        ):
            _element(file, f"observables/{name}", values, samples, trajectory.interval_fs, unit)
        file["parameters/target_temperature"] = trajectory.temperature_K
        file["parameters/target_temperature"].attrs["unit"] = "K"
    return buffer.getvalue()


def _describe(file: Any) -> None:
    """Write what the specification asks of every file: its version, the author, the program, and the modules used."""
    about = file.create_group("h5md")
    about.attrs["version"] = np.array([1, 1], dtype=np.int32)
    about.create_group("author").attrs["name"] = "alloop"
    about.create_group("creator").attrs.update({"name": "alloop", "version": version("alloop")})
    units = about.create_group("modules/units")
    units.attrs["version"] = np.array([1, 0], dtype=np.int32)
    units.attrs["system"] = "SI"


def _particles(
    file: Any, name: str, trajectory: Trajectory, atoms: NDArray[np.int_], positions_A: Any, steps: NDArray[np.int_]
) -> None:
    group = file.create_group(f"particles/{name}")
    box = group.create_group("box")
    box.attrs["dimension"] = np.int32(3)
    box.attrs["boundary"] = np.array(["periodic"] * 3, dtype=h5py.string_dtype("ascii"))
    numbers = trajectory.numbers[atoms]
    kinds = {chemical_symbols[number]: int(number) for number in sorted(set(numbers.tolist()))}
    group.create_dataset("species", data=numbers.astype(np.int32), dtype=h5py.enum_dtype(kinds, basetype="i4"))
    group["id"] = atoms
    _element(group, "position", positions_A, steps, trajectory.interval_fs, "Angstrom")
    edges = np.broadcast_to(trajectory.cell_A, (len(steps), 3, 3))
    box.create_group("edges").create_dataset("value", data=edges, compression="gzip")
    box["edges/value"].attrs["unit"] = "Angstrom"
    for same in ("step", "time"):
        box[f"edges/{same}"] = group[f"position/{same}"]


def _element(group: Any, name: str, values: Any, steps: NDArray[np.int_], interval_fs: float, unit: str) -> None:
    """Write a quantity with its steps and times (ps)."""
    element = group.create_group(name)
    element.create_dataset("value", data=values, compression="gzip", shuffle=True)
    element["value"].attrs["unit"] = unit
    element["step"] = steps
    element["time"] = steps * (interval_fs / 1000.0)
    element["time"].attrs["unit"] = "ps"
