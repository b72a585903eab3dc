"""Frames that a teacher labels: rattled copies, and what a student's molecular dynamics finds."""

import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from alloop.config.label import without_places
from alloop.failures import TaskFailure
from alloop.files.canonical_json import content_key
from alloop.labelling.registry import engine_of, label_settings
from alloop.materials.structure import Structure
from alloop.tasks.contract.choose import CHOOSE, ChooseRequest
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.references import SegmentRef
from alloop.tasks.contract.teach import TEACH, TeachData, TeachRequest, TeachSummary
from alloop.tasks.kinds.choose import choose
from alloop.tasks.kinds.fit import fit, read_frames
from alloop.tasks.kinds.teach import Frame, _tries, teach
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import DamagedResultError, Workspace
from tests.support.models import SMALL

COPPER = Structure.from_atoms(bulk("Cu", cubic=True, a=3.61) * (2, 1, 1))


def asked(calculator: str = "ase.calculators.emt:EMT", **changes) -> TeachRequest:
    settings = label_settings({"engine": "ase", "calculator": calculator, "min_contact": 0.5})
    usual = {
        "structure": COPPER,
        "student": None,
        "teacher": settings.model_dump(mode="json"),
        "code": engine_of(settings).identity(settings, ["Cu"]),
        "frames": 8,
        "rattle_A": 0.2,
        "strain": 0.0,
        "temperatures_K": (300.0, 600.0),
        "per_walker": 2,
        "samples_per_walker": 2,
        "equilibration_steps": 10,
        "every_steps": 5,
        "timestep_fs": 2.0,
        "friction_per_fs": 0.01,
        "min_contact": 0.5,
        "stop_contact": 0.5,
        "stop_temperature_factor": 4.0,
        "dtype": "float32",
        "seed": 1,
    }
    return TeachRequest(**{**usual, **changes})


def answered(request: TeachRequest, workspace: Workspace) -> tuple[TeachSummary, TeachData]:
    workspace.root.mkdir(exist_ok=True)
    summary, data = teach(request, workspace, Machine())
    workspace.write(Result(key=request.key(), kind="teach", status="ok", summary=summary, data=data))
    return TEACH.summary.model_validate(summary), TEACH.data.model_validate(data)


def student_fit(request: TeachRequest, frames: int, **changes) -> FitRequest:
    usual = {
        "train": tuple(f"teach/{request.key()}#{index}" for index in range(frames)),
        "valid": (),
        "init": None,
        "architecture": SMALL,
        "e0s_eV": {"Cu": 0.0},
        "max_steps": 60,
        "batch_size": 4,
        "learning_rate": 0.02,
        "energy_weight": 1.0,
        "forces_weight": 10.0,
        "stress_weight": 0.0,
        "patience": None,
        "check_every_steps": 60,
        "ema_decay": 0.9,
        "dtype": "float32",
        "seed": 1,
    }
    return FitRequest(**{**usual, **changes})


@functools.cache
def taught_student() -> bytes:
    """Return the file of a student fitted to rattled copies."""
    with tempfile.TemporaryDirectory() as folder:
        workspace, request = Workspace(Path(folder)), asked()
        answered(request, workspace)
        own = student_fit(request, 8)
        fit(own, workspace, Machine())
        return workspace.model_path(f"fit:{own.key()}").read_bytes()


def with_student(workspace: Workspace) -> str:
    """Put the student into a workspace, and return its name."""
    path = workspace.model_path("fit:student")
    path.parent.mkdir(parents=True)
    path.write_bytes(taught_student())
    return "fit:student"


def test_rattled_copies_are_displaced_a_little_to_a_lot_and_have_the_teachers_forces(tmp_path):
    summary, data = answered(asked(), Workspace(tmp_path))
    assert (summary.frames, summary.refused, summary.student_rmse_meV_per_A) == (8, 0, None)
    off = [
        np.sqrt(np.mean((label.structure.to_atoms().positions - COPPER.to_atoms().positions) ** 2))
        for label in data.labels
    ]
    assert off[0] < 0.08 < 0.15 < off[-1] < 0.3
    atoms = data.labels[3].structure.to_atoms()
    atoms.calc = EMT()
    assert np.allclose(data.labels[3].forces_eV_per_A, atoms.get_forces())
    assert data.temperatures_K == (None,) * 8


