import os
import signal
import threading
import time

import psutil
import pytest
from ase.build import bulk

from alloop.config.label import AseLabel
from alloop.config.machine import ExecutionConfig
from alloop.files.long_files import LONGEST_BYTES
from alloop.labelling.identity import code_identity
from alloop.materials.structure import Structure
from alloop.tasks.attempts import BrokenAttempt
from alloop.tasks.contract.initial import InitialRequest
from alloop.tasks.contract.label import AtomRequest
from alloop.tasks.workspace import Workspace
from alloop.workers.executors import Execution, wait
from tests.support.campaigns import left_behind, processes_of
from tests.support.waiting import wait_for


def request(seed=0):
    structure = Structure.from_atoms(bulk("Cu", "fcc", a=3.6, cubic=True))
    return InitialRequest(structure=structure, frames=1, rattle_A=0.01, strain=0.0, min_contact=0.5, seed=seed)


def local(**keywords):
    keywords = {"heartbeat_s": 1, "heartbeat_limit_s": 4, **keywords}
    return ExecutionConfig.model_validate({"executors": {"local": {"kind": "local", "workers": 2}}, **keywords})


@pytest.fixture
def execution(tmp_path):
    made = Execution(local(), tmp_path)
    yield made
    made.close()
    assert left_behind(tmp_path) == []


def test_tasks_run_in_worker_processes_and_slots_are_counted(execution, tmp_path):
    assert execution.free() == {"local": 2}
    execution.submit("a", request(0))
    execution.submit("b", request(1))
    assert execution.free() == {"local": 0}
    ends = []
    while len(ends) < 2:
        ends += wait(execution.completions, 60)
    assert {(end.purpose, end.error) for end in ends} == {("a", None), ("b", None)}
    execution.harvested("explore")
    assert execution.free() == {"local": 1}
    result = Workspace(tmp_path).read("initial", request(0).key())
    assert result is not None
    assert result.timing.pid != os.getpid()


def test_a_killed_worker_is_an_error_of_its_task_and_the_next_task_runs(execution, tmp_path):
    execution.submit("warm", request(0))
    assert wait(execution.completions, 60)[0].error is None
    lock = Workspace(tmp_path).lock(request(1).key())
    with lock:
        execution.submit("held", request(1))
        assert wait_for(lambda: _at_lock(tmp_path, request(1)), 30)
        _at_lock(tmp_path, request(1))[0].send_signal(signal.SIGKILL)
        assert wait(execution.completions, 30)[0].error is not None
    execution.submit("again", request(1))
    assert wait(execution.completions, 60)[0].error is None


def _at_lock(folder, wanted):
    """Return the workers that wait for the lock of a request."""
    workers = [child for pool in processes_of(folder) for child in _children(pool)]
    return [worker for worker in workers if _has_open(worker, wanted.key())]


def _children(process):
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _has_open(process, key):
    try:
        return any(key in file.path for file in process.open_files())
    except psutil.Error:
        return False


def test_a_killed_interchange_is_told_and_does_not_hang(execution):
    execution.submit("warm", request(0))
    wait(execution.completions, 60)
    assert execution.broken() is None
    interchange = execution._kernel.executors["local"].interchange_proc
    interchange.kill()
    assert wait_for(execution.broken, 10)
    assert "interchange" in execution.broken()


@pytest.mark.slow
def test_a_suspended_interchange_is_told_and_does_not_hang(execution):
    interchange = execution._kernel.executors["local"].interchange_proc
    interchange.send_signal(signal.SIGSTOP)
    assert execution.broken() is None
    assert wait_for(execution.broken, 30)
    assert execution.broken() == "the interchange of executor 'local' is suspended"
    assert execution.fault() == "curable"


def test_closing_takes_seconds_even_while_a_task_hangs(tmp_path):
    execution = Execution(local(), tmp_path)
    execution.submit("warm", request(0))
    wait(execution.completions, 60)
    with Workspace(tmp_path).lock(request(1).key()):
        execution.submit("held", request(1))
        assert wait_for(lambda: _at_lock(tmp_path, request(1)), 30)
        begin = time.monotonic()
        execution.close()
        assert time.monotonic() - begin < 60
    assert left_behind(tmp_path) == []
    assert not [t for t in threading.enumerate() if t.name == "interchange-watch" and not t.daemon]


def test_capacity_counts_every_worker_of_every_block():
    executors = ExecutionConfig.model_validate(
        {
            "executors": {
                "local": {"kind": "local", "workers": 3},
                "cpu": {"kind": "slurm", "workers": 16, "nodes_per_block": 2, "max_blocks": 4},
            },
            "label": "cpu",
        }
    ).executors
    assert executors["local"].slots == 3
    assert executors["cpu"].slots == 128


def isolated_atom(what):
    """Return a request whose engine raises one of `tests.support.raising.ERRORS`."""
    arguments = {"what": what, "also_atoms": True}
    label = AseLabel(engine="ase", calculator="tests.support.raising:Strange", arguments=arguments)
    return AtomRequest(element="Cu", settings=label.model_dump(mode="json"), code=code_identity(label, {"Cu"}))


@pytest.mark.slow
def test_errors_of_any_class_are_heard_as_words_and_a_deaf_driver_is_told(execution, tmp_path, capfd):
    raised = ("own_init", "mute", "local", "below", "exit", "interrupt", "holding", "vast")
    for what in raised:
        execution.submit(what, isolated_atom(what))
    ends = {}
    while len(ends) < len(raised):
        heard = wait(execution.completions, 120)
        assert heard, f"the ends of {set(raised) - set(ends)} are not heard"
        ends |= {end.purpose: end.error for end in heard}
    assert {type(error) for error in ends.values()} == {BrokenAttempt}
    assert {error.kind for error in ends.values()} == {"raised"}
    assert ends["own_init"].text.startswith("OwnInit: no licence at node 7 (raising.py, line ")
    execution.submit("loud", isolated_atom("loud"))
    assert [end.error for end in wait(execution.completions, 120)] == [None]
    (output,) = tmp_path.glob("logs/parsl/*/submit_scripts/*.sh.out")
    assert wait_for(lambda: b"[alloop dropped the first " in output.read_bytes(), 20)
    assert output.stat().st_size <= LONGEST_BYTES
    assert execution.broken() is None
    with Workspace(tmp_path).lock(request(1).key()):
        execution.submit("unheard", request(1))
        assert wait_for(lambda: execution._kernel.executors["local"].tasks, 10)
        execution._kernel.executors["local"].tasks.clear()  # so that the thread breaks at the answer
    assert wait_for(execution.broken, 30)
    assert execution.broken().startswith("what hears the workers of executor 'local' died (")
    assert execution.fault() == "curable"
    assert "Traceback" not in capfd.readouterr().err
