"""The structures that a config means: what they are, their files and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import spglib
from ase import Atoms
from ase.io import write

from alloop.checks.orderings import MadeSystem, is_disordered
from alloop.checks.structures import ordered_systems, read_systems, shared_names
from alloop.config.loading import LoadedConfig
from alloop.materials.contacts import closest_pairs
from alloop.materials.orderings.crystal import SYMPREC_A
from alloop.materials.orderings.neighbours import Correlation
from alloop.materials.structure import Structure
from alloop.outputs.structure_pictures import draw
from alloop.proposal.rules import mobile_elements


@dataclass(frozen=True)
class StructureRow:
    """One system of a campaign as it begins.

    Attributes
    ----------
    name, composition : str
        Its name, and the one that all orderings of its composition share.
    formula : str
        Reduced formula.
    atoms : int
        Atoms of the cell.
    charge_e : float or None
        Sum of the oxidation states (e); None where alloop ordered nothing.
    space_group : str
        Symbol and number.
    shortest_A : float or None
        Shortest distance between two atoms (Å); None beyond 6 Å.
    method : str
        How it was ordered; ``file`` where the structure file says it all.
    orderings : int or None
        Orderings that the cell allows.
    energy_meV_per_atom : float or None
        Ewald energy above the lowest of its composition (meV per atom).
    acceptance : float or None
        Share of the swaps that Monte Carlo accepted.
    neighbours : dict
        Warren-Cowley parameter of every pair of ions that share a sublattice; pairs of several name the site.
    notes : tuple of str
        What one must know of the orderings of this composition.
    mobile : tuple of str
        Elements of its mobile ions: those that the config measures, or else those that may be.
    structure : Structure
        Its atoms.
    """

    name: str
    composition: str
    formula: str
    atoms: int
    charge_e: float | None
    space_group: str
    shortest_A: float | None
    method: str
    orderings: int | None
    energy_meV_per_atom: float | None
    acceptance: float | None
    neighbours: dict[str, float]
    notes: tuple[str, ...]
    mobile: tuple[str, ...]
    structure: Structure = field(repr=False)


def structure_rows(loaded: LoadedConfig) -> list[StructureRow]:
    """Return what every system of a config is.

    Raises
    ------
    ConfigError
        If a structure cannot be read, ordered or used, or two systems have one name.
    """
    structures = read_systems(loaded)
    for key, what in shared_names(loaded):
        raise loaded.error(key, what)  # one of both would be shown and written in place of the other
    made = {one.name: one for one in _made(loaded)}
    measure = loaded.config.measure
    measured = measure.mobile_elements if measure else ()
    return [_row(name, structure, made.get(name), measured) for name, structure in structures.items()]


def write_structures(rows: Sequence[StructureRow], folder: Path) -> Iterator[Path]:
    """Write extxyz, CIF and a picture of every structure below a folder, and yield their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        atoms = row.structure.to_atoms()
        for ending in ("extxyz", "cif"):
            path = folder / f"{row.name}.{ending}"
            write(str(path), atoms)
            yield path
        path = folder / f"{row.name}.png"
        draw(atoms, f"{row.name}: {row.formula}", path, row.mobile)
        yield path


def _made(loaded: LoadedConfig) -> Iterator[MadeSystem]:
    for i in range(len(loaded.config.systems)):
        if is_disordered(loaded, i):
            yield from ordered_systems(loaded, i)


def _row(name: str, structure: Structure, made: MadeSystem | None, measured: tuple[str, ...]) -> StructureRow:
    atoms = structure.to_atoms()
    group = spglib.get_spacegroup(
        (atoms.cell.tolist(), atoms.get_scaled_positions().tolist(), atoms.numbers.tolist()), symprec=SYMPREC_A
    )
    ordered = made.ordered if made else None
    return StructureRow(
        name=name,
        composition=made.composition if made else name,
        formula=structure.formula(),
        atoms=len(atoms),
        charge_e=_charge(atoms, made.made.oxidation_states) if made else None,
        space_group=group or "unknown",
        shortest_A=min(closest_pairs([atoms]).values(), default=None),
        method=made.made.method if made else "file",
        orderings=made.made.count if made else None,
        energy_meV_per_atom=_above_lowest(made) if made else None,
        acceptance=ordered.acceptance if ordered else None,
        neighbours=_neighbours(ordered.correlations) if ordered else {},
        notes=made.made.notes if made else (),
        mobile=measured or mobile_elements(structure.elements()),
        structure=structure,
    )


def _charge(atoms: Atoms, states: Mapping[str, float]) -> float:
    return sum(states[symbol] for symbol in atoms.get_chemical_symbols())


def _neighbours(correlations: Sequence[Correlation]) -> dict[str, float]:
    times = Counter(one.pair for one in correlations)
    return {one.pair if times[one.pair] == 1 else f"{one.pair} on {one.site}": one.order for one in correlations}


def _above_lowest(made: MadeSystem) -> float:
    lowest_eV = min(one.energy_eV for one in made.made.ordered)
    return 1000.0 * (made.ordered.energy_eV - lowest_eV) / len(made.ordered.structure.numbers)
