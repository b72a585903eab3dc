"""What a CIF says of its crystal beside the sites, compared with what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from alloop.materials.cif.tags import Block, CifError, formula_of, number

FORMULA, UNITS = "_chemical_formula_sum", "_cell_formula_units_z"
MULTIPLICITY = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
DENSITY = ("_exptl_crystal_density_diffrn", "_exptl_crystal_density_calculated")
VOLUME = "_cell_volume"
_U_PER_A3_IN_G_PER_CM3 = 1.66053907
_SHARE = 0.02
REFINED = {"share": 0.05, "least": 0.005}
"""By how much refined occupancies may differ from a formula, which is often the nominal one: of an element, of all."""


@dataclass(frozen=True)
class Contents:
    """What the cell of a crystal holds, as far as a CIF may say it too.

    Attributes
    ----------
    counts : mapping
        Atoms of every element; mean numbers where sites are shared or not always occupied.
    formula : str
        The same for a person.
    volume_A3 : float
        Volume of the cell (Å³).
    copies : sequence of int
        Of each site of the file; 0 where that is not known.
    operations : int
        How many made them; 0 where that is not known.
    words : str
        What gave the operations.
    share : float
        By what share of a number that is stated another may differ.
    least : float
        What share of all atoms may be of an element that is not stated, or the reverse.
    """

    counts: Mapping[str, float]
    formula: str
    volume_A3: float
    copies: Sequence[int]
    operations: int
    words: str
    share: float = _SHARE
    least: float = 1e-9

    @property
    def atoms(self) -> float:
        """Number of atoms."""
        return sum(self.counts.values())


@dataclass(frozen=True, eq=False)
class Crystal:
    """What was read of a block.

    Attributes
    ----------
    atoms : ase.Atoms
        All atoms of the cell; those of equivalent sites are there once.
    shares : sequence of float
        Their occupancies.
    copies : sequence of int
        How many atoms came of each site.
    operations : int
        By how many operations.
    words : str
        What gave the operations.
    """

    atoms: Atoms
    shares: Sequence[float]
    copies: Sequence[int]
    operations: int
    words: str

    def contents(self) -> Contents:
        """Return what the cell holds."""
        counts: Counter[str] = Counter()
        for symbol, share in zip(self.atoms.get_chemical_symbols(), self.shares, strict=True):
            counts[symbol] += share  # type: ignore[assignment]
        formula = str(self.atoms.symbols.formula.reduce()[0])
        tolerances = {} if min(self.shares, default=1.0) > 1.0 - _SHARE else REFINED
        volume_A3 = float(self.atoms.cell.volume)
        return Contents(counts, formula, volume_A3, self.copies, self.operations, self.words, **tolerances)


def contradictions(block: Block, found: Contents) -> list[str]:
    """Return what a block says that is not so of a crystal, the weightiest first, in one line each.

    Multiplicities count only where the formula and Z do not decide: programs write other numbers under their tag.
    """
    told = [*_formula(block, found), *_volume(block, found)]
    if told or decided(block):
        return told
    return [*_multiplicities(block, found), *_density(block, found)]


def decided(block: Block) -> bool:
    """Return whether a block says how many atoms of which elements its cell holds."""
    return bool(_units(block) and formula_of(block.text(FORMULA)))


def _formula(block: Block, found: Contents) -> Iterator[str]:
    stated, units = formula_of(block.text(FORMULA)), _units(block)
    if not stated:
        return
    stated = _without_isotopes(stated)
    if not _proportional(stated, found):
        tag = block.written(FORMULA)
        what = f"says the formula `{block.text(FORMULA)}` under `{tag}`, and its sites give {found.formula}"
        yield f"{what}; add the sites that are missing, or correct that line"
    elif units and not _in_cell(units, stated, found):
        many = round(found.atoms / sum(stated.values()), 2)
        what = f"says Z = {units:g} formula units of `{block.text(FORMULA)}`, and {found.words} gives {many:g}"
        yield f"{what} ({round(found.atoms, 2):g} atoms); correct `{block.written(UNITS)}` or the symmetry"


def _in_cell(units: float, stated: Mapping[str, float], found: Contents) -> bool:
    """Return whether a cell holds so many atoms by Z and the formula; some programs write the formula of the cell."""
    of_units, of_cell, most = units * sum(stated.values()), sum(stated.values()), found.share * found.atoms
    whole = all(count % units == 0 for count in stated.values())
    return abs(of_units - found.atoms) <= most or (whole and abs(of_cell - found.atoms) <= most)


def _proportional(stated: Mapping[str, float], found: Contents) -> bool:
    atoms = sum(stated.values())
    return atoms > 0 and all(
        abs(stated.get(symbol, 0.0) / atoms - found.counts.get(symbol, 0.0) / found.atoms)
        <= max(found.share * stated.get(symbol, 0.0) / atoms, found.least)
        for symbol in {*stated, *found.counts}
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


def _volume(block: Block, found: Contents) -> Iterator[str]:
    stated_A3 = _value(block, VOLUME)
    if stated_A3 and abs(stated_A3 - found.volume_A3) > _SHARE * found.volume_A3:
        what = f"says a volume of {stated_A3:g} Å³ under `{block.written(VOLUME)}`, and its lengths and angles"
        yield f"{what} give {found.volume_A3:.6g} Å³; lengths are in Å and angles in degrees"


def _multiplicities(block: Block, found: Contents) -> Iterator[str]:
    """Yield a site with another number of copies, unless all numbers are 1 or the orders of the sites' symmetry."""
    texts = block.column(*MULTIPLICITY)
    if texts is None or len(texts) != len(found.copies):
        return
    try:
        stated = [number(text, "a multiplicity") for text in texts]
    except CifError:
        return
    known = [(many, copies) for many, copies in zip(stated, found.copies, strict=True) if copies]
    if all(many * copies == found.operations for many, copies in known) or set(stated) == {1.0}:
        return
    labels = block.column("_atom_site_label", "_atom_site_type_symbol") or []
    for label, many, copies in zip(labels, stated, found.copies, strict=False):
        if copies and many != copies:
            what = f"says that `{label}` has {many:g} copies in the cell, and {found.words} gives {copies}"
            yield f"{what}; give the symmetry in full, or correct its `_atom_site_symmetry_multiplicity`"
            return


def _density(block: Block, found: Contents) -> Iterator[str]:
    tag = next((name for name in DENSITY if block.text(name)), "")
    stated = _value(block, tag) if tag else None
    mass_u = sum(count * float(atomic_masses[atomic_numbers[symbol]]) for symbol, count in found.counts.items())
    density = _U_PER_A3_IN_G_PER_CM3 * mass_u / found.volume_A3
    if stated and abs(stated - density) > 0.1 * stated:
        what = f"says a density of {stated:g} g/cm³ under `{block.written(tag)}`, and its sites with"
        yield f"{what} {found.words} give {density:.3g}; add the sites or the symmetry that are missing"


def _value(block: Block, tag: str) -> float | None:
    try:
        return number(block.text(tag), tag) if block.text(tag) else None
    except CifError:
        return None
