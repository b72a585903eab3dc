"""The tags of a CIF: its blocks, the numbers and the elements in them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ase.data import atomic_numbers

from alloop.failures import first_line

Value = str | list[str]
UNKNOWN = ("?", ".", "")
"""How a CIF writes "unknown" and "not given"."""
ISOTOPES = ("D", "T")
_HEAVIEST = 103
"""Atomic number of the heaviest element of which there are crystals, or nearly."""
_SPELLED = {
    "_cell_formula_units_z": "_cell_formula_units_Z",
    "_space_group_name_h-m_alt": "_space_group_name_H-M_alt",
    "_space_group_name_hall": "_space_group_name_Hall",
    "_space_group_it_number": "_space_group_IT_number",
}
_LONGEST_NUMBER = 40
"""Characters of the longest number that is read; Python gives up at some thousand digits."""
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\)?)?$")
_RATIO = re.compile(r"([+-]?\d+)/([1-9]\d*)")


class CifError(ValueError):
    """A CIF that cannot be read; the message goes on after the name of the file, in one line."""


@dataclass(frozen=True)
class Block:
    """One data block of a CIF.

    Attributes
    ----------
    name : str
        What follows ``data_``.
    tags : dict
        Every value as it is written, by its tag in lower case, with an underscore for the dot of later dictionaries; a
        list for each column of a loop.
    spelled : dict
        How the file spells its tags.
    stray : tuple of str
        Words that belong to no tag.
    """

    name: str
    tags: dict[str, Value]
    spelled: dict[str, str]
    stray: tuple[str, ...] = ()

    def text(self, *names: str) -> str:
        """Return the first of some tags that says something, or an empty text."""
        for name in names:
            value = self.tags.get(name, "")
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(value, str) and value.strip() not in UNKNOWN:
                return value.strip()
        return ""

    def column(self, *names: str) -> list[str] | None:
        """Return the first of some columns that is there; a single value is a column of one."""
        for name in names:
            if name in self.tags:
                value = self.tags[name]
                return [value] if isinstance(value, str) else value
        return None

    def written(self, tag: str) -> str:
        """Return a tag as the file spells it, or as the CIF dictionary does."""
        return self.spelled.get(tag, _SPELLED.get(tag, tag))

    def has(self, start: str) -> str:
        """Return the first tag that begins so, or an empty text."""
        return next((tag for tag in self.tags if tag.startswith(start)), "")


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the data blocks of a CIF.

    Raises
    ------
    CifError
        If the text is not that of a CIF.
    """
    from pymatgen.io.cif import CifBlock

    parts = _parts(text)
    if not parts:
        raise CifError("holds no line that begins with `data_`, as every CIF does")
    for part in parts:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = CifBlock.from_str(f"data_{re.sub('^LOOP_', 'loop_', part, flags=re.MULTILINE)}")
            except (ValueError, ZeroDivisionError, IndexError) as error:
                what = "holds a loop whose values do not fill its columns, or text without its end"
                raise CifError(f"{what} ({first_line(error)}); is it cut off?") from error
        spelled = {name.lower().replace(".", "_"): name for name in found.data}
        tags = {tag: found.data[name] for tag, name in spelled.items()}
        stray = tuple(str(warning.message).rpartition(": ")[2] for warning in told)
        yield Block(part.split("\n", 1)[0].strip(), tags, spelled, stray)


def _parts(text: str) -> list[str]:
    """Return what follows each ``data_`` that begins a block; within a text field that word begins none."""
    parts: list[list[str]] = []
    inside = False
    for line in text.split("\n"):
        inside ^= line.startswith(";")
        begin = None if inside else re.match(r"\s*data_", line, flags=re.IGNORECASE)
        if begin:
            parts.append([line[begin.end() :]])
        elif parts:
            parts[-1].append(line)
    return ["\n".join(lines) for lines in parts]


