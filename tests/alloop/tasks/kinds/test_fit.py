import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from alloop.failures import TaskFailure
from alloop.files.canonical_json import content_key
from alloop.potential.models.model_files import file_sha256, read_model
from alloop.tasks.contract.fit import FarStart, FineTuning, FitSummary
from alloop.tasks.kinds.fit import fit, read_frame, watched_keys
from alloop.tasks.machine import Machine
from alloop.tasks.worker import perform
from alloop.tasks.workspace import Workspace
from tests.support.faults import pattern_of
from tests.support.models import (
    E0S,
    e0s_in,
    fit_request,
    frames,
    labelled,
    lithium_chloride,
    place_foundation,
    put_labels,
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def labels(workspace):
    return put_labels(workspace, frames(6))


def test_a_fit_leaves_its_model_beside_its_result(workspace, labels):
    request = fit_request(labels)
    key = perform(str(workspace.root), "fit", request.model_dump(mode="json"))
    result = workspace.read("fit", key)
    summary = FitSummary.model_validate(result.summary)
    path = workspace.model_path(f"fit:{key}")
    assert result.status == "ok"
    assert path.parent == workspace.result_path("fit", key).parent
    assert summary.model_sha256 == file_sha256(path)
    assert (summary.steps, summary.stopped, summary.watched) == (20, "schedule", "train")
    assert [check.step for check in summary.history] == [0, 10, 20]
    assert summary.parameters == sum(p.numel() for p in read_model(path).parameters())


def test_the_model_stands_before_the_result(workspace, labels):
    request = fit_request(labels)
    fit(request, workspace, Machine())
    assert workspace.model_path(f"fit:{request.key()}").exists()
    assert workspace.read("fit", request.key()) is None


def test_a_fit_that_was_overtaken_leaves_the_model_that_stands(workspace, labels):
    request = fit_request(labels, max_steps=1)
    key = perform(str(workspace.root), "fit", request.model_dump(mode="json"))
    before = workspace.model_path(f"fit:{key}").stat()
    assert fit(request, workspace, Machine()) == (workspace.read("fit", key).summary, {})
    assert workspace.model_path(f"fit:{key}").stat() == before


def test_the_same_request_gives_the_same_model_bit_for_bit(workspace, labels):
    request = fit_request(labels)
    first, second = (fit(request, workspace, Machine())[0] for _ in range(2))
    assert first == second
    assert fit(fit_request(labels, seed=4), workspace, Machine())[0]["model_sha256"] != first["model_sha256"]


@pytest.mark.slow
def test_another_process_gives_the_same_model_bit_for_bit(workspace, labels):
    request = fit_request(labels)
    here, _ = fit(request, workspace, Machine())
    code = (
        "import sys; from pathlib import Path; from alloop.tasks.kinds.fit import fit; "
        "from alloop.tasks.machine import Machine; "
        "from alloop.tasks.contract.fit import FitRequest; from alloop.tasks.workspace import Workspace; "
        "r = FitRequest.model_validate_json(sys.argv[2]); "
        "print(fit(r, Workspace(Path(sys.argv[1])), Machine())[0]['model_sha256'])"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(workspace.root), request.model_dump_json()], capture_output=True, text=True
    )
    assert there.stdout.strip() == here["model_sha256"], there.stderr


def test_a_fit_in_another_precision_is_in_that_precision(workspace, labels):
    request = fit_request(labels, dtype="float64", max_steps=2)
    fit(request, workspace, Machine())
    assert next(read_model(workspace.model_path(f"fit:{request.key()}")).parameters()).dtype == torch.float64


@pytest.mark.parametrize("origin", ["random", "fit", "foundation"])
def test_the_model_holds_the_isolated_atoms_it_was_given(workspace, labels, origin):
    init = None
    if origin == "fit":
        first = fit_request(labels, max_steps=1)
        fit(first, workspace, Machine())
        init = f"fit:{first.key()}"
    elif origin == "foundation":
        init = place_foundation(workspace)
    changed = {"Li": -7.0, "Cl": 2.0}
    request = fit_request(labels, init=init, e0s_eV=changed, max_steps=1)
    fit(request, workspace, Machine())
    assert e0s_in(read_model(workspace.model_path(f"fit:{request.key()}"))) == {3: -7.0, 17: 2.0}


