"""Read the structure files of a config, and refuse those that a campaign cannot use."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from ase import Atoms

from alloop.checks.orderings import (
    MadeSystem,
    doubts_about_disorder,
    is_disordered,
    made_systems,
    notes_about_disorder,
)
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.science import SystemConfig
from alloop.materials.contacts import THINNEST_A, closest_contact, min_contact, thickness, widest_gap
from alloop.materials.reading import Reading
from alloop.materials.structure import Structure
from alloop.materials.structure_files import (
    LONGEST_A,
    MOST_ATOMS,
    StructureFileError,
    all_elements,
    partly_occupied,
    read_structures,
)

_SMALLEST_VOLUME_A3 = 1.0
_SUSPICIOUS_CONTACT = 0.7
_FAR_A = 12.0
_LONGEST_NAME = 200
Finding = tuple[KeyPath, str]


def read_systems(loaded: LoadedConfig) -> dict[str, Structure]:
    """Return the structure of every system, repeated as the config says, by its name.

    Raises
    ------
    ConfigError
        If a structure file is missing, cannot be read, or is not an ordered three-dimensional crystal, or if the
        repeated cell is too large.
    """
    systems: dict[str, Structure] = {}
    for i in range(len(loaded.config.systems)):
        systems |= read_system(loaded, i, known=systems)
    return systems


def read_system(loaded: LoadedConfig, i: int, known: Container[str] = ()) -> dict[str, Structure]:
    """Return what one system of the config, by its place, gives by name: several orderings if it is disordered.

    Names that are known already are refused; see `read_systems`.
    """
    if is_disordered(loaded, i):
        return _ordered(loaded, i, known)
    system = loaded.config.systems[i]
    atoms = _read(loaded, ("systems", i, "structure"), system.structure).atoms
    _refuse_large(loaded, i, system, len(atoms))
    return {system.name: Structure.from_atoms(atoms.repeat(system.repeat))}


def compositions_of(loaded: LoadedConfig) -> dict[str, str]:
    """Return the composition of every system of the campaign, by its name; a system without orderings is its own.

    Raises
    ------
    ConfigError
        As `read_systems`.
    """
    found: dict[str, str] = {}
    for i in range(len(loaded.config.systems)):
        found |= _compositions(loaded, i)
    return found


def _compositions(loaded: LoadedConfig, i: int) -> dict[str, str]:
    if is_disordered(loaded, i):
        return {made.name: made.composition for made in ordered_systems(loaded, i)}
    name = loaded.config.systems[i].name
    return {name: name}


def shared_names(loaded: LoadedConfig, besides: Container[str] = ()) -> Iterator[Finding]:
    """Yield systems whose name is that of another, or of a composition which is not theirs.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    besides : container of str
        Names that are passed over.
    """
    seen = set[str]()
    for i in range(len(loaded.config.systems)):
        own = _compositions(loaded, i)
        names = {*own, *own.values()}
        for name in sorted(name for name in names & seen if name not in besides):
            yield ("systems", i, "name"), f"`{name}` names two systems or compositions; every name must be its own"
        seen |= names


def read_crystal(loaded: LoadedConfig, key: KeyPath, name: str) -> Structure:
    """Return the structure of a file that a key of the config names.

    Raises
    ------
    ConfigError
        If it is missing, cannot be read, or is not an ordered three-dimensional crystal beyond doubt.
    """
    reading = _read(loaded, key, name)
    for doubt in reading.doubts:
        raise loaded.error(key, f"`{name}` {doubt}")
    return Structure.from_atoms(reading.atoms)


def find_in_systems(loaded: LoadedConfig) -> Iterator[Finding]:
    """Yield what keeps structures that can be read from being used: a doubt about the crystal, too few atoms."""
    # Names that the config itself gives twice are a finding of their own.
    given = Counter(system.name for system in loaded.config.systems)
    yield from shared_names(loaded, besides=[name for name, times in given.items() if times > 1])
    for i, system in enumerate(loaded.config.systems):
        key: KeyPath = ("systems", i, "structure")
        if is_disordered(loaded, i):
            yield from ((key, f"`{system.structure}` {doubt}") for doubt in doubts_about_disorder(loaded, i))
            for made in ordered_systems(loaded, i):
                yield from _short_cutoff(loaded, made.name, made.structure.to_atoms())
            continue
        reading = _read(loaded, key, system.structure)
        for doubt in reading.doubts:
            yield key, f"`{system.structure}` {doubt}"
        atoms = reading.atoms.repeat(system.repeat)
        if len(atoms) < 2:
            what = f"`{system.name}` has one atom, and molecular dynamics need at least two"
            yield (
                (("systems", i, "repeat") if system.repeat != (1, 1, 1) else key),
                f"{what}; repeat the cell, for instance `repeat: [2, 2, 2]`",
            )
        elif not reading.doubts:
            yield from _short_cutoff(loaded, system.name, atoms)


def notes_on_systems(loaded: LoadedConfig) -> Iterator[str]:
    """Yield what of the structure files is not used, and contacts that are unusually short."""
    for i, system in enumerate(loaded.config.systems):
        if is_disordered(loaded, i):
            yield from (f"{system.name} (`{system.structure}`): {note}" for note in notes_about_disorder(loaded, i))
            continue
        reading = _read(loaded, ("systems", i, "structure"), system.structure)
        for note in reading.notes:
            yield f"{system.name} (`{system.structure}`): {note}"
        contact, one, other, distance_A = closest_contact(reading.atoms)
        if contact < _SUSPICIOUS_CONTACT:
            what = f"{one} and {other} are {distance_A:.2f} Å apart, {contact:.2f} of the sum of their covalent radii"
            yield f"{system.name} (`{system.structure}`): {what}; were partial occupancies lost, or sites doubled?"


def with_all_systems(loaded: LoadedConfig, names: Iterable[str] | None = None) -> CampaignConfig:
    """Return the config with a system for every one that a campaign has: those that are ordered are counted each.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    names : iterable of str or None
        Names of the campaign's systems, if they are known; None: the structures are read.

    Raises
    ------
    ConfigError
        As `read_systems`.
    """
    names = tuple(read_systems(loaded) if names is None else names)
    if names == tuple(system.name for system in loaded.config.systems):
        return loaded.config
    named = tuple(SystemConfig.model_construct(name=name, structure=name) for name in names)
    return loaded.config.model_copy(update={"systems": named})


def place_of_system(loaded: LoadedConfig, name: str) -> int:
    """Return which system of the config, from 0, a system of the campaign was made of."""
    names = [system.name for system in loaded.config.systems]
    if name in names:
        return names.index(name)
    return max(range(len(names)), key=lambda i: len(names[i]) if name.startswith(f"{names[i]}-") else -1)


def ordered_systems(loaded: LoadedConfig, i: int) -> tuple[MadeSystem, ...]:
    """Return the ordered cells of a system that is disordered, with how they were made.

    Raises
    ------
    ConfigError
        If it cannot be read or ordered.
    """
    key, name = ("systems", i, "structure"), loaded.config.systems[i].structure
    problem = file_problem(loaded.resolve(name), name)
    if problem:
        raise loaded.error(key, problem)
    return made_systems(loaded, i, lambda: _read(loaded, key, name).atoms)


def _ordered(loaded: LoadedConfig, i: int, known: Container[str]) -> dict[str, Structure]:
    """Return the ordered cells of a system; short contacts and names that are taken are refused."""
    found = {}
    for made in ordered_systems(loaded, i):
        if made.name in known or made.name in found:
            raise loaded.error(("systems", i, "name"), f"`{made.name}` names two systems; every name must be its own")
        contact = min_contact(made.structure.to_atoms())
        if contact < loaded.config.label.min_contact:
            what = f"the ordered cell `{made.name}` {_overlap(contact, loaded.config.label.min_contact)}"
            raise loaded.error(("systems", i, "structure"), what)
        found[made.name] = made.structure
    return found


def file_problem(path: Path, name: str) -> str | None:
    """Return what keeps a file named in a config from being read, or None."""
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    if "://" in name:
        return f"`{name}` is an address; fetch what is there, and name the file"
    try:
        if path.is_dir():
            return f"`{name}` is a folder; name a file in it"
        if not path.exists():
            return f"no such file: `{name}`" + ("" if str(path) == name else f" (looked for {path})")
        if not path.is_file():
            return f"`{name}` is not a regular file"
        with path.open("rb"):
            return None
    except OSError as error:
        return f"`{name}` cannot be read ({error.strerror}); check its name and permissions"


def signature(path: Path) -> tuple[Path, int, int, int]:
    """Return what changes when a file does."""
    found = path.stat()
    return path, found.st_ino, found.st_size, found.st_mtime_ns


def _read(loaded: LoadedConfig, key: KeyPath, name: str) -> Reading:
    path = loaded.resolve(name)
    problem = file_problem(path, name)
    if problem:
        raise loaded.error(key, problem)
    try:
        readings = _readings(signature(path))
    except StructureFileError as error:
        raise loaded.error(key, f"`{name}` {error}") from error
    if len(readings) != 1:
        raise loaded.error(key, f"`{name}` holds {len(readings)} frames; name a file with exactly one")
    atoms = readings[0].atoms
    for problem in _problems(atoms):
        raise loaded.error(key, f"`{name}` {problem}")
    contact = min_contact(atoms)
    if contact < loaded.config.label.min_contact:
        raise loaded.error(key, f"`{name}` {_overlap(contact, loaded.config.label.min_contact)}")
    return readings[0]


@lru_cache(maxsize=64)
def _readings(file: tuple[Path, int, int, int]) -> tuple[Reading, ...]:
    return tuple(read_structures(file[0]))


def _refuse_large(loaded: LoadedConfig, i: int, system: SystemConfig, atoms: int) -> None:
    many = atoms * math.prod(system.repeat)
    if many <= MOST_ATOMS:
        return
    key: KeyPath = ("systems", i, "repeat" if atoms <= MOST_ATOMS else "structure")
    cell = " × ".join(str(n) for n in system.repeat)
    what = f"{cell} cells of {atoms} atoms are {many} atoms"
    raise loaded.error(key, f"{what}; alloop takes up to {MOST_ATOMS}, and DFT a few hundred")


def _problems(atoms: Atoms) -> Iterator[str]:
    """Yield why a structure is not an ordered crystal, the simplest reason first."""
    if not len(atoms):
        yield "holds no atoms"
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        yield "holds positions or cell vectors that are not finite numbers"
    if max(np.abs(atoms.cell.array).max(), np.abs(atoms.positions).max() / 1e3) > LONGEST_A:
        yield f"has a cell or positions of more than {LONGEST_A:g} Å; are the units Å?"
    if not all_elements(atoms):
        yield "holds atoms without an element (`X`); name every element"
    if partly_occupied(atoms):
        yield "has partially occupied sites; order them first, so that every site holds one atom"
    if atoms.cell.rank == 0:
        yield 'has no unit cell; give a periodic structure (in extxyz: Lattice="…")'
    if atoms.cell.rank < 3 or abs(atoms.cell.volume) < _SMALLEST_VOLUME_A3:
        yield f"has a unit cell of {abs(atoms.cell.volume):.3g} Å³; give three independent cell vectors in Å"
    if thickness(atoms) <= THINNEST_A:
        yield f"has a unit cell {thickness(atoms):.2g} Å thick; give its shortest cell vectors, in Å"
    if not atoms.pbc.all():
        axes = ", ".join("abc"[i] for i in np.flatnonzero(~atoms.pbc))
        yield f"is not periodic along {axes}; alloop needs a crystal, periodic along a, b and c"


def _overlap(contact: float, least: float) -> str:
    return (
        f"has atoms {contact:.2f} covalent-radius sums apart, and label.min_contact refuses below {least:g}; "
        "are the units Å and no site doubled?"
    )


def _short_cutoff(loaded: LoadedConfig, name: str, atoms: Atoms) -> Iterator[Finding]:
    """Yield a cutoff of a model from scratch within which some atom of a system sees no other."""
    potential = loaded.config.potential
    cutoff_A = potential.architecture.cutoff_A
    if potential.foundation is not None or math.isfinite(widest_gap(atoms, cutoff_A)):
        return
    gap_A = widest_gap(atoms, _FAR_A)
    apart = f"the nearest neighbour of an atom of `{name}` is {gap_A:.3g} Å away"
    if math.isinf(gap_A):
        apart = f"an atom of `{name}` has no neighbour within {_FAR_A:g} Å"
    what = f"{apart}, and models of this cutoff ({cutoff_A:g} Å) do not see it"
    yield ("potential", "architecture", "cutoff_A"), f"{what}; 5 to 6 Å is usual (1 nm is 10 Å)"
