"""Energies of isolated atoms that labelled files give, and where several sources of them disagree."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ase import Atoms

from alloop.checks.labelled_files import read_labels
from alloop.checks.labelled_frames import LabelledFrame, is_called_isolated, usable
from alloop.config.loading import LoadedConfig
from alloop.labelling.outliers import MOST_BINDING_EV_PER_ATOM
from alloop.materials.contacts import has_neighbours

SAME_EV, TOLD_EV = 0.01, 0.003
"""Difference of two energies of an isolated atom (eV) that is one of convergence, and the smallest that is told."""
_NAMED_BOX_A, _ROUNDING_A = 6.0, 0.01
"""Smallest box of an atom that is called isolated (Å), and what a box may lack."""


@dataclass(frozen=True)
class AtomEnergy:
    """The energy (eV) of an isolated atom, and the file or campaign that gives it."""

    source: str
    energy_eV: float


AtomEnergies = Mapping[str, Sequence[AtomEnergy]]
"""Energies of isolated atoms by element, in the order of their sources."""


def isolated_atoms(loaded: LoadedConfig) -> dict[str, float]:
    """Return the energies (eV) of isolated atoms by element that files of the labels' own reference give.

    Left out is an element with two energies that are not the same.

    Raises
    ------
    ConfigError
        As `read_labels`.
    """
    return _agreed(energies_of_files(loaded))


def energies_of_files(loaded: LoadedConfig) -> dict[str, list[AtomEnergy]]:
    """Return every energy of an isolated atom that files of the labels' own reference hold.

    Left out is a box smaller than that of the label engine, and everything if the frames would be bound by more than
    any crystal is.

    Raises
    ------
    ConfigError
        As `read_labels`.
    """
    data, found = loaded.config.data, defaultdict(list)
    if data.reference != "same":
        return {}
    files = {name: read_labels(loaded, i) for i, name in enumerate(data.initial)}
    for name, (_, alone) in files.items():
        for frame in alone:
            if _gives_energy(frame, loaded.config.label.isolated_atom_box_A):
                found[str(frame.atoms.symbols[0])].append(AtomEnergy(name, frame.energy_eV))
    labels, agreed = (frame for frames, _ in files.values() for frame in frames), _agreed(found)
    return {} if any(_is_bound_too_much(frame, agreed) for frame in labels) else dict(sorted(found.items()))


def disagreements(of_files: AtomEnergies, computed: AtomEnergies) -> Iterator[str]:
    """Yield, for every element whose sources disagree, both energies, where they are from, and which is taken.

    Parameters
    ----------
    of_files : mapping
        What files give.
    computed : mapping
        What label engines computed with the settings of the config; the first of an element is taken.
    """
    for element in sorted({*of_files, *computed}):
        given = [*of_files.get(element, ()), *computed.get(element, ())]
        low, high = (end(given, key=lambda one: one.energy_eV) for end in (min, max))
        if (apart_eV := high.energy_eV - low.energy_eV) <= TOLD_EV:
            continue
        if element in computed:
            taken = f"that of {computed[element][0].source} is taken"
        else:
            taken = f"that of {low.source} is taken" if apart_eV <= SAME_EV else "neither is taken, and it is computed"
        both = f"{low.energy_eV:.6g} eV in {low.source} and {high.energy_eV:.6g} eV in {high.source}"
        yield f"the isolated atom of {element} has {both}, which is {1e3 * apart_eV:.3g} meV apart; {taken}"


def _agreed(given: AtomEnergies) -> dict[str, float]:
    """Return the lowest energy (eV) of every element whose energies are the same."""
    energies = {element: [one.energy_eV for one in ones] for element, ones in given.items()}
    return {element: min(values) for element, values in energies.items() if max(values) - min(values) <= SAME_EV}


def _gives_energy(frame: LabelledFrame, box_A: float) -> bool:
    return len(frame.atoms) == 1 and math.isfinite(frame.energy_eV) and _is_as_alone(frame.atoms, box_A)


def _is_as_alone(atoms: Atoms, box_A: float) -> bool:
    """Return whether an atom has no image within the box of the label engine, or near it if it is called isolated."""
    if atoms.cell.rank == 0 or not atoms.pbc.any():
        return True
    if atoms.cell.rank < 3 or not atoms.pbc.all() or usable(atoms) is not None:
        return False
    return not has_neighbours(atoms, _NAMED_BOX_A if is_called_isolated(atoms) else box_A - _ROUNDING_A)


def _is_bound_too_much(frame: LabelledFrame, e0s_eV: Mapping[str, float]) -> bool:
    symbols = frame.atoms.get_chemical_symbols()
    if any(symbol not in e0s_eV for symbol in symbols):
        return False
    return abs(frame.energy_eV - sum(e0s_eV[symbol] for symbol in symbols)) > MOST_BINDING_EV_PER_ATOM * len(symbols)
