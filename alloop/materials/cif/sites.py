"""The sites of a CIF: their elements, coordinates and occupancies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.cell import Cell
from numpy.typing import NDArray

from alloop.materials.cif.claims import FORMULA
from alloop.materials.cif.tags import UNKNOWN, Block, CifError, element_of, element_of_label, formula_of, number

LENGTHS = ("_cell_length_a", "_cell_length_b", "_cell_length_c")
ANGLES = ("_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")
FRACTIONAL = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
CARTESIAN = ("_atom_site_cartn_x", "_atom_site_cartn_y", "_atom_site_cartn_z")
HYDROGEN, FLAG = "_atom_site_attached_hydrogens", "_atom_site_calc_flag"
LABEL, TYPE, OCCUPANCY = "_atom_site_label", "_atom_site_type_symbol", "_atom_site_occupancy"
_FULL = 1e-3
"""How far the occupancy of a site that always holds its atom may be from 1."""
_FLAT = 1e-6
"""Share of the volume of a right-angled cell below which a cell has none."""
_FARTHEST = 1e4
"""Cells that an atom may be away from the one at the origin, as after a long run that was never wrapped."""
_REFUSED = {
    "_space_group_symop_magn": "gives a magnetic space group (`{tag}`); list the operations of the crystal alone",
    "_cell_modulation": "is modulated (`{tag}`): no cell repeats; give a commensurate supercell",
    "_space_group_ssg": "is modulated (`{tag}`): no cell repeats; give a commensurate supercell",
    "_cell_wave_vector": "is modulated (`{tag}`): no cell repeats; give a commensurate supercell",
    "_cell_subsystem": "is a composite of several lattices (`{tag}`); give a commensurate supercell",
}


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites that a block lists.

    Attributes
    ----------
    labels, symbols : tuple of str
        What the file calls them, and their elements; isotopes are hydrogen.
    fractional : ndarray, shape (sites, 3)
        Coordinates.
    cell : ase.cell.Cell
        Unit cell (Å).
    shares : tuple of float
        Occupancies.
    notes : tuple of str
        What was read otherwise than it is written.
    """

    labels: tuple[str, ...]
    symbols: tuple[str, ...]
    fractional: NDArray[np.float64]
    cell: Cell
    shares: tuple[float, ...]
    notes: tuple[str, ...]


def sites_of(block: Block) -> Sites:
    """Return the sites of a block.

    Raises
    ------
    CifError
        If they are not the whole crystal, or one of its values cannot be read.
    """
    refuse_others(block)
    cell = _cell(block)
    labels, symbols = _elements(block)
    shares, unknown = _occupancies(block, labels)
    notes = [*_isotopes(labels, symbols), *_guesses(block, labels, symbols), *unknown]
    return Sites(
        labels=labels,
        symbols=tuple("H" if symbol in ("D", "T") else symbol for symbol in symbols),
        fractional=_coordinates(block, labels, cell),
        cell=cell,
        shares=shares,
        notes=tuple(notes),
    )


def refuse_others(block: Block) -> None:
    """Refuse a block whose sites are not the whole crystal, or are none.

    Raises
    ------
    CifError
        Naming the tag that says so.
    """
    for start, words in _REFUSED.items():
        if tag := block.has(start):
            raise CifError(words.format(tag=block.written(tag)))
    labels = block.column(LABEL, TYPE) or []
    for label, value in zip(labels, block.column(HYDROGEN) or [], strict=False):
        if value not in (*UNKNOWN, "0"):
            raise CifError(f"has {value} hydrogen at `{label}` without a position (`{HYDROGEN}`); list its sites")
    for label, value in zip(labels, block.column(FLAG) or [], strict=False):
        if value.lower() == "dum":
            raise CifError(f"has a dummy site `{label}` (`{FLAG}` is `dum`); delete it")


def refuse_disorder(block: Block, sites: Sites) -> None:
    """Refuse sites that do not hold one atom each.

    Raises
    ------
    CifError
        Naming the tag that says so, or saying that they are partially occupied.
    """
    groups = {value for value in block.column("_atom_site_disorder_group") or [] if value not in (*UNKNOWN, "0")}
    if len(groups) > 1:
        raise CifError("has sites that exclude each other (`_atom_site_disorder_group`); keep one group of them")
    if any(abs(share - 1.0) > _FULL for share in sites.shares):
        raise CifError("has partially occupied sites; order them first, so that every site holds one atom")


