from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.journal.events import CampaignCreated, DriverStarted, DriverStopped, TaskFinished, TaskPlanned
from alloop.journal.journal import Entry
from alloop.report.core_time import configured_slots, driver_sessions, driver_time, task_runs, time_split
from alloop.tasks.contract.records import Timing
from tests.support.journals import START_T, play


def entries_of(*events) -> list[Entry]:
    return [Entry(seq, t, event) for seq, (t, event) in enumerate(events, start=1)]


def created(workers: int) -> CampaignCreated:
    execution = {"executors": {"a": {"kind": "local", "workers": workers}}}
    execution |= dict.fromkeys(("explore", "label", "fit", "measure"), "a")
    names = ("name", "science_sha256", "run_id")
    plain = {"config": {"execution": execution}, "systems": (), "elements": (), "code": {}, "versions": {}}
    return CampaignCreated(**plain, **dict.fromkeys(names, "x"))


def started() -> DriverStarted:
    return DriverStarted(host="h", pid=1, version="0")


def planned(purpose: str) -> TaskPlanned:
    task = purpose.partition("/")[0]
    return TaskPlanned(purpose=purpose, key=purpose.replace("/", ""), task=task, slot_kind=task, request={})


def finished(purpose: str, start: float, end: float, **fields) -> TaskFinished:
    timing = Timing(started_t=start, finished_t=end, cpu_s=end - start, cores=fields.pop("cores", 1), host="h", pid=2)
    return TaskFinished(purpose=purpose, key=purpose.replace("/", ""), status="ok", timing=timing, **fields)


def test_slots_that_do_nothing_are_waiting():
    split = time_split(
        entries_of(
            (0, created(2)),
            (0, started()),
            (0, planned("label/a")),
            (60, finished("label/a", 0, 60)),
            (60, planned("explore/w/0")),
            (80, finished("explore/w/0", 65, 80)),
            (100, DriverStopped(reason="verdict")),
        )
    )
    assert split["DFT"] == 60
    assert split["MD"] == 15
    assert split["waiting"] == 200 - 75
    assert split["in_flight"] == 0


def test_time_without_a_driver_is_nobodys():
    split = time_split(
        entries_of(
            (0, created(1)),
            (0, started()),
            (0, planned("label/a")),
            (100, planned("label/b")),
            (100_000, started()),
            (100_001, finished("label/a", 50, 350)),  # went on after its driver had died
            (100_100, DriverStopped(reason="verdict")),
        )
    )
    assert split["DFT"] == 300
    assert split["waiting"] + split["in_flight"] == 200 - 50


def test_tasks_still_running_are_in_flight_since_their_driver_knows_them():
    split = time_split(entries_of((0, created(2)), (0, started()), (10, planned("label/a")), (50, planned("label/b"))))
    assert split["in_flight"] == 40
    assert split["waiting"] == 60


def test_cores_count_and_a_reused_result_costs_nothing():
    split = time_split(
        entries_of(
            (1000, created(2)),
            (1000, started()),
            (1000, planned("fit/g0/m0")),
            (1000, planned("fit/g0/m1")),
            (1010, finished("fit/g0/m0", 1000, 1010, cores=2)),
            (1010, finished("fit/g0/m1", 500, 600, reused=True)),
        )
    )
    assert split["fitting"] == 20
    assert split["waiting"] == 0


def test_a_whole_campaign_adds_up(campaign):
    entries = campaign
    split = time_split(entries)
    wall = entries[-1].t - START_T - 0.1
    assert sum(split.values()) == pytest.approx(2 * wall)
    assert split["DFT"] > split["fitting"] > split["evaluating"] > 0


@pytest.fixture(scope="module")
def campaign(tmp_path_factory) -> list[Entry]:
    return play(tmp_path_factory.mktemp("campaign"))


@given(st.integers(0, 470))
def test_every_moment_adds_up(campaign, cut):
    entries = campaign[:cut]
    split = time_split(entries)
    capacity = sum(session.slots * (session.end - session.start) for session in driver_sessions(entries))
    assert min(split.values()) >= 0.0
    assert sum(split.values()) == pytest.approx(capacity, abs=1e-3)


def test_slots_of_a_batch_system_count_all_blocks_of_used_executors():
    execution = {
        "executors": {
            "cpu": {"kind": "slurm", "workers": 8, "nodes_per_block": 2, "max_blocks": 3},
            "gpu": {"kind": "local", "workers": 1},
            "idle": {"kind": "local", "workers": 99},
        },
        "label": "cpu",
        "explore": "gpu",
        "fit": "gpu",
        "measure": "gpu",
    }
    assert configured_slots({"execution": execution}) == 49


@given(st.lists(st.floats(0, 1e4), min_size=2, max_size=8))
def test_the_campaigns_clock_never_runs_backwards(times):
    sessions = driver_sessions(entries_of((0, started()), (100, DriverStopped(reason="")), (5000, started())))
    clock = [driver_time(sessions, t) for t in sorted(times)]
    assert clock == sorted(clock)


def test_runs_of_a_campaign_are_in_order_of_their_start(campaign):
    runs = task_runs(campaign)
    assert [run.start for run in runs] == sorted(run.start for run in runs)
    assert {run.kind for run in runs} == {"DFT", "MD", "fitting", "evaluating"}
    assert sum(not run.ok for run in runs) == 2
