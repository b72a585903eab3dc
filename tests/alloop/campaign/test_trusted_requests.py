"""A journal that somebody changed asks workers for nothing that the config of the run does not."""

import pytest

from alloop.campaign.trusted_requests import trusted_request
from alloop.config.label import AseLabel
from alloop.decisions import task_requests
from alloop.journal.events import TaskPlanned
from alloop.journal.journal import JournalError
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.label import AtomRequest
from alloop.tasks.contract.select import SelectRequest
from tests.support.histories import History
from tests.support.loops import STARTED, config, found, loop

BOMB = {"engine": "ase", "calculator": "os:system", "arguments": {"command": "touch hit"}}
FOREIGN = "foundation:" + "0" * 64


def planned(request, purpose, context=None):
    return TaskPlanned(
        purpose=purpose,
        key=request.key(),
        task=request.kind,
        slot_kind=request.slot_kind,
        request=request.model_dump(mode="json"),
        context=context or {},
    )


def tampered(folder, event, wanted):
    journal = found(folder, wanted)
    journal.append([event])
    journal.close()
    return loop(folder, wanted)


@pytest.mark.parametrize(
    "event",
    [
        planned(AtomRequest(element="Na", settings=BOMB, code={}), "atom/Na", {"element": "Na"}),
        planned(
            AtomRequest(element="Na", settings={"engine": "gpaw", "cutoff_eV": 900.0}, code={}),
            "atom/Na",
            {"element": "Na"},
        ),
        planned(
            SelectRequest(
                before=None,
                segments=(),
                generation=0,
                oldest=0,
                policy="os:system",
                options={"command": "touch hit"},
                lower_eV_per_A=0.0,
                upper_eV_per_A=1.0,
                count=1,
                per_walker=1,
                seed=1,
            ),
            "select/0",
        ),
        planned(
            EvaluateRequest(model=FOREIGN, frames=(), dtype="float32"),
            "evaluate/g0/h0",
            {"model": FOREIGN, "heldout": 0, "of": "g0"},
        ),
    ],
)
def test_what_the_config_does_not_say_never_reaches_a_worker(tmp_path, event):
    campaign = tampered(tmp_path, event, config())
    with pytest.raises(JournalError, match="restore the journal from a copy") as caught:
        campaign.run(STARTED)
    assert "\n" not in str(caught.value)
    assert campaign.workers.computed == []


def test_a_request_that_no_worker_understands_is_one_line(tmp_path):
    event = planned(AtomRequest(element="Na", settings={}, code={}), "atom/Na", {"element": "Na"})
    event = event.model_copy(update={"request": {"element": 3, "more": "keys"}})
    with pytest.raises(JournalError, match="cannot be read"):
        tampered(tmp_path, event, config()).run(STARTED)


def test_a_task_of_the_config_itself_is_taken_up(tmp_path):
    wanted = config()
    campaign = loop(tmp_path, wanted)
    settings = wanted.label.model_dump(mode="json")
    campaign.record([planned(AtomRequest(element="Na", settings=settings, code={}), "atom/Na", {"element": "Na"})])
    (task,) = campaign.state.running.values()
    assert trusted_request(task, campaign.charter).key() == task.key


@pytest.mark.parametrize("place", ["/opt/somebody/elses", None])
def test_a_calculator_runs_where_the_config_says_whatever_the_journal_holds(tmp_path, place):
    label = AseLabel(engine="ase", calculator="emt:EMT", python="/opt/mine")
    wanted = config().model_copy(update={"label": label})
    campaign = loop(tmp_path, wanted)
    settings = label.model_dump(mode="json") | {"python": place}
    campaign.record([planned(AtomRequest(element="Na", settings=settings, code={}), "atom/Na", {"element": "Na"})])
    (task,) = campaign.state.running.values()
    request = trusted_request(task, campaign.charter)
    assert request.settings == label.model_dump(mode="json")
    assert request.key() == task.key


def test_another_head_of_the_foundation_never_reaches_a_worker(tmp_path):
    own = "foundation:" + "f" * 64
    event = planned(
        EvaluateRequest(model=f"{own}#omol", frames=(), dtype="float32"),
        "evaluate/r0/f0/h0",
        {"model": f"{own}#omol", "heldout": 0, "of": "r0"},
    )
    wanted = config(initial={"frames": 0})
    campaign = loop(tmp_path, wanted, foundation="f" * 64)
    campaign.record([event])
    (task,) = campaign.state.running.values()
    with pytest.raises(JournalError, match="another foundation than the config's"):
        trusted_request(task, campaign.charter)


@pytest.mark.parametrize(("model", "own"), [("@0", True), ("@1", True), ("@2", False), ("", False), ("@1#omol", False)])
def test_only_members_that_the_foundation_has_reach_a_worker(tmp_path, model, own):
    name = f"foundation:{'f' * 64}{model}"
    request = EvaluateRequest(model=name, frames=(), dtype="float32")
    campaign = loop(tmp_path, config(initial={"frames": 0}), foundation="f" * 64, foundation_members=2)
    campaign.record([planned(request, "evaluate/r0/f0/h0", {"model": name, "heldout": 0, "of": "r0"})])
    (task,) = campaign.state.running.values()
    if own:
        assert trusted_request(task, campaign.charter) == request
    else:
        with pytest.raises(JournalError, match="another foundation than the config's"):
            trusted_request(task, campaign.charter)


@pytest.mark.parametrize(("grid", "trusted"), [([4, 4, 4], True), ([5, 5, 5], False)])
def test_a_label_has_the_grid_of_a_system_where_the_config_has_a_spacing(grid, trusted):
    history = History(label={"engine": "gpaw", "kpts": {"spacing_per_A": 0.5}})
    (name,) = history.pending(1).state.train_order
    request = task_requests.label(history.charter, history.state, history.state.frames[name])
    request = request.model_copy(update={"settings": {**request.settings, "kpts": grid}})
    history.say(planned(request, f"label/{name}", {"frame": name}))
    if trusted:
        assert trusted_request(history.state.tasks[f"label/{name}"], history.charter) == request
        return
    with pytest.raises(JournalError, match="other settings"):
        trusted_request(history.state.tasks[f"label/{name}"], history.charter)
