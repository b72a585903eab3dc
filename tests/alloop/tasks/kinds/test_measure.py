import numpy as np
import pytest
import torch

from alloop.failures import TaskFailure
from alloop.potential.committee import Committee, LeaderCalculator
from alloop.potential.models.model_files import write_model
from alloop.tasks.contract.evaluate import EvaluateRequest, EvaluateSummary
from alloop.tasks.kinds.evaluate import evaluate
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import Workspace
from tests.support.models import frames, labelled, lithium_chloride, put_labels, small_model


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    write_model(workspace.model_path("fit:a"), small_model())
    return workspace


def ask(workspace, keys):
    request = EvaluateRequest(model="fit:a", frames=tuple(keys), dtype="float32")
    return EvaluateSummary.model_validate(evaluate(request, workspace, Machine())[0])


def test_errors_are_predicted_minus_labelled_frame_by_frame(workspace):
    labels = [*frames(2), labelled(lithium_chloride(7).repeat((2, 1, 1))), *frames(1, first_seed=8)]
    summary = ask(workspace, put_labels(workspace, labels))
    calculator = LeaderCalculator(Committee([small_model()], device="cpu", dtype="float32"))
    for frame, energy, forces in zip(
        labels, summary.energy_error_eV_per_atom, summary.forces_squared_error, strict=True
    ):
        predicted = frame.copy()
        predicted.calc = calculator
        assert energy == pytest.approx(
            (predicted.get_potential_energy() - frame.info["REF_energy"]) / len(frame), abs=1e-5
        )
        assert forces == pytest.approx(((predicted.get_forces() - frame.arrays["REF_forces"]) ** 2).mean(), rel=1e-4)


def test_a_frame_is_judged_the_same_in_any_company(workspace):
    keys = put_labels(workspace, frames(40))
    together, alone = ask(workspace, keys), ask(workspace, keys[33:34])
    assert together.forces_squared_error[33] == pytest.approx(alone.forces_squared_error[0], rel=1e-4)
    assert together.energy_error_eV_per_atom[33] == pytest.approx(alone.energy_error_eV_per_atom[0], abs=1e-6)
    assert len(together.energy_error_eV_per_atom) == 40
    assert np.std(together.forces_squared_error) > 0


def test_no_frames_no_errors(workspace):
    assert ask(workspace, ()).energy_error_eV_per_atom == ()


def test_an_unknown_element_is_a_failure_with_a_reason(workspace):
    atoms = labelled(lithium_chloride())
    atoms.symbols[0] = "Na"
    with pytest.raises(TaskFailure) as caught:
        ask(workspace, put_labels(workspace, [atoms]))
    assert caught.value.reason == "elements"


def test_a_model_that_predicts_nan_is_a_failure_with_a_reason(workspace):
    model = small_model()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    write_model(workspace.model_path("fit:a"), model)
    with pytest.raises(TaskFailure) as caught:
        ask(workspace, put_labels(workspace, frames(1)))
    assert caught.value.reason == "nan"
