"""The convex hull of the energies of phases; pymatgen makes the phase diagram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from ase.formula import Formula
from scipy.optimize import nnls

FAR_EV_PER_ATOM = 100.0
"""How far above all phases an element lies that is not a phase (eV per atom)."""
_SHARE = 1e-6


@dataclass(frozen=True)
class Phase:
    """A phase of a hull: its name, its formula, and its energy (eV per atom)."""

    name: str
    formula: str
    energy_eV_per_atom: float


@dataclass(frozen=True)
class AboveHull:
    """The distance of a composition from the hull.

    Attributes
    ----------
    energy_eV_per_atom : float
        Energy above the hull (eV per atom); negative below a hull that the composition is not a phase of.
    decomposition : dict
        Share of the atoms in each phase of the hull at this composition, by the name of the phase.
    """

    energy_eV_per_atom: float
    decomposition: dict[str, float]


class SpanError(ValueError):
    """No mixture of the phases has the composition; the message says so in one line."""


class Hull:
    """The hull of some phases.

    pymatgen's phase diagram needs every element as a phase. An element that is none is put far above all others, so
    that no mixture of lowest energy holds it.

    Parameters
    ----------
    phases : iterable of Phase
        The phases, at least one; of several of one composition the lowest counts.
    """

    def __init__(self, phases: Iterable[Phase]) -> None:
        from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
        from pymatgen.core import Composition

        self._phases = tuple(phases)
        top = max(phase.energy_eV_per_atom for phase in self._phases) + FAR_EV_PER_ATOM
        entries, elements = [], dict.fromkeys(e for phase in self._phases for e in counts(phase.formula))
        for phase in (*self._phases, *(Phase("", element, top) for element in elements)):
            composition = Composition(counts(phase.formula))
            energy_eV = phase.energy_eV_per_atom * composition.num_atoms
            entries.append(PDEntry(composition, energy_eV, name=phase.name or f"({phase.formula})"))
        self._diagram = PhaseDiagram(entries)

    def above(self, formula: str, energy_eV_per_atom: float) -> AboveHull:
        """Return how far a composition of an energy (eV per atom) is above the hull, and what it decomposes into.

        Raises
        ------
        SpanError
            If no mixture of the phases has this composition.
        """
        from pymatgen.core import Composition

        refuse_unspanned(formula, [phase.formula for phase in self._phases])
        shares, hull_eV = self._diagram.get_decomp_and_hull_energy_per_atom(Composition(counts(formula)))
        held = {entry.name: float(share) for entry, share in shares.items() if share > _SHARE}
        return AboveHull(energy_eV_per_atom - float(hull_eV), held)


def counts(formula: str) -> dict[str, int]:
    """Return the atoms of a formula by element.

    Raises
    ------
    ValueError
        If it is not a formula of known elements.

    Examples
    --------
    >>> counts("Li3InCl6")
    {'Li': 3, 'In': 1, 'Cl': 6}
    """
    try:
        found: dict[str, int] = Formula(formula, strict=True).count()
    except ValueError:
        found = {}
    if not found or min(found.values()) < 1:
        raise ValueError(f"`{formula}` is not a formula such as `Li3InCl6`")
    return found


def refuse_unspanned(formula: str, phases: Iterable[str]) -> None:
    """Refuse phases of which no mixture has the composition of a formula.

    Parameters
    ----------
    formula : str
        The composition.
    phases : iterable of str
        Formulas of the phases.

    Raises
    ------
    SpanError
        Naming an element that no phase has, if there is one.
    """
    wanted, held = counts(formula), [counts(phase) for phase in phases]
    if missing := [element for element in wanted if not any(element in phase for phase in held)]:
        raise SpanError(f"no phase has {missing[0]}, which {formula} has")
    elements = list(dict.fromkeys([*wanted, *(element for phase in held for element in phase)]))
    mixed = np.array([_fractions(phase, elements) for phase in held]).T
    if nnls(mixed, _fractions(wanted, elements))[1] > _SHARE:
        raise SpanError(f"no mixture of the phases has the composition {formula}")


def _fractions(found: Mapping[str, int], elements: list[str]) -> np.ndarray:
    return np.array([found.get(element, 0) for element in elements]) / sum(found.values())
