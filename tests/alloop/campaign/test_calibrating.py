"""How a campaign learns what disagreements mean: probes, calibrations, and who uses them."""

from __future__ import annotations

import itertools

from alloop.journal.events import TaskFinished, TaskPlanned
from tests.support.calibrations import calibrated
from tests.support.histories import History
from tests.support.loops import STARTED, config, loop


def run(folder, **changes):
    campaign = loop(folder, config(**changes))
    campaign.run(STARTED)
    return campaign


def planned(campaign, task):
    events = [entry.event for entry in campaign.journal.entries()]
    return [event for event in events if isinstance(event, TaskPlanned) and event.task == task]


def test_a_tenth_of_the_training_labels_are_probes_of_known_probability(tmp_path):
    state = run(tmp_path).state
    chosen = [state.frames[name] for name in state.train_order]
    probes = [frame for frame in chosen if frame.reason == "probe"]
    assert len(probes) >= 0.1 * len(chosen)
    assert all(frame.offer.why == "random" for frame in probes)
    assert all(0 < frame.probability <= 1 for frame in probes)
    assert any(frame.probability < 1 for frame in probes)
    assert not {frame.id for frame in probes} & set(state.heldout_order)


def test_without_a_share_nothing_is_probed_and_where_all_is_chance_there_is_nothing_to_probe(tmp_path):
    none = run(tmp_path / "none", select={"probe_fraction": 0.0}).state
    chance = run(tmp_path / "chance", select={"policy": "random"}).state
    for state in (none, chance):
        assert "probe" not in {state.frames[name].reason for name in state.train_order}


def test_every_batch_of_labels_is_calibrated_with_on_frames_that_committees_had_looked_at(tmp_path):
    campaign = run(tmp_path)
    asked = planned(campaign, "calibrate")
    assert len(asked) > 2
    for earlier, later in itertools.pairwise(event.context for event in asked):
        news = sum(later[name] - earlier[name] for name in ("labels", "heldout"))
        assert news >= 6 or later["generation"] > earlier["generation"]
    for event in asked:
        names = [frame["id"] for frame in event.request["frames"]]
        assert all(campaign.state.frames[name].selection is not None for name in names)
        assert len(set(names)) == len(names) > 0
        assert [name for name in campaign.state.train_order if name in set(names)] == names


def test_the_last_committee_is_calibrated_on_all_held_out_frames_before_the_driver_leaves(tmp_path):
    campaign = run(tmp_path)
    state, last = campaign.state, planned(campaign, "calibrate")[-1]
    assert last.context["generation"] == state.active().number
    assert last.context["heldout"] == len(last.request["heldout"]) > 0
    assert last.request["labels"] == len(state.active().frames)
    assert state.tasks[last.purpose].status == "ok"


def test_what_is_trusted_is_used_by_walkers_and_selections_and_what_is_not_is_not():
    state = History().state
    assert state.calibration() is None
    good, doubtful = calibrated(), calibrated().model_copy(update={"doubts": {"Li": "3 random frames, 5 are needed"}})
    state.calibrations[1] = good
    assert state.calibration() == good.calibration
    state.calibrations[2] = doubtful
    used = state.calibration()
    assert used.maps == {name: one for name, one in doubtful.calibration.maps.items() if name != "Li"}
    assert used.expected_error(["Li"], [0.3]) == [0.3]


def test_a_trusted_calibration_reaches_the_walkers_of_the_next_segments(tmp_path):
    trusted = calibrated()
    campaign = loop(tmp_path, config())
    answer = campaign.workers._answer

    def answered(purpose, request):
        result = answer(purpose, request)
        if request.kind != "calibrate":
            return result
        return result.model_copy(update={"summary": trusted.model_dump(mode="json")})

    campaign.workers._answer = answered
    campaign.run(STARTED)
    entries = list(campaign.journal.entries())
    first = next(
        entry.seq
        for entry in entries
        if isinstance(entry.event, TaskFinished) and entry.event.purpose[:9] == "calibrate"
    )
    later = [entry.event for entry in entries if entry.seq > first and isinstance(entry.event, TaskPlanned)]
    explored = [event for event in later if event.task == "explore" and event.context["role"] == "train"]
    selected = [event for event in later if event.task == "select"]
    assert explored
    assert selected
    for event in (*explored, *selected):
        assert event.request["calibration"] == trusted.model_dump(mode="json")["calibration"]
