import numpy as np
import pytest

from alloop.state.fold import apply
from alloop.state.state import CampaignState
from alloop.status.progress import Part, Progress, Span, fits_span, labels_span, progress
from tests.support.journals import play


def test_a_pause_of_the_driver_does_not_slow_the_pace():
    steady = [10.0 * n for n in range(10)]
    paused = [*steady, *(90_000.0 + t for t in steady)]
    assert labels_span(paused, 6).expected_s == pytest.approx(60.0)
    assert labels_span(steady[:3], 6) is None
    assert labels_span(steady, 0) is None


def test_the_interval_of_the_labels_holds_the_truth_nine_times_in_ten():
    rng, inside = np.random.default_rng(3), 0
    for _ in range(300):
        times = np.cumsum(rng.exponential(20.0, 30))
        truth = rng.exponential(20.0, 25).sum()
        span = labels_span(list(times), 25)
        inside += span.low_s <= truth <= span.high_s
    assert 0.82 <= inside / 300 <= 0.97


def test_fits_go_in_rounds_of_the_slots_and_are_longer_for_larger_rungs():
    timed = [(12, 100.0), (12, 110.0)]
    assert fits_span(timed, 12, 4, 2).expected_s == pytest.approx(210.0)
    larger = fits_span(timed, 24, 2, 2)
    assert larger.low_s <= 105.0 <= 210.0 <= larger.high_s
    assert fits_span([], 12, 4, 2) is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Progress(12, (Part("training labels", 2, 12),)), ""),
        (Progress(12, (Part("training labels", 2, 12),), Span(60, 0)), "about 1 min 00 s (1 min 00 s to 1 min 00 s)"),
        (
            Progress(12, (Part("", 12, 12), Part("", 3, 3), Part("fits", 0, 2)), then="production MD"),
            "its fits are not timed yet; then production MD",
        ),
    ],
)
def test_what_is_left_is_told_as_far_as_it_is_known(told, words):
    assert told.remaining() == words


def test_progress_counts_held_out_labels_and_fits_of_the_rung(tmp_path):
    state, seen = CampaignState(), []
    for entry in play(tmp_path):
        apply(state, entry)
        seen.append(progress(state, entry.t))
    on_the_way = [one for one in seen if one.rung == 24 and one.labels is not None]
    assert on_the_way[0].parts[0] == Part("training labels", on_the_way[0].parts[0].done, 24)
    assert any(one.parts[0].done == 24 and one.parts[2].done < one.parts[2].goal for one in seen if one.rung == 24)
    assert seen[-1] == Progress(None)
