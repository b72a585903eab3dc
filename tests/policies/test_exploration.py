from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.exploration import ExplorationPolicy, Launch, LeastExplored, WalkerView


def walker(name, segments=0, *, explosions=0, running=False, temperature_K=600.0, generation=None):
    ended = None if not segments else "contact" if explosions else "length"
    return WalkerView(name, "A", temperature_K, segments, generation, explosions, running, ended)


walkers = st.lists(
    st.builds(
        walker,
        st.text("abcdef", min_size=1, max_size=3),
        st.integers(0, 5),
        explosions=st.integers(0, 5),
        running=st.booleans(),
        generation=st.none() | st.integers(0, 3),
    ),
    max_size=12,
    unique_by=lambda view: view.id,
)


@given(walkers=walkers, count=st.integers(-1, 15), order=st.randoms())
def test_what_must_hold_for_every_set_of_walkers(walkers, count, order):
    launches = LeastExplored().next_segments(walkers, count)
    by_id = {view.id: view for view in walkers}
    started = [launch.walker_id for launch in launches]
    idle = [view for view in walkers if not view.running]
    assert len(started) == len(set(started)) == min(max(count, 0), len(idle))
    assert not any(by_id[name].running for name in started)
    left = [view.segments for view in idle if view.id not in started]
    assert max((by_id[name].segments for name in started), default=0) <= min(left, default=99)
    shuffled = list(walkers)
    order.shuffle(shuffled)
    assert LeastExplored().next_segments(shuffled, count) == launches


def test_fewest_segments_first_then_the_calm_then_the_one_that_saw_the_oldest_model():
    views = [
        walker("e", 2, generation=2),
        walker("d", 2, generation=2),
        walker("c", 2, generation=1),
        walker("b", 2, explosions=1, generation=0),
        walker("a", 3),
        walker("new"),
        walker("busy", running=True),
    ]
    assert [launch.walker_id for launch in LeastExplored().next_segments(views, 9)] == ["new", "c", "d", "e", "b", "a"]


def test_orderings_of_a_composition_take_turns_and_count_together():
    alone, first, second = walker("a", 1), walker("b", 0), walker("c", 0)
    views = [alone, *(replace(one, orderings=2, turn=turn) for turn, one in enumerate((first, second)))]
    assert [view.share for view in views] == [1, 0, 1]
    assert [launch.walker_id for launch in LeastExplored().next_segments(views, 3)] == ["b", "a", "c"]


def test_an_explosion_continues_from_the_last_good_frame_until_it_happened_too_often():
    views = [walker(str(n), n, explosions=n, temperature_K=500.0 + n) for n in range(5)]
    launches = LeastExplored().next_segments(views, 5)
    assert launches == tuple(Launch(str(n), 500.0 + n, restart=n >= 3) for n in range(5))
    assert [launch.restart for launch in LeastExplored(restart_after=1).next_segments(views, 5)] == [False] + [True] * 4


def test_it_is_a_policy_and_refuses_nonsense():
    assert isinstance(LeastExplored(), ExplorationPolicy)
    with pytest.raises(ValueError, match="restart_after must be at least 1, got 0"):
        LeastExplored(restart_after=0)