def test_the_same_request_gives_the_same_frames(tmp_path):
    first, second = (answered(asked(), Workspace(tmp_path / name))[1] for name in ("a", "b"))
    assert first == second


def test_frames_of_a_teacher_are_fitted_by_reference(tmp_path):
    workspace, request = Workspace(tmp_path), asked()
    _, data = answered(request, workspace)
    frames = read_frames(workspace, student_fit(request, 8).train)
    assert [frame.info["REF_energy"] for frame in frames.values()] == [label.energy_eV for label in data.labels]
    with pytest.raises(DamagedResultError, match="not among the frames"):
        read_frames(workspace, [f"teach/{request.key()}#8"])


def test_a_student_moves_walkers_that_are_told_how_far_it_is_from_its_teacher(tmp_path):
    workspace = Workspace(tmp_path)
    request = asked(student=with_student(workspace))
    summary, data = answered(request, workspace)
    assert summary.frames == 8
    assert [walker.temperature_K for walker in summary.walkers] == [300.0, 600.0, 300.0, 600.0]
    assert 0 < summary.student_rmse_meV_per_A < 2000
    assert set(data.temperatures_K) == {300.0, 600.0}
    for walker, stand in zip(summary.walkers, data.last_good, strict=True):
        assert walker.broken == (stand is None)


def test_walkers_in_a_strained_cell_are_no_place_to_begin(tmp_path):
    workspace = Workspace(tmp_path)
    _, data = answered(asked(student=with_student(workspace), strain=0.02), workspace)
    assert set(data.last_good) == {None}
    volumes = {round(label.structure.to_atoms().get_volume(), 6) for label in data.labels}
    assert volumes != {round(COPPER.to_atoms().get_volume(), 6)}


def test_a_walker_that_breaks_leaves_the_wall_it_met(tmp_path):
    workspace = Workspace(tmp_path)
    hot = asked(student=with_student(workspace), temperatures_K=(20000.0,), stop_contact=0.85, min_contact=0.5)
    summary, data = answered(hot, workspace)
    assert any(walker.broken for walker in summary.walkers)
    assert None in data.temperatures_K


def test_a_teacher_that_mostly_fails_is_a_failure_with_its_words(tmp_path):
    with pytest.raises(TaskFailure, match=r"labels 0 of 8 frames.* no") as failure:
        teach(asked("tests.support.calculators:LogsAndFails"), Workspace(tmp_path), Machine())
    assert failure.value.reason == "teacher"


# -- rattled copies that a teacher refuses -----------------------------------------------------------------------


def displacements(data: TeachData) -> list[float]:
    """Return how far the furthest atom of each frame is from where it was (Å)."""
    origin = COPPER.to_atoms().positions
    return [float(np.linalg.norm(label.structure.to_atoms().positions - origin, axis=1).max()) for label in data.labels]


def limited(largest_force_eV_per_A: float, **changes) -> TeachRequest:
    """Return a request to a teacher that refuses larger forces."""
    request = asked(**changes)
    return request.model_copy(update={"teacher": request.teacher | {"max_force_eV_per_A": largest_force_eV_per_A}})


def test_a_rattled_copy_that_the_teacher_refuses_is_brought_half_way_back_and_half_way_again(tmp_path):
    _, free = answered(asked(), Workspace(tmp_path / "free"))
    forces = [np.abs(label.forces_eV_per_A).max() for label in free.labels]
    limit = 0.4 * max(forces)
    summary, data = answered(limited(limit), Workspace(tmp_path / "limited"))
    assert (summary.frames, summary.refused) == (8, 0)
    assert summary.largest_force_eV_per_A <= limit
    for before, after, force in zip(displacements(free), displacements(data), forces, strict=True):
        shares = (1.0,) if force <= limit else (0.5, 0.25)
        assert any(after == pytest.approx(share * before) for share in shares)
    assert displacements(data) != pytest.approx(displacements(free))


def test_results_of_before_refused_copies_were_brought_back_have_other_keys():
    """A result of then, damaged and computed again, would hold other frames under the same numbers."""
    request = asked()
    fields = request.model_dump(mode="json") | {"teacher": without_places(request.teacher)}
    assert request.key() != content_key({"kind": "teach", "physics_version": 1, "request": fields})
    assert request.key() == content_key({"kind": "teach", "physics_version": 2, "request": fields})


