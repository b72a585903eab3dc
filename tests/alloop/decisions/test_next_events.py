"""The decisions that are due: rungs of 6, 12 and 24, selections of 6 from 18 candidates."""

import pytest

from alloop.decisions.next_events import decide
from alloop.journal.events import (
    CodeDriftFound,
    FramesSelected,
    GenerationOpened,
    HeldoutDrawn,
    LabelsImported,
    RungJudged,
    SelectionAsked,
    SubsetRecord,
    SubsetsDrawn,
    SubsetsJudged,
    Tick,
    VerdictReached,
)
from tests.support.histories import HELDOUT_WALKERS, ROCK_SALT, WALKERS, History


def decided(history, *, idle=False):
    return decide(history.state, history.charter, idle=idle)


def kinds(events):
    return [type(event) for event in events]


def end(history):
    """The end that an idle campaign comes to."""
    (event,) = decided(history, idle=True)
    assert isinstance(event, VerdictReached)
    return event.verdict, event.reason


def with_committee(**settings):
    """Six labels, one committee, and all held-out frames that its rung needs."""
    return History(**settings).atoms().labelled(6).fitted(rung=6).heldout(4)


def full_pool(history):
    history.offer(WALKERS[0], *["random"] * 18)
    return history


# -- rattled copies ----------------------------------------------------------------------------------------------


def test_all_rattled_copies_are_selected_the_systems_in_turn():
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT})
    history.rattled(2, "A")
    history.rattled(2, "B")
    (event,) = decided(history)
    assert [(choice.id, choice.rank, choice.why) for choice in event.chosen] == [
        ("A.initial/0/0", 1, "initial"),
        ("B.initial/0/0", 2, "initial"),
        ("A.initial/0/1", 3, "initial"),
        ("B.initial/0/1", 4, "initial"),
    ]
    assert (event.generation, event.policy, event.seed, event.rejected) == (None, "initial", 3, {})
    assert decided(history.say(event)) == []


def test_rattled_copies_of_all_systems_are_waited_for():
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT})
    history.begin("initial/B", {"walker": "B.initial", "segment": 0, "system": "B", "generation": None})
    history.rattled(2, "A")
    assert decided(history) == []
    history.end("initial/B", reason="contact")
    assert kinds(decided(history)) == [FramesSelected]


@pytest.mark.parametrize(("budget", "chosen"), [(1, 1), (3, 3), (9, 4)])
def test_no_more_rattled_copies_are_selected_than_the_budget_allows(budget, chosen):
    history = History(budget={"labels": budget})
    history.rattled(4)
    (event,) = decided(history)
    assert [choice.id for choice in event.chosen] == [f"A.initial/0/{index}" for index in range(chosen)]


def test_without_budget_no_rattled_copy_is_selected():
    history = History(budget={"labels": 1}).pending(1)
    history.rattled(4)
    assert decided(history) == []


def test_a_rattled_copy_whose_label_was_imported_is_rejected_and_takes_no_place_in_the_budget():
    twin = History()
    twin.rattled(3)
    structure = twin.state.frames["A.initial/0/0"].offer.structure_sha256
    history = History(budget={"labels": 1})
    history.say(LabelsImported(reference="same", source="file", keys=("a",), structures=(structure,)))
    history.rattled(3)
    (event,) = decided(history)
    assert event.rejected == {"A.initial/0/0": "imported"}
    assert [choice.id for choice in event.chosen] == ["A.initial/0/1"]


# -- generations, held-out frames and rungs ----------------------------------------------------------------------


def test_a_generation_is_opened_when_it_is_due():
    (event,) = decided(History().atoms().labelled(6))
    assert event == GenerationOpened(number=0, upto=6, labels=6, rung=6)


@pytest.mark.parametrize(("offered", "drawn"), [(1, 1), (2, 2), (4, 4), (6, 4)])
def test_as_many_held_out_frames_are_drawn_as_are_needed_and_on_offer(offered, drawn):
    history = History().atoms().labelled(6).fitted(rung=6)
    frames = [history.offer(HELDOUT_WALKERS[number % 4], "random")[0] for number in range(offered)]
    (event,) = decided(history)
    assert kinds([event]) == [HeldoutDrawn]
    assert len(event.frames) == drawn
    assert set(event.frames) <= set(frames)
    assert HeldoutDrawn not in kinds(decided(history.say(event)))


def test_a_rung_is_judged_when_all_its_fits_are_evaluated():
    history = with_committee()
    assert decided(history) == []
    (event,) = decided(history.evaluated(6, 4))
    assert (type(event), event.size, event.heldout, event.final) == (RungJudged, 6, 4, True)


def test_a_verdict_is_journaled_with_the_judgement_it_comes_from():
    history = with_committee().evaluated(6, 4)
    history.say(*decided(history)).labelled(6).fitted(rung=12).evaluated(12, 4)
    judged, verdict = decided(history)
    assert (judged.size, verdict.verdict) == (12, "converged")