def test_a_fit_that_goes_on_keeps_constants_of_elements_only_if_it_is_levelled_again(workspace):
    own = frames(3)
    for seed in range(3):
        frame = lithium_chloride(seed)
        del frame[next(atom.index for atom in frame if atom.symbol == "Cl")]
        own.append(labelled(frame))
    for frame in own:
        frame.info["REF_energy"] += sum({"Li": 3.0, "Cl": -5.0}[symbol] for symbol in frame.symbols)
    keys = put_labels(workspace, own)
    request = fit_request(keys, init=None, max_steps=1)
    begun = []
    for level in (False, "elements", False, "elements"):
        perform(str(workspace.root), "fit", request.model_dump(mode="json"))
        request = fit_request(keys, init=f"fit:{request.key()}", level_energy=level, max_steps=1)
        begun.append(fit(request, workspace, Machine())[0]["history"][0]["rmse_energy_meV_per_atom"])
    _, levelled, goes_on, again = begun
    assert goes_on > 2 * levelled
    assert again == pytest.approx(levelled, rel=0.1)


def test_a_warm_start_begins_where_the_last_fit_ended(workspace, labels):
    first = fit_request(labels, max_steps=60)
    last = fit(first, workspace, Machine())[0]["history"][-1]
    warm = fit_request(labels, init=f"fit:{first.key()}", max_steps=1)
    begin = fit(warm, workspace, Machine())[0]["history"][0]
    assert begin["rmse_forces_meV_per_A"] == pytest.approx(last["rmse_forces_meV_per_A"], rel=1e-4)


@pytest.mark.parametrize(("share", "far"), [(1.0, False), (0.5, True)])
def test_a_fit_learns_like_one_from_random_weights_where_its_start_is_far_from_the_labels(workspace, share, far):
    own = frames(6)
    first = fit_request(put_labels(workspace, own), max_steps=300)
    perform(str(workspace.root), "fit", first.model_dump(mode="json"))
    for frame in own:
        frame.arrays["REF_forces"] *= share
        frame.info["REF_energy"] += 3.0 * len(frame)
    rule = FarStart(beyond=0.5, max_steps=40, learning_rate=0.02)
    request = fit_request(
        put_labels(workspace, own), init=f"fit:{first.key()}", max_steps=20, learning_rate=0.001, far=rule
    )
    summary = FitSummary.model_validate(fit(request, workspace, Machine())[0])
    assert (summary.far, summary.steps) == (far, 40 if far else 20)
    assert max(check.learning_rate for check in summary.history) == pytest.approx(0.02 if far else 0.001, rel=0.5)
    assert summary.start_error == pytest.approx(1.0 if far else 0.0, abs=0.3)


def test_a_few_atoms_of_broken_structures_do_not_make_a_start_far(workspace):
    own = frames(6)
    first = fit_request(put_labels(workspace, own), max_steps=300)
    perform(str(workspace.root), "fit", first.model_dump(mode="json"))
    own[0].arrays["REF_forces"][:2] += 50.0
    rule = FarStart(beyond=0.5, max_steps=40, learning_rate=0.02)
    request = fit_request(put_labels(workspace, own), init=f"fit:{first.key()}", far=rule)
    assert not fit(request, workspace, Machine())[0]["far"]


def begun_with_foreign_forces(workspace, offset_eV_per_atom, **settings):
    """The checks of a fit to own labels that goes on from one to forces whose energies have another zero."""
    workspace.root.mkdir()
    foreign = frames(6, first_seed=10)
    for frame in foreign:
        frame.info["REF_energy"] += offset_eV_per_atom * len(frame)
    before = fit_request(put_labels(workspace, foreign), energy_weight=0.0)
    perform(str(workspace.root), "fit", before.model_dump(mode="json"))
    own = put_labels(workspace, frames(6))
    settings = {"init": f"fit:{before.key()}", "level_energy": True, **settings}
    return fit(fit_request(own, **settings), workspace, Machine())[0]["history"]


@pytest.mark.parametrize("tuning", [None, FineTuning(method="lora", rank=2)])
def test_the_zero_of_foreign_energies_does_not_matter_where_only_their_forces_are_taken(tmp_path, tuning):
    plain, far = (
        begun_with_foreign_forces(Workspace(tmp_path / str(offset)), offset, finetuning=tuning)
        for offset in (0.0, -1000.0)
    )
    assert far[0]["rmse_energy_meV_per_atom"] < 50
    assert far[-1]["rmse_forces_meV_per_A"] == pytest.approx(plain[-1]["rmse_forces_meV_per_A"], rel=0.02)


def test_valid_labels_steer_the_stop(workspace, labels):
    request = fit_request(labels[:1], valid=labels[1:], patience=2, check_every_steps=5, max_steps=3000)
    summary, _ = fit(request, workspace, Machine())
    assert (summary["stopped"], summary["watched"]) == ("patience", "valid")
    assert summary["steps"] < 3000


