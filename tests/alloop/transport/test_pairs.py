import numpy as np
import pytest
from ase.build import bulk

from alloop.transport.pairs import closest, pair_statistics
from tests.support.walkers import TRICLINIC_A


def test_a_gas_has_no_structure_at_any_distance_even_beyond_half_of_the_cell():
    rng = np.random.default_rng(0)
    numbers = np.array([3] * 6 + [17] * 30)
    frames = [(rng.random((36, 3)) @ TRICLINIC_A, TRICLINIC_A) for _ in range(150)]
    found = pair_statistics(frames, numbers, 9.0, 0.5)
    assert TRICLINIC_A[1, 1] / 2 < 6.0
    for known in found.functions.values():
        far = known.centres_A > 6.0
        assert known.g_r[far].mean() == pytest.approx(1.0, abs=0.02)
        assert known.g_r[far] == pytest.approx(np.ones(far.sum()), abs=0.1)


def test_coordination_and_contacts_of_rock_salt():
    rng = np.random.default_rng(0)
    salt = bulk("LiCl", "rocksalt", 5.2, cubic=True)
    frames = []
    for _ in range(20):
        # Atoms may have left the cell.
        moved = salt.positions + rng.normal(scale=0.1, size=(8, 3)) + rng.integers(-2, 3, (8, 3)) @ salt.cell.array
        frames.append((moved, salt.cell.array))
    found = pair_statistics(frames, salt.numbers, 6.0, 0.05)
    known = found.functions["Cl-Li"]
    assert known.coordination == pytest.approx((6.0, 6.0))
    assert 2.9 < known.first_minimum_A < 4.2
    assert found.functions["Cl-Cl"].coordination[0] == pytest.approx(12.0, abs=0.2)
    assert found.shortest_A["Cl-Li"].shape == (20,)
    assert 2.0 < found.shortest_A["Cl-Li"].min() < 2.6


def test_unequal_numbers_have_unequal_coordination():
    fluorite = bulk("CaF2", "fluorite", 5.46, cubic=True)
    found = pair_statistics([(fluorite.positions, fluorite.cell.array)], fluorite.numbers, 5.0, 0.05)
    # Ca-F: eight F about a Ca, four Ca about a F.
    assert found.functions["Ca-F"].coordination == pytest.approx((8.0, 4.0))


def test_merged_atoms_are_found_with_their_names():
    cell = 10 * np.eye(3)
    positions = np.array([[0.0, 0, 0], [0.7, 0, 0], [5.0, 5, 5]])
    name, distance_A, ratio = closest(pair_statistics([(positions, cell)], np.array([3, 3, 17]), 6.0, 0.1).shortest_A)
    assert (name, distance_A) == ("Li-Li", pytest.approx(0.7))
    assert ratio == pytest.approx(0.7 / (2 * 1.28))
