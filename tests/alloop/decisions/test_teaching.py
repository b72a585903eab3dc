"""What a campaign with a teacher asks for before its first label, and where its walkers begin."""

from typing import Any

import pytest

from alloop.decisions.next_events import decide
from alloop.decisions.teaching import taught_start
from alloop.decisions.teaching_requests import student_fit, taught_member
from alloop.journal.events import LabelsImported, VerdictReached
from tests.support.histories import History
from tests.support.plans import purposes, wanted

FIT = {"rung": None, "generation": None, "member": None}


def taught(rounds: int = 2, frames: int = 140, **changes: Any) -> History:
    """Return a campaign with a teacher."""
    return History(teacher={"model": "chgnet", "rounds": rounds, "frames": frames}, **changes)


def answer(history: History, number: int, part: int, frames: int = 30, *, broken: tuple[int, ...] = ()) -> History:
    """Let the teacher label a part of a round; where a student moved walkers, six at 600 and 1000 K in turn."""
    walkers = [{"temperature_K": (600.0, 1000.0)[i % 2], "broken": i in broken} for i in range(6 if number else 0)]
    summary = {"frames": frames, "refused": 0, "largest_force_eV_per_A": 2.0, "walkers": walkers}
    context = {"system": "A", "round": number, "part": part, "strained": False}
    return history.do(f"teach/A/r{number}/p{part}", context, summary)


def one_round(history: History, number: int) -> History:
    """Let the teacher label a whole round: one task of rattled copies, two of frames of MD."""
    first = answer(history, number, 0)
    return answer(first, number, 1) if number else first


def pretrained(history: History) -> History:
    """Pre-train every member."""
    for member in range(3):
        history.do(f"fit/pretrain/m{member}", {**FIT, "member": member})
    return history


def test_a_round_is_shared_out_over_tasks_and_none_of_them_waits_for_the_isolated_atoms():
    history = taught(frames=288)
    assert purposes(history, "teach") == ["teach/A/r0/p0", "teach/A/r0/p1"]
    requests = [task.build() for task in wanted(history, "teach")]
    assert [request.frames for request in requests] == [72, 72]  # type: ignore[attr-defined]
    assert [request.student for request in requests] == [None, None]  # type: ignore[attr-defined]
    assert requests[0].key() != requests[1].key()


def test_a_student_is_fitted_to_a_whole_round_and_moves_the_frames_of_the_next():
    history = taught()
    assert purposes(history, "fit") == []
    answer(history, 0, 0)
    (fit,) = wanted(history, "fit")
    assert fit.purpose == "fit/student/r0"
    request: Any = fit.build()
    assert len(set(request.train)) == 30
    assert set(request.e0s_eV.values()) == {0.0}
    history.do("fit/student/r0", FIT)
    (first, _) = wanted(history, "teach")
    assert first.purpose == "teach/A/r1/p0"
    moved: Any = first.build()
    assert moved.student == f"fit:{history.state.tasks['fit/student/r0'].key}"
    assert max(moved.temperatures_K) > max(history.config.explore.temperatures_K)


def test_members_are_pre_trained_after_the_last_round_each_on_a_sample_of_its_own():
    history = one_round(one_round(taught(), 0).do("fit/student/r0", FIT), 1)
    fits = wanted(history, "fit")
    assert [fit.purpose for fit in fits] == ["fit/pretrain/m0", "fit/pretrain/m1", "fit/pretrain/m2"]
    leader, first, second = (fit.build() for fit in fits)
    assert len(leader.train) == len(set(leader.train)) == 60, "rattled copies taught the student only"  # type: ignore[attr-defined]
    assert set(first.train) != set(second.train)  # type: ignore[attr-defined]
    assert {fit.init for fit in (leader, first, second)} == {None}  # type: ignore[attr-defined]
    assert len({fit.seed for fit in (leader, first, second)}) == 3  # type: ignore[attr-defined]


def test_frames_of_a_rehearsal_are_taught_with_those_of_the_phase_and_pre_train_nothing_else():
    rehearsed = LabelsImported(reference="teacher", source="runs/a.rehearsal", keys=("t1", "t2"))
    history = one_round(taught().say(rehearsed), 0)
    assert student_fit(history.charter, history.state, 0, None, 0).train[-2:] == ("t1", "t2")
    leader: Any = taught_member(history.charter, history.state, 0)
    assert leader.train[-2:] == ("t1", "t2")
    assert not history.state.pretraining


