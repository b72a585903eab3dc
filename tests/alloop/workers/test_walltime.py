import pytest

from alloop.config.machine import ExecutionConfig
from alloop.journal.events import TaskFinished
from alloop.state.records import TaskState
from alloop.tasks.contract.records import Timing
from alloop.workers.executors import _executor
from alloop.workers.walltime import drain_s, longest_s


def config(**cpu):
    executors = {"local": {"kind": "local"}, "cpu": {"kind": "slurm", "walltime": "10:00:00", **cpu}}
    return ExecutionConfig.model_validate({"executors": executors, "label": "cpu"})


def finished(slot_kind, seconds):
    task = TaskState(f"{slot_kind}/{seconds}", "k", slot_kind, slot_kind, {}, {}, 0.0)
    timing = Timing(started_t=100.0, finished_t=100.0 + seconds, cpu_s=1.0, cores=1, host="h", pid=1)
    task.finished = TaskFinished(purpose=task.purpose, key="k", status="ok", timing=timing)
    return task


def test_the_longest_task_of_each_kind_is_known():
    running = TaskState("label/x", "k", "label", "label", {}, {}, 0.0)
    tasks = [finished("label", 10.0), finished("label", 70.0), finished("fit", 20.0), running]
    assert longest_s(tasks) == {"label": 70.0, "fit": 20.0}


@pytest.mark.parametrize(
    ("cpu", "measured_s", "age_s"),
    [
        ({}, {"label": 3600.0, "fit": 30_000.0}, 36_000 - 4320),
        ({}, {"fit": 3600.0}, None),
        ({"longest_task_min": 90.0}, {"label": 60.0}, 36_000 - 5400),
        ({}, {"label": 36_000.0}, None),
    ],
)
def test_a_job_takes_no_task_that_it_has_hardly_time_for(cpu, measured_s, age_s):
    assert drain_s(config(**cpu), "cpu", measured_s) == age_s
    assert drain_s(config(**cpu), "local", measured_s) is None


def test_the_executor_is_told(tmp_path):
    wanted = config()
    built = _executor("cpu", wanted.executors["cpu"], wanted, tmp_path, {"label": 3600.0})
    assert built.drain_period == 36_000 - 4320
