import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.transport.unwrap import unwrap, unwrap_fractional

CELL_A = np.array([[9.0, 0.0, 0.0], [-4.0, 8.0, 0.0], [2.0, 3.0, 11.0]])


def walk(seed, frames=200, atoms=5, step=0.4):
    rng = np.random.default_rng(seed)
    steps = rng.uniform(-step, step, size=(frames, atoms, 3))
    return rng.random((atoms, 3)) + np.cumsum(steps, axis=0)


def lammps_dump(fractional):
    """Fold as LAMMPS does: coordinates within the box, and the box each atom is in."""
    images = np.floor(fractional)
    return (fractional - images) @ CELL_A, images.astype(int)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_wrapped_coordinates_of_a_triclinic_cell_are_unwrapped_exactly(seed):
    fractional = walk(seed)
    folded, images = lammps_dump(fractional)
    first = images[0] @ CELL_A
    assert np.allclose(unwrap(folded, CELL_A) + first, fractional @ CELL_A, atol=1e-9)
    assert np.allclose(unwrap(folded, CELL_A, images), fractional @ CELL_A, atol=1e-9)


def test_only_whole_cells_are_added():
    folded = walk(1) % 1.0
    added = unwrap_fractional(folded) - folded
    assert np.allclose(added, np.rint(added), atol=1e-12)


def test_image_flags_carry_moves_that_no_shortest_way_could():
    fractional = walk(2, step=0.9)
    folded, images = lammps_dump(fractional)
    assert np.allclose(unwrap(folded, CELL_A, images), fractional @ CELL_A, atol=1e-9)
    assert not np.allclose(unwrap(folded, CELL_A) + images[0] @ CELL_A, fractional @ CELL_A, atol=1.0)
