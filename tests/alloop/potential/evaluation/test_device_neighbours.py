"""Pairs listed on a device are those that the host lists."""

import numpy as np
import pytest
import torch
from matscipy.neighbours import neighbour_list

from alloop.potential.evaluation.batched import BatchedModel
from alloop.potential.evaluation.device_neighbours import DeviceNeighbourhoods
from alloop.potential.evaluation.neighbours import Neighbourhoods
from tests.support.models import lithium_chloride, small_model

CELLS = {
    "tiny": [[3.1, 0.0, 0.0], [1.4, 2.9, 0.0], [-0.9, 1.1, 3.4]],
    "flat": [[11.0, 0.0, 0.0], [4.0, 12.0, 0.0], [1.0, -2.0, 2.2]],
    "wide": [[14.0, 0.0, 0.0], [5.0, 13.0, 0.0], [-4.0, 3.0, 15.0]],
}


def pairs(edges):
    """Every pair with the vector between its atoms."""
    vectors = np.round(edges.vectors_A.numpy(), 6) + 0.0
    near = edges.lengths_A.numpy() < 4.0
    rows = zip(edges.receivers.tolist(), edges.senders.tolist(), vectors.tolist(), strict=True)
    return sorted((one, other, *vector) for (one, other, vector), is_near in zip(rows, near, strict=True) if is_near)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("stretches", [None, [0.9, 1.1]], ids=["one cell", "own cells"])
def test_they_are_those_of_the_host(name, stretches):
    cell, rng = np.array(CELLS[name]), np.random.default_rng(1)
    positions = torch.tensor(rng.uniform(-2.0, 3.0, (2, 5, 3)) @ cell)
    sizes = None if stretches is None else torch.tensor(stretches)
    place = (np.array([3, 3, 17, 17, 17]), cell, torch.eye(2)[[0, 0, 1, 1, 1]], 4.0, 0.5)
    there = DeviceNeighbourhoods(*place).edges(positions, (0, 1), sizes)
    here = Neighbourhoods(*place).edges(positions, (0, 1), sizes)
    assert pairs(there) == pairs(here)
    assert (there.receivers.diff() >= 0).all()
    assert np.isinf(there.contacts[there.lengths_A >= 4.0]).all()
    first = {"positions": positions[0].numpy(), "cell": (stretches or [1.0])[0] * cell, "pbc": [True] * 3}
    within_reach = len(neighbour_list("i", cutoff=4.5, **first))
    assert int((there.receivers < 5).sum()) == within_reach


@pytest.mark.parametrize("shape", [{}, {"max_L": 1}], ids=["scalars", "vectors"])
def test_pairs_beyond_the_cutoff_change_nothing(shape):
    atoms = lithium_chloride(1)
    positions = torch.tensor(atoms.positions + np.random.default_rng(0).normal(scale=0.1, size=(2, len(atoms), 3)))
    here, there = (
        BatchedModel(small_model(**shape), atoms, device="cpu", dtype="float64", leaps=leaps) for leaps in (False, True)
    )
    one, other = here(positions, [0, 1]), there(positions, [0, 1])
    ahead = there.leap(3)(positions, [0, 1])
    for found in (other, ahead):
        np.testing.assert_allclose(found.forces_eV_per_A, one.forces_eV_per_A, atol=1e-11)
        np.testing.assert_allclose(found.energies_eV, one.energies_eV, atol=1e-11)
        np.testing.assert_allclose(found.contacts, one.contacts, rtol=1e-12)


def test_a_list_that_is_outgrown_is_made_anew_by_the_host_and_told_of_in_a_leap():
    atoms = lithium_chloride(1)
    positions = torch.tensor(atoms.positions[None])
    field, fresh = (BatchedModel(small_model(), atoms, device="cpu", dtype="float64", leaps=True) for _ in range(2))
    field(positions, [0])
    moved = positions.clone()
    moved[0, 0, 0] += 0.31
    leap = field.leap(2)
    leap(positions, [0])
    assert leap.verdict().tolist() == [0.0, 0.0]
    leap(moved, [0])
    wrong, used = leap.verdict().tolist()
    assert wrong == 1.0
    assert used == pytest.approx(0.62 / 0.6)
    np.testing.assert_allclose(field(moved, [0]).forces_eV_per_A, fresh(moved, [0]).forces_eV_per_A, rtol=0, atol=1e-12)


@pytest.mark.parametrize("spoil", [float("nan"), float("inf")])
def test_a_leap_tells_of_positions_that_are_no_numbers(spoil):
    atoms = lithium_chloride(1)
    positions = torch.tensor(atoms.positions[None])
    field = BatchedModel(small_model(), atoms, device="cpu", dtype="float32", leaps=True)
    field(positions, [0])
    leap, lost = field.leap(1), positions.clone()
    lost[0, 1, 2] = spoil
    leap(lost, [0])
    assert leap.verdict()[0] == 1.0
