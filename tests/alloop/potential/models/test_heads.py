"""One head of a model that has several."""

import numpy as np
import pytest

from alloop.potential.committee import Committee
from alloop.potential.mace_api import MACECalculator
from alloop.potential.models.architecture import heads_of
from alloop.potential.models.heads import HeadError, chosen_head, place_of, with_one_head
from tests.support.models import lithium_chloride, small_foundation

HEADS = ("omat_pbe", "Default", "matpes_r2scan")


@pytest.fixture(scope="module")
def whole():
    return small_foundation((3, 17), heads=HEADS)


def test_the_only_head_needs_no_name():
    assert chosen_head(small_foundation((3, 17)), None) == "Default"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (None, "the model has 3 heads; name one of them as `head`: omat_pbe, Default, matpes_r2scan"),
        ("omat", "the model has no head `omat`; did you mean `omat_pbe`?"),
        ("dipoles", "the model has no head `dipoles`; it has: omat_pbe, Default, matpes_r2scan"),
    ],
)
def test_a_head_that_is_not_named_or_not_there_is_one_line(whole, wanted, says):
    with pytest.raises(HeadError) as caught:
        chosen_head(whole, wanted)
    assert str(caught.value) == says


def test_without_a_name_the_default_is_taken_where_that_is_allowed(whole):
    assert [place_of(whole, head) for head in (None, *HEADS)] == [1, 0, 1, 2]


@pytest.mark.parametrize("head", HEADS)
def test_a_model_of_one_head_says_what_that_head_says(whole, head):
    one, atoms = with_one_head(whole, head), lithium_chloride()
    assert heads_of(one) == (head,)
    assert heads_of(whole) == HEADS
    atoms.calc = MACECalculator(models=whole, device="cpu", default_dtype="float32", head=head)
    found = Committee([one], device="cpu", dtype="float32").forces(atoms)
    np.testing.assert_allclose(found.forces_eV_per_A, atoms.get_forces(), atol=1e-5)
    assert found.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
