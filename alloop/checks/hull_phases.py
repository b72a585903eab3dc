"""Read and judge the reference phases of hulls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from alloop.checks.structures import read_crystal
from alloop.config.errors import ConfigError, KeyPath, Problem
from alloop.config.loading import LoadedConfig
from alloop.materials.hull import SpanError, counts, refuse_unspanned
from alloop.materials.structure import Structure

_KEY: KeyPath = ("studies", "hull", "families")


def read_phases(
    loaded: LoadedConfig, systems: Iterable[Structure], elements: Iterable[str], compositions: Collection[str]
) -> dict[str, Structure]:
    """Return the structures of reference phases, by the name of the phase.

    Parameters
    ----------
    loaded : LoadedConfig
        The config.
    systems : iterable of Structure
        What the campaign simulates.
    elements : iterable of str
        Elements that the potential is fitted to.
    compositions : collection of str
        Names of the compositions of the campaign.

    Raises
    ------
    ConfigError
        If one cannot be read, has an element that the potential is not fitted to, or bears the name of a composition
        that is in its hull too; or if a family does not span the elements of a composition.
    """
    structures: dict[str, Structure] = {}
    own = tuple(dict.fromkeys(structure.formula() for structure in systems))
    for i, family in enumerate(loaded.config.studies.hull.families):
        formulas = list(own if family.compositions else ())
        for j, phase in enumerate(family.phases):
            key = (*_KEY, i, "phases", j, "structure" if phase.structure else "formula")
            if phase.structure is not None:
                structures[phase.name] = read_crystal(loaded, key, phase.structure)
            formulas.append(phase.formula or structures[phase.name].formula())
            if why := _strange(formulas[-1], elements):
                raise loaded.error(key, f"`{phase.name}` {why}")
            if family.compositions and phase.name in compositions:
                raise loaded.error((*_KEY, i, "phases", j, "name"), _two_of_one_name(phase.name))
        if why := _unspanned(own, formulas):
            raise loaded.error((*_KEY, i), f"`{family.name}` makes no hull: {why}; add phases to it")
    return structures


def problems_of_phases(
    loaded: LoadedConfig, systems: Iterable[Structure], elements: Iterable[str], compositions: Collection[str]
) -> tuple[Problem, ...]:
    """Return what keeps hulls from being made of the phases of a config; as for `read_phases`."""
    try:
        read_phases(loaded, systems, elements, compositions)
    except ConfigError as error:
        return error.problems
    return ()


def _strange(formula: str, elements: Iterable[str]) -> str:
    known = set(elements)
    strange = [element for element in counts(formula) if element not in known]
    return f"has {strange[0]}, which the potential was not fitted to; leave the phase out" if strange else ""


def _two_of_one_name(name: str) -> str:
    return f"`{name}` is a composition of the campaign, which is in this hull too; give the phase another name"


def _unspanned(compositions: Iterable[str], phases: Sequence[str]) -> str:
    try:
        for formula in compositions:
            refuse_unspanned(formula, list(phases))
    except SpanError as error:
        return str(error)
    return ""
