import pytest

from alloop.campaign.harvest import give_up_or_retry, out_of_time, restore_labels
from alloop.failures import OutOfTimeError
from alloop.journal.events import AttemptLost, TaskFinished
from alloop.state.records import TaskState
from alloop.tasks.attempts import broken_by
from alloop.tasks.contract.label import LABEL
from alloop.tasks.contract.records import Result, Timing
from alloop.tasks.workspace import DamagedResultError, Workspace
from alloop.workers.machine_faults import Fault
from tests.support.loops import STARTED, config, loop

TIMING = Timing(started_t=0.0, finished_t=300.0, cpu_s=600.0, cores=2, host="node", pid=1)


def task(attempts):
    return TaskState("label/a", "k", "label", "label", {}, {}, 0.0, attempts=attempts)


def test_a_lost_worker_costs_an_attempt_until_they_are_used_up():
    outcomes = [give_up_or_retry(task(n), Fault("gone"), retries=2) for n in (1, 2, 3)]
    assert [type(outcome) for outcome in outcomes] == [AttemptLost, AttemptLost, TaskFinished]
    assert outcomes[-1].status == "failed"
    assert "gone" in outcomes[-1].detail


@pytest.mark.parametrize(("cost", "losses"), [(1.0, 3), (0.25, 12), (0.0, 1000)])
def test_what_costs_little_may_happen_more_often_and_still_not_for_ever(cost, losses):
    one, survived = task(1.0), 0
    while survived < 1000 and isinstance(give_up_or_retry(one, Fault("gone", cost), retries=2), AttemptLost):
        one.attempts += cost
        survived += 1
    assert survived == (losses if cost == 0.0 else losses - 1)


@pytest.mark.parametrize(("of_engine", "reason"), [(True, "dft"), (False, "lost")])
def test_the_same_error_twice_is_an_answer_however_its_words_differ(of_engine, reason):
    fault = {"repeats": True, "of_engine": of_engine}
    said = [f"TypeError: no band {number} (dft.py, line 7) (log: logs/label/k.txt)" for number in (1, 2)]
    one = task(1.0)
    assert isinstance(give_up_or_retry(one, Fault(said[0], **fault), retries=5), AttemptLost)
    one.attempts, one.errors = 3.0, (said[0], "its worker on node died")
    end = give_up_or_retry(one, Fault(said[1], **fault), retries=5)
    assert (end.status, end.reason, end.detail) == ("failed", reason, f"twice the same error: {said[1]}")


@pytest.mark.parametrize(
    "other", ["TypeError: no band (dft.py, line 8)", "KeyError: no band (dft.py, line 7)", "TypeError: no band"]
)
def test_another_error_or_another_line_is_not_the_same(other):
    one = task(2.0)
    one.errors = ("TypeError: no band (dft.py, line 7)",)
    assert isinstance(give_up_or_retry(one, Fault(other, repeats=True), retries=5), AttemptLost)


def test_a_machine_may_break_twice_in_the_same_way():
    one = task(2.0)
    one.errors = ("the workers are gone",)
    assert isinstance(give_up_or_retry(one, Fault("the workers are gone"), retries=5), AttemptLost)


def test_a_limit_of_time_is_not_run_into_twice():
    outcome = out_of_time(task(1), broken_by(OutOfTimeError("no answer within 5 min on 2 ranks", TIMING)))
    assert (outcome.status, outcome.reason) == ("failed", "timeout")
    assert outcome.detail == "no answer within 5 min on 2 ranks"
    assert outcome.timing == TIMING


@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "rotten"])
def test_a_label_that_vanished_or_rotted_on_disk_comes_back_from_the_journal(tmp_path, damage):
    campaign = loop(tmp_path, config())
    campaign.run(STARTED)
    frame = campaign.state.frames[campaign.state.train_order[0]]
    workspace = Workspace(tmp_path)
    before, path = workspace.data(LABEL, frame.label), workspace.result_path("label", frame.label)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        head, _, data = content.partition(b"\n")
        damaged = {
            "truncated": content[: len(content) // 2],
            "flipped": content.replace(b"-6.0", b"-7.0"),
            "rotten": head + b"\n" + data.replace(b"-6.0", b"-7.0"),
        }
        path.write_bytes(damaged[damage])
        with pytest.raises(DamagedResultError):
            workspace.data(LABEL, frame.label)
    assert restore_labels(campaign.journal, workspace) == 1
    assert workspace.data(LABEL, frame.label) == before


def test_a_damaged_result_is_put_aside_and_computed_again(tmp_path):
    campaign = loop(tmp_path, config())
    campaign.advance()
    campaign.journal.close()
    waiting = [task for task in campaign.state.running.values() if task.task == "atom"]
    path = campaign.workspace.result_path("atom", waiting[0].key)
    path.write_text(path.read_text().replace("-1.0", "-2.0"))
    again = loop(tmp_path, config())
    again.run(STARTED)
    assert path.with_suffix(".damaged").is_file()
    assert [key for _, key in again.workers.computed].count(waiting[0].key) == 1
    assert again.state.e0s_eV == {"Na": -1.0, "Cl": -1.0}


def test_results_of_another_task_or_with_a_hostile_name_are_refused(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.write(Result(key="a" * 40, kind="label", status="ok"))
    workspace.result_path("label", "a" * 40).rename(workspace.result_path("label", "b" * 40))
    with pytest.raises(DamagedResultError):
        workspace.read("label", "b" * 40)
    for name in ("../../etc/passwd", "a/b", "", "A" * 100, "a\n"):
        with pytest.raises(ValueError, match="not a name"):
            workspace.result_path("label", name)
