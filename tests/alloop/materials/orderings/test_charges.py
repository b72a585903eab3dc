"""Oxidation states and charge balance."""

import pytest
from pymatgen.core import Lattice

from alloop.materials.orderings.charges import charges_of
from alloop.materials.orderings.crystal import OrderingError, substituted
from tests.support.disordered import crystal_of, layered_halide, mixed_chloride, nasicon


def test_common_oxidation_states_are_guessed():
    expected = {"Na": 1, "Zr": 4, "Si": 4, "P": 5, "O": -2, "vacancy": 0}
    assert charges_of(nasicon(), {}) == expected
    assert charges_of(mixed_chloride(), {}) == {"Na": 1, "Mg": 2, "Cl": -1, "vacancy": 0}


def test_those_given_come_first():
    assert charges_of(layered_halide(), {"Li": 1, "In": 3, "Cl": -1})["In"] == 3
    assert set(charges_of(layered_halide(), {"Li": 0, "In": 0, "Cl": 0}).values()) == {0}


@pytest.mark.parametrize(
    ("substitute", "given", "says"),
    [
        ({"In": {"Zr": 1.0}}, {}, "no common oxidation states balance"),
        ({"In": {"Zr": 1.0}}, {"Li": 1, "Zr": 4, "Cl": -1}, r"sum to \+2 e \(Li \+1, Zr \+4, Cl -1\)"),
        ({"In": {}}, {"Li": 1}, r"balance .* beside those known \(Li \+1\); give those of Cl"),
    ],
)
def test_charges_that_do_not_balance_are_told(substitute, given, says):
    with pytest.raises(OrderingError, match=says) as told:
        charges_of(substituted(layered_halide(), substitute), given)
    assert told.value.where[0] == "oxidation_states"


def test_several_balances_are_not_chosen_from():
    sites = {"Fe": ({"Fe": 1}, (0, 0, 0)), "Co": ({"Co": 1}, (0.5, 0.5, 0.5)), "O": ({"O": 5 / 6}, (0.5, 0.5, 0))}
    with pytest.raises(OrderingError, match="several oxidation states balance"):
        charges_of(crystal_of("Pm-3m", Lattice.cubic(4), sites), {})
