"""Crystals with partial occupancies, and what is substituted in them."""

import pytest
from ase.build import bulk

from alloop.materials.orderings.crystal import OrderingError, from_atoms, substituted
from tests.support.disordered import layered_halide, nasicon


def test_equivalent_sites_of_an_ordered_parent_have_one_label():
    assert from_atoms(bulk("LiCl", "rocksalt", a=5.1, cubic=True)).labels.count("Cl1") == 4


def test_elements_are_replaced_wherever_they_are():
    crystal = substituted(layered_halide(), {"In": {"In": 0.5, "Y": 0.5}, "Cl": {"Br": 0.25, "Cl": 0.75}})
    assert crystal.composition() == pytest.approx({"Li": 6, "In": 1, "Y": 1, "Br": 3, "Cl": 9})


def test_two_elements_may_change_places():
    crystal = substituted(layered_halide(), {"Li": {"In": 1}, "In": {"Li": 1}})
    assert crystal.composition() == {"In": 6, "Li": 2, "Cl": 12}


def test_a_share_of_a_mixed_site_is_replaced():
    crystal = substituted(nasicon(), {"P": {"As": 0.5, "P": 0.5}})
    assert crystal.composition()["As"] == pytest.approx(crystal.composition()["P"]) == pytest.approx(2.997, abs=1e-3)


def test_labels_give_the_whole_occupancy_of_a_site():
    crystal = substituted(nasicon(), {"Na2": {"Na": 0.5}, "Si1": {"Si": 1.0}})
    assert crystal.composition()["Na"] == pytest.approx(6 + 9)
    assert "P" not in crystal.composition()


@pytest.mark.parametrize(
    ("substitute", "where", "says"),
    [
        (
            {"Yb": {"Y": 1.0}},
            ("substitute", "Yb"),
            "no element and no site of the structure; elements are Cl, In, Li; si",
        ),
        ({"In": {"In": 0.7, "Y": 0.5}}, ("substitute", "In"), "sum to 1.2"),
        ({"In": {"Jn": 0.5}}, ("substitute", "In", "Jn"), "no element"),
        ({"In": {"Y": 1.5}}, ("substitute", "In", "Y"), "between 0 and 1"),
    ],
)
def test_substitution_that_cannot_be_is_told(substitute, where, says):
    with pytest.raises(OrderingError, match=says) as told:
        substituted(layered_halide(), substitute)
    assert told.value.where == where
