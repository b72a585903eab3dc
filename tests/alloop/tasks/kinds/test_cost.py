"""Steps of molecular dynamics that are timed."""

import pytest

from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.structure import Structure
from alloop.potential.models.model_files import write_model
from alloop.tasks.contract.cost import CostByLabelsRequest, CostRequest, CostSummary
from alloop.tasks.kinds import cost
from alloop.tasks.worker import compute
from alloop.tasks.workspace import Workspace
from tests.alloop.tasks.kinds.test_aimd import COPPER
from tests.support.models import lithium_chloride, small_model

PROBE = {"temperature_K": 300.0, "seed": 1, "timestep_fs": 2.0, "steps": 3}


def by_labels(structure=COPPER, **changes):
    settings = label_settings({"engine": "ase", "calculator": "ase.calculators.emt:EMT"})
    code = engine_of(settings).identity(settings, ["Cu"])
    fields = {"structure": structure, "settings": settings.model_dump(mode="json"), "code": code, **PROBE}
    return CostByLabelsRequest(**{**fields, **changes})


def test_a_step_of_the_label_engine_is_timed_and_the_machine_recorded(tmp_path):
    result = compute(by_labels(), Workspace(tmp_path))
    found = CostSummary.model_validate(result.summary)
    assert (found.atoms, found.cores) == (4, 1)
    assert found.step_s > 0
    assert found.processor
    assert {"alloop", "ase", "numpy"} <= set(found.versions)


def test_the_first_step_does_not_count(tmp_path, monkeypatch):
    seconds = iter([0.0, 100.0, 100.0, 101.0, 101.0, 104.0, 104.0, 106.0])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(seconds))
    found = CostSummary.model_validate(compute(by_labels(), Workspace(tmp_path)).summary)
    assert found.step_s == pytest.approx(2.0)
    assert found.se_s == pytest.approx(1.0 / 3**0.5)


def test_a_step_of_a_model_is_timed(tmp_path):
    workspace = Workspace(tmp_path)
    write_model(workspace.model_path("fit:a"), small_model())
    structure = Structure.from_atoms(lithium_chloride())
    result = compute(CostRequest(structure=structure, model="fit:a", dtype="float32", **PROBE), workspace)
    assert result.status == "ok", result.detail
    assert CostSummary.model_validate(result.summary).atoms == 8


def test_dynamics_that_break_off_have_no_time(tmp_path):
    result = compute(by_labels(temperature_K=3e6, timestep_fs=8.0, steps=50), Workspace(tmp_path))
    assert (result.status, result.reason) in {("failed", "unstable"), ("failed", "forces")}
