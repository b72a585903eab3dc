import math
import os
import sys
import warnings

import numpy as np
import pytest
import torch
from ase.build import bulk

from alloop.config.label import AseLabel
from alloop.labelling.identity import code_identity
from alloop.materials.structure import Structure
from alloop.tasks.contract.label import AtomRequest, LabelData, LabelRequest
from alloop.tasks.contract.records import OffersData, Result
from alloop.tasks.machine import Machine
from alloop.tasks.worker import attempt, compute
from alloop.tasks.workspace import Workspace
from tests.support.raising import ANSWERS, USUAL

FRAME = bulk("LiCl", "rocksalt", a=5.14)
WORDS = {
    "no_energy": ("dft", "the energy of the engine: expected numbers, found nothing"),
    "two_energies": ("dft", "the energy of the engine: expected the shape (), found (2,)"),
    "complex_energy": ("dft", "the energy of the engine: expected numbers, found complex128 of shape ()"),
    "text_energy": ("dft", "the energy of the engine: expected numbers, found <U4 of shape ()"),
    "vast_energy": ("dft", "the energy is 5e+299 eV per atom, which no atom has"),
    "no_forces": ("forces", "the forces of the engine: expected numbers, found nothing"),
    "flat_forces": ("forces", "the forces of the engine: expected the shape (2, 3), found (6,)"),
    "few_forces": ("forces", "the forces of the engine: expected the shape (2, 3), found (1, 3)"),
    "two_components": ("forces", "the forces of the engine: expected the shape (2, 3), found (2, 2)"),
    "complex_forces": ("forces", "the forces of the engine: expected numbers, found complex128 of shape (2, 3)"),
    "text_forces": ("forces", "the forces of the engine: expected numbers, found <U32 of shape (2, 3)"),
    "ragged_forces": ("forces", "the forces of the engine: expected numbers, found list: setting an array element"),
    "objects": ("forces", "the forces of the engine: expected numbers, found object of shape (2, 3)"),
    "masked_forces": ("forces", "a force is not a finite number"),
    "nan_forces": ("forces", "a force is not a finite number"),
    "huge_forces": ("forces", "a force component is 10000.0 eV/Å, limit 30 eV/Å"),
    "one_way": ("forces", "the forces add up to 5.0 eV/Å per atom, and those of a crystal cancel"),
    "truths": ("forces", "the forces of the engine: expected numbers, found bool of shape (2, 3)"),
    "short_stress": ("dft", "the stress of the engine: expected the shape (6,), found (2,)"),
    "infinite_stress": ("dft", "the energy or stress is not a finite number"),
    "vast_stress": ("dft", "a stress component is 1e+09 eV/Å³, which no frame has"),
}
LIMITED = Machine(label_timeout_min=5)


def settings(what, python=None, **keywords):
    arguments = {"what": what, **keywords}
    return AseLabel(engine="ase", calculator="tests.support.raising:Strange", arguments=arguments, python=python)


def labelled(workspace, label, machine=Machine()):  # noqa: B008
    structure = Structure.from_atoms(FRAME)
    data = OffersData(structures=(structure,)).model_dump(mode="json")
    workspace.write(Result(key="0ffe5", kind="initial", status="ok", data=data))
    request = LabelRequest(
        source="initial/0ffe5#0",
        structure_sha256=structure.digest(),
        settings=label.model_dump(mode="json"),
        code=code_identity(label, set(FRAME.symbols)),
    )
    return compute(request, workspace, machine)


def test_every_strange_answer_is_told_of():
    assert {*USUAL, *WORDS} == set(ANSWERS)


@pytest.mark.parametrize("what", WORDS)
def test_a_strange_answer_is_a_failed_label_that_says_what_is_strange(tmp_path, what):
    result = labelled(Workspace(tmp_path), settings(what))
    reason, words = WORDS[what]
    assert (result.status, result.reason) == ("failed", reason)
    assert result.detail.startswith(words)


