"""Read CIFs whose sites may hold several species.

pymatgen makes the crystal, and the atoms that `read_block` finds tell whether it is the one that the file means. What
pymatgen reads otherwise it reads again in plain words: the sites with elements and occupancies, and every operation.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alloop.failures import first_line
from alloop.materials.cif.reading import Found, read_block
from alloop.materials.cif.sites import LABEL, TYPE
from alloop.materials.cif.tags import Block, CifError, blocks_of, element_of, number
from alloop.materials.orderings.crystal import VACANCY, Crystal, OrderingError, from_pymatgen
from alloop.materials.structure_files import MOST_ATOMS, MOST_BYTES
from alloop.materials.text_files import read_text

_STATES = ("_atom_type_symbol", "_atom_type_oxidation_number")
_CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
_SAME_A = 0.1


def from_cif(path: Path) -> Crystal:
    """Return the crystal of a CIF, with its partial occupancies, labels and oxidation states.

    Raises
    ------
    OrderingError
        If it cannot be read.
    """
    try:
        text = read_text(path, MOST_BYTES) or ""
        block = _block(text)
        found = read_block(block, MOST_ATOMS)
    except (CifError, OSError, EOFError, OverflowError) as error:
        raise OrderingError(("structure",), first_line(error)) from error
    with suppress(OrderingError):
        crystal = _by_pymatgen(text)
        if _same_atoms(crystal, found):
            return crystal
    return _by_pymatgen(_in_plain_words(block, found))


def block_of(path: Path) -> Block:
    """Return the block with sites of a CIF.

    Raises
    ------
    CifError, OSError, EOFError, OverflowError
        If there is not exactly one, or it cannot be read.
    """
    return _block(read_text(path, MOST_BYTES) or "")


def _block(text: str) -> Block:
    blocks = [block for block in blocks_of(text) if block.column(LABEL, TYPE) is not None]
    if len(blocks) != 1:
        raise CifError(f"holds {len(blocks)} crystals; name a file with exactly one")
    return blocks[0]


def _by_pymatgen(text: str) -> Crystal:
    from pymatgen.io.cif import CifParser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parser = CifParser.from_str(text, occupancy_tolerance=100.0)
            (structure,) = parser.parse_structures(primitive=False, check_occu=False)
    except Exception as error:  # the parser may raise anything
        what = f"cannot be read as a CIF with partial occupancies ({first_line(error)})"
        mend = "correct it, or write an ordered parent and `substitute`"
        raise OrderingError(("structure",), f"{what}; {mend}") from error
    return from_pymatgen(structure)


def _same_atoms(crystal: Crystal, found: Found) -> bool:
    """Return whether a crystal has the species of what was found, in the same places of the same cell."""
    atoms, cell_A = found.crystal.atoms, crystal.cell_A
    if not np.allclose(_metric(cell_A), _metric(np.asarray(atoms.cell.array)), rtol=1e-3, atol=1e-2):
        return False
    held = np.array([share > 0 for share in found.crystal.shares])
    expected = {(symbol, i) for i, symbol in enumerate(atoms.get_chemical_symbols()) if held[i]}
    species = [(one, i) for i, site in enumerate(crystal.occupancies) for one in site if one != VACANCY]
    scaled = atoms.get_scaled_positions()
    met = set()
    for symbol, i in species:
        away = scaled - crystal.scaled[i]
        away -= np.rint(away)
        near = np.flatnonzero(np.linalg.norm(away @ cell_A, axis=1) < _SAME_A)
        same = [(symbol, int(j)) for j in near if (symbol, int(j)) in expected]
        if not same:
            return False
        met.update(same)
    return met == expected


def _metric(cell_A: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cell_A @ cell_A.T)


def _in_plain_words(block: Block, found: Found) -> str:
    """Return a CIF of the same crystal that needs no knowledge of names, settings and ways to write."""
    from pymatgen.core.operations import SymmOp

    sites, operations = found.sites, found.operations
    lines = ["data_x", *(f"_cell_{name} {value:.10g}" for name, value in zip(_CELL, sites.cell.cellpar(), strict=True))]
    lines += ["loop_", "_symmetry_equiv_pos_as_xyz"]
    for rotation, shift in zip(operations.rotations, operations.translations, strict=True):
        lines.append(f"'{SymmOp.from_rotation_and_translation(rotation, shift).as_xyz_str()}'")
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [*(f"_atom_site_fract_{axis}" for axis in "xyz"), "_atom_site_occupancy"]
    for label, symbol, place, share in zip(sites.labels, sites.symbols, sites.fractional, sites.shares, strict=True):
        quote = "'" if '"' in label else '"'
        lines.append(f"{quote}{label}{quote} {symbol} {' '.join(f'{x:.10g}' for x in place)} {share:.10g}")
    return "\n".join([*lines, *_states(block), ""])


def _states(block: Block) -> list[str]:
    """Return the lines that give oxidation states by element, as far as a block has them."""
    types, states = (block.column(tag) or [] for tag in _STATES)
    rows = []
    for kind, state in zip(types, states, strict=False):
        with suppress(CifError):
            rows += [f"{symbol} {number(state, 'a state'):g}" for symbol in [element_of(kind)] if symbol]
    return ["loop_", *_STATES, *rows] if rows else []
