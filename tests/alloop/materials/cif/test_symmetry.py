import numpy as np
import pytest
import spglib

from alloop.materials.cif.symmetry import named_operations
from alloop.materials.cif.tags import blocks_of
from tests.support.cifs import cif


def operations(tags):
    (block,) = blocks_of(cif(tags))
    return named_operations(block)


@pytest.mark.parametrize("hall", [1, 4, 60, 82, 108, 229, 290, 404, 435, 459, 488, 526, 530])
def test_a_hall_symbol_means_the_operations_of_spglib(hall):
    kind = spglib.get_spacegroup_type(hall)
    (found,) = operations(f"_space_group_name_Hall '{kind.hall_symbol}'\n")
    expected = spglib.get_symmetry_from_database(hall)
    assert np.array_equal(found.rotations, expected["rotations"])
    assert np.allclose(found.translations, expected["translations"])
    assert found.whole()


@pytest.mark.parametrize(("name", "choices"), [("P 21/c", {"b1"}), ("P 1 21/a 1", {"b3"}), ("R -3 m", {"H", "R"})])
def test_a_name_means_the_settings_that_have_it(name, choices):
    assert choices <= {found.choice for found in operations(f"_space_group_name_H-M_alt '{name}'\n")}
    assert all(found.choice[:1] in {c[:1] for c in choices} | {"a", "c"} for found in operations(
        f"_space_group_name_H-M_alt '{name}'\n"
    ))  # fmt: skip
