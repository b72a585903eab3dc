"""Read the crystal of a structure file for a first config, and what is installed to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from alloop.checks.orderings import has_partial_occupancies
from alloop.checks.structures import file_problem
from alloop.config.errors import ConfigError, Problem
from alloop.config.foundations import SHIPPED
from alloop.labelling.teachers import TEACHERS
from alloop.materials.orderings.cells import cell_of_atoms, primitive
from alloop.materials.orderings.cif_files import from_cif
from alloop.materials.orderings.crystal import OrderingError, from_atoms
from alloop.materials.structure import Structure
from alloop.materials.structure_files import StructureFileError, partly_occupied, read_structures
from alloop.materials.supercell import face_distances
from alloop.proposal.disorder import OrderingProposal, propose_ordering
from alloop.proposal.rules import MIN_FACES_A, MOST_LABELLED_ATOMS


@dataclass(frozen=True)
class FoundCrystal:
    """The cells of a structure file, and how they were ordered; None for an ordered crystal.

    Attributes
    ----------
    structures : tuple of Structure
        The cells.
    ordering : OrderingProposal or None
        How they were ordered.
    smaller : Structure or None
        A cell of whole primitive cells with fewer atoms, where that of the file is large for DFT.
    """

    structures: tuple[Structure, ...]
    ordering: OrderingProposal | None = None
    smaller: Structure | None = None


def read_crystal(path: Path) -> FoundCrystal:
    """Return the crystal of a structure file; a CIF with partial occupancies is ordered.

    Raises
    ------
    ConfigError
        If the file cannot be read, holds several structures, or cannot be ordered.
    """
    if problem := file_problem(path, path.name):
        raise ConfigError(path, Problem("", problem))
    if has_partial_occupancies(path):
        try:
            ordering = propose_ordering(from_cif(path))
        except OrderingError as error:
            raise ConfigError(path, Problem("", f"cannot be ordered: {error}")) from error
        return FoundCrystal(tuple(one.structure for one in ordering.made.ordered), ordering)
    try:
        readings = read_structures(path)
    except StructureFileError as error:
        raise ConfigError(path, Problem("", str(error))) from error
    if len(readings) != 1 or not len(readings[0].atoms):
        raise ConfigError(path, Problem("", f"holds {len(readings)} structures; name a file with exactly one"))
    atoms = readings[0].atoms
    if partly_occupied(atoms):
        what = "has partially occupied sites; give it as a CIF, whose sites alloop orders"
        raise ConfigError(path, Problem("", what))
    if atoms.cell.rank < 3 or not atoms.pbc.all():
        raise ConfigError(path, Problem("", "is not periodic along a, b and c; give a crystal with its unit cell"))
    return FoundCrystal((Structure.from_atoms(atoms),), smaller=_smaller_cell(atoms))


def _smaller_cell(atoms: Atoms) -> Structure | None:
    """Return the smallest cell of whole primitive cells that is wide enough; None where the file's is small enough.

    Databases give conventional cells, of which a centred one holds two to four primitive cells: each label would take
    ten times as long, and more.
    """
    if len(atoms) <= MOST_LABELLED_ATOMS:
        return None
    crystal = from_atoms(atoms)
    unit = len(primitive(crystal).scaled)
    for many in range(unit, len(atoms), unit):
        found = cell_of_atoms(crystal, many)
        symbols = [next(iter(site)) for site in found.occupancies]
        cell = Structure.from_atoms(Atoms(symbols, scaled_positions=found.scaled, cell=found.cell_A, pbc=True))
        if min(face_distances(cell)) >= MIN_FACES_A:
            return cell
    return None


def foundation_for(elements: tuple[str, ...]) -> str | None:
    """Return the foundation of alloop that knows these elements, or None."""
    from alloop.potential.models.foundation import foundation_elements, load_foundation_file

    for name, shipped in SHIPPED.items():
        if set(elements) <= set(foundation_elements(load_foundation_file(shipped.path, shipped.sha256))):
            return name
    return None


def installed_teacher() -> str | None:
    """Return the first teacher that is installed, or None."""
    return next((name for name, known in TEACHERS.items() if known.packages.is_dir()), None)
