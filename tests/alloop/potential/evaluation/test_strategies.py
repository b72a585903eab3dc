import gc
import warnings
import weakref

import pytest
import torch

from alloop.potential.evaluation import model_forms, strategies
from alloop.potential.evaluation.evaluate import fastest_of, ready
from alloop.potential.evaluation.model_forms import Geometry, form_of
from alloop.potential.evaluation.neighbours import Neighbourhoods
from alloop.potential.evaluation.scalar_mace import UnsupportedError
from alloop.potential.evaluation.stacked import Stacked
from alloop.potential.evaluation.strategies import CuEquivariance, Fastest, Sequential, strategies_of
from tests.support.models import lithium_chloride, small_foundation, small_model

ROUNDING = {"float32": 1e-5, "float64": 1e-11}


def members(count=3, dtype="float32", **architecture):
    """Return models that differ in everything in which members of a committee do."""
    models = [ready(small_model(seed, dtype, **architecture), "cpu", dtype) for seed in range(count)]
    for number, model in enumerate(models):
        model.scale_shift.scale.mul_(1 + 0.1 * number)
        model.atomic_energies_fn.atomic_energies.add_(0.3 * number)
        for layer in model.interactions:
            layer.avg_num_neighbors = 14.0 + number
    return models


def geometry(dtype="float32", numbers=(3, 17)):
    atoms = lithium_chloride(4)
    species = torch.as_tensor(atoms.numbers[:, None] == list(numbers)).to(getattr(torch, dtype))
    return Geometry(
        Neighbourhoods(atoms.numbers, atoms.cell.array, species, 4.0).edges(torch.tensor(atoms.positions[None]), [0])
    )


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("architecture", [{}, {"max_L": 1, "max_ell": 2, "correlation": 3}], ids=["scalars", "vectors"])
def test_stacked_members_say_what_they_say_one_after_the_other(dtype, architecture):
    models, around, digits = members(dtype=dtype, **architecture), geometry(dtype), ROUNDING[dtype]
    for ours, theirs in zip(Stacked(models)(around), Sequential(models)(around), strict=True):
        expected, virial = theirs.forces(around.edges), theirs.virial(around.edges)
        allowed = digits * float(expected.square().mean().sqrt())
        torch.testing.assert_close(ours.forces(around.edges), expected, rtol=0, atol=allowed)
        torch.testing.assert_close(ours.virial(around.edges), virial, rtol=digits, atol=allowed)
        # Energies are of the order of 1 eV, forces of random weights a thousandth of that per Å.
        torch.testing.assert_close(ours.node_energies_eV, theirs.node_energies_eV, rtol=0.1 * digits, atol=allowed)


@pytest.mark.parametrize("architecture", [{}, {"max_L": 1, "max_ell": 2, "correlation": 3}], ids=["scalars", "vectors"])
def test_with_cuequivariance_members_say_what_they_say_without(architecture):
    pytest.importorskip("cuequivariance_torch")
    models, around = members(dtype="float32", **architecture), geometry("float32")
    for ours, theirs in zip(CuEquivariance(models)(around), Sequential(models)(around), strict=True):
        expected = theirs.forces(around.edges)
        allowed = ROUNDING["float32"] * float(expected.square().mean().sqrt())
        torch.testing.assert_close(ours.forces(around.edges), expected, rtol=0, atol=allowed)
        torch.testing.assert_close(ours.node_energies_eV, theirs.node_energies_eV, rtol=1e-6, atol=allowed)


@pytest.mark.slow
def test_foundations_of_several_heads_can_be_stacked():
    models = [ready(small_foundation((3, 17), heads=("a", "Default"), seed=seed), "cpu", "float64") for seed in (0, 1)]
    around = geometry("float64")
    for ours, theirs in zip(Stacked(models)(around), Sequential(models)(around), strict=True):
        torch.testing.assert_close(ours.forces(around.edges), theirs.forces(around.edges), rtol=0, atol=1e-12)
        torch.testing.assert_close(ours.node_energies_eV, theirs.node_energies_eV, rtol=0, atol=1e-12)


def test_members_of_different_shapes_cannot_be_stacked():
    with pytest.raises(UnsupportedError, match="one shape"):
        Stacked([*members(1), *members(1, channels=3)])


