from hypothesis import given
from hypothesis import strategies as st

from alloop.dynamics.look_schedule import NEAR, Glance, interval, next_look

SCORES = st.floats(0.0, 3.0)


@given(longest=st.integers(1, 20), before=SCORES, last=SCORES, gap=st.integers(1, 20), lower=st.floats(0.001, 1.0))
def test_an_interval_is_never_longer_than_asked_and_a_faster_rise_never_makes_it_longer(
    longest, before, last, gap, lower
):
    upper = 2.0 * lower
    found = interval(longest, Glance(0, before), Glance(gap, last), lower, upper)
    steeper = interval(longest, Glance(0, 0.5 * before), Glance(gap, last), lower, upper)
    assert 1 <= steeper <= found <= longest


@given(score=st.floats(0.0, 1.0), longest=st.integers(1, 20))
def test_near_a_side_of_the_window_every_step_is_looked_at(score, longest):
    near = NEAR * 0.1 <= score < 0.1 or score >= NEAR * 1.0
    assert interval(longest, None, Glance(0, score), 0.1, 1.0) == (1 if near else longest)


def test_a_score_that_is_no_number_is_looked_at_again_at_once():
    assert interval(10, Glance(0, 0.01), Glance(10, float("nan")), 0.1, 1.0) == 1


@given(step=st.integers(0, 1000), every=st.integers(1, 20))
def test_walkers_of_one_interval_are_looked_at_together(step, every):
    following = next_look(step, every)
    assert step < following <= step + every
    assert following % every == 0
