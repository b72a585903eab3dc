"""The hull of some phases: pymatgen's numbers, also where elements are no phases."""

import numpy as np
import pytest
from pymatgen.analysis.phase_diagram import CompoundPhaseDiagram, PDEntry, PhaseDiagram
from pymatgen.core import Composition
from scipy.optimize import linprog

from alloop.materials.hull import Hull, Phase, SpanError, counts, refuse_unspanned

HALIDES = [Phase(name, name, energy) for name, energy in (("LiCl", -3.5), ("InCl3", -3.2), ("LiInCl4", -3.40))]
RECIPROCAL = {"LiCl": -3.5, "LiBr": -3.2, "InCl3": -3.1, "InBr3": -2.7, "YCl3": -4.6, "YBr3": -4.1, "Li3YCl6": -4.15}


def entry(phase):
    composition = Composition(phase.formula)
    return PDEntry(composition, phase.energy_eV_per_atom * composition.num_atoms, name=phase.name)


def test_the_distance_from_a_hull_of_elements_is_known_by_hand_and_pymatgens():
    phases = [Phase("Li", "Li", -2.0), Phase("O", "O2", -4.0), Phase("Li2O", "Li2O", -4.5)]
    found = Hull(phases).above("Li2O2", -4.3)
    assert found.energy_eV_per_atom == pytest.approx(-4.3 + 0.75 * 4.5 + 0.25 * 4.0)
    assert found.decomposition == {"Li2O": pytest.approx(0.75), "O": pytest.approx(0.25)}
    diagram = PhaseDiagram([entry(phase) for phase in phases])
    assert found.energy_eV_per_atom == pytest.approx(diagram.get_e_above_hull(entry(Phase("", "Li2O2", -4.3))))


def test_a_hull_of_compounds_is_pymatgens_pseudo_binary():
    wanted = Phase("Li3InCl6", "Li3InCl6", -3.38)
    ends = [Composition("LiCl"), Composition("InCl3")]
    diagram = CompoundPhaseDiagram([entry(phase) for phase in (*HALIDES, wanted)], ends, False)
    (own,) = (one for one in diagram.all_entries if one.original_entry.name == "Li3InCl6")
    # Its energies are per atom of its terminal compounds, four LiCl and InCl3 of ten atoms.
    expected = diagram.get_e_above_hull(own) * own.composition.num_atoms / 10
    found = Hull([*HALIDES, wanted]).above(wanted.formula, wanted.energy_eV_per_atom)
    assert found.energy_eV_per_atom == pytest.approx(expected, abs=1e-7)
    assert found.decomposition == {"LiCl": pytest.approx(0.4), "LiInCl4": pytest.approx(0.6)}


@pytest.mark.parametrize("formula", ["Li3InCl6", "Li6InYBr6Cl6", "Li12In3YBr8Cl16", "Li3YBr6"])
def test_a_hull_of_more_compounds_than_components_is_the_mixture_of_lowest_energy(formula):
    elements = ("Li", "In", "Y", "Br", "Cl")
    shares = [[counts(name).get(e, 0) / sum(counts(name).values()) for e in elements] for name in RECIPROCAL]
    wanted = [counts(formula).get(e, 0) / sum(counts(formula).values()) for e in elements]
    lowest = linprog(list(RECIPROCAL.values()), A_eq=np.array(shares).T, b_eq=wanted).fun
    found = Hull([Phase(name, name, energy) for name, energy in RECIPROCAL.items()]).above(formula, -3.0)
    assert found.energy_eV_per_atom == pytest.approx(-3.0 - lowest, abs=1e-6)


def test_a_phase_that_is_more_stable_than_the_hull_of_others_lies_below_it():
    assert Hull(HALIDES).above("Li3InCl6", -3.6).energy_eV_per_atom < -0.1


@pytest.mark.parametrize(
    ("formula", "phases", "why"),
    [
        ("Li3InCl6", ["LiCl", "YCl3"], "no phase has In, which Li3InCl6 has"),
        ("Li3InCl6", ["LiCl", "In"], "no mixture of the phases has the composition Li3InCl6"),
    ],
)
def test_phases_that_do_not_span_a_composition_are_refused(formula, phases, why):
    with pytest.raises(SpanError, match=why):
        refuse_unspanned(formula, phases)
    with pytest.raises(SpanError):
        Hull([Phase(name, name, -3.0) for name in phases]).above(formula, -3.0)


@pytest.mark.parametrize("word", ["", "Xx2", "Li-", "7"])
def test_what_is_no_formula_is_refused(word):
    with pytest.raises(ValueError, match="formula"):
        counts(word)
