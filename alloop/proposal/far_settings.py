"""Find cutoff and k-points that are far from those of a first config of the same crystals. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from alloop.config.errors import KeyPath
from alloop.config.label import LabelCommon
from alloop.labelling.registry import engine_of
from alloop.materials.structure import Structure
from alloop.materials.supercell import face_distances
from alloop.proposal.rules import KPOINT_LENGTH_A, Grid, cutoff, kpoints

LOW = 0.8
"""A cutoff below this share of the proposed one is low: at 480 of 600 eV, forces of an oxide are some 20 meV/Å off."""
SHORT, MANY = 0.7, 8
"""K-points are few along a vector where they stand for less than this share of the proposed length: Γ on 9 Å is not,
on 7 Å it is. They are many if there are so many times the proposed ones."""
Finding = tuple[KeyPath, str]


def find_far(label: LabelCommon, systems: Mapping[str, Structure]) -> Iterator[Finding]:
    """Yield the key and, with the reason, what is far from a first config; nothing for labels without plane waves.

    Parameters
    ----------
    label : LabelCommon
        Settings of the labels.
    systems : mapping of str to Structure
        The cells that are labelled, by their name.
    """
    engine = engine_of(label)
    named = {name: engine.plane_waves(label, structure) for name, structure in systems.items()}
    waves = {name: one for name, one in named.items() if one is not None}
    if not waves:
        return
    lowest_eV = min(one.cutoff_eV for one in waves.values())
    proposed = cutoff({symbol for structure in systems.values() for symbol in structure.elements()})
    if lowest_eV < LOW * proposed.value:
        what = f"{lowest_eV:g} eV is low; `alloop init` would take {proposed.value} ({proposed.why})"
        yield ("label", "cutoff_eV"), what
    for name, one in waves.items():
        if what := _grid_words(one.kpts, face_distances(systems[name])):
            yield ("label", "kpts"), f"{what} in {name}"
            return


def _grid_words(grid: Grid, faces_A: tuple[float, float, float]) -> str:
    """Return what is wrong with a grid in a cell; empty if nothing is."""
    proposed = kpoints(faces_A)
    few = any(n * width < SHORT * KPOINT_LENGTH_A for n, width in zip(grid, faces_A, strict=True))
    if not few and math.prod(grid) < MANY * math.prod(proposed.value):
        return ""
    given, better = ("×".join(map(str, one)) for one in (grid, proposed.value))
    return f"{given} are {'few' if few else 'many'}; `alloop init` would take {better} ({proposed.why})"
