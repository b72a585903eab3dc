"""The pool of workers when one of its processes is killed while nothing is computed."""

import pytest

from alloop.workers.executors import Execution, wait
from tests.alloop.workers.test_executors import local, request
from tests.support.campaigns import MARK, left_behind
from tests.support.victims import living
from tests.support.waiting import wait_for


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """A pool of workers that leaves no process behind, and nothing in the temporary folder."""
    monkeypatch.setenv(MARK, str(tmp_path))
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    execution = Execution(local(), tmp_path)
    execution.submit("warm", request(0))
    assert wait(execution.completions, 60)[0].error is None
    yield execution, tmp_path
    execution.close()
    assert left_behind(tmp_path) == []
    assert [*temporary.glob("pymp-*")] == []


def workers(folder):
    """Return the workers' processes in the order of their start; the first of a pool keeps the accounts."""
    return sorted(living(folder, "worker"), key=lambda process: process.create_time())


def test_any_waiting_worker_may_be_killed_and_the_next_task_runs(pool):
    execution, folder = pool
    for number, victim in enumerate(workers(folder)[1:]):
        victim.kill()
        execution.submit(f"after {number}", request(1 + number))
        assert [end.error for end in wait(execution.completions, 30)] == [None]
        assert wait_for(lambda: len(workers(folder)) == 3, 20)


def test_a_pool_that_lost_its_accounts_is_lost_as_a_whole_and_another_comes(pool):
    execution, folder = pool
    workers(folder)[0].kill()
    assert wait_for(lambda: not workers(folder), 10)
    execution.submit("held", request(1))
    (end,) = wait(execution.completions, 30)
    assert end.error is None or type(end.error).__name__ == "ManagerLost"
    execution.submit("again", request(2))
    assert [end.error for end in wait(execution.completions, 30)] == [None]