def test_every_strategy_that_can_is_offered():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        offered = strategies_of(members(2))
        assert set(offered) - {"cuequivariance"} == {"sequential", "stacked"}
        assert "stacked" not in strategies_of(members(1))


def test_without_its_kernels_cuequivariance_is_not_offered(monkeypatch):
    monkeypatch.setattr(strategies.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedError, match="not installed"):
        CuEquivariance(members(1))


def test_a_strategy_that_does_not_agree_with_mace_is_dropped_with_one_warning(monkeypatch):
    def wrong(models):
        return Stacked(models[::-1])

    monkeypatch.setattr(strategies, "STRATEGIES", {**strategies.STRATEGIES, "stacked": wrong})
    with pytest.warns(UserWarning, match="stacked do not agree") as warned:
        assert "stacked" not in strategies_of(members(2))
    assert sum("agree" in str(one.message) for one in warned) == 1


def test_kernels_that_fail_in_a_way_of_their_own_are_dropped_with_one_line(monkeypatch):
    class HalfInstalled:
        def __init__(self, models):
            raise AttributeError("no attribute 'buffer_num_segments'\nand a hundred lines more")

    monkeypatch.setattr(strategies, "STRATEGIES", {**strategies.STRATEGIES, "cuequivariance": HalfInstalled})
    with pytest.warns(UserWarning, match="cannot be evaluated cuequivariance here") as warned:
        assert set(strategies_of(members(2))) == {"sequential", "stacked"}
    (line,) = [str(one.message) for one in warned if "evaluated" in str(one.message)]
    assert line.endswith("(AttributeError: no attribute 'buffer_num_segments'); they never are")


class Clocked:
    """A strategy that takes as long as it says, by a clock of its own."""

    now = 0.0

    def __init__(self, first_s, later_s):
        self.takes_s, self.calls = [first_s, *[later_s] * 20], 0

    def __call__(self, around):
        Clocked.now += self.takes_s[self.calls]
        self.calls += 1
        return []


def test_the_fastest_is_kept_for_graphs_of_a_size():
    slow, fast = Clocked(0.0, 2.0), Clocked(9.0, 1.0)
    ours = Fastest({"slow": slow, "fast": fast}, clock=lambda: Clocked.now)
    around = geometry()
    ours(around)
    assert list(ours.chosen.values()) == ["fast"]
    measured = (slow.calls, fast.calls)
    ours(around)
    assert (slow.calls, fast.calls) == (measured[0], measured[1] + 1)


def test_graphs_of_another_size_are_measured_anew():
    by_size = Fastest({"one": Clocked(1.0, 1.0), "other": Clocked(2.0, 2.0)}, clock=lambda: Clocked.now)
    small = geometry()
    atoms = lithium_chloride(4).repeat((2, 2, 1))
    species = torch.as_tensor(atoms.numbers[:, None] == [3, 17]).float()
    by_size(small)
    by_size(
        Geometry(
            Neighbourhoods(atoms.numbers, atoms.cell.array, species, 4.0).edges(
                torch.tensor(atoms.positions[None]), [0]
            )
        )
    )
    assert len(by_size.chosen) == 2


def test_a_strategy_that_needs_too_much_memory_is_not_chosen():
    def greedy(around):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    ours = Fastest({"greedy": greedy, "modest": Clocked(1.0, 1.0)}, clock=lambda: Clocked.now)
    assert ours(geometry()) == []


def test_strategies_are_kept_until_weights_change():
    models = members(2)
    first = fastest_of(models)
    assert fastest_of(models) is first
    with torch.no_grad():
        next(models[1].parameters()).mul_(1.1)
    assert fastest_of(models) is not first


@pytest.mark.slow
def test_models_of_former_generations_are_let_go():
    gone = []
    for _ in range(8):
        models = members(2)
        fastest_of(models)(geometry())
        gone.append(weakref.ref(models[0]))
        del models
    gc.collect()
    assert sum(one() is not None for one in gone) <= 4


def test_a_model_that_only_mace_evaluates_is_let_go(monkeypatch):
    monkeypatch.setattr(model_forms, "_faster_forms", lambda model: [])
    (model,) = members(1)
    form_of(model).surface(model, geometry())
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
