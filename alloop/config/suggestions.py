"""Suggest the key or word that was probably meant in place of an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from alloop.config.base import Section
from alloop.config.errors import KeyPath, dotted
from alloop.config.fields import every_section
from alloop.config.foreign_keys import explain_foreign, key_here
from alloop.config.source import forgotten

UNIT_WORDS = {
    "eV_per_A": "eV/Å",
    "per_fs": "per femtosecond",
    "hours": "hours",
    "core_hours": "core-hours",
    "K": "kelvin",
    "fs": "femtoseconds",
    "eV": "electronvolts",
    "A": "ångström",
    "GPa": "gigapascals",
    "h": "hours",
    "s": "seconds",
}
_FOREIGN_UNITS = (
    *("meV_per_A", "eV_per_Ang", "per_ps", "Ha_per_bohr"),
    *("ps", "ns", "us", "ms", "sec", "seconds", "min", "minutes", "m", "d", "days"),
    *("C", "F", "degC", "celsius", "Celsius", "kelvin", "Kelvin"),
    *("Ry", "ry", "Ha", "ha", "hartree", "Hartree", "meV", "keV", "ev"),
    *("bohr", "Bohr", "nm", "pm", "ang", "Ang", "angstrom", "Angstrom"),
    *("bar", "kbar", "atm", "Pa", "MPa", "kPa", "gpa"),
)
_CONVERSIONS = {
    ("ps", "fs"): "1 ps is 1000 fs",
    ("ns", "fs"): "1 ns is 1000000 fs",
    ("per_ps", "per_fs"): "1 per ps is 0.001 per fs",
    ("C", "K"): "0 °C is 273.15 K",
    ("Ry", "eV"): "1 Ry is 13.6057 eV",
    ("Ha", "eV"): "1 Ha is 27.2114 eV",
    ("meV", "eV"): "1 meV is 0.001 eV",
    ("meV_per_A", "eV_per_A"): "1 meV/Å is 0.001 eV/Å",
    ("bohr", "A"): "1 bohr is 0.529177 Å",
    ("nm", "A"): "1 nm is 10 Å",
    ("bar", "GPa"): "1 bar is 0.0001 GPa",
    ("kbar", "GPa"): "1 kbar is 0.1 GPa",
    ("min", "h"): "60 min are 1 h",
}
_UNIT_SPELLINGS = {
    "degC": "C",
    "celsius": "C",
    "Celsius": "C",
    "ry": "Ry",
    "ha": "Ha",
    "hartree": "Ha",
    "Hartree": "Ha",
    "Bohr": "bohr",
    "minutes": "min",
}


def split_unit(key: str) -> tuple[str, str]:
    """Return a key's stem and unit; the unit is empty if the key bears none.

    Examples
    --------
    >>> split_unit("timestep_ps"), split_unit("lower_eV_per_A"), split_unit("repeat")
    (('timestep', 'ps'), ('lower', 'eV_per_A'), ('repeat', ''))
    """
    known = sorted([*UNIT_WORDS, *_FOREIGN_UNITS], key=len, reverse=True)
    unit = next((u for u in known if key.endswith(f"_{u}")), "")
    return (key.removesuffix(f"_{unit}"), unit) if unit else (key, "")


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like the given one, or None if none is alike."""
    by_lower = {k.lower(): k for k in known}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.65)
    return by_lower[close[0]] if close else None


def hint(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return "did you mean …?", or another hint if no known word is like the given one."""
    nearest = did_you_mean(word, known)
    return f"did you mean `{nearest}`?" if nearest else otherwise


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """Return the known key that was probably meant, whatever unit the given one bears, or None."""
    known = list(known)
    stem, _ = split_unit(key)
    for name in (key, stem):
        if (here := key_here(name)) in known:
            return here
    stems = {split_unit(k)[0]: k for k in known if split_unit(k)[1]}
    same_quantity = did_you_mean(stem, stems) if split_unit(key)[1] or key in stems else None
    whole = did_you_mean(key, known)
    stem_match = same_quantity or (did_you_mean(stem, stems) if whole is None else None)
    return stems[stem_match] if stem_match else whole


def explain_unknown(key: str, path: KeyPath, candidates: Iterable[type[Section]], root: type[Section]) -> str:
    """Return the message about an unknown key.

    Parameters
    ----------
    key : str
        The unknown key.
    path : tuple
        Path of its section.
    candidates : iterable of Section types
        What that section may be.
    root : type of Section
        The whole config, searched for a section that knows the key.
    """
    known = list(dict.fromkeys(name for section in candidates for name in section.model_fields))
    elsewhere = _home_of(key, path, root) if key not in known else None
    if elsewhere:
        return f"unknown key here; it belongs under `{elsewhere}`"
    if slip := forgotten(key):
        return f"unknown key; {slip}"
    if "arguments" in known and path[:1] == ("label",) and did_you_mean(key, known) is None:
        return "unknown key here; keywords of the calculator belong under `label.arguments`"
    foreign = explain_foreign(key)
    if foreign and key_here(key) not in known:
        return f"unknown key; {foreign}"
    nearest = nearest_key(key, known)
    if nearest:
        return f"unknown key; did you mean `{nearest}`{_unit_note(key, nearest)}?"
    place = _quantity_elsewhere(key, root) if split_unit(key)[1] else None
    if place:
        return f"unknown key; did you mean `{_dotted(place)}`{_unit_note(key, str(place[-1]))}?"
    return f"unknown key; known here: {', '.join(known)}"


def _quantity_elsewhere(key: str, root: type[Section]) -> KeyPath | None:
    found = [
        (*path, nearest)
        for path, section in every_section(root)
        if (nearest := nearest_key(key, section.model_fields)) is not None
    ]
    return min(found, key=lambda place: _conversion(key, str(place[-1])) is None, default=None)


def _home_of(key: str, path: KeyPath, root: type[Section]) -> str | None:
    homes = [p for p, section in every_section(root) if key in section.model_fields and p != path]
    names_a_place = split_unit(key)[1] or len(homes) == 1 or not homes
    return _dotted(homes[0]) or "the top level" if homes and names_a_place else None


def _unit_note(given: str, meant: str) -> str:
    wanted, conversion = split_unit(meant)[1], _conversion(given, meant)
    if not wanted:
        return ""
    return f" (in {UNIT_WORDS.get(wanted, wanted)}{'; ' + conversion if conversion else ''})"


def _conversion(given: str, meant: str) -> str | None:
    unit = split_unit(given)[1]
    return _CONVERSIONS.get((_UNIT_SPELLINGS.get(unit, unit), split_unit(meant)[1]))


def _dotted(path: Iterable[str | int]) -> str:
    return dotted(tuple(part for part in path if part != "*"))
