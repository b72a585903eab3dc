"""Read the files of labelled frames that a config names."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from ase import Atoms

from alloop.checks.labelled_frames import LabelledFrame, is_isolated, limits_of
from alloop.checks.structures import file_problem, signature
from alloop.config.errors import KeyPath
from alloop.config.loading import LoadedConfig
from alloop.config.science import DataConfig
from alloop.config.suggestions import did_you_mean
from alloop.failures import first_line
from alloop.materials.extxyz import FrameError, check_rows, extxyz_frames
from alloop.materials.structure_files import no_element
from alloop.materials.text_files import read_text

_MOST_BYTES = 4_000_000_000


class _NoLabelError(Exception):
    """A frame without a whole label: the key of `data` to blame (empty: the file), its place, and what is wrong."""

    def __init__(self, blamed: str, place: int, what: str) -> None:
        super().__init__(blamed, place, what)
        self.blamed, self.place, self.what = blamed, place, what


def read_labels(loaded: LoadedConfig, i: int) -> tuple[tuple[LabelledFrame, ...], tuple[LabelledFrame, ...]]:
    """Return the labelled frames of a file in ``data.initial``, and apart from them those in which atoms are alone.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    i : int
        Place of the file in the list.

    Raises
    ------
    ConfigError
        If the file is missing or cannot be read, or a frame lacks a finite energy (eV) or forces (eV/Å) of its shape.
    """
    data, key = loaded.config.data, ("data", "initial", i)
    name = data.initial[i]
    path = loaded.resolve(name)
    problem = file_problem(path, name)
    if problem:
        raise loaded.error(key, problem)
    try:
        frames = _labels_of(signature(path), data, limits_of(loaded.config).cutoff_A)
    except FrameError as error:
        raise loaded.error(key, f"`{name}` {error}") from error
    except _NoLabelError as error:
        blamed: KeyPath = ("data", error.blamed) if error.blamed else key
        raise loaded.error(blamed, f"frame {error.place} of `{name}` {error.what}") from error
    if not any(frames):
        raise loaded.error(key, f"`{name}` holds no frame")
    return frames


@lru_cache(maxsize=16)
def _labels_of(
    file: tuple[Path, int, int, int], data: DataConfig, cutoff_A: float
) -> tuple[tuple[LabelledFrame, ...], tuple[LabelledFrame, ...]]:
    labels, alone = [], []
    for place, atoms in enumerate(_frames_of(file[0]), start=1):
        if is_isolated(atoms, cutoff_A):
            alone.append(LabelledFrame(place, atoms, _energy(atoms, data), np.zeros((len(atoms), 3))))
            continue
        for blamed, what in _frame_problems(atoms, data):
            raise _NoLabelError(blamed, place, what)
        labels.append(_labelled(place, atoms, data))
    return tuple(labels), tuple(alone)


def _energy(atoms: Atoms, data: DataConfig) -> float:
    """Return the energy (eV) of a frame that need not have one; NaN without."""
    try:
        return float(atoms.info[data.energy_key])
    except (KeyError, TypeError, ValueError):
        return math.nan


def _labelled(place: int, atoms: Atoms, data: DataConfig) -> LabelledFrame:
    stress = atoms.info.get(data.stress_key)
    return LabelledFrame(
        number=place,
        atoms=atoms,
        energy_eV=float(atoms.info[data.energy_key]),
        forces_eV_per_A=np.asarray(atoms.arrays[data.forces_key], dtype=float),
        stress_eV_per_A3=None if stress is None else _matrix(np.asarray(stress, dtype=float)),
    )


def _matrix(stress: np.ndarray) -> np.ndarray:
    if stress.size == 9:
        return stress.reshape(3, 3)
    xx, yy, zz, yz, xz, xy = stress.reshape(6)
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _frames_of(path: Path) -> list[Atoms]:
    """Return the frames of an extxyz file, whatever ASE attached to a calculator back in `info` and `arrays`."""
    from ase.io import read

    try:
        text = read_text(path, _MOST_BYTES)
    except (OSError, EOFError, ValueError, OverflowError) as error:
        raise FrameError(f"cannot be read as extxyz ({first_line(error)})") from error
    if text is None:
        raise FrameError("cannot be read as extxyz: it is no text")
    lines = text.split("\n")
    begins = extxyz_frames(lines)
    try:
        return [_with_results(atoms) for atoms in read(io.StringIO(text), index=":", format="extxyz")]
    except Exception as error:  # ASE's reader may raise anything
        raise FrameError(_blame(lines, begins, error)) from error


def _blame(lines: Sequence[str], begins: Sequence[int], error: Exception) -> str:
    """Return which frame ASE cannot read, and why."""
    from ase.io import read

    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(lines) + 1], strict=True), start=1):
        try:
            read(io.StringIO("\n".join(lines[begin - 1 : end - 1])), index=0, format="extxyz")
        except Exception as fault:
            if why := no_element(fault):
                return f"cannot be used: frame {number} (line {begin}) {why}"
            why = check_rows(lines, begin) or f"{type(fault).__name__}: {first_line(fault)}"
            what = f"cannot be read: frame {number} (line {begin}) is not whole or not extxyz ({why})"
            return f"{what}; mend or delete it"
    return f"cannot be read as extxyz ({type(error).__name__}: {first_line(error)})"


def _with_results(atoms: Atoms) -> Atoms:
    """ASE takes keys such as ``energy`` and ``forces`` out of a frame and into a calculator; put them back."""
    for key, value in (atoms.calc.results if atoms.calc is not None else {}).items():
        per_atom = np.shape(value)[:1] == (len(atoms),) and key not in ("energy", "free_energy", "stress")
        home = atoms.arrays if per_atom else atoms.info
        home.setdefault(key, value)
    return atoms


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
        value = None
    if value is None or np.asarray(home[key]).dtype.kind == "b":
        yield blamed, f"has a `{key}` that is not a number"
        return
    if value.shape not in shapes:
        yield blamed, f"has a `{key}` of shape {value.shape}; expected {' or '.join(str(shape) for shape in shapes)}"
    elif not np.isfinite(value).all():
        yield "", f"has a `{key}` that is not finite; remove the frame"


def _listing(home: dict[str, object]) -> str:
    names = [key for key in home if key not in ("numbers", "positions")]
    return f"; it holds {', '.join(f'`{name}`' for name in names)}" if names else "; it holds no other data"
