import numpy as np
import pytest

from alloop.files.canonical_json import content_key
from alloop.materials.structure import Structure
from alloop.tasks.contract.calibrate import CalibrateRequest, CalibrateSummary, CalibrationFrame
from alloop.tasks.contract.label import LabelData
from alloop.tasks.contract.records import Result
from alloop.tasks.contract.select import SELECT
from alloop.tasks.kinds.calibrate import counted, labelled_frames, points_of
from alloop.tasks.models import load_committee
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import Workspace
from policies.calibration.scales import Calibration, SpeciesMap
from tests.support.models import lithium_chloride
from tests.support.pools import MEMBERS, put_committee, put_offers, selection_of

ERROR_PER_DISAGREEMENT = 1.5


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def label(workspace, name, atoms, committee, rng):
    """Label a frame so that its leader is wrong, on average, by what the committee disagrees times a factor."""
    look = committee.look(atoms)
    away = rng.normal(size=(len(atoms), 3))
    mean = np.sqrt(8.0 / np.pi)
    away *= (ERROR_PER_DISAGREEMENT * look.disagreement_eV_per_A / mean)[:, None]
    forces = tuple(map(tuple, (look.leader.forces_eV_per_A + away).tolist()))
    data = LabelData(
        structure=Structure.from_atoms(atoms), energy_eV=0.0, forces_eV_per_A=forces, stress_eV_per_A3=None
    )
    workspace.write(Result(key=name, kind="label", status="ok", data=data.model_dump(mode="json")))
    return name


def chosen_and_labelled(workspace, frames, **changes):
    """Select all frames of a walker, label them, and return the request that calibrates with them."""
    rng = np.random.default_rng(3)
    committee = load_committee(workspace, put_committee(workspace), "cpu", "float32")
    segment = put_offers(workspace, "w", frames)
    wanted = selection_of(segment, count=len(frames), **changes)
    key = perform(str(workspace.root), "select", wanted.model_dump(mode="json"))
    atoms = {f"w/0/{index}": frame for index, frame in enumerate(frames)}
    return CalibrateRequest(
        frames=tuple(
            CalibrationFrame(
                id=frame.id,
                selection=key,
                label=label(workspace, f"label{index}", atoms[frame.id], committee, rng),
                probability=frame.probability,
                probe=frame.why == "probe",
            )
            for index, frame in enumerate(workspace.data(SELECT, key).chosen)
        )
    )


def summary_of(request, workspace):
    return CalibrateSummary.model_validate(compute(request, workspace).summary)


def test_expected_errors_are_what_labels_showed_of_disagreements(workspace):
    frames = [lithium_chloride(seed, rattle_A=0.05 + 0.01 * seed) for seed in range(30)]
    summary = summary_of(chosen_and_labelled(workspace, frames, probes=10), workspace)
    assert (summary.frames, summary.probes) == (30, 10)
    assert summary.trusted, summary.doubts
    calibration = summary.calibration
    for element in ("Li", "Cl"):
        d = calibration.of(element).typical_eV_per_A
        assert calibration.of(element).expected_error(d) == pytest.approx(ERROR_PER_DISAGREEMENT * d, rel=0.15)


def test_few_labels_are_not_trusted_and_the_number_is_told(workspace):
    summary = summary_of(chosen_and_labelled(workspace, [lithium_chloride(s) for s in range(4)]), workspace)
    assert not summary.trusted
    assert summary.doubts["Li"].startswith("0 random frames")


def test_predictions_are_tried_as_they_were_made_when_the_frames_were_chosen(workspace):
    """The calibration of that time took a disagreement for a third of what the errors then were."""
    third = SpeciesMap(mean_factor=ERROR_PER_DISAGREEMENT / 3)
    record = Calibration({"Li": third, "Cl": third})
    frames = [lithium_chloride(seed) for seed in range(6)]
    summary = summary_of(chosen_and_labelled(workspace, frames, calibration=record), workspace)
    assert sum(row.atoms for row in summary.made) == 6 * 8
    for row in summary.made:
        assert row.observed_eV_per_A == pytest.approx(3 * row.predicted_eV_per_A, rel=0.4)