def test_initial_frames_are_chosen_from_the_last_round_and_none_is_rattled():
    history = one_round(one_round(taught(), 0).do("fit/student/r0", FIT), 1)
    assert purposes(history, "initial") == []
    pretrained(history)
    (choice,) = wanted(history, "initial")
    request: Any = choice.build()
    assert request.kind == "choose"
    keys = [history.state.tasks[f"teach/A/r1/p{part}"].key for part in (0, 1)]
    assert list(request.sources) == keys
    assert request.hottest_K == max(history.config.explore.temperatures_K)


def test_fits_to_labels_start_from_the_taught_member_at_a_gentle_rate():
    history = pretrained(one_round(one_round(taught(), 0).do("fit/student/r0", FIT), 1)).atoms().labelled(6)
    (rung, member, *_) = (task.build() for task in wanted(history.opened(rung=6), "fit"))
    assert rung.init == f"fit:{history.state.tasks['fit/pretrain/m0'].key}"  # type: ignore[attr-defined]
    assert member.init == f"fit:{history.state.tasks['fit/pretrain/m1'].key}"  # type: ignore[attr-defined]
    assert rung.learning_rate == pytest.approx(0.25 * history.config.fit.learning_rate)  # type: ignore[attr-defined]
    assert rung.level_energy == "elements"  # type: ignore[attr-defined]
    assert "teach/" not in "".join(rung.train)  # type: ignore[attr-defined]


def test_walkers_begin_where_the_student_left_one_of_their_temperature_each_at_a_place_of_its_own():
    history = one_round(one_round(taught(), 0).do("fit/student/r0", FIT), 1)
    key = history.state.tasks["teach/A/r1/p0"].key
    starts = [taught_start(history.state, "A", 600.0, place) for place in range(7)]
    assert len(set(starts[:6])) == 6
    assert starts[6] == starts[0]
    assert str(starts[0]) == f"teach/{key}#0"
    assert str(taught_start(history.state, "A", 950.0, 0)) == f"teach/{key}#1"


def test_no_walker_begins_where_one_broke():
    history = one_round(taught(), 0).do("fit/student/r0", FIT)
    answer(history, 1, 0, broken=(0, 2, 4))
    starts = [str(taught_start(history.state, "A", 600.0, place)) for place in range(6)]
    key = history.state.tasks["teach/A/r1/p0"].key
    assert set(starts) == {f"teach/{key}#{place}" for place in (1, 3, 5)}


def test_a_campaign_without_a_teacher_begins_cold():
    assert purposes(History(), "teach") == []
    assert purposes(History(), "initial") == ["initial/A"]
    assert taught_start(History().state, "A", 600.0, 0) is None


def test_a_teacher_that_labels_nothing_stops_the_campaign_with_its_words_and_the_way_out():
    history = taught()
    context = {"system": "A", "round": 0, "part": 0, "strained": False}
    history.do("teach/A/r0/p0", context, reason="teacher", detail="the forces are NaN")
    (event,) = decide(history.state, history.charter, idle=False)
    assert isinstance(event, VerdictReached)
    assert event.verdict == "stopped"
    assert "labels no frame of A: the forces are NaN" in event.reason
    assert "`teacher: null`" in event.reason


@pytest.mark.parametrize("rounds", [1, 2])
def test_no_fit_is_asked_for_where_a_teacher_labels_nothing(rounds):
    history = taught(rounds=rounds, frames=16).atoms()
    context = {"system": "A", "round": 0, "part": 0, "strained": False}
    history.do("teach/A/r0/p0", context, reason="teacher", detail="the forces are NaN")
    assert purposes(history, "fit") == purposes(history, "teach") == purposes(history, "label") == []


def test_one_part_that_fails_stops_nothing():
    history = answer(taught(frames=288), 0, 0)
    history.do("teach/A/r0/p1", {"system": "A", "round": 0, "part": 1, "strained": False}, reason="lost")
    assert purposes(history, "fit") == ["fit/student/r0"]


def test_where_no_walker_of_the_student_is_whole_the_initial_frames_are_rattled():
    history = pretrained(one_round(one_round(taught(), 0).do("fit/student/r0", FIT), 1))
    context = wanted(history, "initial")[0].context
    history.do("initial/A", context, reason="walkers")
    (again,) = wanted(history, "initial")
    assert (again.purpose, again.build().kind) == ("initial/A/rattled", "initial")


def test_where_no_leader_could_be_taught_the_campaign_begins_cold():
    history = one_round(one_round(taught(), 0).do("fit/student/r0", FIT), 1)
    for member in range(3):
        for again in ("", "/again1", "/again2"):
            history.do(f"fit/pretrain/m{member}{again}", {**FIT, "member": member}, reason="diverged")
    (beginning,) = wanted(history, "initial")
    assert beginning.build().kind == "initial"


