import queue

import pytest

from alloop.config.machine import ExecutionConfig
from alloop.simulation.cluster import Clock, VirtualCluster
from alloop.simulation.durations import Durations
from alloop.tasks.contract.fit import FitRequest
from alloop.tasks.contract.label import AtomRequest

DURATIONS = Durations(
    label_s=100.0,
    label_spread=0.0,
    atom_s=10.0,
    md_step_s=0.01,
    look_s=0.04,
    fit_step_s=0.1,
    evaluate_frame_s=0.01,
    early_stop=0.5,
)


@pytest.fixture
def cluster(tmp_path):
    execution = ExecutionConfig.model_validate({"executors": {"local": {"kind": "local", "workers": 2}}})
    return VirtualCluster(tmp_path, execution, DURATIONS, Clock(1000.0))


def atom(element):
    return AtomRequest(element=element, settings={}, code={})


def fit(**changes):
    usual = {"train": ("a",), "valid": (), "init": None, "architecture": {}, "e0s_eV": {}, "max_steps": 200}
    rates = {"batch_size": 5, "learning_rate": 0.01, "energy_weight": 1.0, "forces_weight": 10.0, "stress_weight": 0.0}
    rest = {"patience": None, "check_every_steps": 10, "ema_decay": 0.9, "dtype": "float32", "seed": 1}
    return FitRequest(**{**usual, **rates, **rest, **changes})


def test_who_waits_makes_the_time_of_the_task_pass(cluster):
    cluster.submit("atom/Li", atom("Li"))
    assert cluster.completions.get(timeout=0.5).purpose == "atom/Li"
    assert cluster.clock.now == 1010.0
    timing = cluster.workspace.read("atom", atom("Li").key()).timing
    assert (timing.started_t, timing.finished_t, timing.cpu_s) == (1000.0, 1010.0, 10.0)


def test_tasks_end_in_the_order_of_their_ends(cluster):
    cluster.submit("fit", fit())
    cluster.submit("atom/Li", atom("Li"))
    assert cluster.free() == {"local": 0}
    assert [cluster.completions.get(timeout=0.5).purpose for _ in range(2)] == ["atom/Li", "fit"]
    assert cluster.clock.now == 1020.0


def test_a_refit_may_stop_early_and_a_fixed_schedule_does_not(cluster):
    assert DURATIONS.of(fit()) == 20.0
    assert DURATIONS.of(fit(patience=3)) == 10.0


def test_without_tasks_the_time_of_the_wait_passes(cluster):
    with pytest.raises(queue.Empty):
        cluster.completions.get(timeout=0.5)
    assert cluster.clock.now == 1000.5


def test_what_runs_later_is_not_there_now(cluster):
    cluster.submit("fit", fit())
    with pytest.raises(queue.Empty):
        cluster.completions.get_nowait()
    assert cluster.clock.now == 1000.0


def test_a_result_that_stands_is_not_written_again(cluster):
    cluster.submit("atom/Li", atom("Li"))
    cluster.completions.get(timeout=0.5)
    before = cluster.workspace.result_path("atom", atom("Li").key()).stat().st_mtime_ns
    cluster.submit("again", atom("Li"))
    cluster.completions.get(timeout=0.5)
    assert cluster.workspace.result_path("atom", atom("Li").key()).stat().st_mtime_ns == before
