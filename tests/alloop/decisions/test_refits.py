"""When the committee is refitted: rungs of 6, 12 and 24, a refit after 6 labels, three members."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.decisions.refits import attempts, generation_due, member_fit, under_way, worth_waiting_for
from alloop.journal.events import GenerationOpened, LabelsImported, TaskFinished, Tick, VerdictReached
from alloop.state.records import GenerationState
from alloop.tasks.contract.records import Timing
from tests.support.histories import FOUNDATION, History


def due(history):
    return generation_due(history.state, history.charter)


def between_rungs(**settings):
    """A campaign whose next rung is far away, so that only refits are due."""
    return History(ladder={"rungs": [6, 100]}, **settings).atoms().labelled(6).fitted(rung=6)


# -- rungs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "opens"), [(5, False), (6, True), (7, True)])
def test_a_rung_opens_as_soon_as_its_labels_are_complete(labels, opens):
    found = due(History(fit={"every_labels": 50}).atoms().labelled(6).fitted(rung=6).labelled(labels).pending(1))
    assert (found is not None) is opens
    if opens:
        assert (found.number, found.rung, found.upto, found.labels, found.missing) == (1, 12, 12, 12, ())


def test_a_rung_holds_the_first_labels_in_the_order_of_their_selection_without_those_that_failed():
    history = History().atoms().labelled(3).failing(2).labelled(4)
    found = due(history)
    failed = [frame for frame in history.state.train_order if history.state.frames[frame].status == "failed"]
    assert (found.rung, found.upto, found.labels) == (6, 8, 6)
    assert found.missing == tuple(failed)


def test_a_rung_waits_for_a_label_that_is_late_so_that_rungs_are_nested():
    history = History().atoms().labelled(6).fitted(rung=6).labelled(2).pending(1)
    late = history.state.train_order[-1]
    history.labelled(5)
    assert history.state.labelled("train") == 13
    assert due(history).rung is None
    history.label([late])
    assert due(history).rung == 12


def test_rungs_open_one_after_another_smallest_first():
    history = History().atoms().labelled(24)
    opened = []
    while (found := due(history)) is not None:
        opened.append((found.number, found.rung, found.upto))
        history.say(found)
    assert opened == [(0, 6, 6), (1, 12, 12), (2, 24, 24)]


def test_in_overlap_a_rung_does_not_wait_for_the_fits_of_the_one_before_and_in_lockstep_it_does():
    for overlap in (True, False):
        history = History(overlap=overlap).atoms().labelled(12).opened(rung=6)
        assert (due(history) is not None) is overlap
        history.member(0, 0).member(0, 1).member(0, 2)
        assert due(history).rung == 12


# -- refits between rungs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "opens"), [(5, False), (6, True), (7, True)])
def test_a_refit_begins_after_as_many_new_labels_as_the_config_says(labels, opens):
    found = due(between_rungs().labelled(labels))
    assert (found is not None) is opens
    if opens:
        assert (found.number, found.rung, found.labels, found.upto) == (1, None, 6 + labels, 6 + labels)


def test_a_refit_counts_from_the_largest_generation_so_far():
    history = between_rungs().labelled(6).fitted().labelled(5)
    assert due(history) is None
    assert due(history.labelled(1)).labels == 18


def test_a_refit_leaves_out_what_has_no_label_yet_or_never_will():
    history = between_rungs().labelled(5).failing(1).pending(2).labelled(1)
    found = due(history)
    without = [name for name in history.state.train_order if history.state.frames[name].status != "labelled"]
    assert len(without) == 3
    assert found.missing == tuple(without)
    assert found.upto == len(history.state.train_order)


def test_a_refit_waits_for_the_committee_that_is_being_fitted_and_a_rung_does_not():
    history = between_rungs().labelled(6).opened().labelled(8)
    assert due(history) is None
    for member in range(3):
        history.member(1, member)
    assert due(history) is not None


def test_a_committee_with_a_member_that_was_given_up_is_not_waited_for():
    history = between_rungs().labelled(6).opened().labelled(6)
    for attempt in attempts("fit/g1/m2"):
        assert due(history) is None
        history.do(attempt, {"rung": None, "generation": 1, "member": 2}, reason="diverged")
    assert due(history) is not None


def test_labels_beyond_the_last_rung_are_not_refitted_on():
    history = History(ladder={"rungs": [6, 12]}, fit={"every_labels": 3}).atoms().labelled(12)
    history.fitted(rung=6).fitted(rung=12).labelled(6)
    assert due(history) is None


# -- the first generation ----------------------------------------------------------------------------------------


def test_a_foundation_is_the_first_generation_before_there_is_a_label_or_an_atom():
    history = History(foundation=True)
    created = History()
    created.charter = history.charter
    assert due(created) == GenerationOpened(number=0, upto=0, labels=0, foundation=True)
    assert due(history) is None
    assert history.state.generations[0].models == {0: f"foundation:{FOUNDATION}"}


def test_the_first_refit_waits_for_all_labels_that_were_ordered():
    history = History(ladder={"rungs": [50, 100]}).atoms().labelled(8).pending(1)
    assert due(history) is None
    assert due(history.label(history.state.to_label["train"])).labels == 9


def test_the_first_refit_is_made_from_few_labels_when_no_more_are_ordered():
    history = History(ladder={"rungs": [50, 100]}).atoms()
    assert due(history) is None
    assert due(history.labelled(2)).labels == 2


def test_a_campaign_whose_first_labels_all_failed_has_nothing_to_fit():
    assert due(History().atoms().failing(4)) is None


def test_imported_labels_are_labels():
    keys = tuple(f"a{number}" for number in range(6))
    history = History().say(LabelsImported(reference="same", source="file", keys=keys)).atoms()
    assert due(history).rung == 6


@pytest.mark.parametrize("element", [0, 1])
def test_no_fit_begins_before_the_energies_of_all_isolated_atoms_are_there(element):
    history = History().labelled(6)
    symbol = history.charter.elements[element]
    history.do(f"atom/{symbol}", {"element": symbol}, {"energy_eV": -1.0})
    assert due(history) is None
    assert due(history.atoms()) is not None


# -- attempts ----------------------------------------------------------------------------------------------------


def test_a_fit_is_tried_three_times_under_names_of_their_own():
    assert attempts("fit/g1/m2") == ["fit/g1/m2", "fit/g1/m2/again1", "fit/g1/m2/again2"]


@pytest.mark.parametrize(
    ("rung", "member", "purpose"),
    [(None, 0, "fit/g3/m0"), (None, 2, "fit/g3/m2"), (12, 0, "fit/r12/f0"), (12, 1, "fit/g3/m1")],
)
def test_the_leader_of_a_rungs_committee_is_the_first_fit_of_the_rung(rung, member, purpose):
    assert member_fit(GenerationState(3, (), rung, False), member) == purpose


def test_a_generation_is_under_way_until_its_last_member_is_fitted_or_one_has_failed_three_times():
    history = between_rungs().labelled(6).opened()
    assert [one.number for one in under_way(history.state)] == [1]
    history.member(1, 0).member(1, 1)
    context = {"rung": None, "generation": 1, "member": 2}
    history.do("fit/g1/m2", context, reason="diverged").do("fit/g1/m2/again1", context, reason="diverged")
    history.begin("fit/g1/m2/again2", context)
    assert [one.number for one in under_way(history.state)] == [1]
    history.end("fit/g1/m2/again2", reason="diverged")
    assert under_way(history.state) == []


def test_a_foundation_is_never_under_way():
    assert under_way(History(foundation=True).state) == []


@pytest.mark.parametrize(
    ("purpose", "worth"),
    [
        ("label/A.initial/0/0", True),
        ("atom/Na", True),
        ("fit/g0/m1", True),
        ("evaluate/g0/h4", False),
        ("select/0", False),
        ("calibrate/g0/6", True),
    ],
)
def test_only_labels_members_and_their_calibration_are_worth_waiting_for_after_the_verdict(purpose, worth):
    history = History().pending(1)
    history.begin(purpose, {"frame": history.state.train_order[0]})
    assert worth_waiting_for(history.state) is worth


@pytest.mark.parametrize(
    ("longest_s", "waited_s", "worth"),
    [(10.0, 170.0, True), (10.0, 190.0, False), (200.0, 390.0, True), (200.0, 410.0, False)],
)
def test_when_the_hours_are_spent_what_hangs_is_not_waited_for_without_end(longest_s, waited_s, worth):
    history = History(budget={"wall_h": 1.0}).pending(2)
    first, hanging = (f"label/{name}" for name in history.state.train_order)
    history.begin(first, {"frame": history.state.train_order[0]})
    task, now = history.state.tasks[first], history.now
    timing = Timing(started_t=now - longest_s, finished_t=now, cpu_s=1.0, cores=1, host="h", pid=1)
    history.say(TaskFinished(purpose=first, key=task.key, status="failed", reason="scf", timing=timing))
    history.begin(hanging, {"frame": history.state.train_order[1]})
    passing(history, 3700.0)
    history.say(VerdictReached(verdict="budget_spent", reason="wall time 1.03 h of 1 h is spent"))
    assert worth_waiting_for(history.state)
    passing(history, waited_s)
    assert worth_waiting_for(history.state) is worth


def passing(history, time_s):
    """Let time pass under a driver that has nothing else to say."""
    while time_s > 0:
        history.now += min(time_s, 10.0)
        history.say(Tick())
        time_s -= 10.0


@settings(max_examples=30)
@given(
    overlap=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(["labelled", "pending", "failing"]), st.integers(1, 7)), max_size=6),
)
def test_a_generation_that_is_due_holds_the_labels_it_says_and_no_rung_holds_more_than_its_size(overlap, steps):
    history = History(overlap=overlap).atoms()
    for what, count in steps:
        getattr(history, what)(count)
        while (found := due(history)) is not None:
            history.say(found)
            generation = history.state.generations[-1]
            assert len(generation.frames) == found.labels
            assert all(history.state.frames[name].status == "labelled" for name in generation.frames)
            assert found.rung in (None, found.labels)
            for member in range(3):
                history.member(found.number, member)
    rungs = [set(rung.frames) for _, rung in sorted(history.state.rungs.items())]
    assert all(small < large for small, large in itertools.pairwise(rungs))
