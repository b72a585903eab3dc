"""Which walkers a campaign wants to move, and how."""

from alloop.decisions.walker_tasks import walkers_wanted
from policies.exploration import Launch
from tests.support.histories import HELDOUT_WALKERS, ROCK_SALT, WALKERS, History
from tests.support.plans import contexts, purposes


def with_committee(**settings):
    return History(**settings).atoms().labelled(6).fitted(rung=6)


# -- held-out walkers --------------------------------------------------------------------------------------------


def heldout_walkers(history):
    return [purpose.split("/")[1] for purpose in purposes(history, "explore") if "heldout" in purpose]


def test_each_held_out_frame_that_is_needed_comes_from_the_walker_with_the_fewest():
    history = with_committee(heldout={"from_generation": 0})
    assert sorted(heldout_walkers(history)) == sorted(HELDOUT_WALKERS)
    history.heldout(3)
    assert heldout_walkers(history) == [HELDOUT_WALKERS[3]]
    history.label(history.drawn(1), reason="scf")
    assert heldout_walkers(history) == [HELDOUT_WALKERS[3]]


def test_held_out_frames_on_offer_and_walkers_under_way_count_as_frames():
    history = with_committee(heldout={"from_generation": 0})
    history.offer(HELDOUT_WALKERS[0], "random")
    history.explore(HELDOUT_WALKERS[1])
    assert sorted(heldout_walkers(history)) == sorted(HELDOUT_WALKERS[2:])


def test_a_held_out_walker_under_way_is_not_begun_twice_however_many_frames_are_needed():
    history = with_committee(heldout={"from_generation": 0, "minimum": 20})
    for number, walker in enumerate(HELDOUT_WALKERS):
        history.explore(walker)
        assert sorted(heldout_walkers(history)) == sorted(HELDOUT_WALKERS[number + 1 :])


GROUPED = {"systems": dict.fromkeys("ABC", ROCK_SALT), "compositions": {"B": "BC", "C": "BC"}}


def test_held_out_frames_are_shared_over_compositions_and_within_one_over_its_orderings():
    history = with_committee(**GROUPED, heldout={"from_generation": 0, "minimum": 8})
    walkers = [purpose.split("/")[1] for purpose in purposes(history, "explore") if "heldout" in purpose]
    assert sorted(name[0] for name in walkers) == ["A"] * 4 + ["B"] * 2 + ["C"] * 2
    assert {name.split(".")[1] for name in walkers if name[0] == "B"} == {"600K", "1000K"}


def test_in_lockstep_orderings_of_a_composition_take_turns_in_the_rounds():
    history = with_committee(**GROUPED, overlap=False, heldout={"from_generation": 9})
    history.evaluated("r6", 4)
    rounds = []
    for _ in range(2):
        tasks = walkers_wanted(history.state, history.charter, 99)
        rounds.append({walker["walker"] for task in tasks for walker in task.context["walkers"]})
        history.selected(history.offer("A.600K.0", "random"))
    assert [sorted(name[0] for name in walkers) for walkers in rounds] == [["A"] * 4 + ["B"] * 2 + ["C"] * 2] * 2
    assert len(rounds[0] & rounds[1]) == 4


def test_held_out_walkers_wait_for_the_generation_that_may_draw():
    history = with_committee(heldout={"from_generation": 1})
    assert heldout_walkers(history) == []
    history.labelled(6).fitted()
    assert len(heldout_walkers(history)) == 4


def test_a_held_out_walker_continues_where_it_was_and_begins_anew_after_an_explosion():
    history = with_committee(heldout={"from_generation": 0})
    history.heldout(3)
    walker = HELDOUT_WALKERS[3]
    history.offer(walker, "last_good", ended="length")
    (context,) = contexts(history, f"explore/{walker}")
    assert (context["role"], context["generation"]) == ("heldout", 0)
    (own,) = context["walkers"]
    assert own["segment"] == 1
    assert own["start"].endswith("#0")
    history.offer(walker, "last_good", ended="contact")
    (context,) = contexts(history, f"explore/{walker}")
    assert context["walkers"][0] == {**own, "segment": 2, "start": None}


# -- exploring walkers -------------------------------------------------------------------------------------------


def exploring(history, free=99):
    return [purpose.split("/")[1] for purpose in purposes(history, "explore", free) if "heldout" not in purpose]


def test_all_idle_walkers_explore_under_the_newest_complete_committee():
    history = with_committee()
    assert sorted(exploring(history)) == sorted(WALKERS)
    history.explore(WALKERS[0])
    assert sorted(exploring(history)) == sorted(WALKERS[1:])
    context = contexts(history, "explore")[0]
    assert (context["role"], context["generation"], context["round"]) == ("train", 0, 1)
    assert context["walkers"][0]["start"] is None


def test_nobody_explores_before_there_is_a_committee_or_when_no_frame_is_needed():
    assert exploring(History().atoms().labelled(6).opened()) == []
    assert exploring(with_committee().pending(6)) == []
    assert exploring(with_committee(budget={"labels": 10})) == []


def test_in_overlap_a_full_pool_or_a_stalled_campaign_stops_exploring():
    history = with_committee()
    history.offer(WALKERS[0], *["random"] * 18)
    assert exploring(history) == []
    history = with_committee()
    for number in range(80):
        assert exploring(history)
        history.offer(WALKERS[number % 4])
    assert exploring(history) == []


def test_few_slots_hold_all_walkers_of_a_system_together():
    history = with_committee()
    assert [len(context["walkers"]) for context in contexts(history, "explore", free=1)] == [4]
    assert [len(context["walkers"]) for context in contexts(history, "explore", free=2)] == [2, 2]


class Curious:
    """An exploration policy that keeps what it is shown, and moves the first walker hotter and from its beginning."""

    seen = ()

    def next_segments(self, walkers, count):
        type(self).seen = tuple(walkers)
        return (Launch(walkers[0].id, 1234.0, restart=True),)


def test_the_policy_sees_every_walker_as_it_is_documented():
    history = with_committee(explore={"policy": f"{__name__}:Curious"})
    history.offer(WALKERS[0], ended="contact")
    history.explore(WALKERS[1])
    assert exploring(history) == [WALKERS[0]]
    views = {view.id: view for view in Curious.seen}
    assert list(views) == [WALKERS[0], WALKERS[1], WALKERS[2], WALKERS[3]]
    first, second, third = (views[walker] for walker in WALKERS[:3])
    assert (first.system, first.temperature_K, first.segments) == ("A", 600.0, 1)
    assert (first.last_generation, first.explosions, first.ended, first.running) == (0, 1, "contact", False)
    assert (second.last_generation, second.segments, second.ended, second.running) == (None, 0, None, True)
    assert (third.last_generation, third.segments, third.ended, third.running) == (None, 0, None, False)


def test_a_walker_moves_at_the_temperature_and_from_the_point_its_policy_says():
    history = with_committee(explore={"policy": f"{__name__}:Curious"})
    history.offer(WALKERS[0])
    (context,) = contexts(history, "explore")
    (walker,) = context["walkers"]
    assert (walker["temperature_K"], walker["start"], walker["segment"]) == (1234.0, None, 1)
