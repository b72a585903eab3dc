"""Label a frame of a file again, and compare: whether labels that are said to be this campaign's are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from alloop.checks.initial_data import Finding, read_initial_data
from alloop.checks.labelled_frames import LabelledFrame
from alloop.config.loading import LoadedConfig
from alloop.failures import first_line
from alloop.labelling.identity import code_identity
from alloop.labelling.registry import engine_of
from alloop.labelling.singlepoint import SinglePoint

ENERGY_EV_PER_ATOM, FORCE_EV_PER_A, STRESS_EV_PER_A3 = 0.01, 0.05, 0.01
_SHARE = 0.05


def find_other_labels(loaded: LoadedConfig) -> Iterator[Finding]:
    """Yield a problem for every file with ``reference: same`` whose smallest frame gets another label here."""
    if loaded.config.data.reference != "same":
        return
    for i, (name, file) in enumerate(read_initial_data(loaded).items()):
        if not file.labels:
            continue
        frame = min(file.labels, key=lambda label: len(label.atoms))
        for what in _differences(frame, loaded):
            mend = "write `reference: other`, or mend its settings, units or signs"
            yield ("data", "initial", i), f"frame {frame.number} of `{name}` {what}; {mend}"


def _differences(frame: LabelledFrame, loaded: LoadedConfig) -> Iterator[str]:
    try:
        point = _labelled_here(frame.atoms, loaded)
    except Exception as error:  # an engine may raise anything
        yield f"cannot be labelled with these settings ({type(error).__name__}: {first_line(error)})"
        return
    energy = (point.energy_eV - frame.energy_eV) / len(frame.atoms)
    if not abs(energy) < ENERGY_EV_PER_ATOM:
        here = point.energy_eV / len(frame.atoms)
        yield f"has an energy of {frame.per_atom:.6g} eV per atom, and `label` gives {here:.6g}"
    if (words := _apart(frame.forces_eV_per_A, point.forces_eV_per_A, FORCE_EV_PER_A)) is not None:
        yield f"has a force component of {words} eV/Å"
    if frame.stress_eV_per_A3 is None or point.stress_eV_per_A3 is None:
        return
    stress = frame.stress_eV_per_A3[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    if (words := _apart(stress, point.stress_eV_per_A3, STRESS_EV_PER_A3)) is not None:
        yield f"has a stress component of {words} eV/Å³"


def _labelled_here(atoms: Atoms, loaded: LoadedConfig) -> SinglePoint:
    label, bare = loaded.config.label, Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    code = code_identity(label, sorted(set(bare.get_chemical_symbols())))
    with tempfile.TemporaryDirectory(prefix="alloop-label-") as folder, threadpool_limits(1):
        return engine_of(label).single_point(bare, label, code, Path(folder))


def _apart(of_file: np.ndarray, here: np.ndarray, least: float) -> str | None:
    """Return the two values of the component that differs most, if it differs by more than noise."""
    apart = np.abs(of_file - here)
    worst = np.unravel_index(int(apart.argmax()), apart.shape)
    if apart[worst] < max(least, _SHARE * float(np.abs(here).max())):
        return None
    return f"{of_file[worst]:.4g}, and `label` gives {here[worst]:.4g}"
