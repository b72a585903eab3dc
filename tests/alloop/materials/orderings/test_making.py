"""Ordered cells of the kinds of crystals that solid electrolytes are."""

import numpy as np
import pytest
import spglib

from alloop.materials.contacts import closest_pairs
from alloop.materials.orderings.crystal import OrderingError
from alloop.materials.orderings.making import Recipe, order
from tests.support.disordered import layered_halide, mixed_chloride, nasicon


def charge(ordered, states):
    return sum(states[symbol] for symbol in ordered.structure.to_atoms().get_chemical_symbols())


def shortest(ordered):
    return min(closest_pairs([ordered.structure.to_atoms()]).values())


def test_nasicon_is_ordered_by_its_charges():
    made = order(nasicon(), Recipe({}, {}, atoms=40, samples=3))
    assert (made.formula, made.method, made.count) == ("Na3Zr2Si2PO12", "enumerate", 225)
    assert [one.role for one in made.ordered] == ["ground", "sample1", "sample2", "sample3"]
    energies_eV = [one.energy_eV for one in made.ordered]
    assert min(energies_eV) == energies_eV[0] < max(energies_eV)
    for one in made.ordered:
        assert len(one.structure.numbers) == 40
        assert charge(one, {"Na": 1, "Zr": 4, "Si": 4, "P": 5, "O": -2}) == 0
        assert 1.5 < shortest(one) < 1.7
    assert len({one.structure.digest() for one in made.ordered}) == 4


def test_monte_carlo_orders_what_cannot_be_enumerated():
    recipe = Recipe({}, {}, samples=2, sweeps=40, seed=3)
    made = order(nasicon(), recipe)
    assert made.method == "monte_carlo"
    assert made.ordered[0].energy_eV < min(one.energy_eV for one in made.ordered[1:])
    assert all(0 < (one.acceptance or 0) < 1 for one in made.ordered[1:])
    assert order(nasicon(), recipe).ordered == made.ordered
    assert "meV per atom" in made.notes[0]


@pytest.mark.parametrize(
    ("x", "y", "formula"), [(0, 1, "Li3YBr6"), (1, 0.5, "Li3InBr3Cl3"), (0.5, 0.5, "Li6YInBr6Cl6"), (1, 0, "Li3InCl6")]
)
def test_halides_of_two_ranges(x, y, formula):
    recipe = Recipe({"In": {"In": x, "Y": 1 - x}, "Cl": {"Br": y, "Cl": 1 - y}}, {}, samples=1, sweeps=10)
    made = order(layered_halide(), recipe)
    assert made.formula == formula
    for one in made.ordered:
        assert charge(one, {"Li": 1, "In": 3, "Y": 3, "Br": -1, "Cl": -1}) == 0
        assert shortest(one) > 2.3
    if x in (0, 1) and y in (0, 1):
        (only,) = made.ordered
        atoms = only.structure.to_atoms()
        cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
        assert (only.role, spglib.get_spacegroup(cell, symprec=0.01)) == ("", "C2/m (12)")
    else:
        assert "equal charges" in made.notes[0]


def test_enumerated_samples_follow_the_boltzmann_distribution():
    chosen = [
        order(mixed_chloride(), Recipe({}, {}, ground_state=False, samples=1, seed=s)).ordered[0] for s in range(12)
    ]
    energies_eV = np.array([one.energy_eV for one in chosen])
    cold = [
        order(mixed_chloride(), Recipe({}, {}, ground_state=False, samples=1, temperature_K=10.0, seed=s)).ordered[0]
        for s in range(2)
    ]
    assert len({round(one.energy_eV, 6) for one in cold}) == 1
    assert energies_eV.max() > cold[0].energy_eV + 1e-3


def test_random_orderings_know_no_energy():
    made = order(nasicon(), Recipe({}, {}, method="random", samples=1, sweeps=10))
    monte_carlo = order(nasicon(), Recipe({}, {}, method="monte_carlo", samples=1, sweeps=10))
    assert made.ordered[1].acceptance == 1.0
    assert made.ordered[1].energy_eV > monte_carlo.ordered[1].energy_eV


def test_fewer_orderings_than_asked_are_told():
    made = order(mixed_chloride(), Recipe({}, {}, samples=50))
    assert len(made.ordered) < 51
    assert "samples instead of 50" in made.notes[0]


def test_crystal_of_which_nothing_is_left_is_refused():
    nothing = {element: {"vacancy": 1.0} for element in ("Li", "In", "Cl")}
    with pytest.raises(OrderingError, match="leaves no ion at all") as told:
        order(layered_halide(), Recipe(nothing, {}))
    assert told.value.where == ("substitute",)


def test_cell_that_cannot_be_enumerated_is_refused():
    with pytest.raises(OrderingError, match="too many to enumerate"):
        order(nasicon(), Recipe({}, {}, method="enumerate"))
