"""Read the crystal of a structure file for a first config, and what is installed to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alloop.checks.orderings import has_partial_occupancies
from alloop.checks.structures import file_problem
from alloop.config.errors import ConfigError, Problem
from alloop.config.foundations import SHIPPED
from alloop.labelling.teachers import TEACHERS
from alloop.materials.orderings.cif_files import from_cif
from alloop.materials.orderings.crystal import OrderingError
from alloop.materials.structure import Structure
from alloop.materials.structure_files import StructureFileError, partly_occupied, read_structures
from alloop.proposal.disorder import OrderingProposal, propose_ordering


@dataclass(frozen=True)
class FoundCrystal:
    """The cells of a structure file, and how they were ordered; None for an ordered crystal."""

    structures: tuple[Structure, ...]
    ordering: OrderingProposal | None = None


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
    return FoundCrystal((Structure.from_atoms(atoms),))


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
