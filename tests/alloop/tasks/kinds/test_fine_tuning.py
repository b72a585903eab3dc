import numpy as np
import pytest
import torch

from alloop.failures import TaskFailure
from alloop.potential.graphs import graph_of, labelled_frame
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.model_files import read_model
from alloop.tasks.contract.fit import FineTuning
from alloop.tasks.kinds.fit import fit, initial_model
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from tests.support.models import (
    E0S,
    e0s_in,
    fit_request,
    forces_of,
    frames,
    labelled,
    lithium_chloride,
    make_small_committee,
    place_foundation,
    put_labels,
    small_model,
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def labels(workspace):
    return put_labels(workspace, frames(6))


def test_fine_tuning_starts_from_exactly_the_foundation(workspace, labels):
    init = place_foundation(workspace)
    start = initial_model(fit_request(labels, init=init), workspace, [])
    whole = load_foundation_file(workspace.model_path(init), init.partition(":")[2])
    atoms = lithium_chloride(9)
    before, after = whole(graph_of(atoms, whole)), start(graph_of(atoms, start))
    assert after["interaction_energy"].item() == pytest.approx(before["interaction_energy"].item(), abs=1e-5)
    np.testing.assert_allclose(after["forces"].detach(), before["forces"].detach(), atol=1e-5)


def test_a_fit_starts_from_the_head_that_its_request_names(workspace, labels):
    init = place_foundation(workspace, heads=("pbe", "scan"))
    whole = load_foundation_file(workspace.model_path(init), init.partition(":")[2])
    atoms, forces = lithium_chloride(9), []
    for number, head in enumerate(("pbe", "scan")):
        start = initial_model(fit_request(labels, init=f"{init}#{head}"), workspace, [])
        before, after = whole(graph_of(atoms, whole, head=number)), start(graph_of(atoms, start))
        np.testing.assert_allclose(after["forces"].detach(), before["forces"].detach(), atol=1e-5)
        forces.append(after["forces"].detach().numpy())
    assert not np.allclose(*forces, atol=1e-3)


@pytest.mark.parametrize("method", [None, "multihead"])
def test_a_foundation_whose_energies_are_levelled_begins_without_their_offset(workspace, method):
    far = put_labels(workspace, [shifted_by(frame, 40.0) for frame in frames(6)])
    tuning = None if method is None else FineTuning(method=method, replay=far)
    settings = {"init": place_foundation(workspace), "finetuning": tuning, "max_steps": 1}
    plain, levelled = (
        fit(fit_request(far, level_energy=level, **settings), workspace, Machine())[0]["history"][0]
        for level in (False, "elements")
    )
    assert plain["rmse_energy_meV_per_atom"] > 30_000
    assert levelled["rmse_energy_meV_per_atom"] < 1000
    assert levelled["rmse_forces_meV_per_A"] == pytest.approx(plain["rmse_forces_meV_per_A"], rel=1e-3)


def test_a_fit_starts_from_the_member_of_a_committee_that_its_request_names(workspace, labels):
    sha256 = make_small_committee(workspace.root / "foundation" / "c", 2)
    (workspace.root / "foundation" / "c").rename(workspace.model_path(f"foundation:{sha256}@1"))
    for member in (0, 1):
        model = initial_model(fit_request(labels, init=f"foundation:{sha256}@{member}"), workspace, [])
        np.testing.assert_allclose(forces_of(model), forces_of(small_model(member)), atol=1e-6)


def shifted_by(frame, offset_eV_per_atom):
    frame.info["REF_energy"] += offset_eV_per_atom * len(frame)
    return frame


def state_of(workspace, request):
    return read_model(workspace.model_path(f"fit:{request.key()}")).state_dict()


def changed_weights(workspace, request):
    start = initial_model(request.model_copy(update={"finetuning": None}), workspace, []).state_dict()
    return {key for key, tensor in state_of(workspace, request).items() if not torch.equal(tensor, start[key])}


@pytest.mark.parametrize(
    ("tuning", "stays"),
    [
        (FineTuning(method="frozen", frozen="embedding"), ("node_embedding",)),
        (FineTuning(method="frozen", frozen="products"), ("node_embedding", "interactions", "products")),
        (FineTuning(method="lora", rank=2), ("products.0.symmetric", "products.1.symmetric", "interactions.0.skip_tp")),
    ],
)
def test_fine_tuning_lowers_the_error_and_changes_only_what_it_may(workspace, labels, tuning, stays):
    request = fit_request(labels, init=place_foundation(workspace), finetuning=tuning, max_steps=30, learning_rate=0.02)
    history = fit(request, workspace, Machine())[0]["history"]
    changed = changed_weights(workspace, request)
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert any("readouts" in key for key in changed)
    assert not [key for key in changed if key.startswith(stays)]


@pytest.mark.slow
def test_low_rank_changes_are_of_low_rank(workspace, labels):
    request = fit_request(
        labels, init=place_foundation(workspace), finetuning=FineTuning(method="lora", rank=2), learning_rate=0.02
    )
    start = initial_model(request.model_copy(update={"finetuning": None}), workspace, []).state_dict()
    fit(request, workspace, Machine())
    name = "interactions.1.conv_tp_weights.layer1.weight"
    change = (state_of(workspace, request)[name] - start[name]).double()
    sizes = torch.linalg.svdvals(change)
    assert sizes[0] > 0
    assert sizes[2] < 1e-4 * sizes[0]


@pytest.mark.slow
def test_replay_keeps_what_a_foundation_knew_and_ends_with_one_head(workspace, labels):
    init = place_foundation(workspace)
    whole = load_foundation_file(workspace.model_path(init), init.partition(":")[2])
    known = [foundation_label(whole, seed) for seed in range(20, 24)]
    keys = put_labels(workspace, known)
    tuning = FineTuning(method="multihead", replay=keys)
    settings = {"init": init, "max_steps": 40, "learning_rate": 0.01}
    replayed, naive = fit_request(labels, finetuning=tuning, **settings), fit_request(labels, **settings)
    errors = []
    for request in (replayed, naive):
        history = fit(request, workspace, Machine())[0]["history"]
        assert history[-1]["loss"] < 0.9 * history[0]["loss"]
        model = read_model(workspace.model_path(f"fit:{request.key()}"))
        assert list(model.heads) == ["Default"]
        assert e0s_in(model) == {3: E0S["Li"], 17: E0S["Cl"]}
        found = [model(graph_of(frame, model))["forces"].detach().numpy() for frame in known]
        wanted = [frame.arrays["REF_forces"] for frame in known]
        errors.append(np.sqrt(np.mean((np.array(found) - np.array(wanted)) ** 2)))
    assert errors[0] < errors[1]


def foundation_label(whole, seed):
    atoms = lithium_chloride(seed)
    output = whole(graph_of(atoms, whole), compute_stress=True)
    stress = output["stress"][0].detach().numpy()[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    return labelled_frame(atoms, output["energy"].item(), output["forces"].detach().numpy(), stress)


def test_frames_of_other_elements_cannot_be_replayed(workspace, labels):
    init = place_foundation(workspace)
    oxide = lithium_chloride(1)
    oxide.numbers[0] = 8
    keys = put_labels(workspace, [labelled(oxide)])
    with pytest.raises(TaskFailure, match="replay") as caught:
        fit(
            fit_request(labels, init=init, finetuning=FineTuning(method="multihead", replay=keys)), workspace, Machine()
        )
    assert caught.value.reason == "elements"