@pytest.mark.parametrize("what", USUAL)
def test_an_answer_in_a_usual_form_is_a_label(tmp_path, what):
    result = labelled(Workspace(tmp_path), settings(what))
    assert result.status == "ok", result.detail
    data = LabelData.model_validate(result.data)
    assert data.energy_eV == -7.0
    assert np.shape(data.forces_eV_per_A) == (2, 3)
    assert (data.stress_eV_per_A3 is None) == (what == "no_stress")
    if what == "square_stress":
        assert data.stress_eV_per_A3 == (0.01, 0.01, 0.01, 0.0, 0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "python", "machine"),
    [
        ("masked_forces", None, LIMITED),
        ("text_forces", sys.executable, Machine()),
        ("no_energy", sys.executable, LIMITED),
    ],
)
def test_a_program_with_a_limit_of_time_and_another_python_tell_the_same(tmp_path, what, python, machine):
    result = labelled(Workspace(tmp_path), settings(what, python), machine)
    reason, words = WORDS[what]
    assert (result.status, result.reason) == ("failed", reason)
    assert words in result.detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "python", "machine"), [("own_init", None, LIMITED), ("exit", sys.executable, Machine())]
)
def test_errors_of_a_program_and_of_another_python_reach_the_driver_as_words_too(tmp_path, what, python, machine):
    told = attempted(tmp_path, settings(what, python, also_atoms=True), machine)
    assert (told["kind"], told["of_engine"]) == ("raised", True)
    assert "(raising.py, line " in told["text"]


def process_state():
    mask = os.umask(0o022)
    os.umask(mask)
    of_torch = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads(), torch.tensor(0).device
    return [*warnings.filters], np.geterr(), sys.getrecursionlimit(), mask, os.getcwd(), sys.stdout, of_torch  # noqa: PTH109


def test_what_an_engine_does_to_its_process_ends_with_its_label(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = process_state()
    assert labelled(Workspace(tmp_path), settings("unruly")).status == "ok"
    assert process_state() == before


def attempted(folder, label, machine=Machine()):  # noqa: B008
    """Return what a worker says of its attempt to compute an isolated atom."""
    request = AtomRequest(element="Li", settings=label.model_dump(mode="json"), code=code_identity(label, {"Li"}))
    return attempt(str(folder), "atom", request.model_dump(mode="json"), machine.model_dump(mode="json"))


@pytest.mark.parametrize("what", ["no_energy", "complex_energy", "vast_energy"])
def test_a_strange_energy_of_an_isolated_atom_is_a_failure_too(tmp_path, what):
    label = settings(what, also_atoms=True)
    request = AtomRequest(element="Li", settings=label.model_dump(mode="json"), code=code_identity(label, {"Li"}))
    result = compute(request, Workspace(tmp_path))
    assert (result.status, result.reason) == ("failed", "dft")


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("own_init", "raised", "OwnInit: no licence at node 7 (raising.py"),
        ("mute", "raised", "Mute: it cannot say what"),
        ("exit", "raised", "SystemExit: 3"),
        ("base_group", "raised", "BaseExceptionGroup: no licence"),
        ("generator_exit", "raised", "GeneratorExit: GeneratorExit"),
        ("nameless", "raised", "Nameless: no licence (raising.py"),
        ("silent", "raised", "Silent: no licence (raising.py"),
        ("pretending", "raised", "Pretending: no licence (raising.py"),
        ("system", "system", "PermissionError: [Errno 13] Permission denied: '/opt/code'"),
        ("memory", "memory", "MemoryError: Unable to allocate 8 GB"),
        ("full", "raised", "OSError: [Errno 28] No space left on device"),
    ],
)
def test_an_error_of_an_engine_reaches_the_driver_as_words(tmp_path, what, kind, words):
    told = attempted(tmp_path, settings(what, also_atoms=True))
    assert (told["kind"], told["of_engine"]) == (kind, True)
    assert told["text"].startswith(words)
    assert math.isfinite(told["number"] or 0)


@pytest.mark.parametrize(
    ("what", "words"), [("vast_answer", "RuntimeError: xxx"), ("surrogate", "RuntimeError: no ? bands")]
)
def test_an_answer_in_many_words_is_cut_and_still_an_answer(tmp_path, what, words):
    result = labelled(Workspace(tmp_path), settings(what))
    assert (result.status, result.reason) == ("failed", "dft")
    assert result.detail.startswith(words)
    assert len(result.detail) < 1000
