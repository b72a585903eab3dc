"""Make the ordered cells that a config asks for, and say which key is wrong where there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ase import Atoms

from alloop.config.errors import ConfigError
from alloop.config.families import Composition, FamilyError, compositions
from alloop.config.loading import LoadedConfig
from alloop.config.orderings import OrderingsConfig
from alloop.config.science import ORDERING_KEYS, SystemConfig
from alloop.files.canonical_json import canonical_json, sha256_text
from alloop.materials.cif.sites import OCCUPANCY
from alloop.materials.cif.tags import CifError, blocks_of
from alloop.materials.orderings.cif_files import from_cif
from alloop.materials.orderings.claims import doubts_about, notes_about
from alloop.materials.orderings.crystal import VACANCY, Crystal, OrderingError, from_atoms, substituted
from alloop.materials.orderings.making import Ordered, Orderings, Recipe, order
from alloop.materials.structure import Structure
from alloop.materials.structure_files import MOST_BYTES
from alloop.materials.text_files import plain_suffix, read_text

MOST_ATOMS_UNASKED = 100
"""Atoms of the largest disordered cell that is ordered without being asked."""
_KEYS = "`substitute`, `oxidation_states`, `cell` or `orderings`"


@dataclass(frozen=True)
class MadeSystem:
    """A system that alloop ordered.

    Attributes
    ----------
    name : str
        Its name: that of its composition, and its role where there are several orderings.
    composition : str
        Name that all orderings of its composition share.
    structure : Structure
        Its atoms.
    made : Orderings
        All orderings of its composition, and how they were made.
    ordered : Ordered
        This one.
    """

    name: str
    composition: str
    structure: Structure
    made: Orderings
    ordered: Ordered


def is_disordered(loaded: LoadedConfig, i: int) -> bool:
    """Return whether ions of a system must be ordered: its keys say so, or its CIF has partial occupancies."""
    system = loaded.config.systems[i]
    return _asked(system) or has_partial_occupancies(loaded.resolve(system.structure))


def made_systems(loaded: LoadedConfig, i: int, parent: Callable[[], Atoms]) -> tuple[MadeSystem, ...]:
    """Return the ordered cells of a system: for every composition the ground state, then samples.

    Equal input is computed once per process.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    i : int
        Place of the system in it.
    parent : callable
        Reads the structure file if it is no CIF.

    Raises
    ------
    ConfigError
        If the structure cannot be ordered as the keys say.
    """
    system = loaded.config.systems[i]
    try:
        crystal = _crystal(loaded.resolve(system.structure), parent)
        wanted = compositions(system)
        _refuse_strange_states(system, crystal, wanted)
        found = []
        for composition in wanted:
            made = _ordered(_Job(crystal, _recipe(system, composition, crystal)))
            found += [_system(system, composition, made, ordered) for ordered in made.ordered]
        return tuple(found)
    except (OrderingError, FamilyError) as error:
        doubt = next(iter(doubts_about_disorder(loaded, i)), None)
        told = error if doubt is None else OrderingError(("structure",), doubt)
        raise _told(loaded, i, told) from error


def doubts_about_disorder(loaded: LoadedConfig, i: int) -> list[str]:
    """Return why the CIF of a disordered system may mean another crystal, each to go on after its name."""
    path = loaded.resolve(loaded.config.systems[i].structure)
    if not _is_cif(path):
        return []
    try:
        return doubts_about(path, from_cif(path))
    except OrderingError:
        return []


def notes_about_disorder(loaded: LoadedConfig, i: int) -> tuple[str, ...]:
    """Return what of the CIF of a disordered system is not used, or read otherwise than it is written."""
    path = loaded.resolve(loaded.config.systems[i].structure)
    return notes_about(path) if _is_cif(path) else ()


@dataclass(frozen=True)
class _Job:
    """A crystal and a recipe, equal if all that decides the orderings is."""

    crystal: Crystal = field(compare=False)
    recipe: Recipe = field(compare=False)
    key: str = ""

    def __post_init__(self) -> None:
        crystal = self.crystal
        arrays = [crystal.cell_A.tolist(), crystal.scaled.tolist(), [dict(site) for site in crystal.occupancies]]
        rest = [list(crystal.labels), dict(crystal.oxidation_states), vars(self.recipe)]
        object.__setattr__(self, "key", sha256_text(canonical_json([arrays, rest])))


@lru_cache(maxsize=1000)
def _ordered(job: _Job) -> Orderings:
    return order(job.crystal, job.recipe)


def _refuse_strange_states(system: SystemConfig, crystal: Crystal, wanted: Iterable[Composition]) -> None:
    """Refuse the oxidation state of an element that no composition has, and before it a substitution that cannot be.

    An element that `substitute` misspells is in no composition under its right name either.
    """
    for composition in wanted:
        substituted(crystal, composition.substitute)
    known = {*crystal.composition(), *(species for shares in system.substitute.values() for species in shares)}
    for element in system.oxidation_states:
        if element not in known:
            what = f"`{element}` is in no composition; elements are {', '.join(sorted(known - {VACANCY}))}"
            raise OrderingError(("oxidation_states", element), what)


def _asked(system: SystemConfig) -> bool:
    return any(getattr(system, key) for key in ORDERING_KEYS)


def _crystal(path: Path, parent: Callable[[], Atoms]) -> Crystal:
    if _is_cif(path):
        return from_cif(path)
    return from_atoms(parent())


def _is_cif(path: Path) -> bool:
    return plain_suffix(path) == ".cif" and path.is_file()


def _recipe(system: SystemConfig, composition: Composition, crystal: Crystal) -> Recipe:
    settings = system.orderings or OrderingsConfig()
    if not _asked(system) and sum(crystal.composition().values()) > MOST_ATOMS_UNASKED:
        atoms = sum(crystal.composition().values())
        what = f"has partial occupancies and a cell of {atoms:.4g} atoms"
        raise OrderingError(("structure",), f"{what}; say how to order it, as in `cell: {{atoms: 80}}` ({_KEYS})")
    return Recipe(
        substitute=composition.substitute,
        oxidation_states=system.oxidation_states,
        atoms=system.cell.atoms if system.cell else None,
        matrix=system.cell.matrix if system.cell else None,
        method=settings.method,
        ground_state=settings.ground_state,
        samples=settings.samples,
        temperature_K=settings.temperature_K,
        permittivity=settings.permittivity,
        sweeps=settings.sweeps,
        seed=settings.seed,
    )


def _system(system: SystemConfig, composition: Composition, made: Orderings, ordered: Ordered) -> MadeSystem:
    several = len(made.ordered) > 1
    return MadeSystem(
        name=f"{composition.name}-{ordered.role}" if several else composition.name,
        composition=composition.name,
        structure=Structure.from_atoms(ordered.structure.to_atoms().repeat(system.repeat)),
        made=made,
        ordered=ordered,
    )


def _told(loaded: LoadedConfig, i: int, error: OrderingError | FamilyError) -> ConfigError:
    """Return the error with the key that must be mended; without any, the structure is named."""
    system = loaded.config.systems[i]
    if _asked(system) and error.where != ("structure",):
        return loaded.error(("systems", i, *error.where), error.what)
    what = f"`{system.structure}` {error.what}"
    if error.where != ("structure",):
        what = f"`{system.structure}` has partial occupancies: {error.what} ({_KEYS} say how to order it)"
    return loaded.error(("systems", i, "structure"), what)


def has_partial_occupancies(path: Path) -> bool:
    """Return whether a CIF lists an occupancy below 1; what cannot be read is told by those who read it."""
    if not _is_cif(path):
        return False
    try:
        text = read_text(path, MOST_BYTES) or ""
        shares = [share for block in blocks_of(text) for share in block.column(OCCUPANCY) or []]
    except (CifError, OSError, EOFError, OverflowError, ValueError):
        return False
    return any(_number(share) < 1.0 - 1e-3 for share in shares)


def _number(share: str) -> float:
    """Return an occupancy without its uncertainty, as in ``0.53(2)``; what is no number counts as full."""
    try:
        return float(share.partition("(")[0])
    except ValueError:
        return 1.0
