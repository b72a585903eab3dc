"""Read and check the labelled frames that a config imports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from alloop.checks.structures import file_problem, read_frames
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.science import DataConfig
from alloop.config.suggestions import did_you_mean


@dataclass(frozen=True)
class Brought:
    """Labels from other campaigns: how many count as training labels, and the atomic numbers in all of them."""

    labels: int = 0
    numbers: frozenset[int] = frozenset()


NOTHING = Brought()


def read_initial_data(loaded: LoadedConfig) -> dict[str, list[Atoms]]:
    """Return the frames of every file in ``data.initial``, by the name the config gives it.

    Raises
    ------
    ConfigError
        If a file is missing or cannot be read, or a frame lacks a finite energy (eV) or forces (eV/Å) of its shape.
    """
    return {name: _read(loaded, ("data", "initial", i), name) for i, name in enumerate(loaded.config.data.initial)}


def _read(loaded: LoadedConfig, key: KeyPath, name: str) -> list[Atoms]:
    path = loaded.resolve(name)
    problem = file_problem(path, name)
    if problem:
        raise loaded.error(key, problem)
    frames = read_frames(loaded, key, path, name, "extxyz")
    if not frames:
        raise loaded.error(key, f"`{name}` holds no frame")
    for number, atoms in enumerate(frames, start=1):
        for blamed, what in _frame_problems(atoms, loaded.config.data):
            raise loaded.error(("data", blamed) if blamed else key, f"frame {number} of `{name}` {what}")
    return frames


def _frame_problems(atoms: Atoms, data: DataConfig) -> Iterator[tuple[str, str]]:
    """Yield the key to blame (empty: the file) and what is wrong with a frame."""
    if not len(atoms) or atoms.cell.rank < 3 or not atoms.pbc.all():
        yield "", 'is not periodic in three dimensions; give frames with a Lattice and pbc="T T T"'
    yield from _quantity("energy_key", "energy", data.energy_key, atoms.info, ((),))
    yield from _quantity("forces_key", "forces", data.forces_key, atoms.arrays, ((len(atoms), 3),))
    if data.stress_key in atoms.info:
        yield from _quantity("stress_key", "stress", data.stress_key, atoms.info, ((6,), (9,), (3, 3)))


def _quantity(
    blamed: str, what: str, key: str, home: dict[str, object], shapes: tuple[tuple[int, ...], ...]
) -> Iterator[tuple[str, str]]:
    if key not in home:
        nearest = did_you_mean(key, home) or next((k for k in home if what in k.lower()), None)
        yield blamed, f"has no {what} under `{key}`" + (f"; did you mean `{nearest}`?" if nearest else _listing(home))
        return
    try:
        value = np.asarray(home[key], dtype=float)
    except (TypeError, ValueError):
        yield blamed, f"has a `{key}` that is not a number"
        return
    if value.shape not in shapes:
        yield blamed, f"has a `{key}` of shape {value.shape}; expected {' or '.join(str(shape) for shape in shapes)}"
    elif not np.isfinite(value).all():
        yield "", f"has a `{key}` that is not finite; remove the frame"


def _listing(home: dict[str, object]) -> str:
    names = [key for key in home if key not in ("numbers", "positions")]
    return f"; it holds {', '.join(f'`{name}`' for name in names)}" if names else "; it holds no other data"
