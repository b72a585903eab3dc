import numpy as np
import pytest

from alloop.potential.committee import Look, Prediction
from alloop.tasks.contract.select import SELECT
from alloop.tasks.kinds.select import arrays
from alloop.tasks.kinds.viewing import view
from alloop.tasks.machine import Machine
from alloop.tasks.models import load_committee
from alloop.tasks.worker import compute, perform
from alloop.tasks.workspace import Workspace
from policies.calibration.scales import Calibration, SpeciesMap
from tests.support.models import frames, lithium_chloride, put_labels
from tests.support.pools import MEMBERS, put_committee, put_offers, selection_of


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    put_committee(workspace)
    return workspace


def looked_at(workspace, request, candidates):
    return arrays(candidates, view(request, workspace, Machine(), candidates), {}, {})


def candidates_of(workspace, segment):
    """Return the candidates of a segment as a selection that chooses none of them leaves them waiting."""
    wanted = selection_of(segment, members=(), count=0)
    return workspace.data(SELECT, perform(str(workspace.root), "select", wanted.model_dump(mode="json"))).waiting


def test_the_committee_of_the_selection_looks_at_every_candidate(workspace):
    atoms = [lithium_chloride(seed, rattle_A=0.05 * (seed + 1)) for seed in range(4)]
    segment = put_offers(workspace, "w", atoms)
    seen = looked_at(workspace, selection_of(segment), candidates_of(workspace, segment))
    committee = load_committee(workspace, MEMBERS, "cpu", "float32")
    expected = [committee.look(frame).disagreement_eV_per_A for frame in atoms]
    is_lithium = atoms[0].numbers == 3
    assert seen.expected_error_eV_per_A["Li"] == pytest.approx([d[is_lithium].max() for d in expected], rel=1e-5)
    assert seen.expected_error_eV_per_A["Cl"] == pytest.approx([d[~is_lithium].max() for d in expected], rel=1e-5)


def test_a_calibration_turns_disagreements_into_expected_errors(workspace):
    segment = put_offers(workspace, "w", [lithium_chloride(1)])
    candidates = candidates_of(workspace, segment)
    maps = {"Li": SpeciesMap(mean_factor=3.0), "Cl": SpeciesMap(mean_factor=0.5)}
    record = Calibration(maps)
    plain = looked_at(workspace, selection_of(segment), candidates).expected_error_eV_per_A
    found = looked_at(workspace, selection_of(segment, calibration=record), candidates).expected_error_eV_per_A
    assert found["Li"] == pytest.approx(3.0 * plain["Li"])
    assert found["Cl"] == pytest.approx(0.5 * plain["Cl"])


def test_what_is_labelled_or_ordered_already_is_not_new(workspace):
    known = frames(3)
    ordered, new = lithium_chloride(11), lithium_chloride(12, rattle_A=0.4)
    before = put_offers(workspace, "before", [ordered])
    segment = put_offers(workspace, "w", [known[1], ordered, new])
    request = selection_of(segment, known=put_labels(workspace, known), ordered=(f"explore/{before.key}#0",))
    seen = looked_at(workspace, request, candidates_of(workspace, segment))
    assert seen.novelty[:2] == pytest.approx([0.0, 0.0], abs=1e-2)
    assert seen.novelty[2] > 1.0
    assert np.diag(seen.separation) == pytest.approx([0.0, 0.0, 0.0])


def test_a_duplicate_of_a_labelled_frame_is_not_paid_for_again(workspace):
    known = frames(4)
    segment = put_offers(workspace, "w", [known[2], lithium_chloride(12, rattle_A=0.3)], why="disagreement")
    request = selection_of(segment, known=put_labels(workspace, known), count=2)
    result = compute(request, workspace)
    assert [frame["id"] for frame in result.data["chosen"]] == ["w/0/1"]
    assert result.data["rejected"] == {"w/0/0": "duplicate"}


def test_a_structure_that_rotted_costs_its_frame_and_is_counted(workspace):
    whole, rotten = put_offers(workspace, "a", [lithium_chloride(1)]), put_offers(workspace, "b", [lithium_chloride(2)])
    waiting = selection_of(whole, rotten, members=(), count=0)
    key = perform(str(workspace.root), "select", waiting.model_dump(mode="json"))
    workspace.result_path("explore", rotten.key).write_text("{")
    result = compute(selection_of(before=key), workspace)
    assert [frame["id"] for frame in result.data["chosen"]] == ["a/0/0"]
    assert result.data["rejected"] == {"b/0/0": "unreadable"}


def test_probes_are_drawn_whatever_the_committee_says_and_come_after_the_policy_s_choice(workspace):
    segment = put_offers(workspace, "w", [lithium_chloride(seed) for seed in range(10)])
    request = selection_of(segment, count=5, probes=2)
    chosen = compute(request, workspace).data["chosen"]
    assert [frame["rank"] for frame in chosen] == [1, 2, 3, 4, 5]
    assert [frame["why"] for frame in chosen[3:]] == ["probe", "probe"]
    assert [frame["probability"] for frame in chosen[3:]] == pytest.approx([0.2, 0.2])


def test_a_probe_of_which_the_committee_gives_no_number_is_chosen_and_leaves_no_view(workspace, monkeypatch):
    class Lost:
        def __len__(self):
            return 3

        def look(self, atoms):
            nothing = np.full((len(atoms), 3), np.nan)
            return Look(Prediction(0.0, nothing), np.full(len(atoms), np.nan))

    monkeypatch.setattr("alloop.tasks.kinds.viewing.load_committee", lambda *arguments: Lost())
    segment = put_offers(workspace, "w", [lithium_chloride(1)])
    key = perform(str(workspace.root), "select", selection_of(segment, count=1, probes=1).model_dump(mode="json"))
    found = workspace.data(SELECT, key)
    assert [frame.why for frame in found.chosen] == ["probe"]
    assert found.views == {}
