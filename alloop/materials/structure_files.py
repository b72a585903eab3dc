"""Read structure files, whatever program wrote them: ASE reads all formats but CIF."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from alloop.failures import first_line
from alloop.materials.cif.reading import read_cif
from alloop.materials.cif.tags import CifError
from alloop.materials.extxyz import FrameError, extxyz_frames
from alloop.materials.reading import Reading
from alloop.materials.text_files import has_mark, plain_suffix, read_text

MOST_ATOMS = 20_000
"""Atoms of the largest cell that is taken."""
LONGEST_A = 2_000.0
"""Longest cell vector that is taken."""
MOST_BYTES = 50_000_000
_LINES_BEFORE_COUNTS = 5
"""Of a POSCAR: a title, which may be a number, a scale and the cell."""
_FULL = 1e-3


class StructureFileError(ValueError):
    """A structure file that cannot be read; the message goes on after the name of the file, in one line."""


def read_structures(path: Path) -> list[Reading]:
    """Return every structure of a file, with what speaks against each and what of it is not used.

    Parameters
    ----------
    path : pathlib.Path
        A file in any format that ASE knows.

    Raises
    ------
    StructureFileError
        If it cannot be read, is too large, or says more atoms than it can hold.
    """
    content = _content(path)
    form = _format(path)
    if form is None or content is None:
        return [_judged(atoms, form or "") for atoms in _by_ase(path, None, form)]
    if form == "cif":
        try:
            return [Reading(r.atoms, r.doubts, (*r.notes, *unused(r.atoms))) for r in read_cif(content, MOST_ATOMS)]
        except CifError as error:
            raise StructureFileError(str(error)) from error
    if form in ("extxyz", "xyz"):
        _whole_frames(content)
    else:
        _refuse_claims(content, _LINES_BEFORE_COUNTS if form == "vasp" else 0)
    return [_judged(atoms, form, content) for atoms in _by_ase(path, content, form)]


def _content(path: Path) -> str | None:
    try:
        return read_text(path, MOST_BYTES)
    except OverflowError as error:
        raise StructureFileError(f"{error}; is it one structure?") from error
    except (OSError, EOFError, ValueError) as error:
        raise StructureFileError(f"cannot be unpacked ({first_line(error)}); is it whole?") from error


def _format(path: Path) -> str | None:
    """Return ASE's name of a file's format, or None if ASE does not know it."""
    from ase.io.formats import UnknownFileTypeError, filetype

    if plain_suffix(path) in (".cif", ".mcif"):
        return "cif"
    try:
        return str(filetype(str(path)))
    except (UnknownFileTypeError, OSError, UnicodeDecodeError):
        return None


def _refuse_claims(content: str, passed_over: int) -> None:
    """Refuse a file with a line of whole numbers that say more atoms than it has characters.

    Some lines at its beginning may hold such numbers that say something else.
    """
    for number, line in enumerate(content.split("\n")[passed_over:], start=passed_over + 1):
        words = line.split()
        if words and all(word.isdecimal() for word in words) and (many := max(map(_whole, words))) > len(content):
            raise StructureFileError(f"says {many} in line {number}, and is too short to hold as many atoms")


def _whole(word: str) -> int:
    return int(word) if len(word) < 20 else 10**20


def _whole_frames(content: str) -> None:
    try:
        extxyz_frames(content.split("\n"))
    except FrameError as error:
        raise StructureFileError(str(error)) from error


def _by_ase(path: Path, content: str | None, form: str | None) -> Sequence[Atoms]:
    from ase.io import read

    source = io.StringIO(content) if content is not None and has_mark(path) else str(path)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return list(read(source, index=":", format=form, do_not_split_by_at_sign=True))
    except Exception as error:  # a reader of ASE may raise anything
        raise StructureFileError(_words(error)) from error


def no_element(error: Exception) -> str:
    """Return which name is not that of an element, if that is why ASE cannot read a file; empty if it is not."""
    symbol = str(error.args[0]) if isinstance(error, KeyError) and error.args else ""
    if not re.fullmatch(r"[\w+-]{1,8}", symbol) or symbol in atomic_numbers:
        return ""
    if symbol in ("D", "T"):
        return f"names the isotope `{symbol}`; write H (alloop moves it with the mass of H)"
    return f"names `{symbol}`, which is not an element; write its symbol"


def _words(error: Exception) -> str:
    if why := no_element(error):
        return why
    what = f"cannot be read as a structure ({type(error).__name__}: {first_line(error)})"
    return f"{what}; is it cut off? Otherwise convert it to extxyz or CIF"


def _judged(atoms: Atoms, form: str, content: str = "") -> Reading:
    return Reading(atoms, tuple(_doubts(atoms, form, content)), tuple(unused(atoms)))


def _doubts(atoms: Atoms, form: str, content: str) -> Iterator[str]:
    if form == "proteindatabank" and (group := _pdb_group(content)) not in ("", "P 1", "P1"):
        what = f"names the space group `{group}` (CRYST1), and only the atoms it lists are read"
        yield f"{what}; write all atoms of the cell with `P 1`, or a CIF"
    if form == "res" and re.search(r"^(SYMM\b|LATT\s+(?!-1\b))", content, flags=re.MULTILINE | re.IGNORECASE):
        yield "gives symmetry (LATT, SYMM), and only the atoms it lists are read; convert it to CIF"
    if form == "res" and (site := _shelx_share(content)):
        yield f"has a partially occupied site ({site}); order it first, so that every site holds one atom"
    if form.startswith("lammps") and not re.search(r"^\s*Masses\b", content, flags=re.MULTILINE):
        yield "has types of atoms and no masses that tell their elements; convert it to extxyz"


def _shelx_share(content: str) -> str:
    """Return the first atom of a SHELX file whose occupancy is not 1; 11 means a fixed 1."""
    for line in content.split("\n"):
        words = line.split()
        if len(words) >= 6 and words[0][:1].isalpha() and words[1].isdecimal() and words[0].upper() != "CELL":
            try:
                share = float(words[5]) % 10
            except ValueError:
                continue
            if abs(share - 1.0) > _FULL:
                return f"`{words[0]}`: {words[5]}"
    return ""


def _pdb_group(content: str) -> str:
    line = next((line for line in content.split("\n") if line.startswith("CRYST1")), "")
    return " ".join(line[55:66].split())


def all_elements(atoms: Atoms) -> bool:
    """Return whether every atom has the number of an element: dummies have 0, and damaged files any other."""
    return bool(((atoms.numbers > 0) & (atoms.numbers < len(atomic_masses))).all())


def partly_occupied(atoms: Atoms) -> bool:
    """Return whether a structure has sites that hold several species, or one not always."""
    sites = atoms.info.get("occupancy")
    if isinstance(sites, dict) and any(_mixed(site) for site in sites.values()):
        return True
    return any(_not_full(atoms.arrays[name]) for name in ("occupancy", "occupancies", "occ") if name in atoms.arrays)


def _mixed(site: object) -> bool:
    if not isinstance(site, dict):
        return False
    shares = [share for share in site.values() if isinstance(share, int | float)]
    return len(site) > 1 or (bool(shares) and abs(sum(shares) - 1.0) > _FULL)


def _not_full(values: np.ndarray) -> bool:
    return values.dtype.kind in "fiu" and bool((np.abs(values - 1.0) > _FULL).any())


def unused(atoms: Atoms) -> Iterator[str]:
    """Yield what a structure carries that alloop does not use, in one line each."""
    if atoms.constraints:
        yield "its constraints (fixed atoms, selective dynamics) are not used: all atoms move"
    if np.any(atoms.get_initial_magnetic_moments()):
        yield "its magnetic moments are not used: `label.spin` and `label.magmoms` set them, by element"
    if atoms.has("masses") and (moved := _other_masses(atoms)):
        yield f"its masses ({moved}) are not used: atoms move with the standard masses of their elements"
    if np.any(atoms.get_initial_charges()):
        yield "its atomic charges are not used"
    if np.any(atoms.get_momenta()):
        yield "its velocities are not used"
    charge = atoms.info.get("charge", atoms.info.get("total_charge"))
    if isinstance(charge, int | float | np.number) and charge:
        yield f"its charge ({charge:g}) is not used: `label.charge` sets it"


def _other_masses(atoms: Atoms) -> str:
    standard = atomic_masses[atoms.numbers]
    other = np.abs(atoms.get_masses() - standard) > 0.02 * standard
    found = {(str(atoms.symbols[i]), float(atoms.get_masses()[i])) for i in np.flatnonzero(other)}
    return ", ".join(f"{symbol} {mass:.4g} u" for symbol, mass in sorted(found)[:3])
