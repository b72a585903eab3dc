import copy
import warnings

import numpy as np
import pytest
import torch

from alloop.potential.committee import Committee
from alloop.potential.evaluation import scalar_mace
from alloop.potential.evaluation.evaluate import ready
from alloop.potential.evaluation.model_forms import form_of
from alloop.potential.evaluation.radial import SHORTEST_A
from alloop.potential.mace_api import MACECalculator
from tests.support.models import lithium_chloride, small_foundation, small_model

SCALAR = {
    "quickstart": {"channels": 32, "max_ell": 2, "correlation": 2, "cutoff_A": 5.0},
    "large": {"channels": 64, "max_ell": 3, "correlation": 3, "cutoff_A": 5.0},
    "one layer": {"layers": 1},
    "one layer that makes vectors": {"layers": 1, "max_L": 1},
    "three layers": {"layers": 3, "radial_functions": 8},
}
OTHERS = {
    "vectors": lambda: small_model(5, max_L=1, max_ell=2, correlation=3),
    "foundation": lambda: small_foundation((3, 17)),
}


def truth(model, atoms):
    atoms.calc = MACECalculator(models=[copy.deepcopy(model).double()], device="cpu", default_dtype="float64")
    return atoms.get_forces()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SCALAR)
def test_scalar_models_are_evaluated_in_their_fast_form(name, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert form_of(ready(small_model(1, **SCALAR[name]), "cpu", dtype)).scalar is not None


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_are_evaluated_as_mace_does(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        form = form_of(ready(OTHERS[name](), "cpu", "float32"))
    assert form.scalar is None
    assert form.vectors == torch.float64


def test_where_the_fast_form_is_wrong_the_next_one_is_used_with_a_warning(monkeypatch):
    real = scalar_mace.table
    monkeypatch.setattr(scalar_mace, "table", lambda *a: (1 + 1e-4) * real(*a))
    atoms, model = lithium_chloride(3), small_model(1)
    with pytest.warns(UserWarning, match="does not agree with MACE"):
        ours = Committee([model], device="cpu", dtype="float32").forces(atoms)
    expected = truth(model, atoms)
    np.testing.assert_allclose(ours.forces_eV_per_A, expected, atol=1e-5 * np.sqrt((expected**2).mean()))


def test_where_no_form_is_right_it_is_mace_that_is_used(monkeypatch):
    from alloop.potential.evaluation import model_forms

    real = model_forms.with_float64_geometry

    def wrong(model):
        found = real(model)
        found.scale_shift = copy.deepcopy(found.scale_shift)
        found.scale_shift.scale = 1.001 * found.scale_shift.scale
        return found

    monkeypatch.setattr(model_forms, "with_float64_geometry", wrong)
    atoms, model = lithium_chloride(3), small_foundation((3, 17)).double()
    with pytest.warns(UserWarning, match="does not agree with MACE"):
        ours = Committee([model], device="cpu", dtype="float64").forces(atoms)
    np.testing.assert_allclose(ours.forces_eV_per_A, truth(model, atoms), atol=1e-12)


def test_a_broken_model_is_evaluated_without_a_warning():
    model = small_model(1)
    with torch.no_grad():
        next(iter(model.parameters())).fill_(torch.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = Committee([model], device="cpu", dtype="float32").forces(lithium_chloride())
    assert np.isnan(found.forces_eV_per_A).any()


def test_a_form_is_made_once_and_again_when_weights_change():
    model, atoms = small_model(1, "float64"), lithium_chloride(3)
    first = form_of(ready(model, "cpu", "float64"))
    assert form_of(model) is first
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 1.1
    assert form_of(model) is not first
    ours, copied = (Committee([one], device="cpu", dtype="float64") for one in (model, copy.deepcopy(model)))
    np.testing.assert_array_equal(ours.forces(atoms).forces_eV_per_A, copied.forces(atoms).forces_eV_per_A)


@pytest.mark.parametrize(("dtype", "digits"), [("float32", 1e-5), ("float64", 1e-10)])
def test_atoms_closer_than_any_table_reaches_are_left_to_mace(dtype, digits):
    atoms, model = lithium_chloride(3), small_model(1)
    atoms.positions[1] = atoms.positions[0] + [0.0, 0.0, 0.8 * SHORTEST_A]
    ours = Committee([model], device="cpu", dtype=dtype).forces(atoms)
    expected = truth(model, atoms)
    np.testing.assert_allclose(ours.forces_eV_per_A, expected, rtol=0, atol=digits * np.sqrt((expected**2).mean()))