def test_what_was_not_trusted_when_a_frame_was_chosen_is_no_prediction(workspace):
    record = Calibration({"Li": SpeciesMap()})
    frames = [lithium_chloride(seed) for seed in range(6)]
    summary = summary_of(chosen_and_labelled(workspace, frames, calibration=record), workspace)
    assert sum(row.atoms for row in summary.made) == 6 * list(frames[0].symbols).count("Li")


def test_the_present_committee_looks_at_held_out_frames(workspace):
    rng = np.random.default_rng(4)
    request = chosen_and_labelled(workspace, [lithium_chloride(seed) for seed in range(4)])
    committee = load_committee(workspace, MEMBERS, "cpu", "float32")
    frames = [lithium_chloride(seed, rattle_A=0.05 + 0.01 * seed) for seed in range(40, 60)]
    heldout = tuple(label(workspace, f"heldout{i}", atoms, committee, rng) for i, atoms in enumerate(frames))
    asked = request.model_copy(update={"labels": 12, "heldout": heldout, "members": MEMBERS})
    summary = summary_of(asked, workspace)
    assert (summary.frames, summary.probes, summary.heldout) == (24, 0, 20)
    assert summary.trusted, summary.doubts
    one = asked.model_copy(update={"frames": (), "heldout_walkers": ("w",) * 20})
    assert set(summary_of(one, workspace).doubts.values()) == {"labels are of 1 walker, 2 are needed"}


def test_frames_are_told_apart_by_walker(workspace):
    request = chosen_and_labelled(workspace, [lithium_chloride(seed) for seed in range(3)])
    known = [frame.model_copy(update={"walker": "w"}) for frame in request.frames[:2]]
    asked = request.model_copy(update={"frames": (*known, request.frames[2])})
    labelled = labelled_frames(asked, workspace)
    assert points_of(labelled).walker == ("w",) * 16 + (request.frames[2].id,) * 8


def test_frames_of_a_committee_of_fewer_labels_count_less(workspace):
    request = chosen_and_labelled(workspace, [lithium_chloride(seed) for seed in range(2)])
    old, new = (request.frames[0].model_copy(update={"labels": 6}), request.frames[1].model_copy(update={"labels": 12}))
    asked = request.model_copy(update={"frames": (old, new), "labels": 12})
    assert counted(asked, labelled_frames(asked, workspace)) == pytest.approx([1 / 64, 1.0])
    assert counted(request, labelled_frames(request, workspace)) == pytest.approx([1.0, 1.0])


def test_a_request_that_asks_nothing_new_has_the_key_it_had():
    frame = CalibrationFrame(id="w/0/0", selection="s", label="l", probability=0.5, probe=True)
    earlier = {"id": "w/0/0", "selection": "s", "label": "l", "probability": 0.5, "probe": True}
    key = content_key({"kind": "calibrate", "physics_version": 1, "request": {"frames": [earlier]}})
    assert CalibrateRequest(frames=(frame,)).key() == key
    assert CalibrateRequest(frames=(frame,), labels=12).key() != key
    assert CalibrateRequest(frames=(frame,), heldout=("h",)).key() != key
    assert CalibrateRequest(frames=(frame.model_copy(update={"walker": "w"}),)).key() != key
    earlier_heldout = {"heldout": ["h"], "members": [], "dtype": "float32"}
    asked = {"kind": "calibrate", "physics_version": 1, "request": {"frames": [earlier], **earlier_heldout}}
    assert CalibrateRequest(frames=(frame,), heldout=("h",)).key() == content_key(asked)


def test_frames_that_no_committee_looked_at_are_left_out(workspace):
    request = chosen_and_labelled(workspace, [lithium_chloride(s) for s in range(3)], members=())
    summary = summary_of(request, workspace)
    assert (summary.frames, summary.trusted, summary.calibration.maps) == (0, False, {})
