import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.potential.evaluation.contraction import FrozenContraction, frozen
from alloop.potential.graphs import graph_of
from tests.support.models import lithium_chloride, small_foundation, small_model

SHAPES = [(0, 1, 2), (0, 2, 3), (1, 2, 2), (2, 3, 3)]


def shaped(max_L, max_ell, correlation, dtype="float64"):
    return small_model(1, dtype, max_L=max_L, max_ell=max_ell, correlation=correlation)


def evaluate(model, atoms):
    output = model(graph_of(atoms, model))
    return output["energy"].detach(), output["forces"].detach()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_frozen_contractions_are_those_of_mace(shape, dtype):
    model, atoms = shaped(*shape, dtype), lithium_chloride(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (energy, forces), (expected_energy, expected) = evaluate(frozen(model), atoms), evaluate(model, atoms)
    tolerance = {"float64": 1e-12, "float32": 1e-5}[dtype]
    assert (forces - expected).abs().max() < tolerance * expected.abs().max()
    assert (energy - expected_energy).abs() < tolerance * expected_energy.abs()


@given(atoms=st.integers(1, 12), seed=st.integers(0, 2**31))
@settings(max_examples=12, deadline=None)
def test_any_features_of_any_species_are_contracted_as_mace_does(atoms, seed):
    original = shaped(1, 2, 3).products[0].symmetric_contractions.contractions[1]
    random = torch.Generator().manual_seed(seed)
    components = original.U_tensors(1).shape[-2]
    features = torch.randn(atoms, 4, components, generator=random, dtype=torch.float64)
    species = torch.eye(2, dtype=torch.float64)[torch.randint(0, 2, (atoms,), generator=random)]
    torch.testing.assert_close(FrozenContraction(original)(features, species), original(features, species))


def test_a_foundation_is_evaluated_the_same():
    model, atoms = small_foundation((3, 17)).double(), lithium_chloride(4)
    torch.testing.assert_close(evaluate(frozen(model), atoms), evaluate(model, atoms), rtol=1e-10, atol=1e-10)


def test_where_the_faster_form_is_wrong_that_of_mace_is_used_with_a_warning(monkeypatch):
    from alloop.potential.evaluation import contraction

    real = contraction._multiplied
    monkeypatch.setattr(contraction, "_multiplied", lambda *a: [1.001 * one for one in real(*a)])
    model, atoms = shaped(0, 1, 2), lithium_chloride(3)
    with pytest.warns(UserWarning, match="switched off"):
        energy, forces = evaluate(frozen(model), atoms)
    expected_energy, expected = evaluate(model, atoms)
    torch.testing.assert_close(forces, expected)
    torch.testing.assert_close(energy, expected_energy)


def test_the_model_itself_is_left_as_it_was():
    model, atoms = shaped(0, 2, 3), lithium_chloride(3)
    before = list(model.state_dict())
    expected = evaluate(model, atoms)
    evaluate(frozen(model), atoms)
    assert list(model.state_dict()) == before
    np.testing.assert_array_equal(evaluate(model, atoms)[1], expected[1])
