"""Every task that runs on a GPU, on one that is pretended: it says what it says on a CPU."""

import numpy as np
import pytest
import torch

from alloop.materials.structure import Structure
from alloop.potential.evaluation.evaluate import fastest_of
from alloop.potential.models.model_files import read_model, write_model
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.explore import ExploreSummary
from alloop.tasks.contract.produce import ProduceRequest, ProductionWalker
from alloop.tasks.contract.records import OffersData
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_committee
from alloop.tasks.worker import compute
from alloop.tasks.workspace import Workspace
from tests.support.models import fit_request, frames, lithium_chloride, put_labels, small_model
from tests.support.pools import put_offers, selection_of
from tests.support.pretend_gpu import pretended_gpu
from tests.support.toys import request as explore_request

CRYSTAL = Structure.from_atoms(lithium_chloride(rattle_A=0.02))
SHAPES = {"scalars": {}, "vectors": {"max_L": 1}}
EACH_SHAPE = ["scalars", pytest.param("vectors", marks=pytest.mark.slow)]


@pytest.fixture(params=EACH_SHAPE)
def workspace(request, tmp_path):
    """A committee of four, of a shape."""
    workspace = Workspace(tmp_path)
    for seed, name in enumerate("abcd"):
        write_model(workspace.model_path(f"fit:{name}"), small_model(seed, **SHAPES[request.param]))
    return workspace


def on_both(task, workspace, then=lambda result: result):
    """Return what is made of the results on a CPU and on a GPU."""
    near = then(compute(task, workspace))
    with pretended_gpu():
        far = compute(task, workspace, Machine(device="cuda"))
        assert far.status == "ok", far.detail
        return near, then(far)


def numbers(value):
    """Return the numbers in a summary, in order."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in numbers(value[key])]
    if isinstance(value, (list, tuple)):
        return [number for one in value for number in numbers(one)]
    return [float(value)] if isinstance(value, (int, float)) else []


@pytest.mark.parametrize("changes", [{}, {"stress_weight": 1.0, "level_energy": True}], ids=["usual", "more"])
@pytest.mark.parametrize("shape", EACH_SHAPE)
def test_a_fit_ends_with_the_same_weights(shape, changes, tmp_path):
    workspace = Workspace(tmp_path)
    architecture = fit_request(()).architecture | SHAPES[shape]
    task = fit_request(put_labels(workspace, frames(6)), patience=2, architecture=architecture, **changes)

    def weights(result):
        return read_model(workspace.model_path(f"fit:{result.key}")).state_dict()

    near, far = on_both(task, workspace, weights)
    assert all(torch.equal(near[name], far[name]) for name in near)


@pytest.mark.parametrize("ensemble", ["nvt", "npt"])
def test_walkers_go_the_same_way(workspace, ensemble):
    fields = {"structure": CRYSTAL, "dtype": "float32", "ensemble": ensemble, "steps": 10, "timestep_fs": 2.0}
    task = explore_request(lower_eV_per_A=1e2, upper_eV_per_A=1e3, **fields)

    def walked(result):
        told, data = ExploreSummary.model_validate(result.summary), OffersData.model_validate(result.data)
        return told.walkers[0], data.last_good[0].structure.to_atoms()

    (near, begun), (far, ended) = on_both(task, workspace, walked)
    assert near.steps == far.steps == 10
    assert near.max_disagreement_eV_per_A == pytest.approx(far.max_disagreement_eV_per_A, rel=1e-3)
    assert np.allclose(begun.positions, ended.positions, atol=1e-4)
    assert np.allclose(begun.cell, ended.cell, atol=1e-4)


def test_a_production_run_goes_the_same_way(workspace):
    walkers = tuple(ProductionWalker(temperature_K=300.0, seed=seed) for seed in (1, 2))
    limits = {"stop_temperature_factor": 100.0, "stop_contact": 0.1}
    pace = {"timestep_fs": 2.0, "thermostat_fs": 100.0, "equilibration_steps": 2, "steps": 12}
    sampling = {"sample_every_steps": 2, "snapshot_every": 3, "mobile": "Li", "ensemble": "bussi", "dtype": "float32"}
    task = ProduceRequest(structure=CRYSTAL, model="fit:a", walkers=walkers, **limits, **pace, **sampling)
    near, far = on_both(task, workspace, lambda result: numbers(list(result.data["points"])))
    assert far == pytest.approx(near, abs=1e-4)


def test_errors_are_the_same(workspace):
    task = EvaluateRequest(model="fit:a", frames=tuple(put_labels(workspace, frames(3))), dtype="float32")
    near, far = on_both(task, workspace, lambda result: numbers(result.summary))
    assert far == pytest.approx(near, rel=1e-4, abs=1e-6)


def test_a_selection_sees_the_same(workspace):
    segment = put_offers(workspace, "w", [lithium_chloride(seed, rattle_A=0.2) for seed in range(5)])
    task = selection_of(segment, known=put_labels(workspace, frames(2)), count=3)
    near, far = on_both(task, workspace, lambda result: [one["id"] for one in result.data["chosen"]])
    assert near == far


def test_members_are_evaluated_together_there(workspace):
    with pretended_gpu():
        committee = load_committee(workspace, tuple(f"fit:{name}" for name in "abcd"), "cuda", "float32")
        assert set(fastest_of(committee._members)._strategies) >= {"sequential", "stacked"}
