"""Oxidation states, and whether they balance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from alloop.materials.orderings.crystal import VACANCY, Crystal, OrderingError

_UNBALANCED = 0.005


def charges_of(crystal: Crystal, given: Mapping[str, float]) -> dict[str, float]:
    """Return the charge of every species of a crystal (e), vacancies included.

    Those that a user gives come first, then those of the file; the others are guessed where only one choice of common
    oxidation states balances.

    Raises
    ------
    OrderingError
        If an oxidation state is missing and cannot be guessed, or they do not balance.
    """
    composition = crystal.composition()
    known = {
        element: state for element, state in {**crystal.oxidation_states, **given}.items() if element in composition
    }
    missing = [element for element in composition if element not in known]
    if missing:
        known = _guessed(composition, known, missing)
    elif not _balanced(composition, known):
        what = (
            f"the charges of {_words(composition)} sum to {_total(composition, known):+.4g} e ({charge_words(known)})"
        )
        raise OrderingError(("oxidation_states",), f"{what}; change the shares of ions or the oxidation states")
    return {**known, VACANCY: 0.0}


def charge_words(charges: Mapping[str, float]) -> str:
    """Return oxidation states as they are written.

    Examples
    --------
    >>> charge_words({"Li": 1.0, "Cl": -1.0, "vacancy": 0.0})
    'Li +1, Cl -1'
    """
    return ", ".join(f"{element} {state:+g}" for element, state in charges.items() if element != VACANCY)


def _guessed(composition: Mapping[str, float], known: Mapping[str, float], missing: list[str]) -> dict[str, float]:
    """Return the one choice of common oxidation states that balances and agrees with electronegativities."""
    found = [states for states in _choices(composition, known) if _balanced(composition, states)]
    if len(found) == 1:
        return found[0]
    beside = f" beside those known ({charge_words(known)})" if known else ""
    what = f"no common oxidation states balance {_words(composition)}{beside}"
    if found:
        options = " or ".join(charge_words(states) for states in found[:2])
        what = f"several oxidation states balance {_words(composition)} ({options})"
    mend = f"give those of {', '.join(missing)} (`oxidation_states`), or change the shares of ions"
    raise OrderingError(("oxidation_states",), f"{what}; {mend}")


def _choices(composition: Mapping[str, float], known: Mapping[str, float]) -> Iterator[dict[str, float]]:
    from pymatgen.core import Element

    common = [(known[e],) if e in known else Element(e).common_oxidation_states for e in composition]
    pull = {element: float(Element(element).X) for element in composition}
    for states in product(*common):
        choice = {element: float(state) for element, state in zip(composition, states, strict=True)}
        cations = [pull[element] for element, state in choice.items() if state > 0]
        anions = [pull[element] for element, state in choice.items() if state < 0]
        if cations and anions and max(cations) < min(anions):
            yield choice


def _balanced(composition: Mapping[str, float], charges: Mapping[str, float]) -> bool:
    size = sum(count * abs(charges[element]) for element, count in composition.items())
    return abs(_total(composition, charges)) <= _UNBALANCED * size / 2


def _total(composition: Mapping[str, float], charges: Mapping[str, float]) -> float:
    return sum(count * charges[element] for element, count in composition.items())


def _words(composition: Mapping[str, float]) -> str:
    """Return a composition as a formula, per ion of the rarest element.

    Examples
    --------
    >>> _words({"Li": 6.0, "Cl": 12.0, "In": 2.0})
    'Li3 Cl6 In'
    """
    least = min(composition.values())
    parts = {element: f"{count / least:.4g}" for element, count in composition.items()}
    return " ".join(element if part == "1" else f"{element}{part}" for element, part in parts.items())
