import pytest

from alloop.dynamics import temperature_limit


@pytest.mark.parametrize(("atoms", "lowest", "highest"), [(2, 10, 20), (10, 4, 4.1), (1000, 4, 4)])
def test_the_temperature_limit_is_the_factor_except_in_tiny_cells(atoms, lowest, highest):
    assert lowest * 500.0 <= temperature_limit(500.0, 4.0, atoms) <= highest * 500.0
