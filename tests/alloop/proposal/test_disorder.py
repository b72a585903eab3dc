import pytest
from pymatgen.core import Lattice

from alloop.materials.orderings.crystal import OrderingError
from alloop.proposal.disorder import propose_ordering
from tests.support.disordered import crystal_of, nasicon


def indium_halide(on_first, on_second):
    return crystal_of(
        "C2/m",
        Lattice.monoclinic(6.432, 11.093, 6.398, 109.8),
        {
            "Li1": ({"Li": 1}, (0, 0.168, 0.5)),
            "Li2": ({"Li": 1}, (0, 0.5, 0.5)),
            "In3": ({"In": on_first}, (0, 0.3325, 0)),
            "In4": ({"In": on_second}, (0, 0, 0)),
            "Cl1": ({"Cl": 1}, (0.236, 0.16, 0.231)),
            "Cl2": ({"Cl": 1}, (0.245, 0, 0.761)),
        },
    )


def argyrodite(chloride_on_first):
    """Li6PS5Cl with Cl and S mixed on two sites, the second of which has the rest of the Cl; Li is ordered."""
    first = {"S": 1 - chloride_on_first, "Cl": chloride_on_first}
    return crystal_of(
        "F-43m",
        Lattice.cubic(9.86),
        {
            "Li1": ({"Li": 1}, (0.25, 0.0177, 0.75)),
            "P1": ({"P": 1}, (0, 0, 0.5)),
            "S1": ({"S": 1}, (0.1194, -0.1194, 0.6194)),
            "X1": (first, (0, 0, 0)),
            "X2": ({"S": first["Cl"], "Cl": first["S"]}, (0.25, 0.25, 0.75)),
        },
    )


def test_fractions_that_are_whole_in_a_small_cell_stay_as_they_are():
    found = propose_ordering(nasicon())
    assert (found.atoms, found.substitute, found.changes) == (40, {}, ())
    assert found.made.formula == "Na3Zr2Si2PO12"
    assert len(found.made.ordered) == 2


def test_refined_fractions_are_rounded_to_whole_ions_that_balance_and_told():
    found = propose_ordering(indium_halide(0.07, 0.875))
    assert found.made.formula == "Li3InCl6"
    assert found.changes == ("In3: In 0.07 → nothing", "In4: In 0.875 → In 1")
    assert len(found.made.ordered[0].structure.numbers) == found.atoms == 20


def test_sites_that_rounding_makes_equal_are_told():
    found = propose_ordering(argyrodite(0.615))
    assert found.changes == ("X1: S 0.385 Cl 0.615 → S 0.5 Cl 0.5", "X2: S 0.615 Cl 0.385 → S 0.5 Cl 0.5")
    assert found.joined == (("X1", "X2"),)


def test_sites_that_are_equal_in_the_file_are_not_told():
    assert propose_ordering(argyrodite(0.5)).joined == ()


def test_what_never_balances_is_told():
    salt = {"M1": ({"Li": 0.5, "Na": 0.5}, (0, 0, 0)), "X1": ({"Ar": 1.0}, (0.5, 0.5, 0.5))}
    with pytest.raises(OrderingError, match="oxidation states"):
        propose_ordering(crystal_of("Pm-3m", Lattice.cubic(3.0), salt))
