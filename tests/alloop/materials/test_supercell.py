import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.materials.structure import Structure
from alloop.materials.supercell import face_distances, repeated, repeats_for

vectors = st.tuples(*(st.floats(-9, 9) for _ in range(3)))


def structure(cell):
    return Structure(numbers=(3,), positions_A=((0, 0, 0),), cell_A=tuple(map(tuple, cell)))


@given(st.tuples(vectors, vectors, vectors), st.floats(3, 30))
def test_supercells_are_as_wide_as_asked_and_no_wider_than_needed(cell, width_A):
    if abs(np.linalg.det(cell)) < 20:
        return
    primitive = structure(cell)
    repeats = repeats_for(primitive, width_A)
    for before, after, many in zip(
        face_distances(primitive), face_distances(repeated(primitive, repeats)), repeats, strict=True
    ):
        assert after == pytest.approx(before * many)
        assert after >= width_A - 1e-6
        assert many == 1 or before * (many - 1) < width_A


def test_a_tilted_cell_is_narrower_than_its_vectors_are_long():
    assert face_distances(structure(((10, 0, 0), (8, 6, 0), (0, 0, 5)))) == pytest.approx((6, 6, 5))
