import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.failures import TaskFailure
from alloop.materials.contacts import min_contact
from alloop.materials.rattle import rattled
from alloop.materials.structure import Structure

CRYSTAL = Structure.from_atoms(bulk("LiCl", "rocksalt", a=5.14, cubic=True))


@given(st.integers(0, 2**32 - 1), st.integers(0, 4))
@settings(max_examples=15, deadline=None)
def test_a_seed_names_its_copies_and_a_longer_list_starts_with_the_shorter(seed, n):
    copies = rattled(CRYSTAL, n, 0.1, 0.02, seed, 0.6)
    assert copies == rattled(CRYSTAL, n + 2, 0.1, 0.02, seed, 0.6)[:n]
    assert len({copy.digest() for copy in copies}) == n


def test_displacements_and_strains_have_the_width_that_was_asked_for():
    still = CRYSTAL.to_atoms()
    copies = [copy.to_atoms() for copy in rattled(CRYSTAL, 60, 0.1, 0.0, 1, 0.3)]
    moves = np.array([copy.positions - still.positions for copy in copies])
    assert moves.std() == pytest.approx(0.1, rel=0.05)
    assert all((copy.cell.array == still.cell.array).all() for copy in copies)

    cells = np.array([copy.cell_A for copy in rattled(CRYSTAL, 200, 0.01, 0.02, 1, 0.3)])
    strains = cells @ np.linalg.inv(still.cell.array) - np.eye(3)
    assert strains.std(axis=0) == pytest.approx(np.full((3, 3), 0.02), rel=0.25)
    assert strains == pytest.approx(strains.transpose(0, 2, 1))


def test_a_short_contact_is_drawn_again():
    copies = rattled(CRYSTAL, 30, 0.35, 0.0, 3, 0.75)
    assert min(min_contact(copy.to_atoms()) for copy in copies) >= 0.75
    loose = rattled(CRYSTAL, 30, 0.35, 0.0, 3, 0.0)
    assert min(min_contact(copy.to_atoms()) for copy in loose) < 0.75


def test_an_impossible_limit_fails_in_one_line():
    with pytest.raises(TaskFailure) as failure:
        rattled(CRYSTAL, 1, 0.1, 0.0, 0, 2.0)
    assert failure.value.reason == "contact"
    assert "rattle_A" in failure.value.detail
    assert "\n" not in failure.value.detail