def test_the_first_decision_that_is_due_is_taken_alone():
    history = History().atoms().labelled(6)
    history.offer(HELDOUT_WALKERS[0], "random")
    history.rattled(2)
    for expected in (FramesSelected, GenerationOpened, HeldoutDrawn):
        events = decided(history)
        assert kinds(events) == [expected]
        history.say(*events)
        if expected is FramesSelected:
            history.label(history.state.train_order[6:])


# -- asking for a selection --------------------------------------------------------------------------------------


def test_a_selection_is_asked_for_when_the_pool_is_full():
    history = full_pool(with_committee())
    (event,) = decided(history)
    assert event == SelectionAsked(number=1, generation=0, oldest=-1, count=6, seed=history.charter.seed("selection/1"))


@pytest.mark.parametrize(("overlap", "candidates", "asks"), [(True, 17, False), (True, 18, True), (False, 1, True)])
def test_in_lockstep_a_selection_takes_what_the_round_offered(overlap, candidates, asks):
    history = with_committee(overlap=overlap)
    history.offer(WALKERS[0], *["random"] * candidates)
    events = decided(history, idle=not overlap)
    assert (kinds(events) == [SelectionAsked]) is asks


@pytest.mark.parametrize(("labelled", "count"), [(2, 4), (4, 2), (5, 1)])
def test_no_more_frames_are_asked_for_than_the_ladder_needs(labelled, count):
    history = full_pool(with_committee(fit={"every_labels": 50}).labelled(labelled))
    (event,) = decided(history)
    assert event.count == count


@pytest.mark.parametrize(
    "prepared",
    [
        lambda: full_pool(with_committee().labelled(6).fitted(rung=12)),
        lambda: full_pool(with_committee().pending(6)),
        lambda: full_pool(with_committee(budget={"labels": 10})),
    ],
    ids=["the ladder needs none", "enough frames wait", "the budget is spent"],
)
def test_no_selection_is_asked_for_where_none_is_needed(prepared):
    assert decided(prepared()) == []


def test_only_one_selection_is_under_way():
    history = full_pool(with_committee())
    history.asked()
    full_pool(history)
    assert decided(history) == []


def test_before_there_is_a_committee_nothing_is_selected():
    history = History().atoms().labelled(5)
    history.offer(WALKERS[0], *["random"] * 18)
    assert SelectionAsked not in kinds(decided(history))


def test_after_a_selection_that_chose_nothing_another_needs_a_new_segment():
    history = full_pool(with_committee()).selected([])
    assert decided(history) == []
    history.offer(WALKERS[1])
    assert kinds(decided(history)) == [SelectionAsked]


def test_after_a_selection_that_chose_some_the_rest_may_be_asked_about_again():
    history = with_committee(fit={"every_labels": 50})
    offered = history.offer(WALKERS[0], *["random"] * 20)
    history.selected(offered[:2]).label(offered[:2])
    assert kinds(decided(history)) == [SelectionAsked]


def stalled(history):
    for number in range(80):
        history.offer(WALKERS[number % 4])
    return history


def test_walkers_that_find_too_little_for_a_full_pool_are_not_waited_for_for_ever():
    history = stalled(with_committee())
    history.offer(WALKERS[0], "random")
    assert kinds(decided(history)) == [SelectionAsked]


def test_the_campaign_stops_when_stalled_walkers_gave_nothing_the_policy_chooses():
    history = stalled(with_committee())
    history.offer(WALKERS[0], "random")
    history.selected([])
    history.begin("evaluate/r6/f0/h4", {"model": "m", "heldout": 4, "of": "r6/f0"})
    assert decided(history) == []
    history.end("evaluate/r6/f0/h4", reason="error")
    history.end(history.explore(WALKERS[0]), reason="lost")
    (event,) = decided(history)
    assert (event.verdict, event.reason) == (
        "stopped",
        "the policy 'disagreement' chooses none of 1 candidates",
    )


def test_stalled_walkers_without_a_selection_so_far_have_one_made_of_the_little_they_offered():
    keys = tuple(f"a{number}" for number in range(6))
    history = History(initial={"frames": 0}).say(LabelsImported(reference="same", source="file", keys=keys))
    history.atoms().fitted(rung=6).heldout(4)
    history.offer(WALKERS[0], "random", "random")
    assert kinds(decided(stalled(history))) == [SelectionAsked]


# -- lockstep ----------------------------------------------------------------------------------------------------


def test_in_lockstep_nothing_is_decided_before_all_tasks_are_done():
    history = History(overlap=False).atoms().labelled(6)
    assert decided(history, idle=False) == []
    assert kinds(decided(history, idle=True)) == [GenerationOpened]


