import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.materials.contacts import closest_pairs, comes_closer, is_finite, min_contact


def _random_cell(seed: int) -> Atoms:
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(2.5, 9.0, 3)) + random.uniform(-1.5, 1.5, (3, 3))
    numbers = random.choice([3, 17, 49, 8], size=random.integers(1, 7))
    return Atoms(numbers=numbers, scaled_positions=random.random((len(numbers), 3)), cell=cell, pbc=True)


def _brute_force(atoms: Atoms, reach: int = 4) -> float:
    shifts = np.array([(a, b, c) for a in range(-reach, reach + 1) for b in range(-reach, reach + 1)
                       for c in range(-reach, reach + 1)]) @ atoms.cell.array  # fmt: skip
    radii, best = covalent_radii[atoms.numbers], math.inf
    for i in range(len(atoms)):
        for j in range(len(atoms)):
            distances = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + shifts, axis=1)
            if i == j:
                distances = distances[np.any(shifts != 0, axis=1)]
            best = min(best, distances.min() / (radii[i] + radii[j]))
    return best


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_agrees_with_a_sum_over_images(seed):
    atoms = _random_cell(seed)
    assert min_contact(atoms) == pytest.approx(_brute_force(atoms), abs=1e-9)


@given(st.integers(0, 10**6), st.tuples(*[st.floats(-50, 50)] * 3), st.tuples(*[st.integers(1, 3)] * 3))
@settings(max_examples=40, deadline=None)
def test_neither_a_translation_nor_a_supercell_changes_it(seed, shift, repeat):
    atoms = _random_cell(seed)
    moved = atoms.copy()
    moved.positions += shift
    assert min_contact(moved) == pytest.approx(min_contact(atoms), rel=1e-7, abs=1e-8)
    assert min_contact(atoms.repeat(repeat)) == pytest.approx(min_contact(atoms), rel=1e-7)


def test_atoms_that_left_the_cell_one_by_one_still_meet():
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    expected = min_contact(atoms)
    atoms.positions[1] += 7 * atoms.cell.array[0] - 3 * atoms.cell.array[2]
    assert min_contact(atoms) == pytest.approx(expected)


def test_an_atom_meets_its_own_image():
    assert min_contact(Atoms("Li", cell=[10, 12, 14], pbc=True)) == pytest.approx(10 / (2 * covalent_radii[3]))


def test_atoms_on_top_of_each_other_have_no_distance():
    assert min_contact(Atoms("Li2", positions=[[1, 1, 1]] * 2, cell=[8] * 3, pbc=True)) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_broken_geometry_is_not_finite(bad):
    atoms = bulk("LiCl", "rocksalt", a=5.14)
    assert is_finite(atoms)
    moved, strained, flat = atoms.copy(), atoms.copy(), atoms.copy()
    moved.positions[1, 2] = bad
    strained.cell[0, 0] = bad
    flat.cell[2] = flat.cell[1]
    for broken in (moved, strained, flat):
        assert not is_finite(broken)
        assert math.isnan(min_contact(broken))


def test_the_closest_pairs_are_those_of_all_frames_by_element():
    near, far = bulk("LiCl", "rocksalt", a=5.0), bulk("LiCl", "rocksalt", a=5.2)
    closest = closest_pairs([far, near])
    assert closest == pytest.approx({(3, 3): 5.0 / 2**0.5, (3, 17): 2.5, (17, 17): 5.0 / 2**0.5})
    assert closest_pairs([]) == {}


@pytest.mark.parametrize(("limit", "closer"), [({(3, 17): 2.49}, False), ({(3, 17): 2.51}, True), ({}, False)])
def test_atoms_come_closer_than_a_limit_of_their_own_elements_alone(limit, closer):
    atoms = bulk("LiCl", "rocksalt", a=5.0)
    assert comes_closer(atoms, limit) is closer
    assert comes_closer(atoms, {**limit, (49, 49): 9.0}) is closer


def test_atoms_at_no_place_are_not_said_to_be_close():
    atoms = bulk("LiCl", "rocksalt", a=5.0)
    atoms.positions[0] = math.nan
    assert comes_closer(atoms, {(3, 17): 3.0}) is False