def test_walkers_of_a_round_go_on_where_those_of_the_round_before_ended():
    history = one_round(one_round(taught(rounds=3), 0).do("fit/student/r0", FIT), 1).do("fit/student/r1", FIT)
    requests: list[Any] = [task.build() for task in wanted(history, "teach")]
    keys = [history.state.tasks[f"teach/A/r1/p{part}"].key for part in (0, 1)]
    first: Any = next(task.build() for task in wanted(one_round(taught(), 0).do("fit/student/r0", FIT), "teach"))
    for request, key in zip(requests, keys, strict=True):
        assert request.samples_per_walker > first.samples_per_walker, "the first student's walks are short"
        assert [str(start) for start in request.starts] == [f"teach/{key}#{place}" for place in range(6)]


@pytest.mark.parametrize(("rules", "level"), [(1, False), (2, "elements")])
def test_a_student_that_starts_from_a_foundation_levels_its_energies_to_the_teachers(rules, level):
    history = History(teacher={"model": "chgnet", "rounds": 2, "frames": 60}, foundation=True, rules=rules)
    first: Any = student_fit(history.charter, history.state, 0, None, 0)
    later: Any = student_fit(history.charter, history.state, 1, "fit:before", 0)
    assert first.init == history.charter.foundation
    assert (first.level_energy, later.level_energy) == (level, False)


@pytest.mark.parametrize(("foundation", "rules", "samples"), [(False, 3, 24), (True, 3, 60), (True, 2, 24)])
def test_first_walks_are_short_but_by_the_newer_rules_not_those_that_a_foundation_moves(foundation, rules, samples):
    history = taught(foundation=foundation, rules=rules)
    if not foundation:
        answer(history, 0, 0).do("fit/student/r0", FIT)
    first: Any = wanted(history, "teach")[0].build()
    assert first.student == (history.charter.foundation or f"fit:{history.state.tasks['fit/student/r0'].key}")
    assert first.samples_per_walker == samples


def test_members_are_taught_from_their_own_of_a_foundation_that_is_a_committee_and_the_student_from_its_leader():
    history = History(
        teacher={"model": "chgnet", "rounds": 2, "frames": 60}, foundation=True, foundation_members=2, rules=2
    )
    own = history.charter.foundations
    fits: list[Any] = [taught_member(history.charter, history.state, member) for member in range(3)]
    assert [fit.init for fit in fits] == [own[0], own[1], own[0]]
    assert {fit.level_energy for fit in fits} == {"elements"}
    first: Any = student_fit(history.charter, history.state, 0, None, 0)
    assert (first.init, first.level_energy) == (own[0], "elements")


# -- a committee that is taught and nothing else ------------------------------------------------------------------


def whole(history: History) -> History:
    """Let the teacher teach the whole committee."""
    return pretrained(one_round(one_round(history, 0).do("fit/student/r0", FIT), 1))


@pytest.mark.parametrize("overlap", [True, False])
def test_a_committee_is_taught_in_the_same_steps_and_nothing_else_is_asked_for(overlap):
    history = taught(goal="taught", overlap=overlap)
    assert purposes(history) == ["teach/A/r0/p0"]
    answer(history, 0, 0)
    assert purposes(history) == ["fit/student/r0"]
    history.do("fit/student/r0", FIT)
    assert purposes(history) == ["teach/A/r1/p0", "teach/A/r1/p1"]
    one_round(history, 1)
    assert purposes(history) == ["fit/pretrain/m0", "fit/pretrain/m1", "fit/pretrain/m2"]
    pretrained(history)
    assert purposes(history) == []
    assert decide(history.state, history.charter, idle=True) == [], "a taught committee is no end of the campaign"


def test_a_committee_that_was_taught_alone_goes_on_to_the_first_label():
    history = whole(taught(goal="taught"))
    going_on = taught()
    going_on.state = history.state
    assert purposes(going_on, "initial") == ["initial/A"]
    assert purposes(going_on, "teach") == purposes(going_on, "fit/pretrain") == []


def test_where_only_teaching_is_asked_for_a_teacher_that_labels_nothing_still_stops_it():
    history = taught(goal="taught")
    context = {"system": "A", "round": 0, "part": 0, "strained": False}
    history.do("teach/A/r0/p0", context, reason="teacher", detail="the forces are NaN")
    (event,) = decide(history.state, history.charter, idle=True)
    assert isinstance(event, VerdictReached)
    assert "labels no frame of A: the forces are NaN" in event.reason
    assert purposes(history.say(event)) == []
