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


def test_what_never_balances_is_told():
    salt = {"M1": ({"Li": 0.5, "Na": 0.5}, (0, 0, 0)), "X1": ({"Ar": 1.0}, (0.5, 0.5, 0.5))}
    with pytest.raises(OrderingError, match="oxidation states"):
        propose_ordering(crystal_of("Pm-3m", Lattice.cubic(3.0), salt))
