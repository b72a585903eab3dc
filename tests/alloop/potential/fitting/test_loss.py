import copy
import dataclasses

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from alloop.potential.fitting.loss import Weights, Widths, cauchy, huber
from alloop.potential.fitting.objective import Deviations, MaceObjective
from alloop.potential.fitting.training import Recipe, train
from alloop.potential.graphs import labelled_frame, labelled_graphs
from alloop.potential.mace_api import Batch, WeightedEnergyForcesStressLoss
from tests.support.models import frames, labelled, lithium_chloride, small_model

WEIGHTS = Weights(energy=2.0, forces=10.0, stress=3.0)
WIDTHS = Widths.for_forces(0.1)
FEW = 1e6
"""A width (eV/Å) that no deviation reaches."""


def deviations(energy=0.0, forces=((0.0, 0.0, 0.0),), stress=0.0):
    """Deviations of one frame."""
    return Deviations(
        energy_eV_per_atom=torch.tensor([energy]),
        forces_eV_per_A=torch.as_tensor(forces, dtype=torch.float32),
        stress_eV_per_A3=torch.full((1, 3, 3), stress),
        energy_counts=torch.ones(1),
        forces_counts=torch.ones(len(forces), 1),
        stress_counts=torch.ones(1, 1, 1),
    )


def test_squares_are_the_loss_of_mace_and_so_is_hubers_loss_where_no_deviation_reaches_its_width():
    model = small_model(dtype="float64")
    graphs = labelled_graphs(frames(4), model)
    batch = Batch.from_data_list(graphs)
    mace = WeightedEnergyForcesStressLoss(energy_weight=2.0, forces_weight=10.0, stress_weight=3.0)
    right = float(mace(batch, model(batch.to_dict(), compute_stress=True)))
    found = MaceObjective(model, graphs, (), stress=True).fitted(range(4), fitting=False)
    assert float(found.loss(WEIGHTS)) == pytest.approx(right, rel=1e-6)
    assert float(found.loss(WEIGHTS, Widths.for_forces(FEW))) == pytest.approx(right, rel=1e-6)
    assert float(found.loss(WEIGHTS, WIDTHS)) < 0.5 * right


@given(deviation=st.floats(1e-9, 1e3), width=st.floats(1e-3, 10))
def test_a_cost_is_the_square_at_first_and_grows_ever_more_slowly(deviation, width):
    squares = torch.tensor([deviation, 1.01 * deviation], dtype=torch.float64) ** 2
    for cost, steepest in ((huber, 2 * width), (cauchy, width)):
        costs = cost(squares, width)
        assert 0 <= costs[0] <= squares[0] * (1 + 1e-12)
        assert costs[1] - costs[0] <= 1.0001 * steepest * 0.01 * deviation + 1e-12
        small = torch.tensor([(1e-3 * width) ** 2], dtype=torch.float64)
        assert float(cost(small, width)) == pytest.approx(float(small), rel=1e-5)


def test_beyond_the_width_hubers_loss_goes_on_as_the_tangent():
    assert huber(torch.tensor([0.01, 1.0, 4.0]), 0.5).tolist() == pytest.approx([0.01, 0.75, 1.75])


@pytest.mark.parametrize(
    ("far", "near"),
    [
        ({"forces": [[15.0, 0.0, 0.0]]}, {"forces": [[0.1, 0.0, 0.0]]}),
        ({"energy": -3.0}, {"energy": -0.01}),
        ({"stress": 1.0}, {"stress": 0.01}),
    ],
    ids=["forces", "energy", "stress"],
)
def test_what_is_far_off_pulls_no_more_than_what_is_at_the_width(far, near):
    def pull(widths, **fields):
        tensors = {
            field.name: getattr(deviations(**fields), field.name).requires_grad_()
            for field in dataclasses.fields(Deviations)
        }
        Deviations(**tensors).loss(WEIGHTS, widths).backward()
        wanted = ("energy_eV_per_atom", "forces_eV_per_A", "stress_eV_per_A3")
        return max(float(tensors[name].grad.norm()) for name in wanted)

    assert pull(WIDTHS, **far) <= 1.001 * pull(None, **near)
    assert pull(None, **far) > 90 * pull(None, **near)


