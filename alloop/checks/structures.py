"""Read the structure files of a config, and refuse those that a campaign cannot use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms

from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.failures import first_line
from alloop.materials.contacts import min_contact
from alloop.materials.structure import Structure

_SMALLEST_VOLUME_A3 = 1.0


def read_systems(loaded: LoadedConfig) -> dict[str, Structure]:
    """Return the structure of every system, repeated as the config says, by its name.

    Raises
    ------
    ConfigError
        If a structure file is missing, cannot be read, or is not an ordered three-dimensional crystal.
    """
    systems = {}
    for i, system in enumerate(loaded.config.systems):
        atoms = _read(loaded, ("systems", i, "structure"), system.structure)
        systems[system.name] = Structure.from_atoms(atoms.repeat(system.repeat))
    return systems


def file_problem(path: Path, name: str) -> str | None:
    """Return what keeps a file named in a config from being read, or None."""
    if path.is_dir():
        return f"`{name}` is a folder; name a file in it"
    if not path.exists():
        return f"no such file: `{name}` (looked for {path})"
    if not path.is_file():
        return f"`{name}` is not a regular file"
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return f"`{name}` cannot be read ({error.strerror}); check its permissions"


def _read(loaded: LoadedConfig, key: KeyPath, name: str) -> Atoms:
    path = loaded.resolve(name)
    problem = file_problem(path, name)
    if problem:
        raise loaded.error(key, problem)
    atoms = _only_frame(loaded, key, path, name)
    for problem in _problems(atoms):
        raise loaded.error(key, f"`{name}` {problem}")
    contact = min_contact(atoms)
    if contact < loaded.config.label.min_contact:
        raise loaded.error(key, f"`{name}` {_overlap(contact, loaded.config.label.min_contact)}")
    return atoms


def _only_frame(loaded: LoadedConfig, key: KeyPath, path: Path, name: str) -> Atoms:
    frames = read_frames(loaded, key, path, name)
    if len(frames) != 1:
        raise loaded.error(key, f"`{name}` holds {len(frames)} frames; name a file with exactly one")
    return frames[0]


def read_frames(loaded: LoadedConfig, key: KeyPath, path: Path, name: str, form: str | None = None) -> list[Atoms]:
    """Return every frame of a file, whatever ASE attached to a calculator back in `info` and `arrays`.

    Parameters
    ----------
    loaded : LoadedConfig
        The config that names the file.
    key : tuple
        Where it names it.
    path : pathlib.Path
        The file.
    name : str
        How the config writes it.
    form : str or None
        ASE's name of the format; None to find it out.

    Raises
    ------
    ConfigError
        If ASE cannot read it.
    """
    from ase.io import read

    try:
        frames = read(str(path), index=":", format=form, do_not_split_by_at_sign=True)
    except Exception as error:  # a reader of ASE may raise anything
        what = f"`{name}` cannot be read as {form or 'a structure'} ({type(error).__name__}: {first_line(error)})"
        raise loaded.error(key, f"{what}; convert it to extxyz or CIF") from error
    return [_with_results(atoms) for atoms in frames]


def _with_results(atoms: Atoms) -> Atoms:
    """ASE takes keys such as ``energy`` and ``forces`` out of a frame and into a calculator; put them back."""
    for key, value in (atoms.calc.results if atoms.calc is not None else {}).items():
        per_atom = np.shape(value)[:1] == (len(atoms),) and key not in ("energy", "free_energy", "stress")
        home = atoms.arrays if per_atom else atoms.info
        home.setdefault(key, value)
    return atoms


def _problems(atoms: Atoms) -> Iterator[str]:
    """Yield why a structure is not an ordered crystal, the simplest reason first."""
    if not len(atoms):
        yield "holds no atoms"
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        yield "holds positions or cell vectors that are not finite numbers"
    if (atoms.numbers < 1).any():
        yield "holds atoms without an element (`X`); name every element"
    if _partially_occupied(atoms):
        yield "has partially occupied sites; order them first, so that every site holds one atom"
    if atoms.cell.rank == 0:
        yield 'has no unit cell; give a periodic structure (in extxyz: Lattice="…")'
    if atoms.cell.rank < 3 or abs(atoms.cell.volume) < _SMALLEST_VOLUME_A3:
        yield f"has a unit cell of {abs(atoms.cell.volume):.3g} Å³; give three independent cell vectors in Å"
    if not atoms.pbc.all():
        axes = ", ".join("abc"[i] for i in np.flatnonzero(~atoms.pbc))
        yield f"is not periodic along {axes}; alloop needs a crystal, periodic along a, b and c"


def _partially_occupied(atoms: Atoms) -> bool:
    sites = atoms.info.get("occupancy") or {}
    return any(len(site) > 1 or abs(sum(site.values()) - 1.0) > 1e-3 for site in sites.values())


def _overlap(contact: float, least: float) -> str:
    return (
        f"has atoms {contact:.2f} covalent-radius sums apart, and label.min_contact refuses below {least:g}; "
        "are the units Å and no site doubled?"
    )
