"""Whether frames should be selected, drawn or calibrated: selections of 6 from 18 candidates, two label slots."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.decisions import selection_needs
from alloop.decisions.selection_needs import (
    calibration_due,
    calibration_frames,
    calibration_wanted,
    fresh_candidates,
    heldout_leader,
    heldout_looks,
    heldout_pool,
    heldout_walkers,
    oldest_fresh,
    pool_full,
    probes_wanted,
    selection_size,
    stalled,
    starving,
)
from alloop.journal.events import HeldoutDrawn, LabelsImported, PolicyChanged
from tests.support.histories import HELDOUT_WALKERS, WALKERS, History
from tests.support.summaries import calibration_summary


def workers(count):
    return {"executors": {"local": {"kind": "local", "workers": count}}}


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted()


# -- candidates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "oldest"), [(True, 1), (False, 2)])
def test_offers_of_the_committee_before_are_fresh_in_overlap_and_stale_in_lockstep(overlap, oldest):
    history = with_committee(overlap=overlap).fitted().fitted()
    for generation, offers in ((0, 1), (1, 2), (2, 4)):
        history.offer(WALKERS[0], *["random"] * offers, generation=generation)
    assert oldest_fresh(history.state, history.charter) == oldest
    assert fresh_candidates(history.state, history.charter) == (6 if overlap else 4)


def test_before_the_first_committee_every_offer_is_fresh():
    history = History(overlap=False)
    assert oldest_fresh(history.state, history.charter) == 0


def test_frames_put_before_a_selection_are_no_candidates_for_another_until_it_has_chosen():
    history = with_committee()
    first, *_ = history.offer(WALKERS[0], *["random"] * 5)
    history.asked(1)
    assert fresh_candidates(history.state, history.charter) == 0
    history.selected([first])
    assert fresh_candidates(history.state, history.charter) == 4


@pytest.mark.parametrize(("candidates", "full"), [(17, False), (18, True), (19, True)])
def test_the_pool_is_full_with_pool_factor_candidates_for_every_frame_to_select(candidates, full):
    history = with_committee()
    history.offer(WALKERS[0], *["random"] * candidates)
    assert pool_full(history.state, history.charter) is full


def test_a_part_of_a_candidate_is_not_waited_for():
    history = with_committee(select={"batch": 3, "pool_factor": 1.5})
    history.offer(WALKERS[0], *["random"] * 4)
    assert pool_full(history.state, history.charter)


@pytest.mark.parametrize(
    ("slots", "overlap", "size"), [(2, True, 6), (24, True, 6), (25, True, 7), (100, True, 25), (100, False, 6)]
)
def test_a_selection_chooses_a_quarter_of_many_label_slots_in_overlap_only(slots, overlap, size):
    assert selection_size(History(overlap=overlap, execution=workers(slots)).charter) == size


@pytest.mark.parametrize(
    ("slots", "overlap", "enough"), [(2, True, 6), (3, True, 6), (4, True, 7), (100, True, 113), (100, False, 6)]
)
def test_label_slots_starve_when_fewer_frames_wait_than_keep_all_of_them_at_work(slots, overlap, enough):
    history = History(overlap=overlap, execution=workers(slots)).pending(enough - 1)
    assert starving(history.state, history.charter)
    history.pending(1)
    assert not starving(history.state, history.charter)


# -- random probes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "probes", "count", "wanted"), [(0, 0, 6, 1), (6, 0, 6, 2), (6, 2, 6, 0), (6, 0, 4, 1), (15, 0, 6, 3)]
)
def test_a_tenth_of_all_labels_bought_are_probes(labelled, probes, count, wanted):
    history = History().labelled(labelled - probes)
    if probes:
        history.atoms().fitted().labelled(probes, why="probe")
    assert probes_wanted(history.state, history.charter, count) == wanted


def test_frames_drawn_to_fill_a_selection_count_as_probes():
    history = with_committee().labelled(4, why="random")
    assert history.state.probes == 4
    assert probes_wanted(history.state, history.charter, 6) == 0


def test_imported_labels_owe_no_probes():
    keys = tuple(f"a{number}" for number in range(90))
    history = History().say(LabelsImported(reference="same", source="file", keys=keys)).labelled(4)
    assert probes_wanted(history.state, history.charter, 6) == 1


def test_where_every_frame_is_drawn_at_random_there_are_no_probes():
    history = History(select={"policy": "random"}).labelled(50)
    assert probes_wanted(history.state, history.charter, 6) == 0


# -- calibration -------------------------------------------------------------------------------------------------


def test_a_calibration_is_made_from_the_newest_labelled_frames_that_a_committee_looked_at(monkeypatch):
    monkeypatch.setattr(selection_needs, "CALIBRATION_FRAMES", 3)
    history = with_committee().labelled(2).failing(1).labelled(2).pending(2)
    looked_at = history.state.train_order[6:]
    assert [frame.id for frame in calibration_frames(history.state)] == [looked_at[1], looked_at[3], looked_at[4]]


@pytest.mark.parametrize(("labels", "due"), [(5, False), (6, True), (8, True)])
def test_a_calibration_is_due_after_a_batch_of_labels(labels, due):
    history = with_committee(select={"batch": 12}).labelled(labels)
    assert calibration_due(history.state, history.charter) is due


def test_labels_that_no_committee_looked_at_call_for_no_calibration():
    history = with_committee().labelled(0)
    assert not calibration_due(history.state, history.charter)


@pytest.mark.parametrize(("looks", "due"), [(4, False), (5, True), (6, True)])
def test_a_new_committee_is_calibrated_as_soon_as_it_has_enough_held_out_frames_to_look_at(looks, due):
    history = with_committee(heldout={"minimum": 8, "from_generation": 0}, select={"batch": 24}).heldout(looks)
    assert calibration_due(history.state, history.charter) is due
    if due:
        summary, context = calibration_summary(), {"generation": 0, "labels": 6, "heldout": looks}
        history.do("calibrate/g0/6", context, summary)
        assert not calibration_due(history.state, history.charter)
        history.fitted()
        assert calibration_due(history.state, history.charter)


def test_a_calibration_is_wanted_once_it_is_due_and_not_again_while_it_runs_or_after_it_failed():
    history = with_committee(heldout={"minimum": 8, "from_generation": 0}, select={"batch": 24})
    assert calibration_wanted(history.state, history.charter) is None
    assert calibration_wanted(history.heldout(6).state, history.charter) == "calibrate/g0/6/h6"
    context = {"generation": 0, "labels": 6, "heldout": 6}
    assert calibration_wanted(history.begin("calibrate/g0/6/h6", context).state, history.charter) is None
    assert calibration_wanted(history.end("calibrate/g0/6/h6", reason="error").state, history.charter) is None


def test_held_out_frames_count_among_the_news():
    history = with_committee(heldout={"minimum": 8, "from_generation": 0}, select={"batch": 6}).heldout(4)
    assert not calibration_due(history.state, history.charter)
    assert calibration_due(history.labelled(2).state, history.charter)


def test_only_the_newest_held_out_frames_are_looked_at_and_only_by_a_committee(monkeypatch):
    monkeypatch.setattr(selection_needs, "CALIBRATION_LOOKS", 3)
    history = with_committee(heldout={"minimum": 8, "from_generation": 0}).heldout(4)
    assert [frame.id for frame in heldout_looks(history.state)] == history.state.heldout_order[1:]
    history.state.generations[-1].models = {0: "fit:alone"}
    assert heldout_looks(history.state) == []


def test_no_calibration_is_due_while_one_is_under_way_and_then_only_after_another_batch():
    history = with_committee().labelled(6)
    history.begin("calibrate/g0/12", {"generation": 0, "labels": 12})
    assert not calibration_due(history.state, history.charter)
    history.end("calibrate/g0/12", calibration_summary()).labelled(5)
    assert not calibration_due(history.state, history.charter)
    history.labelled(1)
    assert calibration_due(history.state, history.charter)


def test_a_calibration_that_failed_is_due_again():
    history = with_committee().labelled(6)
    history.do("calibrate/g0/12", {"generation": 0, "labels": 12}, reason="error")
    assert calibration_due(history.state, history.charter)


# -- held-out frames ---------------------------------------------------------------------------------------------


def test_held_out_frames_are_drawn_segment_by_segment_and_walker_by_walker():
    history = with_committee()
    cold, hot = HELDOUT_WALKERS[:2]
    first, third = history.offer(hot, "random"), history.offer(hot, "random")
    second = history.offer(cold, "random")
    assert [frame.id for frame in heldout_pool(history.state)] == [*first, *second, *third]
    history.say(HeldoutDrawn(frames=tuple(second)))
    assert [frame.id for frame in heldout_pool(history.state)] == [*first, *third]


def test_only_frames_taken_at_a_random_step_of_a_held_out_walker_may_be_drawn():
    history = with_committee()
    history.offer(HELDOUT_WALKERS[0], "last_good", "disagreement")
    history.offer(WALKERS[0], "random")
    assert heldout_pool(history.state) == []


def test_a_frame_whose_label_was_imported_is_not_held_out():
    twin = with_committee()
    twin.offer(HELDOUT_WALKERS[0], "random")
    (frame,) = heldout_pool(twin.state)
    structure = frame.offer.structure_sha256
    history = with_committee()
    history.say(LabelsImported(reference="same", source="file", keys=("a",), structures=(structure,)))
    history.offer(HELDOUT_WALKERS[0], "random")
    assert heldout_pool(history.state) == []


def test_a_held_out_walker_that_ran_twenty_segments_without_a_frame_rests_until_there_is_a_new_leader():
    history = with_committee()
    walker = HELDOUT_WALKERS[0]
    for number in range(20):
        assert walker in heldout_walkers(history.state, history.charter), number
        history.offer(walker, "last_good")
    assert set(heldout_walkers(history.state, history.charter)) == set(HELDOUT_WALKERS[1:])
    history.opened()
    assert set(heldout_walkers(history.state, history.charter)) == set(HELDOUT_WALKERS)


def test_a_segment_with_a_frame_begins_the_count_anew():
    history = with_committee()
    for why in ("last_good",) * 19 + ("random",) + ("last_good",) * 19:
        history.offer(HELDOUT_WALKERS[0], why)
    assert HELDOUT_WALKERS[0] in heldout_walkers(history.state, history.charter)


def test_segments_that_fail_are_without_a_frame_too():
    history = with_committee()
    for _ in range(20):
        history.end(history.explore(HELDOUT_WALKERS[0]), reason="lost")
    assert HELDOUT_WALKERS[0] not in heldout_walkers(history.state, history.charter)


def test_without_a_committee_nobody_draws_held_out_frames():
    history = History().labelled(6)
    assert heldout_leader(history.state, history.charter) is None


@pytest.mark.parametrize(("generation", "draws"), [(0, False), (1, True), (2, True)])
def test_held_out_frames_wait_for_the_generation_of_the_config_while_more_labels_come(generation, draws):
    history = with_committee()
    for _ in range(generation):
        history.fitted()
    leader = heldout_leader(history.state, history.charter)
    assert (leader is not None) is draws
    assert leader is None or leader.number == generation


ONE_RUNG = {"rungs": [6], "fits": 2}


def test_the_present_committee_draws_them_when_no_better_one_will_come():
    history = with_committee(ladder=ONE_RUNG)
    assert heldout_leader(history.state, history.charter) is history.state.generations[0]


def test_frames_that_wait_for_their_label_may_bring_a_better_leader():
    history = with_committee(ladder=ONE_RUNG).pending(1)
    assert heldout_leader(history.state, history.charter) is None


def test_a_committee_that_is_being_fitted_is_waited_for_until_a_member_is_given_up():
    history = with_committee(ladder=ONE_RUNG).opened()
    context = {"rung": None, "generation": 1, "member": 2}
    for attempt in ("", "/again1", "/again2"):
        assert heldout_leader(history.state, history.charter) is None
        history.do(f"fit/g1/m2{attempt}", context, reason="diverged")
    assert heldout_leader(history.state, history.charter) is history.state.generations[0]


# -- walkers that find nothing -----------------------------------------------------------------------------------


def explored(history, segments):
    for number in range(segments):
        history.offer(WALKERS[number % 4])
    return history


@pytest.mark.parametrize(("segments", "tired"), [(79, False), (80, True)])
def test_a_campaign_stalls_after_twenty_segments_for_every_walker_without_a_selection(segments, tired):
    history = explored(with_committee(), segments)
    assert stalled(history.state, history.charter) is tired


@pytest.mark.parametrize(
    ("happens", "tired"),
    [
        (lambda history: history.opened(), False),
        (lambda history: history.say(PolicyChanged(policies={}, changed=())), False),
        (lambda history: history.selected(history.offer(WALKERS[0], "random")), False),
        (lambda history: history.selected([]), True),
        (lambda history: history.heldout(4), True),
    ],
)
def test_a_refit_a_mended_policy_or_a_chosen_frame_give_the_walkers_another_chance(happens, tired):
    history = explored(with_committee(), 80)
    happens(history)
    assert stalled(history.state, history.charter) is tired


@settings(max_examples=30)
@given(offers=st.lists(st.integers(0, 8), max_size=6), picks=st.lists(st.integers(0, 5), max_size=4))
def test_a_candidate_is_a_frame_of_the_pool_that_no_selection_was_asked_about(offers, picks):
    history = with_committee()
    for count in offers:
        history.offer(WALKERS[0], *["random"] * count)
    for pick in picks:
        history.selected(
            list(history.state.pool)[:pick], rejected=dict.fromkeys(list(history.state.pool)[pick : pick + 2], "known")
        )
    assert fresh_candidates(history.state, history.charter) == len(history.state.pool)
