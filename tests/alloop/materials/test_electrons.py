import pytest
from ase import Atoms

from alloop.materials.electrons import electron_count, is_odd


def test_a_neutral_salt_is_even_and_its_lithium_vacancy_is_odd():
    crystal = Atoms("Li3InCl6")
    vacancy = crystal[1:]
    assert electron_count(crystal) == 3 * 3 + 49 + 6 * 17
    assert not is_odd(crystal)
    assert is_odd(vacancy)
    assert not is_odd(vacancy, charge=-1)


def test_a_fraction_of_an_electron_is_refused():
    with pytest.raises(ValueError, match="whole number"):
        electron_count(Atoms("Li"), charge=0.5)
