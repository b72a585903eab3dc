import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.potential.committee import Committee
from alloop.potential.fitting.training import DivergedError, Fitting, Recipe, learning_rate, order_of_frames, train
from alloop.potential.graphs import labelled_graphs
from tests.support.models import frames, lithium_chloride, small_model
from tests.support.pretend_gpu import counted_copies, pretended_gpu

RECIPE = Recipe(
    max_steps=60,
    batch_size=4,
    learning_rate=0.01,
    energy_weight=1.0,
    forces_weight=10.0,
    stress_weight=0.0,
    patience=None,
    check_every_steps=20,
    ema_decay=0.9,
    seed=0,
)


def changed(**fields):
    return dataclasses.replace(RECIPE, **fields)


@settings(deadline=None)
@given(frames=st.integers(1, 30), wanted=st.integers(1, 200), seed=st.integers(0, 2**31))
def test_every_frame_is_seen_equally_often(frames, wanted, seed):
    order = order_of_frames(frames, wanted, seed)
    counts = np.bincount(order, minlength=frames)
    assert len(order) == wanted
    assert counts.max() - counts.min() <= 1
    assert order == order_of_frames(frames, wanted, seed)


@settings(deadline=None)
@given(max_steps=st.integers(1, 5000), data=st.data())
def test_the_learning_rate_rises_shortly_then_falls_and_stays_positive(max_steps, data):
    recipe = changed(max_steps=max_steps)
    step = data.draw(st.integers(0, max_steps - 1))
    rate = learning_rate(step, recipe)
    assert 0 < rate <= recipe.learning_rate
    assert learning_rate(step, recipe, halvings=1) == pytest.approx(rate / 2)
    if step >= 20:
        assert learning_rate(step + 1, recipe) < rate


def test_training_learns_forces_it_has_not_seen():
    model = small_model()
    graphs = labelled_graphs(frames(16), model)
    outcome = train(model, graphs[:12], graphs[12:], changed(max_steps=120, check_every_steps=40))
    assert [check.step for check in outcome.history] == [0, 40, 80, 120]
    assert outcome.stopped == "schedule"
    assert outcome.history[-1].rmse_forces_eV_per_A < 0.35 * outcome.history[0].rmse_forces_eV_per_A


def test_the_model_ends_with_the_weights_of_the_last_check():
    model = small_model()
    graphs = labelled_graphs(frames(4), model)
    last = train(model, graphs, graphs, RECIPE).history[-1]
    none = train(model, graphs, graphs, changed(max_steps=1, learning_rate=1e-12)).history[0]
    assert none.loss == pytest.approx(last.loss, rel=1e-5)


def test_patience_stops_early_and_brings_the_best_weights_back():
    model = small_model()
    graphs = labelled_graphs(frames(6), model)
    recipe = changed(max_steps=2000, learning_rate=0.03, check_every_steps=5, patience=3, batch_size=2)
    outcome = train(model, graphs[:2], graphs[2:], recipe)
    assert outcome.stopped == "patience"
    assert outcome.steps < 2000
    again = train(model, graphs[:2], graphs[2:], changed(max_steps=1, learning_rate=1e-12)).history[0]
    assert again.loss == pytest.approx(min(check.loss for check in outcome.history), rel=1e-5)


def test_a_fit_that_only_gets_worse_returns_where_it_started():
    model = small_model()
    graphs = labelled_graphs(frames(8), model)
    train(model, graphs, graphs, changed(max_steps=100))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    outcome = train(model, graphs, graphs, changed(learning_rate=0.5, patience=2, check_every_steps=2, ema_decay=0.0))
    if min(check.loss for check in outcome.history) == outcome.history[0].loss:
        assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    else:
        pytest.fail("a learning rate of 0.5 was meant to ruin the fit")


def test_plateaus_lower_the_learning_rate():
    model = small_model()
    graphs = labelled_graphs(frames(2), model)
    recipe = changed(learning_rate=1e-9, patience=8, check_every_steps=2, max_steps=10_000)
    rates = [check.learning_rate for check in train(model, graphs, graphs, recipe).history]
    assert rates[-1] < 0.6 * max(rates)


@pytest.mark.parametrize(("weight", "computed"), [(0.0, False), (5.0, True)])
def test_stress_is_computed_only_where_it_has_weight(weight, computed):
    model, asked = small_model(), []
    model.register_forward_pre_hook(lambda _, args, kwargs: asked.append(kwargs["compute_stress"]), with_kwargs=True)
    graphs = labelled_graphs(frames(2), model)
    train(model, graphs, graphs, changed(max_steps=2, check_every_steps=1, stress_weight=weight))
    assert set(asked) == {computed}


def test_fitting_stress_makes_it_better():
    graphs = labelled_graphs(frames(8), small_model())

    def error(weight):
        model = small_model()
        train(model, graphs, graphs, changed(stress_weight=weight))
        predicted = Committee([model], device="cpu", dtype="float32").forces(lithium_chloride(0), stress=True)
        voigt = graphs[0].stress[0].numpy()[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        return np.abs(predicted.stress_eV_per_A3 - voigt).max()

    assert error(1000.0) < error(0.0)


def test_a_batch_may_be_larger_than_the_dataset():
    model = small_model()
    graphs = labelled_graphs(frames(2), model)
    assert train(model, graphs, graphs, changed(max_steps=3, batch_size=7)).steps == 3


def test_a_loss_that_is_no_number_is_reported_at_once():
    model = small_model()
    graphs = labelled_graphs(frames(2), model)
    graphs[1].energy = torch.tensor(float("nan"))
    with pytest.raises(DivergedError, match="nan"):
        train(model, graphs, graphs[:1], RECIPE)


def test_a_step_brings_nothing_back_from_the_device_and_a_check_tells_of_the_first_bad_loss():
    with pretended_gpu():
        model = small_model().to("cuda")
        graphs = labelled_graphs(frames(3), small_model())
        graphs[2].energy = torch.tensor(float("nan"))
        fitting = Fitting(model.train(), graphs, graphs[:1], RECIPE)
        fitting.step([0, 1], 0, 0)
        with counted_copies() as copies:
            fitting.step([1, 2], 1, 0)
            fitting.step([0, 1], 2, 0)
        # PyTorch's clipping sends its factor to where it believes the gradients to be, which here is the true device.
        assert copies == ["cpu", "cpu"]
        with pytest.raises(DivergedError, match="the loss is nan after 2 steps"):
            fitting.check(3)


def test_checks_are_handed_out_as_they_come():
    model, seen = small_model(), []
    graphs = labelled_graphs(frames(2), model)
    outcome = train(model, graphs, graphs, changed(max_steps=4, check_every_steps=2), on_check=seen.append)
    assert tuple(seen) == outcome.history
