"""The symmetry operations of a CIF: listed, or those of the space group that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from alloop.materials.cif.tags import Block, CifError

LISTED = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_symmetry_equiv_as_xyz")
HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
NAME = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_space_group_name_h-m",
)
NUMBER = ("_space_group_it_number", "_symmetry_int_tables_number")
CHOICE = ("_space_group_it_coordinate_system_code", "_symmetry_space_group_setting")
_HALL_NUMBERS = range(1, 531)
_ORIGIN = {"S": "1", "Z": "2", "O1": "1", "O2": "2"}
"""How databases write the two choices of origin after a name."""
_RENAMED = {"aem2": "abm2", "aea2": "aba2", "cmce": "cmca", "cmme": "cmma", "ccce": "ccca"}
_STRAIN = 0.02
_MOST_LISTED = 2000
_LONGEST_OPERATION = 60
_LONGEST_NAME = 60


@dataclass(frozen=True, eq=False)
class Operations:
    """Symmetry operations on fractional coordinates, x' = R x + t.

    Attributes
    ----------
    rotations : ndarray of int, shape (operations, 3, 3)
        R.
    translations : ndarray, shape (operations, 3)
        t.
    words : str
        What gave them, for a message.
    choice : str
        Choice of origin or axes, where there are several: ``1``, ``2``, ``H``, ``b1`` …
    """

    rotations: NDArray[np.int_]
    translations: NDArray[np.float64]
    words: str
    choice: str = ""

    def __len__(self) -> int:
        return len(self.rotations)

    def fit(self, cell_A: NDArray[np.float64]) -> bool:
        """Return whether the operations keep lengths and angles of a cell (Å), vectors in rows."""
        metric = cell_A @ cell_A.T
        scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        turned = np.einsum("nji,jk,nkl->nil", self.rotations, metric, self.rotations)
        return bool((np.abs(turned - metric) <= _STRAIN * scale).all())

    def whole(self) -> bool:
        """Return whether they are a group: one after the other is again one of them."""
        known = {_key(r, t) for r, t in zip(self.rotations, self.translations, strict=True)}
        step = max(1, len(self) // 16)
        for r, t in zip(self.rotations[::step], self.translations[::step], strict=True):
            for other, shift in zip(self.rotations, self.translations, strict=True):
                if _key(r @ other, r @ shift + t) not in known:
                    return False
        return len(known) == len(self)


def _key(rotation: NDArray[np.int_], translation: NDArray[np.float64]) -> tuple[int, ...]:
    return (*(int(n) for n in rotation.ravel()), *(int(n) % 24 for n in np.rint(24 * translation)))


def listed_operations(block: Block) -> Operations | None:
    """Return the operations that a block lists, or None.

    Raises
    ------
    CifError
        If one of them cannot be read.
    """
    from ase.spacegroup.spacegroup import parse_sitesym

    tag = next((name for name in LISTED if name in block.tags), "")
    words = _triples([word.strip().strip("'\"") for word in block.column(tag) or [] if word.strip() not in ("?", ".")])
    if not words:
        return None
    if len(words) > _MOST_LISTED:
        raise CifError(f"lists {len(words)} symmetry operations under `{block.written(tag)}`; a crystal has up to 192")
    if strange := next(filter(_is_strange, words), "")[:_LONGEST_OPERATION]:
        raise CifError(f"lists a symmetry operation under `{block.written(tag)}` that cannot be read (`{strange}`)")
    try:
        rotations, translations = parse_sitesym(words)
    except Exception as error:  # ASE raises what it meets
        raise CifError(
            f"lists a symmetry operation under `{block.written(tag)}` that cannot be read ({error})"
        ) from error
    return Operations(
        np.asarray(rotations, dtype=int), np.asarray(translations, dtype=float), f"`{block.written(tag)}`"
    )


def _is_strange(word: str) -> bool:
    return len(word) > _LONGEST_OPERATION or re.search(r"[^-+xyz\d./,;]", word) is not None


def _triples(words: list[str]) -> list[str]:
    """Return operations, each in one word: some files write them with spaces and without quotes.

    Examples
    --------
    >>> _triples(["x,y,z", "-x,", "Y", ",z"])
    ['x,y,z', '-x,y,z']
    """
    found, begun = [], ""
    for word in words:
        begun += re.sub(r"\s", "", word).lower()
        if begun.count(",") == 2 and not begun.endswith(","):
            found.append(begun)
            begun = ""
    return [*found, begun] if begun else found


def named_operations(block: Block) -> list[Operations]:
    """Return the operations of every space group and setting that a block's names allow; empty if it names none.

    Raises
    ------
    CifError
        If a name is not known, or two names mean different groups.
    """
    found: list[int] | None = None
    for tags, matches in ((HALL, _halls), (NAME, _named), (NUMBER, _numbered)):
        tag = next((name for name in tags if block.text(name)), "")
        if not tag:
            continue
        name, where = block.text(tag), f"under `{block.written(tag)}`"
        fitting = matches(name)
        if not fitting and tags is HALL and block.text(*NAME):
            continue
        if not fitting:
            what = f"names the space group `{name[:_LONGEST_NAME]}` {where}, which is not known"
            raise CifError(f"{what}; write it as in 'F m -3 m'")
        both = fitting if found is None else [hall for hall in found if hall in fitting]
        if not both:
            raise CifError(f"says `{name[:_LONGEST_NAME]}` {where}, and its other tags another group; correct one")
        found = both
    halls = _chosen(found or [], block)
    return [_of_hall(hall) for hall in halls]


def _chosen(halls: list[int], block: Block) -> list[int]:
    """Return those of the setting that the file names, if they have one of that name."""
    code = block.text(*CHOICE).lower() or _suffix(block.text(*NAME))[1].lower()
    chosen = [hall for hall in halls if _type(hall).choice.lower() == code]
    return chosen if code and chosen else halls


def standard(options: list[Operations]) -> list[Operations]:
    """Return the first, which is the International Tables' own, where all differ in their choice of axes alone."""
    return options if any(option.choice in ("1", "2") for option in options) else options[:1]


