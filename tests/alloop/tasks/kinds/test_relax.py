"""Relaxations on the surface of a model and of a label engine."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from alloop.failures import TaskFailure
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.structure import Structure
from alloop.potential.committee import LeaderCalculator
from alloop.potential.models.model_files import write_model
from alloop.tasks.contract.relax import RELAX, RELAX_BY_LABELS, RelaxByLabelsRequest, RelaxRequest
from alloop.tasks.kinds.relax import relax, relax_by_labels
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_committee
from alloop.tasks.workspace import Workspace
from tests.support.models import lithium_chloride, small_model

COPPER_A = 3.5898
"""Lattice constant (Å) of copper in ASE's EMT: the least energy of ``bulk("Cu")`` on a grid of 1e-4 Å."""


def rattled_copper(a_A=3.75):
    atoms = bulk("Cu", cubic=True, a=a_A)
    atoms.rattle(0.05, seed=1)
    return Structure.from_atoms(atoms)


def by_labels(calculator="ase.calculators.emt:EMT", **changes):
    settings = label_settings({"engine": "ase", "calculator": calculator})
    code = engine_of(settings).identity(settings, ["Cu"])
    usual = {"structure": rattled_copper(), "cell": True, "pressure_GPa": 0.0, "max_force_eV_per_A": 0.005}
    fields = {**usual, "max_steps": 200, "settings": settings.model_dump(mode="json"), "code": code, **changes}
    return RelaxByLabelsRequest(**fields)


def answered(request, workspace):
    summary, data = relax_by_labels(request, workspace, Machine())
    return RELAX_BY_LABELS.summary.model_validate(summary), RELAX_BY_LABELS.data.model_validate(data)


def test_a_cell_relaxes_to_the_lattice_of_the_label_engine(tmp_path):
    summary, data = answered(by_labels(), Workspace(tmp_path))
    relaxed = summary.relaxed
    assert [relaxed.a_A, relaxed.b_A, relaxed.c_A] == pytest.approx([COPPER_A] * 3, rel=2e-3)
    assert relaxed.volume_A3 == pytest.approx(data.structure.to_atoms().get_volume())
    assert relaxed.energy_eV_per_atom < summary.start.energy_eV_per_atom
    assert summary.stress_GPa < 0.2


def test_pressure_makes_the_cell_smaller(tmp_path):
    free, _ = answered(by_labels(), Workspace(tmp_path))
    pressed, _ = answered(by_labels(pressure_GPa=5.0), Workspace(tmp_path))
    assert pressed.relaxed.volume_A3 < 0.98 * free.relaxed.volume_A3


def test_a_fixed_cell_keeps_its_lattice_and_its_ions_move(tmp_path):
    request = by_labels(cell=False)
    summary, data = answered(request, Workspace(tmp_path))
    assert summary.relaxed.volume_A3 == summary.start.volume_A3
    assert summary.stress_GPa is None
    assert summary.moved_A > 0.01
    atoms = data.structure.to_atoms()
    atoms.calc = EMT()
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < request.max_force_eV_per_A


def test_a_structure_that_takes_too_many_steps_is_no_result(tmp_path):
    with pytest.raises(TaskFailure, match="not relaxed after 2 steps") as failure:
        answered(by_labels(max_steps=2), Workspace(tmp_path))
    assert failure.value.reason == "steps"


def test_a_label_engine_without_stress_cannot_relax_a_cell(tmp_path):
    with pytest.raises(TaskFailure, match="gives no stress") as failure:
        answered(by_labels("tests.support.calculators:WithoutStress"), Workspace(tmp_path))
    assert failure.value.reason == "stress"


def test_scratch_files_go_with_the_task(tmp_path):
    answered(by_labels(cell=False), Workspace(tmp_path))
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_model_relaxes_to_where_its_own_forces_vanish(tmp_path):
    workspace = Workspace(tmp_path)
    write_model(workspace.model_path("fit:a"), small_model())
    request = RelaxRequest(
        structure=Structure.from_atoms(lithium_chloride()),
        model="fit:a",
        dtype="float64",
        cell=False,
        pressure_GPa=0.0,
        max_force_eV_per_A=0.02,
        max_steps=100,
    )
    summary, data = relax(request, workspace, Machine())
    atoms = RELAX.data.model_validate(data).structure.to_atoms()
    atoms.calc = LeaderCalculator(load_committee(workspace, ("fit:a",), "cpu", "float64"))
    largest = np.linalg.norm(atoms.get_forces(), axis=1).max()
    assert largest == pytest.approx(summary["max_force_eV_per_A"], rel=1e-6)
    assert largest < 0.02