def number(text: str, what: str) -> float:
    """Return a number of a CIF without its uncertainty.

    Examples
    --------
    >>> number("5.14(2)", "`_cell_length_a`"), number("1/4", "`_atom_site_fract_x`")
    (5.14, 0.25)

    Raises
    ------
    CifError
        If it is none.
    """
    written = text.strip()[: _LONGEST_NUMBER + 1]
    found, ratio = _NUMBER.match(written), _RATIO.fullmatch(written)
    value = int(ratio.group(1)) / int(ratio.group(2)) if ratio else float(found.group(1)) if found else math.nan
    if not math.isfinite(value) or len(written) > _LONGEST_NUMBER:
        raise CifError(f"gives {what} as `{written}`, which is not a number")
    return value


def element_of(symbol: str, present: Sequence[str] = ()) -> str | None:
    """Return the element, or the isotope `D` or `T`, of a type symbol such as ``Li1+``; None if it is none.

    ``NH4`` and ``CO3`` are groups of atoms, and ``CO2+`` is cobalt in capitals.

    Parameters
    ----------
    symbol : str
        What the file writes.
    present : sequence of str
        The elements of the formula, if the file gives one: `Co` among them, ``CO3`` is cobalt too.

    Examples
    --------
    >>> [element_of(symbol) for symbol in ("Li1+", "CL", "D", "2H", "Wat", "NH4")]
    ['Li', 'Cl', 'D', 'D', None, None]
    """
    found = re.fullmatch(r"(\d*)([A-Za-z]+)([\d.]*[+-]?[\d.]*)", symbol.strip())
    if not found:
        return None
    mass, letters, rest = found.groups()
    isotope = {"2H": "D", "3H": "T"}.get(mass + letters)
    known = _known(letters) if not mass else None
    counted = rest[:1].isdigit() and ("+" not in rest or atomic_numbers.get(str(known), 0) > _HEAVIEST)
    if counted and known not in present and _may_be_two(letters):
        return None
    return isotope or known


def element_of_label(label: str, present: Sequence[str]) -> str | None:
    """Return the element that a site's label begins with; None if it is none, or may be one of two.

    A label ``T1`` is a tetrahedral site in most files, and never tritium; ``H2O`` is water.

    Parameters
    ----------
    label : str
        For instance ``Li1``, ``O2A``, ``OW1`` (oxygen of water).
    present : sequence of str
        The elements of the formula, if the file gives one.

    Examples
    --------
    >>> [element_of_label(label, []) for label in ("OW1", "Wat2", "CL1", "Li1", "H2O1")]
    ['O', None, None, 'Li', None]
    >>> element_of_label("CL1", ["Na", "Cl"])
    'Cl'
    """
    letters = re.match(r"[A-Za-z]*", label.strip()).group()  # type: ignore[union-attr]
    if letters == "T" or re.match(r"H[23]O", label.strip()):
        return None
    whole, first = _known(letters), _known(letters[:1])
    if len(letters) == 2 and letters.isupper() and whole and first:
        meant = [symbol for symbol in (whole, first) if symbol in present]
        return meant[0] if len(meant) == 1 else None
    if whole:
        return whole
    begin = re.match(r"[A-Z][a-z]?(?![a-z])", letters)
    return _known(begin.group()) if begin else None


def _may_be_two(letters: str) -> bool:
    """Return whether two capitals may be an element each, as in ``CO``."""
    return len(letters) == 2 and letters.isupper() and all(map(_known, letters))


def _known(letters: str) -> str | None:
    symbol = letters.capitalize()
    return symbol if symbol in ISOTOPES or atomic_numbers.get(symbol, 0) > 0 else None


def formula_of(text: str) -> dict[str, float]:
    """Return the atoms of a formula such as ``Li3 P1 S4`` by their symbols; empty if it cannot be read.

    Examples
    --------
    >>> formula_of("Li3 P S4")
    {'Li': 3.0, 'P': 1.0, 'S': 4.0}
    """
    counts: dict[str, float] = {}
    for word in text.replace(",", " ").split():
        if not re.fullmatch(r"(?:[A-Z][a-z]?\d*\.?\d*)+", word):
            return {}
        for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", word):
            known = _known(symbol)
            if known is None or known != symbol:
                return {}
            counts[known] = counts.get(known, 0.0) + (float(count) if count else 1.0)
    return counts
