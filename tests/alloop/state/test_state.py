"""What the state says of itself."""

import pytest

from alloop.journal.events import SubsetRecord, SubsetsDrawn
from alloop.state.state import CampaignState
from tests.support.histories import WALKERS, History
from tests.support.summaries import calibration_summary


def test_the_committee_of_most_labels_is_the_active_one_and_of_two_with_as_many_the_newer():
    history = History().atoms()
    assert history.state.active() is None
    history.labelled(6).opened()
    assert history.state.active() is None
    for member in range(3):
        history.member(0, member)
    assert history.state.active().number == 0
    assert history.fitted(rung=6).state.active().number == 1


def test_a_rung_that_waited_for_a_slow_label_does_not_take_the_place_of_a_later_refit():
    history = History().atoms().labelled(6).fitted(rung=6).labelled(9).fitted()
    assert history.fitted(rung=12).state.active().number == 1


def test_a_committee_that_lacks_a_member_is_not_active():
    history = History().atoms().labelled(6).fitted().labelled(6).opened().member(1, 0).member(1, 1)
    assert history.state.active().number == 0
    assert [generation.number for generation in history.state.fitting()] == [1]
    assert history.member(1, 2).state.active().number == 1


def test_a_foundation_is_active_until_there_is_a_committee():
    history = History(foundation=True)
    assert history.state.active().number == 0
    assert history.atoms().labelled(6).fitted().state.active().number == 1


def test_labelled_frames_are_in_the_order_of_their_selection_and_not_of_their_labels():
    history = History().pending(3)
    first, second, third = history.state.train_order
    history.label([third, first])
    assert [frame.id for frame in history.state.labelled_frames("train")] == [first, third]
    assert history.state.labelled_frames("heldout") == []
    history.label([second])
    assert [frame.id for frame in history.state.labelled_frames("train")] == [first, second, third]


def test_only_the_newest_calibration_is_used_and_only_where_it_can_be_trusted():
    history = History().atoms()
    used = []
    for number, trusted in enumerate((False, True, True, False)):
        history.labelled(6).fitted()
        summary = calibration_summary(trusted=trusted, dof=5.0 + number)
        if number == 3:
            summary["doubts"] = dict.fromkeys(summary["calibration"]["maps"], "why")
        history.do(f"calibrate/g{number}/6", {"generation": number, "labels": 6}, summary)
        calibration = history.state.calibration()
        used.append((calibration.dof, *calibration.maps) if calibration else None)
    assert used == [(5.0, "Cl"), (6.0, "Na", "Cl"), (7.0, "Na", "Cl"), None]


def test_the_calibration_of_the_present_committee_counts_though_a_later_one_of_fewer_labels_has_one():
    history = History().atoms().labelled(6).opened().labelled(6).opened()
    for generation, dof in ((1, 7.0), (0, 5.0)):
        for member in range(3):
            history.member(generation, member)
        history.do(f"calibrate/g{generation}/6", {"generation": generation, "labels": 6}, calibration_summary(dof=dof))
    assert history.state.active().number == 1
    assert history.state.calibration().dof == 7.0


@pytest.mark.parametrize(("oldest", "count"), [(-1, 3), (0, 3), (1, 1), (2, 0)])
def test_candidates_are_those_of_a_generation_and_of_all_later_ones(oldest, count):
    history = History().atoms().labelled(6).fitted()
    history.offer(WALKERS[0], "random", "random")
    history.fitted().offer(WALKERS[0], "random")
    assert history.state.candidates(oldest) == count


def test_a_rung_is_found_by_its_name_whatever_its_kind():
    history = History(foundation=True).atoms().labelled(6).fitted(rung=6)
    rungs = (SubsetRecord(size=6, frames=tuple(history.state.train_order)),)
    history.say(SubsetsDrawn(number=1, rungs=rungs, heldout=(), seed=1))
    assert [history.state.rung(name).kind for name in ("r0", "r6", "s6.1")] == ["foundation", "acquired", "random"]
    with pytest.raises(KeyError, match="r12"):
        history.state.rung("r12")


def test_a_committee_has_as_many_members_as_the_config_says():
    assert History(potential={"committee": 5}).state.members() == 5


def test_a_new_state_knows_nothing_and_shares_nothing():
    one, two = CampaignState(), CampaignState()
    one.to_label["train"]["a"] = one.frames
    one.labels["train"] += 1
    assert (two.to_label, two.labelled("train")) == ({"train": {}, "heldout": {}}, 0)
    assert (two.pending("train"), two.labels_spent(), two.candidates(-9), two.heldout_settled()) == (0, 0, 0, 0)
    assert not two.subsets_open()
