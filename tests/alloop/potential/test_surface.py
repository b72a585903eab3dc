import copy
import functools
import warnings

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.cell import Cell
from hypothesis import given, settings
from hypothesis import strategies as st
from mace.calculators import MACECalculator

from alloop.potential import scalar_mace
from alloop.potential.committee import Committee
from alloop.potential.neighbours import Neighbourhoods
from alloop.potential.radial import SHORTEST_A, places, table
from alloop.potential.surface import form_of, ready, surfaces
from tests.support.models import lithium_chloride, small_foundation, small_model

QUICKSTART = {"channels": 32, "max_ell": 2, "correlation": 2, "cutoff_A": 5.0}
LARGE = {"channels": 64, "max_ell": 3, "correlation": 3, "cutoff_A": 5.0}
MODELS = {
    "quickstart": lambda: small_model(1, **QUICKSTART),
    "large": lambda: small_model(2, **LARGE),
    "one layer": lambda: small_model(3, layers=1),
    "three layers": lambda: small_model(4, layers=3, radial_functions=8),
    "vectors": lambda: small_model(5, max_L=1, max_ell=2, correlation=3),
    "foundation": lambda: small_foundation((3, 17)),
}
ROUNDING = {"vectors": 5, "foundation": 10}
"""Of these MACE itself, in float32, is this many times further from its float64 than the others."""
SCALAR = ("quickstart", "large", "one layer", "three layers")


def random_frame(seed):
    """Return a distorted crystal of random size, cell and species, with atoms out of the cell."""
    rng = np.random.default_rng(seed)
    repeat = rng.integers(1, 3, size=3)
    spots = np.stack(np.meshgrid(*(range(n) for n in repeat)), axis=-1).reshape(-1, 3) / repeat
    cell = np.diag(repeat * rng.uniform(2.3, 4.0, size=3)) + rng.normal(scale=0.3, size=(3, 3))
    atoms = Atoms(rng.choice([3, 17], size=len(spots)), scaled_positions=spots, cell=cell, pbc=True)
    atoms.positions += rng.normal(scale=0.15, size=(len(spots), 3)) + rng.integers(-2, 3, (len(spots), 3)) @ cell
    return atoms


@functools.cache
def ours_of(name, dtype):
    return Committee([MODELS[name]()], device="cpu", dtype=dtype)


@functools.cache
def truth_of(name):
    return MACECalculator(models=[MODELS[name]().double()], device="cpu", default_dtype="float64")


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_random_structures_have_the_energies_forces_and_stresses_of_mace(name, dtype, tolerance, seed):
    atoms = random_frame(seed)
    ours = ours_of(name, dtype).forces(atoms, stress=True)
    atoms.calc = truth_of(name)
    forces, stress = atoms.get_forces(), atoms.get_stress()
    tolerance *= ROUNDING.get(name, 1) if dtype == "float32" else 1
    scale = max(rms(forces), 0.05)
    assert rms(ours.forces_eV_per_A - forces) < tolerance * scale
    assert rms(ours.stress_eV_per_A3 - stress) < tolerance * max(rms(stress), 0.05 * scale)
    # An isolated atom has an energy of its own, which float32 keeps to so many digits.
    assert abs(ours.energy_eV - atoms.get_potential_energy()) < tolerance * len(atoms)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SCALAR)
def test_scalar_models_are_evaluated_in_their_fast_form(name, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert form_of(ready(MODELS[name](), "cpu", dtype)).scalar is not None


@pytest.mark.parametrize("name", ["vectors", "foundation"])
def test_other_models_are_evaluated_as_mace_does(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert form_of(ready(MODELS[name](), "cpu", "float32")).scalar is None


def test_where_the_fast_form_is_wrong_that_of_mace_is_used_with_a_warning(monkeypatch):
    real = scalar_mace.table
    monkeypatch.setattr(scalar_mace, "table", lambda *a: 1.001 * real(*a))
    atoms = lithium_chloride(3)
    with pytest.warns(UserWarning, match="only slower"):
        ours = Committee([small_model(1)], device="cpu", dtype="float64").forces(atoms)
    atoms.calc = MACECalculator(models=[small_model(1).double()], device="cpu", default_dtype="float64")
    np.testing.assert_allclose(ours.forces_eV_per_A, atoms.get_forces(), atol=1e-10)


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


def test_atoms_closer_than_any_table_reaches_are_left_to_mace():
    atoms = lithium_chloride(3)
    atoms.positions[1] = atoms.positions[0] + [0.0, 0.0, 0.8 * SHORTEST_A]
    ours = Committee([small_model(1)], device="cpu", dtype="float64").forces(atoms)
    atoms.calc = MACECalculator(models=[small_model(1).double()], device="cpu", default_dtype="float64")
    np.testing.assert_allclose(ours.forces_eV_per_A, atoms.get_forces(), rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-11)])
def test_radial_weights_and_their_slopes_are_those_of_mace(dtype, tolerance):
    model = small_model(1, **QUICKSTART).to(dtype)
    lengths_A = torch.linspace(SHORTEST_A + 1e-3, 5.0, 997, dtype=torch.float64).requires_grad_()
    reference = copy.deepcopy(model).double()
    embedded, _ = reference.radial_embedding(lengths_A.unsqueeze(1), None, None, None)
    network = model.interactions[0].conv_tp_weights
    expected = reference.interactions[0].conv_tp_weights(embedded)
    (slope,) = torch.autograd.grad(expected[:, 7].sum(), lengths_A)
    where = places(lengths_A.detach(), 5.0, dtype)
    rows = table(model.radial_embedding, network, 5.0, dtype)[where.rows]
    values, slopes = (torch.einsum("et,etk->ek", w, rows) for w in (where.weights, where.slopes))
    expected = expected.detach()
    assert (values - expected).abs().max() < tolerance * expected.abs().max()
    assert (slopes[:, 7] - slope).abs().max() < 10 * tolerance * slope.abs().max()
    assert float(values[-1].abs().max()) < tolerance * float(expected.abs().max())


def test_members_share_a_graph_and_keep_apart():
    atoms = lithium_chloride(2)
    species = torch.eye(2)[torch.as_tensor((atoms.numbers == 17).astype(int))]
    models = [ready(small_model(seed, **QUICKSTART), "cpu", "float32") for seed in range(3)]
    edges = Neighbourhoods(atoms.numbers, Cell(atoms.cell).array, species, 5.0).edges(atoms.positions[None], [0])
    together = surfaces(models, edges)
    for model, surface in zip(models, together, strict=True):
        (alone,) = surfaces([model], edges)
        torch.testing.assert_close(surface.forces(edges), alone.forces(edges), rtol=0, atol=0)
