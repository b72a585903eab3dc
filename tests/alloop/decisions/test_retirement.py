import pytest

from alloop.decisions.next_events import decide
from alloop.decisions.next_tasks import plan
from alloop.decisions.retirement import retire
from alloop.journal.events import HeldoutDrawn, RungJudged
from tests.support.histories import HELDOUT_WALKERS, History


def two_leaders(*, before: float, now: float, training: int = 6, **changes) -> History:
    """Two judged rungs on the same four frames, which the first leader drew; their errors (eV/Å), and more labels."""
    history = History(**changes).atoms().labelled(6).fitted(rung=6).heldout(4).evaluated(6, 4, error=before)
    history.say(*decide(history.state, history.charter, idle=False))
    return history.labelled(training).fitted(rung=12).evaluated(12, 4, error=now)


def retired(history: History) -> tuple[str, ...]:
    events = retire(history.state, history.charter)
    return events[0].retired if events else ()


@pytest.mark.parametrize(("before", "now", "leave"), [(0.21, 0.1, True), (0.19, 0.1, False), (0.1, 0.1, False)])
def test_frames_of_a_leader_that_was_twice_as_far_off_leave_the_held_out_set(before, now, leave):
    history = two_leaders(before=before, now=now)
    assert set(retired(history)) == (set(history.state.heldout_order) if leave else set())


def test_no_frame_leaves_that_the_ladder_could_not_train_on_any_more():
    assert retired(two_leaders(before=0.5, now=0.1, ladder={"rungs": [6, 12, 16], "fits": 2}))
    assert not retired(two_leaders(before=0.5, now=0.1, ladder={"rungs": [6, 12, 15], "fits": 2}))


def test_what_leaves_is_trained_on_with_the_label_it_has():
    history = two_leaders(before=0.5, now=0.1)
    names = retired(history)
    history.say(*retire(history.state, history.charter))
    state = history.state
    assert state.train_order[-4:] == list(names)
    assert (state.labelled("train"), state.labelled("heldout"), state.labels_spent()) == (16, 0, 16)
    assert {frame.id for frame in state.labelled_frames("train")} >= set(names)


def test_a_frame_that_waits_for_its_label_leaves_too_and_is_labelled_for_training():
    history = two_leaders(before=0.5, now=0.1)
    (waiting,) = history.offer(HELDOUT_WALKERS[0], "random", generation=0)
    history.say(HeldoutDrawn(frames=(waiting,)))
    assert waiting in retired(history)
    history.say(*retire(history.state, history.charter))
    assert (history.state.pending("train"), history.state.pending("heldout")) == (1, 0)
    history.label([waiting])
    assert (history.state.labelled("train"), history.state.pending("train")) == (17, 0)


def test_others_are_drawn_from_walkers_of_the_new_leader_that_begin_anew_and_all_rungs_are_judged_again():
    history = two_leaders(before=0.5, now=0.1)
    (stale,) = history.offer(HELDOUT_WALKERS[1], "random", generation=0)
    history.say(*retire(history.state, history.charter))
    assert stale not in history.state.pool_heldout
    wanted = plan(history.state, history.charter, {"local": 8})
    segments = [one for task in wanted if task.context.get("role") == "heldout" for one in task.context["walkers"]]
    assert len(segments) == 4
    assert all(segment["start"] is None for segment in segments)
    history.heldout(4)
    again = {task.purpose for task in plan(history.state, history.charter, {"local": 8}) if "evaluate" in task.purpose}
    assert again >= {"evaluate/r6/f0/h4/retired1", "evaluate/r12/f0/h4/retired1"}
    history.evaluated(6, 4, error=0.5, retirements=1).evaluated(12, 4, error=0.1, retirements=1)
    events = decide(history.state, history.charter, idle=False)
    assert [event.size for event in events if isinstance(event, RungJudged)] == [6, 12]


def test_an_evaluation_that_began_on_the_former_set_counts_no_more():
    history = two_leaders(before=0.5, now=0.1)
    history.say(*retire(history.state, history.charter))
    history.evaluated(12, 4, error=0.1)
    assert history.state.evaluations == {}


def shattered(*, rules: int = 5, usual_eV_per_A: float = 1.5, force_eV_per_A: float = 24.0) -> History:
    """Six training labels, and two held-out ones, of which the second has another largest force."""
    history = History(rules=rules, ladder={"rungs": [6], "fits": 2}).atoms().pending(6)
    usual, largest = (
        {"energy_eV": 9.0, "atoms": 2, "max_force_eV_per_A": force} for force in (usual_eV_per_A, force_eV_per_A)
    )
    history.label(history.state.train_order, summary=usual).fitted(rung=6)
    return history.label(history.drawn(1), summary=usual).label(history.drawn(1), summary=largest)


@pytest.mark.parametrize(
    ("rules", "usual_eV_per_A", "force_eV_per_A", "leave"),
    [
        *((5, 1.5, 24.0, True), (5, 1.5, 7.6, True), (5, 1.5, 7.4, False), (4, 1.5, 24.0, False)),
        *((5, 0.1, 4.9, False), (5, 0.1, 5.1, True)),
    ],
)
def test_a_frame_of_a_broken_structure_leaves_the_held_out_set(rules, usual_eV_per_A, force_eV_per_A, leave):
    history = shattered(rules=rules, usual_eV_per_A=usual_eV_per_A, force_eV_per_A=force_eV_per_A)
    assert retired(history) == tuple(history.state.heldout_order[1 : 1 + leave])


def test_another_frame_is_drawn_for_a_broken_one_from_the_same_leader():
    history = shattered()
    history.say(*retire(history.state, history.charter))
    assert (history.state.labelled("train"), history.state.labelled("heldout")) == (7, 1)
    assert not retired(history)
    assert [
        task for task in plan(history.state, history.charter, {"local": 8}) if task.context.get("role") == "heldout"
    ]
