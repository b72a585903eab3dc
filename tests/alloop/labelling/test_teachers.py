"""The teachers that alloop knows answer as labels; the tests with real ones need `make sevennet` and `make chgnet`."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alloop.config.label import MACE_FILE
from alloop.config.teacher import TeacherConfig
from alloop.failures import TaskFailure
from alloop.labelling import calculator_process
from alloop.labelling.answers import check_answer
from alloop.labelling.registry import engine_of
from alloop.labelling.teachers import TEACHERS, teacher_label
from alloop.materials.structure import symbols_of

CHECKSUM = "a" * 64
FORCES_eV_per_A = {"sevennet-l3i5": 0.0690, "chgnet": 0.0719}
"""Largest force component on the displaced crystal, as the packages gave it by themselves."""


@pytest.fixture(autouse=True)
def _ended():
    yield
    calculator_process.end_all()


@pytest.mark.parametrize("name", list(TEACHERS))
def test_a_known_teacher_runs_in_its_own_packages(name):
    label, known = teacher_label(TeacherConfig(model=name)), TEACHERS[name]
    assert label.python == f"{sys.prefix}/teachers/{known.make}"
    assert (label.calculator, label.arguments) == (known.calculator, dict(known.arguments))
    assert known.licence
    assert "doi:" in known.citation


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ({"path": "/x/a.model", "sha256": CHECKSUM}, {"path": "/x/a.model", "sha256": CHECKSUM, "head": "pbe"}),
        ("medium-mpa-0", {"name": "medium-mpa-0", "head": "pbe"}),
    ],
)
def test_a_mace_model_runs_in_this_python_with_its_head(model, arguments):
    label = teacher_label(TeacherConfig(model=model, head="pbe"))
    assert (label.calculator, label.arguments, label.python) == (MACE_FILE, arguments, sys.executable)


def test_a_calculator_of_ones_own_teaches_where_it_lies():
    model = {"calculator": "my:Own", "arguments": {"a": 1}, "python": "/opt/mine"}
    label = teacher_label(TeacherConfig(model=model))
    assert (label.calculator, label.arguments, label.python) == ("my:Own", {"a": 1}, "/opt/mine")


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TEACHERS))
def test_a_real_teacher_answers(name, tmp_path):
    known = TEACHERS[name]
    if not known.packages.is_dir():
        pytest.skip(f"{name} is not installed; run `make {known.make}`")
    label = teacher_label(TeacherConfig(model=name))
    engine, frame = engine_of(label), bulk("LiCl", "rocksalt", a=5.14)
    frame.rattle(0.1)
    assert engine.check(label, ()) == []
    code = engine.identity(label, ())
    assert code["module"].partition(" ")[0] == known.calculator.partition(".")[0]
    point = engine.single_point(frame, label, code, tmp_path)
    check_answer(point, frame, label)
    assert np.abs(point.forces_eV_per_A).max() == pytest.approx(FORCES_eV_per_A[name], abs=0.03)
    assert point.stress_eV_per_A3 is not None
    numbers = calculator_process.known_elements(label) or range(1, known.largest_number + 1)
    assert {"Li", "Cl", "In", "P", "S", "Ge"} <= set(symbols_of(numbers))
    assert "Og" not in symbols_of(numbers)
    with pytest.raises(TaskFailure, match="dft: "):
        engine.single_point(Atoms("Og", cell=[9, 9, 9], pbc=True), label, code, tmp_path)


@pytest.mark.parametrize("known", TEACHERS.values(), ids=list(TEACHERS))
def test_make_installs_what_the_record_says(known):
    lines = (Path(__file__).parents[3] / "tools" / "teachers" / f"{known.make}.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == list(known.requirements)