def test_the_cell_of_a_strained_copy_is_brought_back_with_its_atoms(tmp_path):
    request = asked(strain=0.05)
    copy = answered(request, Workspace(tmp_path))[1].labels[-1].structure
    whole, half, quarter = (one.structure.to_atoms() for one in _tries(request, Frame(copy)))
    origin, far = COPPER.to_atoms(), copy.to_atoms()
    assert whole == far
    for atoms, share in ((half, 0.5), (quarter, 0.25)):
        np.testing.assert_allclose(atoms.cell.array, origin.cell.array + share * (far.cell.array - origin.cell.array))
        off = origin.get_scaled_positions(wrap=False)
        off = off + share * (far.get_scaled_positions(wrap=False) - off)
        np.testing.assert_allclose(atoms.get_scaled_positions(wrap=False), off, atol=1e-12)


def test_a_copy_that_is_refused_a_quarter_of_the_way_too_is_refused_once(tmp_path):
    _, free = answered(asked(), Workspace(tmp_path / "free"))
    smallest = sorted(np.abs(label.forces_eV_per_A).max() for label in free.labels)[0]
    (tmp_path / "limited").mkdir()
    with pytest.raises(TaskFailure, match=r"labels \d of 8 frames; the last one without: .*force") as failure:
        teach(limited(0.1 * smallest), Workspace(tmp_path / "limited"), Machine())
    assert failure.value.reason == "teacher"


def test_a_frame_of_the_students_motion_that_the_teacher_refuses_is_left_out(tmp_path):
    workspace = Workspace(tmp_path)
    moved = asked(student=with_student(workspace))
    _, free = answered(moved, workspace)
    assert [one.structure for one in _tries(moved, Frame(free.labels[0].structure))] == [free.labels[0].structure]
    forces = sorted(np.abs(label.forces_eV_per_A).max() for label in free.labels)
    summary, data = answered(limited(forces[-2] + 1e-6, student="fit:student"), workspace)
    assert (summary.frames, summary.refused) == (7, 1)
    kept = {label.structure for label in data.labels}
    assert kept < {label.structure for label in free.labels}


# -- the initial frames ------------------------------------------------------------------------------------------


def test_initial_frames_come_from_whole_walkers_that_are_not_too_hot(tmp_path):
    workspace = Workspace(tmp_path)
    request = asked(student=with_student(workspace))
    _, data = answered(request, workspace)
    chosen = ChooseRequest(
        sources=(request.key(),), student="fit:student", frames=3, hottest_K=400.0, min_contact=0.6, dtype="float32"
    )
    summary, offers = (
        model.model_validate(answer)
        for model, answer in zip((CHOOSE.summary, CHOOSE.data), choose(chosen, workspace, Machine()), strict=True)
    )
    cold = {label.structure for label, T in zip(data.labels, data.temperatures_K, strict=True) if T == 300.0}
    assert len(summary.offers) == 3
    assert set(offers.structures) <= cold
    assert [offer.temperature_K for offer in summary.offers] == [300.0] * 3


def test_without_a_whole_walker_there_is_nothing_to_choose(tmp_path):
    workspace, request = Workspace(tmp_path), asked()
    answered(request, workspace)
    with_student(workspace)
    chosen = ChooseRequest(
        sources=(request.key(),), student="fit:student", frames=3, hottest_K=400.0, min_contact=0.6, dtype="float32"
    )
    with pytest.raises(TaskFailure, match="no walker"):
        choose(chosen, workspace, Machine())


def test_walkers_go_on_where_those_of_an_earlier_round_ended(tmp_path):
    workspace = Workspace(tmp_path)
    first = asked(student=with_student(workspace))
    _, before = answered(first, workspace)
    starts = tuple(
        None if stand is None else SegmentRef(first.key(), i, "teach") for i, stand in enumerate(before.last_good)
    )
    soon = asked(student="fit:student", starts=starts, equilibration_steps=1, every_steps=1)
    _, after = answered(soon, workspace)
    place = next(i for i, stand in enumerate(before.last_good) if stand is not None)
    stood = before.last_good[place].structure.to_atoms().positions
    moved = after.labels[place].structure.to_atoms().positions
    assert 0 < np.abs(moved - stood).max() < 0.1
