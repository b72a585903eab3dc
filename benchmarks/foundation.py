"""Errors of a foundation, and of a teacher, on labelled frames, system by system.

    python -m benchmarks.foundation FRAMES.extxyz --foundation alloop-electrolytes-0 --teacher sevennet-l3i5

The frames have ``REF_energy`` (eV), ``REF_forces`` (eV/Å) and their ``system``, as `benchmarks.truth_frames`
writes them. Energies count without the mean of each system, since zeros differ.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read as read_frames
from numpy.typing import NDArray

from alloop.config.teacher import TeacherConfig
from alloop.labelling.teachers import teacher_label
from alloop.potential.committee import Committee
from alloop.potential.models.foundation import fetch_foundation, load_foundation_file
from benchmarks.truth_frames import Engine

Floats = NDArray[np.float64]
Answer = Callable[[Atoms], tuple[float, Floats]]


def of_foundation(name: str, member: int) -> Answer:
    """Return what answers with energy (eV) and forces (eV/Å) of a member of a named foundation."""
    path, sha256 = fetch_foundation(name)
    committee = Committee([load_foundation_file(path, sha256, member=member)], device="cpu", dtype="float32")

    def answer(atoms: Atoms) -> tuple[float, Floats]:
        found = committee.forces(atoms)
        return found.energy_eV, found.forces_eV_per_A

    return answer


def of_teacher(name: str, elements: Sequence[str], folder: Path) -> Answer:
    """Return what answers with energy (eV) and forces (eV/Å) of a teacher."""
    engine = Engine(teacher_label(TeacherConfig(model=name)), elements, folder)

    def answer(atoms: Atoms) -> tuple[float, Floats]:
        found = engine.point(atoms)
        return found.energy_eV, np.array(found.forces_eV_per_A)

    return answer


def line(frames: Sequence[Atoms], answer: Answer) -> str:
    """Return force RMSE (meV/Å), slope of the forces over those of the labels, and energy RMSE (meV/atom)."""
    found = [answer(frame) for frame in frames]
    forces = np.concatenate([forces for _, forces in found])
    wanted = np.concatenate([frame.arrays["REF_forces"] for frame in frames])
    off = np.array(
        [(energy - frame.info["REF_energy"]) / len(frame) for (energy, _), frame in zip(found, frames, strict=True)]
    )
    rmse = 1000 * np.sqrt(np.mean((forces - wanted) ** 2))
    slope = float(np.sum(forces * wanted) / np.sum(wanted**2))
    return f"forces {rmse:6.1f} meV/Å, slope {slope:.2f}, energy {1000 * np.std(off):5.1f} meV/atom"


def main() -> None:
    """Print a line for every system and every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+")
    parser.add_argument("--foundation")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--teacher")
    told = parser.parse_args()
    frames = [frame for path in told.frames for frame in read_frames(path, ":")]
    elements = sorted({symbol for frame in frames for symbol in frame.symbols})
    with tempfile.TemporaryDirectory() as folder:
        models: dict[str, Answer] = {}
        if told.foundation:
            models |= {f"member {n}": of_foundation(told.foundation, n) for n in range(told.members)}
        if told.teacher:
            models[told.teacher] = of_teacher(told.teacher, elements, Path(folder))
        for system in sorted({str(frame.info["system"]) for frame in frames}):
            own = [frame for frame in frames if frame.info["system"] == system]
            wanted = np.concatenate([frame.arrays["REF_forces"] for frame in own])
            print(f"{system}: {len(own)} frames, forces of {1000 * np.sqrt(np.mean(wanted**2)):.0f} meV/Å", flush=True)
            for name, answer in models.items():
                print(f"  {name:14s} {line(own, answer)}", flush=True)


if __name__ == "__main__":
    main()
