"""What students are held against: the teacher's own MD, which no student had a part in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.io import read, write

from alloop.potential.graphs import labelled_frame
from benchmarks.label_efficiency.dynamics import Ran, cell, diffusivity, mobile_ions, run, snapshots
from benchmarks.label_efficiency.statistics import tail_of
from benchmarks.label_efficiency.teacher import evaluated, labels_of

TEMPERATURES_K = (300.0, 600.0, 1000.0, 1400.0)
WALKERS, LENGTH_PS, EQUILIBRATION_PS, SNAPSHOT_FS = 4, 6.0, 1.0, 300.0
SEED = 20_000
DIFFUSION_K = 1400.0
HOT_K = 1400.0
DIFFUSION_WALKERS, DIFFUSION_PS = 8, 20.0
BAND = 6.0
"""A frame whose energy lies so many standard deviations off the mean of the teacher's MD has left the solid."""
FRAMES_FILE, ABOUT_FILE = "reference.extxyz", "reference.json"


@dataclass(frozen=True, eq=False)
class Reference:
    """Test frames, and what the teacher's MD says.

    Attributes
    ----------
    frames : list of ase.Atoms
        Decorrelated frames of the teacher's MD at all temperatures.
    forces_eV_per_A : ndarray, shape (frames, atoms, 3)
        The teacher's forces.
    tail : ndarray of bool, shape (frames,)
        The frames of highest energy.
    mobile : ndarray of int
        Indices of the mobile ions.
    band_eV : (float, float)
        Energies that frames of the solid have at `HOT_K`.
    D_cm2_s, se_cm2_s : float or None
        The teacher's diffusivity at `DIFFUSION_K`.
    """

    frames: list[Atoms]
    forces_eV_per_A: np.ndarray
    tail: np.ndarray
    mobile: np.ndarray
    band_eV: tuple[float, float]
    D_cm2_s: float | None
    se_cm2_s: float | None


def make_reference(teacher: torch.nn.Module, folder: Path) -> dict[str, object]:
    """Run the teacher, write frames and numbers below a folder and return the numbers."""
    walkers = [(kelvin, replica) for kelvin in TEMPERATURES_K for replica in range(WALKERS)]
    runs = run(
        teacher,
        [kelvin for kelvin, _ in walkers],
        [SEED + number for number in range(len(walkers))],
        length_ps=LENGTH_PS,
        equilibration_ps=EQUILIBRATION_PS,
        snapshot_fs=SNAPSHOT_FS,
    )
    frames = [frame for ran in runs for frame in labelled(teacher, snapshots(ran, skip=1))]
    hot = [frame.info["REF_energy"] for frame in frames if frame.info["walker_temperature_K"] == HOT_K]
    diffused = diffusivity(
        run(
            teacher,
            [DIFFUSION_K] * DIFFUSION_WALKERS,
            [SEED + 1000 + number for number in range(DIFFUSION_WALKERS)],
            length_ps=DIFFUSION_PS,
            equilibration_ps=EQUILIBRATION_PS,
            snapshot_fs=SNAPSHOT_FS,
        )
    )
    write(folder / FRAMES_FILE, frames, format="extxyz")
    about: dict[str, object] = {
        "frames": len(frames),
        "ended": [f"{ran.trajectory.temperature_K:g} K: {ran.ended} after {ran.survived_ps:g} ps" for ran in runs],
        "energy_by_temperature_eV": _by_temperature(frames),
        "tail_by_temperature": _tail_by_temperature(frames),
        "rms_forces_eV_per_A": float(np.sqrt(np.mean(labels_of(frames) ** 2))),
        "band_eV": [float(np.mean(hot) - BAND * np.std(hot)), float(np.mean(hot) + BAND * np.std(hot))],
        "D_cm2_s": diffused.D_cm2_s,
        "se_cm2_s": diffused.se_cm2_s,
        "remark": diffused.remark,
    }
    (folder / ABOUT_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return about


def load_reference(folder: Path) -> Reference:
    """Read what `make_reference` wrote."""
    frames = list(read(folder / FRAMES_FILE, index=":", format="extxyz"))
    about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    low, high = about["band_eV"]
    return Reference(
        frames=frames,
        forces_eV_per_A=labels_of(frames),
        tail=tail_of(np.array([frame.info["REF_energy"] for frame in frames])),
        mobile=mobile_ions(cell()),
        band_eV=(float(low), float(high)),
        D_cm2_s=about["D_cm2_s"],
        se_cm2_s=about["se_cm2_s"],
    )


def labelled(teacher: torch.nn.Module, frames: list[Atoms]) -> list[Atoms]:
    """Return frames with the teacher's labels under MACE's names; what `info` said stays."""
    if not frames:
        return []
    energies, forces = evaluated(teacher, frames)
    found = []
    for frame, energy_eV, force in zip(frames, energies, forces, strict=True):
        one = labelled_frame(frame, float(energy_eV), force, None)
        one.info.update(frame.info)
        found.append(one)
    return found


def stable_ps(ran: Ran, teacher: torch.nn.Module, band_eV: tuple[float, float], snapshot_fs: float) -> float:
    """Return for how long a student's run stayed a run of the solid (ps).

    It ends where the student's dynamics broke off, or at the first stored frame whose energy, by the teacher, is not
    within the band.
    """
    frames = snapshots(ran)
    if not frames:
        return 0.0
    energies, _ = evaluated(teacher, frames)
    beyond = np.flatnonzero(~((energies >= band_eV[0]) & (energies <= band_eV[1])))
    return float(beyond[0] * snapshot_fs / 1000) if len(beyond) else ran.survived_ps


def _by_temperature(frames: list[Atoms]) -> dict[str, list[float]]:
    found = {}
    for kelvin in TEMPERATURES_K:
        some = [frame.info["REF_energy"] for frame in frames if frame.info["walker_temperature_K"] == kelvin]
        found[f"{kelvin:g} K"] = [float(np.mean(some)), float(np.std(some))] if some else []
    return found


def _tail_by_temperature(frames: list[Atoms]) -> dict[str, int]:
    tail = tail_of(np.array([frame.info["REF_energy"] for frame in frames]))
    kelvins = np.array([frame.info["walker_temperature_K"] for frame in frames])
    return {f"{kelvin:g} K": int((tail & (kelvins == kelvin)).sum()) for kelvin in TEMPERATURES_K}
