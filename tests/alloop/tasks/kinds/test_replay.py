"""Fits whose second head replays what the foundation itself says."""

import shutil

import numpy as np
import pytest

from alloop.config.foundations import SHIPPED
from alloop.failures import TaskFailure
from alloop.potential.fitting.objective import MaceObjective
from alloop.potential.graphs import graph_of, labelled_frame
from alloop.potential.models.foundation import load_foundation_file
from alloop.potential.models.model_files import read_model
from alloop.tasks.contract.fit import FineTuning, Pseudolabels
from alloop.tasks.kinds import replay
from alloop.tasks.kinds.fit import adapted, fit, initial_model, replayed
from alloop.tasks.kinds.replay import training_copies
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from tests.support.models import fit_request, frames, lithium_chloride, place_foundation, put_labels

USUAL = {"rattle_A": 0.25, "strain": 0.0, "min_contact": 0.5, "max_force_eV_per_A": 15.0}


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def labels(workspace):
    return put_labels(workspace, frames(6))


def tuning(replay=(), **changes):
    return FineTuning(method="multihead", replay=replay, pseudolabels=Pseudolabels(**{**USUAL, **changes}))


def shipped_foundation(workspace):
    """Put a member of alloop's own foundation where a campaign keeps it; return its name and the model."""
    known = SHIPPED["alloop-electrolytes-0"]
    name = f"foundation:{known.sha256}@0"
    workspace.model_path(name).parent.mkdir()
    shutil.copy(known.path, workspace.model_path(name))
    return name, load_foundation_file(known.path, known.sha256, member=0)


def ready(request, workspace):
    """Return a model before its first step, and the graphs that it will replay."""
    model = adapted(initial_model(request, workspace, []), request)
    return model, replayed(request, workspace, model, frames(6))


@pytest.mark.parametrize("brought", [False, True])
def test_before_the_first_step_the_second_head_of_a_real_foundation_is_right_on_all_it_replays(
    workspace, labels, brought
):
    init, whole = shipped_foundation(workspace)
    others = [lithium_chloride(seed) for seed in range(20, 23)]
    keys = put_labels(workspace, frames(3, 20)) if brought else ()
    request = fit_request(labels, init=init, finetuning=tuning(keys, strain=0.02), stress_weight=1.0)
    model, graphs = ready(request, workspace)
    assert len(graphs) == len(labels)
    for off in MaceObjective(model, (), graphs, stress=True).watched():
        assert off.energy_eV_per_atom.abs().max() < 1e-5
        assert off.forces_eV_per_A.abs().max() < 1e-4
        assert off.stress_eV_per_A3.abs().max() < 1e-5
        assert off.stress_counts.min() == 1
    for atoms in others if brought else training_copies(request, frames(6)):
        said = whole(graph_of(atoms, whole))
        energies = [graph.energy.item() for graph in graphs]
        nearest = graphs[int(np.argmin(np.abs(np.array(energies) - said["energy"].item())))]
        assert nearest.energy.item() == pytest.approx(said["energy"].item(), abs=1e-3)
        np.testing.assert_allclose(nearest.forces, said["forces"].detach(), atol=1e-3)


def test_copies_are_displaced_a_little_to_a_lot_from_the_frames_that_are_fitted(labels):
    given = frames(8)
    request = fit_request(labels, finetuning=tuning())
    copies = training_copies(request, given)
    off = [np.sqrt(np.mean((b.positions - a.positions) ** 2)) for a, b in zip(given, copies, strict=True)]
    assert off[0] < 0.1 < 0.15 < off[3] < 0.4
    assert all((a.cell.array == b.cell.array).all() for a, b in zip(given, copies, strict=True))
    strained = training_copies(request.model_copy(update={"finetuning": tuning(strain=0.02)}), given)
    assert all((a.cell.array != b.cell.array).any() for a, b in zip(given, strained, strict=True))
    other = training_copies(request.model_copy(update={"seed": 99}), given)
    assert all((a.positions != b.positions).any() for a, b in zip(copies, other, strict=True))


def test_frames_with_larger_forces_than_a_foundation_knows_are_not_replayed(workspace, labels):
    init = place_foundation(workspace)
    request = fit_request(labels, init=init, finetuning=tuning(), stress_weight=0.0)
    _, graphs = ready(request, workspace)
    largest = sorted({float(graph.forces.abs().max()) for graph in graphs})
    limit = (largest[-2] + largest[-1]) / 2
    fewer = request.model_copy(update={"finetuning": tuning(max_force_eV_per_A=limit)})
    _, graphs = ready(fewer, workspace)
    assert len(graphs) == len(labels)
    assert max(float(graph.forces.abs().max()) for graph in graphs) == pytest.approx(largest[-2], rel=1e-3)


@pytest.mark.parametrize("part", ["REF_energy", "REF_stress", "REF_forces"])
def test_a_frame_of_which_a_foundation_says_what_is_no_number_is_not_replayed(labels, monkeypatch, part):
    said = [labelled_frame(frame, -1.0, np.zeros((len(frame), 3)), np.zeros(6)) for frame in frames(3)]
    where = said[1].arrays if part == "REF_forces" else said[1].info
    where[part] = where[part] * np.nan
    monkeypatch.setattr(replay, "pseudolabelled", lambda *frames, **wishes: said)
    request = fit_request(labels, finetuning=tuning())
    kept = replay.with_pseudolabels(request, request.finetuning.pseudolabels, said, None)
    assert [id(frame) for frame in kept] == [id(said[0]), id(said[2])]


@pytest.mark.parametrize("change", [{"max_force_eV_per_A": 1e-9}, {"min_contact": 5.0}])
def test_without_a_frame_to_replay_the_fit_fails_in_one_line_with_the_mend(workspace, labels, change):
    request = fit_request(labels, init=place_foundation(workspace), finetuning=tuning(**change))
    with pytest.raises(TaskFailure, match=r"no frame to replay is free of .*give frames in data\.initial") as failure:
        fit(request, workspace, Machine())
    assert failure.value.reason == "replay"
    assert "\n" not in str(failure.value)


@pytest.mark.slow
def test_pseudolabels_keep_what_a_foundation_knew_and_the_same_request_gives_the_same_model(workspace, labels):
    init = place_foundation(workspace)
    whole = load_foundation_file(workspace.model_path(init), init.partition(":")[2])
    settings = {"init": init, "max_steps": 40, "learning_rate": 0.01}
    new, naive = fit_request(labels, finetuning=tuning(), **settings), fit_request(labels, **settings)
    errors, known = [], [lithium_chloride(seed, 0.2) for seed in range(30, 34)]
    for request in (new, naive):
        history = fit(request, workspace, Machine())[0]["history"]
        assert history[-1]["loss"] < 0.9 * history[0]["loss"]
        model = read_model(workspace.model_path(f"fit:{request.key()}"))
        assert list(model.heads) == ["Default"]
        off = [model(graph_of(one, model))["forces"] - whole(graph_of(one, whole))["forces"] for one in known]
        errors.append(np.sqrt(np.mean([one.detach().numpy() ** 2 for one in off])))
    assert errors[0] < errors[1]
    again = Workspace(workspace.root / "again")
    shutil.copytree(workspace.root / "results", again.root / "results", ignore=shutil.ignore_patterns("fit"))
    shutil.copytree(workspace.root / "foundation", again.root / "foundation")
    fit(new, again, Machine())
    name = f"fit:{new.key()}"
    assert again.model_path(name).read_bytes() == workspace.model_path(name).read_bytes()
