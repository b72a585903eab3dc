import numpy as np
import pytest

from alloop.state.fold import apply, fold
from alloop.state.records import RunState
from alloop.state.state import CampaignState
from alloop.status.progress import (
    Part,
    Progress,
    Segments,
    Span,
    fits_span,
    labels_span,
    production_span,
    progress,
    rung_segments,
)
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


DONE = (Part("", 12, 12), Part("", 3, 3))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Progress(12, (Part("training labels", 2, 12),)), ""),
        (Progress(12, (Part("training labels", 2, 12),), Span(60, 0)), "about 1 min 00 s (1 min 00 s to 1 min 00 s)"),
        (
            Progress(12, (*DONE, Part("fits", 0, 2), Part("production MD", 0, 4))),
            "fits and production MD, not timed yet",
        ),
        (
            Progress(12, (*DONE, Part("fits", 1, 2), Part("production MD", 0, 4)), None, Span(60, 0)),
            "about 1 min 00 s (1 min 00 s to 1 min 00 s); then production MD, not timed yet",
        ),
        (
            Progress(12, (*DONE, Part("fits", 1, 2), Part("", 0, 4)), None, Span(60, 0), Span(120, 0)),
            "about 3 min 00 s (3 min 00 s to 3 min 00 s)",
        ),
        (Progress(12, (*DONE, Part("fits", 1, 2)), None, Span(60, 0), running=False), ""),
    ],
)
def test_what_is_left_is_told_as_far_as_it_is_known(told, words):
    assert told.remaining() == words


def test_production_goes_in_chains_of_segments_as_many_at_a_time_as_there_are_slots():
    times_s = [50.0, 60.0, 70.0]
    assert production_span(times_s, Segments(4, 24, 8), 3).expected_s == pytest.approx(7 * 60.0)
    assert production_span(times_s, Segments(4, 24, 2), 3).expected_s == pytest.approx(10 * 60.0)
    assert production_span(times_s, Segments(24, 24, 8), 3) is None
    assert production_span([], Segments(0, 24, 8), 3) is None


def test_segments_of_production_are_counted_over_fits_systems_and_batches(tmp_path):
    state = fold(play(tmp_path))
    assert rung_segments(state, 24) is None
    measure = {"mobile": "Li", "temperatures_K": [600, 800, 1000], "production_ps": 20, "segment_ps": 10}
    state.config = {**state.config, "measure": measure}
    fits = state.config["ladder"]["fits"]
    assert rung_segments(state, 24) == Segments(0, 2 * 3 * fits, 3 * fits)
    state.runs["r24", 0, "Li3InCl6", 0] = RunState(segments=["a"])
    state.runs["r24", 0, "Li3InCl6", 1] = RunState(segments=["a"], over=True)
    assert rung_segments(state, 24).done == 3


def test_a_named_composition_is_all_of_its_orderings(tmp_path):
    state = fold(play(tmp_path))
    (system,) = state.created.systems
    orderings = [system.model_copy(update={"name": f"L-{n}", "composition": "L"}) for n in range(2)]
    state.created = state.created.model_copy(update={"systems": [system, *orderings]})
    measure = {"mobile": "Li", "temperatures_K": [600, 800, 1000], "production_ps": 20, "segment_ps": 10}
    named = {**state.config["ladder"], "measure_on": ["L"]}
    state.config = {**state.config, "measure": measure, "ladder": named}
    assert rung_segments(state, 24).chains == 2 * 3 * named["fits"]


def test_progress_counts_held_out_labels_and_fits_of_the_rung(tmp_path):
    state, seen = CampaignState(), []
    for entry in play(tmp_path):
        apply(state, entry)
        seen.append(progress(state, entry.t))
    on_the_way = [one for one in seen if one.rung == 24 and one.labels is not None]
    assert on_the_way[0].parts[0] == Part("training labels", on_the_way[0].parts[0].done, 24)
    assert any(one.parts[0].done == 24 and one.parts[2].done < one.parts[2].goal for one in seen if one.rung == 24)
    assert seen[-1] == Progress(None)


def test_a_wait_without_a_label_lengthens_what_is_expected():
    steady = [10.0 * n for n in range(10)]
    assert labels_span(steady, 6, 9.0) == labels_span(steady, 6)
    assert labels_span(steady, 6, 100.0).expected_s == pytest.approx(6 * 19.0)
    assert labels_span(steady, 6, 86_400.0).expected_s > 6 * 3600


def test_a_late_fit_is_told_as_late_and_a_resumed_one_begins_anew(tmp_path):
    state = CampaignState()
    for entry in play(tmp_path):
        apply(state, entry)
        fitting = [task for name, task in state.running.items() if name.startswith("fit/r24/")]
        found = progress(state, entry.t)
        if fitting and found.labels is None and found.fits is not None:
            break
    late = progress(state, entry.t + 90_000.0)
    assert late.remaining().startswith("longer than expected")
    state.driver_t = entry.t + 90_000.0
    resumed = progress(state, entry.t + 90_000.0)
    assert resumed.remaining().startswith("about")
    assert resumed.fits.expected_s > 0
