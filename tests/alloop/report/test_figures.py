from __future__ import annotations

import pytest

from alloop.report import figures
from alloop.report.core_time import Run, Session, driver_sessions, task_runs
from alloop.report.learning_curve import learning_curve
from alloop.state.fold import fold
from tests.support.journals import play


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    entries = play(tmp_path_factory.mktemp("campaign"))
    return fold(entries), entries


def test_frames_are_counted_once_each_by_reason(campaign):
    state, _ = campaign
    (bars,) = figures.frames_by_reason(state)["data"]
    counts = dict(zip(bars["y"], bars["x"], strict=True))
    assert counts["chosen: initial structures"] == 8
    assert counts["chosen: large expected error"] == 40
    assert counts["held out"] == 12
    assert counts["failed: SCF did not converge"] == 2
    gated = state.rejections["contact"]
    assert sum(bars["x"]) == len(state.frames) + gated


def test_expected_errors_show_every_frame_that_has_a_disagreement(campaign):
    state, entries = campaign
    figure = figures.expected_errors(state, entries)
    points = sum(len(trace["x"]) for trace in figure["data"])
    assert points == sum(frame.offer.disagreement_eV_per_A is not None for frame in state.frames.values())
    assert [shape["y0"] for shape in figure["layout"]["shapes"]] == [0.05, 1.0]


def test_a_frame_stands_at_its_expected_error_beside_the_window_of_them(campaign):
    _, entries = campaign
    state = fold(entries)
    frame = next(frame for frame in state.frames.values() if frame.offer.disagreement_eV_per_A is not None)
    frame.offer = frame.offer.model_copy(update={"expected_error_eV_per_A": 7.5})
    figure = figures.expected_errors(state, entries)
    assert sum(trace["y"].count(7.5) for trace in figure["data"]) == 1
    assert figure["layout"]["yaxis"]["title"]["text"] == "expected error (eV/Å)"


def test_timeline_has_a_lane_per_process_and_all_the_work(campaign):
    _, entries = campaign
    figure = figures.timeline(entries)
    lanes = {lane for trace in figure["data"] for lane in trace["y"]}
    assert lanes == {"host 1/100", "host 1/101"}
    drawn_min = sum(sum(trace["x"]) for trace in figure["data"])
    assert drawn_min * 60 == pytest.approx(sum(run.end - run.start for run in task_runs(entries)), rel=0.02)


def run(start: float, end: float, pid: int = 1, kind: str = "MD") -> Run:
    return Run(f"explore/{start}", kind, start, end, 1, "h", pid, True)


def test_tasks_of_one_process_at_the_same_time_get_lanes_of_their_own():
    lanes = [lane for lane, _ in figures.assign_lanes([run(0, 10), run(1, 5), run(6, 8), run(11, 12)])]
    assert lanes == ["host 1/1", "host 1/1 #2", "host 1/1 #2", "host 1/1"]


def test_thousands_of_short_tasks_become_few_bars():
    runs = [run(t, t + 0.9) for t in range(20_000)]
    bars = figures.merged(figures.assign_lanes(runs), [Session(0, 20_000, 1)], 20_000 / figures.MOST_BARS)
    assert [(bar[2], bar[3], bar[4]) for bar in bars] == [(0, 19_999.9, "20000 × MD")]
    idle = [run(t, t + 1) for t in range(0, 20_000, 10)]
    assert sum(b[3] - b[2] for b in figures.merged(figures.assign_lanes(idle), [Session(0, 20_000, 1)], 13.0)) == 2000
    long = [run(t, t + 90) for t in range(0, 20_000, 100)]
    assert len(figures.merged(figures.assign_lanes(long), [Session(0, 20_000, 1)], 13.0)) == 200


def test_a_campaign_that_just_began_has_no_figures(campaign):
    _, entries = campaign
    for upto in (0, 1, 2, 3):
        state = fold(entries[:upto])
        assert learning_curve(state) is None
        assert figures.frames_by_reason(state) is None
        assert figures.timeline(entries[:upto]) is None
        assert figures.expected_errors(state, entries[:upto]) is None
    assert driver_sessions([]) == []
