import itertools

from hypothesis import given
from hypothesis import strategies as st

from alloop.dynamics import Shortlist

SERIES = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), max_size=80, unique_by=lambda entry: entry[0])


def fill(series, size, gap):
    shortlist = Shortlist(size, gap)
    for step, score in sorted(series):
        shortlist.add(step, score, (step, score))
    return shortlist.best()


@given(series=SERIES, size=st.integers(1, 6), gap=st.integers(1, 60))
def test_picks_are_few_apart_and_in_order(series, size, gap):
    picks = fill(series, size, gap)
    assert len(picks) <= size
    steps = [step for step, _ in picks]
    assert all(later - earlier >= gap for earlier, later in itertools.pairwise(steps))
    assert set(picks) <= set(series)


@given(series=SERIES.filter(bool), size=st.integers(1, 6), gap=st.integers(1, 60))
def test_the_highest_score_is_always_picked(series, size, gap):
    assert max(score for _, score in series) in {score for _, score in fill(series, size, gap)}


@given(series=SERIES, size=st.integers(1, 6), gap=st.integers(1, 60))
def test_forgetting_what_cannot_matter_changes_nothing(series, size, gap):
    def unbounded():
        best = {}
        for step, score in sorted(series):
            if step // gap not in best or score > best[step // gap][1]:
                best[step // gap] = (step, score)
        picks = []
        for step, score in sorted(best.values(), key=lambda entry: (-entry[1], entry[0])):
            if len(picks) < size and all(abs(step - other) >= gap for other, _ in picks):
                picks.append((step, score))
        return sorted(picks)

    assert fill(series, size, gap) == unbounded()


def test_a_long_series_is_not_kept():
    shortlist = Shortlist(2, 10)
    for step in range(100_000):
        shortlist.add(step, step % 977, step)
    assert len(shortlist._windows) <= 6
