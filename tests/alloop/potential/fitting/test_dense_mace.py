import copy

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.potential.evaluation.scalar_mace import UnsupportedError
from alloop.potential.fitting.adapting import with_frozen
from alloop.potential.fitting.chebyshev import Interval
from alloop.potential.fitting.dense_frames import dense_frames, joined
from alloop.potential.fitting.dense_mace import DenseMace
from alloop.potential.fitting.loss import Weights, Widths
from alloop.potential.fitting.objective import DenseObjective, MaceObjective, objective_of
from alloop.potential.graphs import labelled_graphs
from tests.support.models import frames, labelled, lithium_chloride, small_foundation, small_model

WEIGHTS = Weights(energy=2.0, forces=10.0, stress=3.0)
SHAPES = [{}, {"max_ell": 2, "correlation": 3}, {"layers": 1, "max_ell": 3, "correlation": 1}]
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}


def crystals(seeds):
    """Labelled cells of different sizes and densities, some with atoms that are their own neighbours."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        atoms = lithium_chloride(seed, rattle_A=0.2)
        if seed % 3 == 0:
            atoms = Atoms("LiCl", positions=[[0, 0, 0], rng.uniform(1.4, 1.9, 3)], cell=np.eye(3) * 3.6, pbc=True)
        atoms.set_cell(atoms.cell * rng.uniform(0.93, 1.1), scale_atoms=True)
        found.append(labelled(atoms))
    return found


def gradients(objective, model, batch, weights, widths=None):
    model.zero_grad()
    loss = objective.fitted(batch).loss(weights, widths)
    loss.backward()
    return float(loss), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).double()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients_are_those_of_mace(shape, dtype):
    @settings(deadline=None, max_examples=3, database=None)
    @given(seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=3), seed=st.integers(0, 1000))
    def check(seeds, seed):
        model = small_model(seed, dtype, **shape)
        graphs = labelled_graphs(crystals(seeds), model)
        batch = [*range(len(graphs)), 0]
        ours, theirs = (kind(model, graphs, graphs, stress=True) for kind in (DenseObjective, MaceObjective))
        for widths in (None, Widths.for_forces(0.5)):
            found = [gradients(one, model, batch, WEIGHTS, widths) for one in (ours, theirs)]
            (loss, slopes), (right, wanted) = found
            assert loss == pytest.approx(right, rel=TOLERANCE[dtype])
            assert (slopes - wanted).abs().max() <= TOLERANCE[dtype] * wanted.abs().max()

    check()


@pytest.mark.parametrize("last", ["embedding", "interactions", "products"])
def test_a_partly_frozen_model_learns_as_in_mace(last):
    model = with_frozen(small_model(dtype="float64"), last)
    graphs = labelled_graphs(crystals(range(3)), model)
    ours, theirs = (kind(model, graphs, graphs, stress=True) for kind in (DenseObjective, MaceObjective))
    (loss, slopes), (right, wanted) = (gradients(one, model, [0, 1, 2], WEIGHTS) for one in (ours, theirs))
    assert loss == pytest.approx(right, rel=1e-9)
    assert (slopes - wanted).abs().max() <= 1e-9 * wanted.abs().max()


def test_what_is_watched_is_what_mace_would_say():
    model = small_model()
    graphs = labelled_graphs(crystals(range(8)), model)
    ours, theirs = (kind(model, graphs, graphs, stress=False).watched() for kind in (DenseObjective, MaceObjective))
    forces, energies = (
        [torch.cat([getattr(found, name) for found in some]) for some in (ours, theirs)]
        for name in ("forces_eV_per_A", "energy_eV_per_atom")
    )
    torch.testing.assert_close(*forces, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(*energies, rtol=1e-4, atol=1e-4)
    assert not forces[0].requires_grad


def test_frames_say_the_same_alone_and_joined():
    model = small_model()
    dense = dense_frames(labelled_graphs(frames(3), model), model, "cpu")
    form = DenseMace(model, 1.0)
    alone = torch.cat([form(frame).forces_eV_per_A for frame in dense])
    torch.testing.assert_close(form(joined(dense)).forces_eV_per_A, alone, rtol=1e-5, atol=1e-5)


def test_a_model_with_a_dense_form_is_fitted_in_it_and_another_as_mace_does():
    model, foundation = small_model(), small_foundation((3, 17))
    graphs = labelled_graphs(frames(2), model)
    assert isinstance(objective_of(model, graphs, graphs, stress=False), DenseObjective)
    other = labelled_graphs(frames(2), foundation)
    assert isinstance(objective_of(foundation, other, other, stress=False), MaceObjective)
    with pytest.raises(UnsupportedError):
        DenseMace(foundation, 1.0)


def test_a_form_that_does_not_agree_with_mace_is_not_used():
    model = small_model()
    graphs = labelled_graphs(frames(2), model)
    model.products[0].linear.register_forward_hook(lambda *_: torch.zeros(8, 4))
    with pytest.warns(UserWarning, match="does not agree with MACE"):
        found = objective_of(model, graphs, graphs, stress=False)
    assert isinstance(found, MaceObjective)


def test_radial_weights_that_change_fast_get_more_nodes_and_stay_right():
    model = small_model()
    graphs = labelled_graphs(frames(2), model)
    with torch.no_grad():
        for interaction in model.interactions:
            interaction.conv_tp_weights.layer0.weight.mul_(40.0)
    form = DenseMace(model, 1.0)
    assert form.refine()
    assert form.nodes > DenseMace(small_model(), 1.0).nodes
    ours, theirs = (kind(model, graphs, graphs, stress=False) for kind in (DenseObjective, MaceObjective))
    found, wanted = (one.watched()[0].forces_eV_per_A for one in (ours, theirs))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))


def test_nothing_of_the_model_is_changed_by_its_dense_form():
    model = small_model()
    before = copy.deepcopy(model.state_dict())
    DenseMace(model, 1.0)(dense_frames(labelled_graphs(frames(1), model), model, "cpu")[0], stress=True)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@given(shortest=st.floats(0.5, 2.0), width=st.floats(1.0, 6.0), seed=st.integers(0, 100))
def test_interpolation_is_exact_for_smooth_functions_and_their_slopes(shortest, width, seed):
    interval = Interval(shortest, shortest + width, 64)
    coefficients = interval.coefficients(torch.sin(3 * interval.lengths_A).unsqueeze(1))
    lengths = shortest + width * torch.rand(50, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    values, slopes = (interval.basis(lengths) @ coefficients).squeeze(1).chunk(2)
    torch.testing.assert_close(values, torch.sin(3 * lengths), rtol=0, atol=1e-11)
    torch.testing.assert_close(slopes, 3 * torch.cos(3 * lengths), rtol=0, atol=1e-8)
