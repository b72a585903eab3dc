"""What a CIF says of its crystal beside the sites, compared with what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ase import Atoms

from alloop.materials.cif.tags import Block, CifError, formula_of, number

FORMULA, UNITS = "_chemical_formula_sum", "_cell_formula_units_z"
MULTIPLICITY = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
DENSITY = ("_exptl_crystal_density_diffrn", "_exptl_crystal_density_calculated")
VOLUME = "_cell_volume"
_U_PER_A3_IN_G_PER_CM3 = 1.66053907
_SHARE = 0.02


@dataclass(frozen=True)
class Crystal:
    """What was read of a block, and how many atoms came of each site by how many operations."""

    atoms: Atoms
    copies: Sequence[int]
    operations: int
    words: str


def contradictions(block: Block, crystal: Crystal) -> list[str]:
    """Return what a block says that is not so of a crystal, the weightiest first, in one line each.

    Multiplicities count only where the formula and Z do not decide: programs write other numbers under their tag.
    """
    told = [*_formula(block, crystal), *_volume(block, crystal)]
    if told or decided(block):
        return told
    return [*_multiplicities(block, crystal), *_density(block, crystal)]


def decided(block: Block) -> bool:
    """Return whether a block says how many atoms of which elements its cell holds."""
    return bool(_units(block) and formula_of(block.text(FORMULA)))


def _formula(block: Block, crystal: Crystal) -> Iterator[str]:
    stated, units = formula_of(block.text(FORMULA)), _units(block)
    if not stated:
        return
    stated = _without_isotopes(stated)
    found: Mapping[str, float] = Counter(crystal.atoms.get_chemical_symbols())
    shown = crystal.atoms.symbols.formula.reduce()[0]
    if not _proportional(stated, found):
        what = f"says the formula `{block.text(FORMULA)}` under `{block.written(FORMULA)}`, and its sites give {shown}"
        yield f"{what}; add the sites that are missing, or correct that line"
    elif units and not _in_cell(units, stated, len(crystal.atoms)):
        many = len(crystal.atoms) / sum(stated.values())
        what = f"says Z = {units:g} formula units of `{block.text(FORMULA)}`, and {crystal.words} gives {many:g}"
        yield f"{what} ({len(crystal.atoms)} atoms); correct `{block.written(UNITS)}` or the symmetry"


def _in_cell(units: float, stated: Mapping[str, float], atoms: int) -> bool:
    """Return whether a cell holds so many atoms by Z and the formula; some programs write the formula of the cell."""
    of_units, of_cell = units * sum(stated.values()), sum(stated.values())
    whole = all(count % units == 0 for count in stated.values())
    return abs(of_units - atoms) <= _SHARE * atoms or (whole and abs(of_cell - atoms) <= _SHARE * atoms)


def _proportional(stated: Mapping[str, float], found: Mapping[str, float]) -> bool:
    atoms, all_atoms = sum(stated.values()), sum(found.values())
    return atoms > 0 and all(
        abs(stated.get(symbol, 0.0) / atoms - found.get(symbol, 0.0) / all_atoms)
        <= _SHARE * max(stated.get(symbol, 0.0) / atoms, 1e-9)
        for symbol in {*stated, *found}
    )


def _without_isotopes(counts: Mapping[str, float]) -> dict[str, float]:
    kept = {symbol: count for symbol, count in counts.items() if symbol not in ("D", "T")}
    hydrogen = sum(counts.get(symbol, 0.0) for symbol in ("H", "D", "T"))
    return kept | ({"H": hydrogen} if hydrogen else {})


def _units(block: Block) -> float:
    text = block.text(UNITS)
    try:
        return number(text, "Z") if text else 0.0
    except CifError:
        return 0.0


def _volume(block: Block, crystal: Crystal) -> Iterator[str]:
    stated_A3, found_A3 = _value(block, VOLUME), float(crystal.atoms.cell.volume)
    if stated_A3 and abs(stated_A3 - found_A3) > _SHARE * found_A3:
        what = f"says a volume of {stated_A3:g} Å³ under `{block.written(VOLUME)}`"
        yield f"{what}, and its lengths and angles give {found_A3:.6g} Å³; lengths are in Å and angles in degrees"


def _multiplicities(block: Block, crystal: Crystal) -> Iterator[str]:
    """Yield a site with another number of copies, unless all numbers are 1 or the orders of the sites' symmetry."""
    texts = block.column(*MULTIPLICITY)
    if texts is None or len(texts) != len(crystal.copies):
        return
    try:
        stated = [number(text, "a multiplicity") for text in texts]
    except CifError:
        return
    orders = [crystal.operations / copies for copies in crystal.copies]
    if stated in (list(map(float, crystal.copies)), orders) or set(stated) == {1.0}:
        return
    labels = block.column("_atom_site_label", "_atom_site_type_symbol") or []
    for label, many, copies in zip(labels, stated, crystal.copies, strict=False):
        if many != copies:
            what = f"says that `{label}` has {many:g} copies in the cell, and {crystal.words} gives {copies}"
            yield f"{what}; give the symmetry in full, or correct its `_atom_site_symmetry_multiplicity`"
            return


def _density(block: Block, crystal: Crystal) -> Iterator[str]:
    tag = next((name for name in DENSITY if block.text(name)), "")
    stated = _value(block, tag) if tag else None
    found = _U_PER_A3_IN_G_PER_CM3 * float(crystal.atoms.get_masses().sum()) / float(crystal.atoms.cell.volume)
    if stated and abs(stated - found) > 0.1 * stated:
        what = f"says a density of {stated:g} g/cm³ under `{block.written(tag)}`, and its sites with"
        yield f"{what} {crystal.words} give {found:.3g}; add the sites or the symmetry that are missing"


def _value(block: Block, tag: str) -> float | None:
    try:
        return number(block.text(tag), tag) if block.text(tag) else None
    except CifError:
        return None
