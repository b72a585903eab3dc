from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase.build import bulk

from alloop.materials.polyhedra import corner_numbers, hull_faces, polyhedra

TETRAHEDRON = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])
CUBE = np.array([[x, y, z] for x in (-1.0, 1) for y in (-1, 1) for z in (-1, 1)])


@pytest.mark.parametrize(
    ("points", "faces"), [(TETRAHEDRON, {3: 4}), (OCTAHEDRON, {3: 8}), (CUBE, {4: 6}), (CUBE[:4], {})]
)
def test_faces_are_those_of_the_solid_and_flat_points_have_none(points, faces):
    assert Counter(map(len, hull_faces(points))) == faces


def test_corners_of_a_face_follow_each_other():
    for face in hull_faces(CUBE):
        steps = [np.linalg.norm(CUBE[a] - CUBE[b]) for a, b in zip(face, face[1:] + face[:1], strict=True)]
        assert steps == pytest.approx([2.0] * 4)


@pytest.mark.parametrize(("crystal", "corners"), [("rocksalt", 6), ("zincblende", 4), ("cesiumchloride", 8)])
def test_ideal_crystals_have_their_coordination_in_one_primitive_cell(crystal, corners):
    atoms = bulk("MgO", crystal, a=4.2)
    (one,) = polyhedra(atoms)
    assert corner_numbers([one], atoms.numbers) == {"Mg": (corners,)}
    reach = np.linalg.norm(one.positions_A - atoms.positions[one.centre], axis=1)
    assert reach == pytest.approx([reach[0]] * corners)
    assert polyhedra(atoms, mobile=("Mg",)) == []