def _cell(block: Block) -> Cell:
    missing = next((tag for tag in (*LENGTHS, *ANGLES) if not block.text(tag)), "")
    if missing:
        raise CifError(f"has no unit cell: it gives no `{missing}`")
    values = [number(block.text(tag), f"`{tag}`") for tag in (*LENGTHS, *ANGLES)]
    if max(values[3:]) < 4.0:
        raise CifError(f"gives `{ANGLES[0]}` as {values[3]:g}; angles are in degrees")
    with np.errstate(all="ignore"):
        cell = Cell.new(values)
    if not np.isfinite(cell.array).all() or min(values[:3]) <= 0 or not cell.volume > _FLAT * np.prod(values[:3]):
        raise CifError(f"gives lengths and angles that make no cell ({', '.join(f'{value:g}' for value in values)})")
    return cell


def _elements(block: Block) -> tuple[tuple[str, ...], tuple[str, ...]]:
    labels, types = block.column(LABEL), block.column(TYPE)
    names = labels if labels is not None else types
    if not names:
        raise CifError(f"lists no sites (`{LABEL}` or `{TYPE}`)")
    present = list(formula_of(block.text(FORMULA)))
    symbols = []
    for i, label in enumerate(names):
        typed = types[i].strip() if types is not None and i < len(types) else "?"
        symbol = element_of(typed, present) if typed not in UNKNOWN else element_of_label(label, present)
        if symbol is None:
            raise CifError(_nameless(label, typed))
        symbols.append(symbol)
    return tuple(names), tuple(symbols)


def _nameless(label: str, typed: str) -> str:
    if typed not in UNKNOWN:
        return f"gives the site `{label}` the type `{typed}` (`{TYPE}`), which is not an element; name one"
    return f"has a site `{label}` whose label does not say which element it is; add a column `{TYPE}`"


def _isotopes(labels: tuple[str, ...], symbols: tuple[str, ...]) -> Iterator[str]:
    found = {symbol for symbol in symbols if symbol in ("D", "T")}
    if found:
        names = ", ".join(f"`{label}`" for label, symbol in zip(labels, symbols, strict=True) if symbol in found)
        yield f"{' and '.join(sorted(found))} ({names}) is read as H and moves with the mass of H"


def _guesses(block: Block, labels: tuple[str, ...], symbols: tuple[str, ...]) -> Iterator[str]:
    """Yield labels with more letters than the element that they are read as, where no column gives the elements."""
    if block.column(TYPE) is None:
        for label, symbol in zip(labels, symbols, strict=True):
            if re.match(r"[A-Za-z]*", label).group().capitalize() != symbol:  # type: ignore[union-attr]
                yield f"the site `{label}` is read as {symbol}; a column `{TYPE}` would say it"


def _occupancies(block: Block, labels: tuple[str, ...]) -> tuple[tuple[float, ...], list[str]]:
    """Return the occupancies, and which of them count as full because they are not given."""
    texts = block.column(OCCUPANCY) or ["1"] * len(labels)
    shares, unknown = [], []
    for label, text in zip(labels, texts, strict=False):
        given = text.strip() not in UNKNOWN
        value = number(text, f"the occupancy of `{label}` (`{OCCUPANCY}`)") if given else 1.0
        if value > 1.05 or value < 0:
            raise CifError(f"gives `{label}` the occupancy {value:g} (`{OCCUPANCY}`); it is between 0 and 1")
        shares.append(value)
        unknown += [] if given else [f"`{label}`"]
    told = [f"the occupancy of {', '.join(unknown)} is not given and counts as full"] if unknown else []
    return tuple(shares), told


def _coordinates(block: Block, labels: tuple[str, ...], cell: Cell) -> NDArray[np.float64]:
    tags = FRACTIONAL if all(tag in block.tags for tag in FRACTIONAL) else CARTESIAN
    columns = [block.column(tag) for tag in tags]
    if any(column is None or len(column) != len(labels) for column in columns):
        raise CifError(f"gives no coordinates (`{FRACTIONAL[0]}` …) for its sites")
    values = np.array(
        [
            [number(text, f"`{tag}` of `{label}`") for label, text in zip(labels, column or [], strict=True)]
            for tag, column in zip(tags, columns, strict=True)
        ]
    ).T
    fractional = values if tags is FRACTIONAL else np.asarray(cell.scaled_positions(values), dtype=float)
    if (far := np.abs(fractional).max(axis=1)).max() > _FARTHEST:
        label = labels[int(far.argmax())]
        raise CifError(f"puts `{label}` {far.max():.3g} cells away (`{tags[0]}` …); correct its coordinates")
    return fractional