def usual_axes(options: list[Operations]) -> list[Operations]:
    """Return those with the unique axis b, where monoclinic settings of one name all fit a cell with right angles."""
    if not all(re.fullmatch(r"-?[abc][123]?", option.choice) for option in options):
        return options
    return [option for option in options if "b" in option.choice] or options


# -- the groups that spglib knows --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Type:
    number: int
    hall: str
    names: frozenset[str]
    choice: str
    shown: str


@cache
def _type(hall: int) -> _Type:
    import spglib

    found = spglib.get_spacegroup_type(hall)
    assert found is not None
    full, short = found.international_full, found.international.split(" = ")[0]
    names = {_bare(full)}
    if 3 <= found.number <= 15:
        names.add(_bare(" ".join(part for part in full.split() if part != "1")))
    else:
        names.add(_bare(short))
        names |= {old for new, old in _RENAMED.items() if new in names}
        names |= {new for new, old in _RENAMED.items() if old in names}
    if found.number >= 195:
        names |= {name.replace("-3", "3") for name in names}
    return _Type(found.number, _hall(found.hall_symbol), frozenset(names), found.choice, short)


@cache
def _of_hall(hall: int) -> Operations:
    import spglib

    found, kind = spglib.get_symmetry_from_database(hall), _type(hall)
    assert found is not None
    words = f"`{kind.shown}`" + (f" in setting {kind.choice}" if kind.choice else "")
    return Operations(found["rotations"].astype(int), found["translations"].astype(float), words, kind.choice)


def _halls(name: str) -> list[int]:
    return [hall for hall in _HALL_NUMBERS if _type(hall).hall == _hall(name)]


def _numbered(text: str) -> list[int]:
    return [hall for hall in _HALL_NUMBERS if str(_type(hall).number) == text]


def _named(name: str) -> list[int]:
    """Return the settings of a Hermann-Mauguin name, those of its choice first in the Tables."""
    bare = _suffix(name)[0]
    found = [hall for hall in _HALL_NUMBERS if bare in _type(hall).names]
    return found or [hall for hall in _HALL_NUMBERS if _bare(name) in _type(hall).names]


def _suffix(name: str) -> tuple[str, str]:
    """Return a bare name, and the setting that is written after it.

    Examples
    --------
    >>> _suffix("F d -3 m :2"), _suffix("R -3 m H"), _suffix("F d -3 m Z"), _suffix("P 21/c")
    (('fd-3m', '2'), ('r-3m', 'H'), ('fd-3m', '2'), ('p21/c', ''))
    """
    colon = re.fullmatch(r"(.+?)\s*:\s*(\S+)", name.strip())
    spaced = re.fullmatch(r"(.+?)\s*\(?(?:origin choice\s*)?\b([12]|O1|O2|[HRSZ])\)?", name.strip())
    for found in (colon, spaced if _follows(spaced) else None):
        if found:
            code = found.group(2).upper()
            return _bare(found.group(1)), _ORIGIN.get(code, found.group(2))
    glued = re.fullmatch(r"(R[^HR]+)([HR])", name.strip())
    return (_bare(glued.group(1)), glued.group(2)) if glued else (_bare(name), "")


def _follows(found: re.Match[str] | None) -> bool:
    """Return whether what ends a name is a setting and not its last symbol, such as the 2 of `P 2`."""
    return found is not None and (found.group(2) not in ("1", "2") or "origin" in found.group(0).lower())


def _bare(name: str) -> str:
    return re.sub(r"[\s_()']+", "", name).lower()


def _hall(name: str) -> str:
    return re.sub(r"[\s_]+", "", name).replace('"', "''").lower()