def test_bootstrap_repeats_count(workspace, labels):
    plain = fit_request(labels[:3])
    repeated = fit_request((labels[0], labels[0], labels[0], labels[1], labels[2]))
    summaries = [fit(request, workspace, Machine())[0] for request in (plain, repeated)]
    assert summaries[0]["model_sha256"] != summaries[1]["model_sha256"]
    assert watched_keys(repeated) == list(labels[:3])


def test_a_large_training_set_is_watched_by_a_sample():
    keys = [f"{i:040x}" for i in range(2500)]
    watched = watched_keys(fit_request(keys))
    assert len(watched) <= 64
    assert len(set(watched)) == len(watched)


@pytest.mark.parametrize("init", ["random", "fit", "foundation"])
def test_an_element_nobody_knows_is_a_failure_with_a_reason(workspace, labels, init):
    e0s, name = {"Li": -0.5}, None
    if init == "fit":
        first = fit_request(labels, max_steps=1)
        fit(first, workspace, Machine())
        name = f"fit:{first.key()}"
    elif init == "foundation":
        name, e0s = place_foundation(workspace), {**E0S, "Na": 0.0}
    with pytest.raises(TaskFailure) as caught:
        fit(fit_request(labels, init=name, e0s_eV=e0s), workspace, Machine())
    assert caught.value.reason == "elements"
    assert "\n" not in caught.value.detail


def test_a_diverging_fit_is_a_failure_and_leaves_no_model(workspace, labels):
    request = fit_request(labels, learning_rate=1e30, max_steps=50)
    with pytest.raises(TaskFailure) as caught:
        fit(request, workspace, Machine())
    assert caught.value.reason == "diverged"
    assert caught.value.detail.endswith(": lower fit.learning_rate")
    assert not workspace.model_path(f"fit:{request.key()}").exists()


ABSURD_ENERGY = (
    "fit/… failed (diverged): …: label … has 2.5e+05 eV per atom beyond its isolated atoms, where -3.2 is usual; …"
)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("REF_energy", ABSURD_ENERGY),
        ("REF_forces", "… has a force of 1e+30 eV/Å"),
    ],
)
def test_a_fit_that_diverges_for_an_absurd_label_names_it(workspace, part, words):
    wrong = frames(6)
    if part == "REF_energy":
        wrong[2].info[part] = 1e38
    else:
        wrong[2].arrays[part][0, 0] = 1e30
    labels = put_labels(workspace, wrong)
    with pytest.raises(TaskFailure, match=r"^diverged: ") as caught:
        fit(fit_request(labels), workspace, Machine())
    assert f"label {labels[2]} has" in caught.value.detail
    assert re.search(pattern_of(words), f"fit/0 failed (diverged): {caught.value.detail}")
    assert "learning_rate" not in caught.value.detail


def test_labels_keep_their_stress(workspace):
    label = frames(1)[0]
    frame = read_frame(workspace, put_labels(workspace, [label])[0])
    np.testing.assert_array_equal(frame.info["REF_stress"], label.info["REF_stress"])


def test_a_fit_with_hubers_loss_is_another_fit(workspace, labels):
    requests = [fit_request(labels, huber_eV_per_A=width) for width in (None, 0.01, 0.1)]
    assert len({request.key() for request in requests}) == 3
    assert len({fit(request, workspace, Machine())[0]["model_sha256"] for request in requests}) == 3


def test_a_fit_of_all_weights_to_mean_squares_has_the_key_it_always_had(labels):
    request = fit_request(labels)
    fields = request.model_dump(mode="json")
    del fields["finetuning"], fields["level_energy"], fields["huber_eV_per_A"], fields["far"]
    assert request.key() == content_key({"kind": "fit", "physics_version": 1, "request": fields})
    assert fit_request(labels, finetuning=FineTuning(method="lora", rank=2)).key() != request.key()


def alone():
    """Return a labelled frame in which no atom has a neighbour."""
    apart = lithium_chloride()
    apart.set_cell(12 * apart.cell, scale_atoms=True)
    return labelled(apart)


def test_frames_in_which_no_atom_has_a_neighbour_are_not_fitted(workspace):
    crystals = frames(4)
    (key,) = put_labels(workspace, [alone()])
    keys = put_labels(workspace, crystals)
    summary, _ = fit(fit_request((key, *keys), max_steps=2), workspace, Machine())
    assert FitSummary.model_validate(summary).steps == 2
    with pytest.raises(TaskFailure, match="neighbours: no atom of any frame has a neighbour within the cutoff"):
        fit(fit_request((key,), max_steps=2), workspace, Machine())