def test_a_frame_without_any_deviation_pulls_at_nothing():
    zero = torch.zeros(2, 3, requires_grad=True)
    found = dataclasses.replace(deviations(forces=[[0.0] * 3] * 2), forces_eV_per_A=zero)
    found.loss(WEIGHTS, WIDTHS).backward()
    assert zero.grad.abs().max() == 0


@given(seed=st.integers(0, 1000))
def test_turning_a_frame_changes_no_loss(seed):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    forces, stress = rng.normal(scale=0.1, size=(5, 3)), rng.normal(scale=0.01, size=(3, 3))
    here, there = (
        dataclasses.replace(deviations(forces=f), stress_eV_per_A3=torch.tensor(s[None]))
        for f, s in ((forces, stress), (forces @ turn.T, turn @ stress @ turn.T))
    )
    for name in ("loss", "watched_loss"):
        losses = [float(getattr(one, name)(WEIGHTS, WIDTHS)) for one in (here, there)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)


# -- fits --------------------------------------------------------------------------------------------------------


def recipe(huber_eV_per_A, **changes):
    fields = {"max_steps": 150, "batch_size": 4, "learning_rate": 0.01, "check_every_steps": 150, "patience": None}
    weights = {"energy_weight": 1.0, "forces_weight": 10.0, "stress_weight": 0.0}
    return Recipe(**{**fields, **weights, **changes}, ema_decay=0.9, seed=0, huber_eV_per_A=huber_eV_per_A)


def spoiled(frame):
    """A frame whose label has forces of 15 eV/Å."""
    forces = frame.arrays["REF_forces"]
    forces = forces * 15.0 / np.linalg.norm(forces, axis=1).max()
    return labelled_frame(frame, frame.info["REF_energy"] + 2.0, forces, None)


def wall(seed):
    """A frame in which two atoms almost touch."""
    atoms: Atoms = lithium_chloride(seed)
    atoms.positions[1] += 0.6 * (atoms.positions[0] - atoms.positions[1])
    return labelled(atoms)


def force_rmse(model, some):
    graphs = labelled_graphs(some, model)
    found = MaceObjective(model, (), graphs, stress=False).watched()
    return float(torch.cat([one.forces_eV_per_A for one in found]).square().mean().sqrt())


def test_four_spoiled_labels_of_sixteen_harm_a_fit_less():
    known = [*frames(12), *(spoiled(frame) for frame in frames(4, first_seed=12))]
    clean, errors = frames(6, first_seed=20), {}
    for width in (None, 0.1):
        model = small_model()
        graphs = labelled_graphs(known, model)
        train(model, graphs, graphs[:1], recipe(width, max_steps=60, check_every_steps=60))
        errors[width] = force_rmse(model, clean)
    assert errors[0.1] < 0.2 * errors[None]


def test_watched_frames_of_broken_structures_do_not_end_a_refit_at_its_first_step():
    start = small_model(2)
    few = labelled_graphs(frames(3, first_seed=200), start)
    train(start, few, few[:1], recipe(None))
    clean = frames(6, first_seed=20)
    watched = labelled_graphs([*clean, *(wall(seed) for seed in range(46, 49))], start)
    more = labelled_graphs(frames(12, first_seed=200), start)
    kept = {}
    for width in (None, 0.1):
        model = copy.deepcopy(start)
        settings = {"max_steps": 100, "check_every_steps": 10, "patience": 8, "learning_rate": 0.005}
        checks = train(model, more, watched, recipe(width, **settings)).history
        kept[width] = min(checks, key=lambda check: check.loss).step
        better = force_rmse(model, clean) < 0.6 * force_rmse(start, clean)
        assert better == (width is not None)
    assert kept[None] == 0 < kept[0.1]
