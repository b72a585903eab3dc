"""Frames that no campaign saw: states of the teacher's own dynamics, labelled as a config labels.

    python -m benchmarks.truth_frames configs/quickstart.yaml FRAMES.extxyz --temperatures 600 1000 --length_ps 5.4

For every system and temperature one walker is moved by the config's teacher; its states are labelled with the config's
``label`` section and written with ``REF_energy`` (eV), ``REF_forces`` (eV/Å) and ``REF_stress`` (eV/Å³, Voigt order).
``benchmarks.truth`` and ``benchmarks.teaching`` judge by them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from alloop.checks.structures import read_systems
from alloop.config.label import LabelCommon
from alloop.config.loading import load_config
from alloop.labelling.registry import engine_of
from alloop.labelling.singlepoint import SinglePoint
from alloop.labelling.teachers import teacher_label

FRICTION_per_fs = 0.01


class Engine(Calculator):  # type: ignore[misc]
    """A label engine as an ASE calculator.

    Parameters
    ----------
    label : LabelCommon
        Its settings.
    elements : iterable of str
        What it shall know.
    folder : pathlib.Path
        A folder for files.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, label: LabelCommon, elements: Sequence[str], folder: Path) -> None:
        super().__init__()
        self._label, self._folder, self._engine = label, folder, engine_of(label)
        self._code = self._engine.identity(label, elements)

    def point(self, atoms: Atoms) -> SinglePoint:
        """Return the single point of a frame."""
        return self._engine.single_point(atoms, self._label, self._code, self._folder)

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Compute energy (eV) and forces (eV/Å)."""
        super().calculate(atoms, properties, system_changes)
        found = self.point(self.atoms)
        self.results = {"energy": found.energy_eV, "forces": np.array(found.forces_eV_per_A)}


def states(
    start: Atoms, teacher: Engine, temperature_K: float, times_fs: Sequence[float], seed: int
) -> Iterator[Atoms]:
    """Yield the states of a walker at the times (fs)."""
    atoms, rng = start.copy(), np.random.default_rng(seed)
    atoms.calc = teacher
    MaxwellBoltzmannDistribution(atoms, temperature_K=temperature_K, rng=rng)
    friction = FRICTION_per_fs / units.fs
    # ASE's correction for a centre of mass at rest heats all other motion by N/(N-1): 11 % of ten atoms.
    dynamics = Langevin(atoms, 2.0 * units.fs, temperature_K=temperature_K, friction=friction, fixcm=False, rng=rng)
    for time_fs in times_fs:
        dynamics.run(max(0, round(time_fs / 2.0) - dynamics.nsteps))
        yield Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def labelled(atoms: Atoms, engine: Engine) -> Atoms:
    """Return a state with its label."""
    found = engine.point(atoms)
    atoms.info["REF_energy"] = found.energy_eV
    if found.stress_eV_per_A3 is not None:
        atoms.info["REF_stress"] = np.array(found.stress_eV_per_A3)
    atoms.arrays["REF_forces"] = np.array(found.forces_eV_per_A)
    return atoms


def main() -> None:
    """Append the labelled states to the file as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--systems", nargs="*", help="names of systems; default: all")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[600.0, 1000.0], metavar="K")
    parser.add_argument("--first_ps", type=float, default=0.6)
    parser.add_argument("--length_ps", type=float, default=5.4)
    parser.add_argument("--frames", type=int, default=20, help="of every walker")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    loaded = load_config(told.config)
    assert loaded.config.teacher is not None, "the config has no teacher, which moves the walkers"
    times_fs = 1000.0 * np.linspace(told.first_ps, told.length_ps, told.frames)
    for name, structure in read_systems(loaded).items():
        if told.systems and name not in told.systems:
            continue
        start, elements = structure.to_atoms(), sorted(set(structure.to_atoms().symbols))
        with tempfile.TemporaryDirectory() as folder:
            teacher = Engine(teacher_label(loaded.config.teacher), elements, Path(folder))
            engine = Engine(loaded.config.label, elements, Path(folder))
            for temperature_K in told.temperatures:
                for state in states(start, teacher, temperature_K, times_fs.tolist(), told.seed):
                    state.info |= {"system": name, "temperature_K": temperature_K}
                    write(told.output, labelled(state, engine), append=True)


if __name__ == "__main__":
    main()