# -- emergencies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "stops"), [(2, False), (3, True)])
def test_more_failed_labels_than_the_budget_allows_stop_the_campaign(failures, stops):
    history = History(budget={"failed_labels": 2}, overlap=False).failing(1, "contact").failing(failures - 1, "scf")
    history.rattled(1)
    events = decided(history, idle=False)
    assert bool(events) is stops
    if stops:
        (event,) = events
        assert event.verdict == "stopped"
        assert event.reason == "3 labels failed, budget.failed_labels is 2: 2 scf, 1 contact"


@pytest.mark.parametrize(("hours", "ends"), [(1.0, False), (1.01, True)])
def test_a_campaign_ends_when_its_wall_time_is_over_whatever_else_is_due(hours, ends):
    history = History(budget={"wall_h": 1.0}, step_s=36.0).labelled(0)
    history.rattled(1)
    while history.state.wall_s < 3600 * hours - 1:
        history.say(Tick())
    assert history.state.wall_s == pytest.approx(3600 * hours)
    (event,) = decided(history)
    assert isinstance(event, VerdictReached) is ends
    if ends:
        assert (event.verdict, event.reason) == ("budget_spent", "wall time 1.01 h of 1 h is spent")


# -- nothing is left ---------------------------------------------------------------------------------------------


def test_a_busy_campaign_without_a_decision_goes_on():
    assert decided(with_committee(), idle=False) == []


def test_an_idle_campaign_whose_labels_are_spent_ends_with_its_budget():
    history = with_committee(budget={"labels": 10})
    assert end(history) == ("budget_spent", "the label budget is spent: 10 labels, 0.00 DFT core-hours")


def test_an_idle_campaign_whose_core_hours_are_spent_ends_with_its_budget():
    history = History(budget={"dft_core_hours": 0.5}).pending(1)
    history.label(history.state.train_order, cpu_s=1800, reason="scf")
    assert end(history) == ("budget_spent", "the label budget is spent: 1 labels, 0.50 DFT core-hours")


def test_an_idle_campaign_says_that_its_policy_chooses_nothing():
    history = with_committee()
    history.offer(WALKERS[0], "random", "random")
    assert end(history) == ("stopped", "the policy 'disagreement' chooses none of 2 candidates")


def test_an_idle_campaign_says_that_no_held_out_walker_offers_a_frame_and_its_last_problem():
    history = with_committee(explore={"replicas": 1})
    for walker in HELDOUT_WALKERS[:2]:
        for _ in range(20):
            history.end(history.explore(walker), reason="lost", detail="the node is broken")
    assert end(history) == (
        "stopped",
        "no held-out walker offers a frame any more; last: explore/A.1000K.heldout0/20: the node is broken",
    )


def test_an_idle_campaign_counts_what_went_wrong_the_most_frequent_first():
    history = with_committee().failing(1, "contact").failing(2, "scf")
    history.end(history.explore(WALKERS[0]), reason="error")
    verdict, reason = end(history)
    assert verdict == "stopped"
    assert reason == ("nothing is left that could be done (2 scf, 1 contact, 1 error; last: explore/A.600K.0/2: error)")


def test_an_idle_campaign_in_which_nothing_went_wrong_says_that_walkers_offer_nothing():
    assert end(with_committee()) == (
        "stopped",
        "nothing is left that could be done (the walkers offer no frame)",
    )


# -- what stops all decisions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("idle", [True, False])
def test_nothing_is_decided_while_the_code_of_the_labels_is_in_question(idle):
    history = History().atoms().labelled(6).say(CodeDriftFound(code={"gpaw": "2"}, labels=()))
    assert decided(history, idle=idle) == []


@pytest.mark.parametrize("idle", [True, False])
def test_nothing_is_decided_after_the_verdict(idle):
    history = History().atoms().labelled(6).say(VerdictReached(verdict="stopped", reason="enough"))
    assert decided(history, idle=idle) == []


def test_measuring_judges_rungs_and_neither_selects_nor_ends():
    history = History(goal="transport").atoms().labelled(6)
    assert decided(history, idle=True) == []
    history.fitted(rung=6).heldout(4).evaluated(6, 4)
    assert kinds(decided(history)) == [RungJudged]


@pytest.mark.parametrize("idle", [True, False])
def test_a_study_decides_nothing(idle):
    assert decided(with_committee(goal="study").evaluated(6, 4), idle=idle) == []


def test_random_subsets_are_judged_even_after_the_verdict_and_nothing_else_is_decided():
    history = with_committee(goal="subsets").say(VerdictReached(verdict="stopped", reason="enough"))
    assert decided(history, idle=True) == []
    order = tuple(history.state.train_order)
    rungs = (SubsetRecord(size=3, frames=order[:3]), SubsetRecord(size=6, frames=order))
    history.say(SubsetsDrawn(number=0, rungs=rungs, heldout=tuple(history.state.heldout_order), seed=1))
    assert decided(history) == []
    assert kinds(decided(history, idle=True)) == [SubsetsJudged]
    assert decided(history.say(*decided(history, idle=True)), idle=True) == []
