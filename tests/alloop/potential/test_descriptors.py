import numpy as np
import pytest
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from alloop.potential.descriptors import environments
from alloop.potential.graphs import UnknownElementError
from alloop.potential.mace_api import MACECalculator
from tests.support.models import lithium_chloride, small_model

SHAPES = [{}, {"max_L": 1, "max_ell": 2}]


@pytest.mark.parametrize("shape", SHAPES, ids=["scalar", "vector"])
def test_they_are_the_invariant_descriptors_of_mace(shape):
    model = small_model(0, "float64", **shape)
    frames = [lithium_chloride(1), lithium_chloride(2).repeat((2, 1, 1)), bulk("LiCl", "rocksalt", a=5.2)]
    theirs = MACECalculator(models=[model], device="cpu", default_dtype="float64")
    for atoms, found in zip(frames, environments(frames, model), strict=True):
        expected = theirs.get_descriptors(atoms, invariants_only=True)
        assert set(found) == {"Li", "Cl"}
        for element, features in found.items():
            np.testing.assert_allclose(features, expected[np.array(atoms.get_chemical_symbols()) == element], atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=["scalar", "vector"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99))
def test_rotations_translations_and_the_company_of_other_frames_change_nothing(shape, seed):
    model, rng = small_model(3, "float64", **shape), np.random.default_rng(seed)
    atoms, other = lithium_chloride(seed), lithium_chloride(seed + 1)
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ turn.T)
    moved.positions = atoms.positions @ turn.T + rng.normal(scale=5.0, size=3)
    order = rng.permutation(len(atoms))
    (before,) = environments([atoms], model)
    _, after, shuffled = environments([other, moved, atoms[order]], model)
    for element, features in before.items():
        np.testing.assert_allclose(after[element], features, atol=1e-9)
        place = np.cumsum(atoms.numbers == atoms[atoms.symbols == element][0].number) - 1
        same = place[order][atoms.numbers[order] == atoms[atoms.symbols == element][0].number]
        np.testing.assert_allclose(shuffled[element], features[same], atol=1e-9)


def test_frames_of_many_batches_come_in_order():
    model = small_model(1)
    frames = [lithium_chloride(seed) for seed in range(30)]
    together = environments(frames, model)
    assert len(together) == 30
    for atoms, found in zip(frames[::7], together[::7], strict=True):
        (alone,) = environments([atoms], model)
        np.testing.assert_allclose(found["Li"], alone["Li"], atol=1e-4)
    assert environments([], model) == []


def test_the_weights_are_left_as_they_are():
    model = small_model(1)
    before = [weight.clone() for weight in model.parameters()]
    environments([lithium_chloride()], model)
    assert all(weight.grad is None for weight in model.parameters())
    assert all((now == then).all() for now, then in zip(model.parameters(), before, strict=True))


def test_an_unknown_element_is_named():
    with pytest.raises(UnknownElementError, match="element O"):
        environments([molecule("O2", cell=(5, 5, 5), pbc=True)], small_model())
