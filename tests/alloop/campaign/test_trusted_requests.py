"""A journal that somebody changed asks workers for nothing that the config of the run does not."""

import pytest

from alloop.campaign.trusted_requests import trusted_request
from alloop.config.label import AseLabel
from alloop.decisions import task_requests
from alloop.decisions.next_tasks import plan
from alloop.journal.events import TaskPlanned
from alloop.journal.journal import JournalError
from alloop.labelling.registry import settings_of_systems
from alloop.studies.study import study
from alloop.tasks.contract.evaluate import EvaluateRequest
from alloop.tasks.contract.label import AtomRequest
from alloop.tasks.contract.select import SelectRequest
from tests.support.histories import History
from tests.support.loops import STARTED, config, found, loop

SPACING = {"engine": "gpaw", "kpts": {"spacing_per_A": 0.5}}
STUDIES = {
    "aimd": {"xc": "r2SCAN", "repeat": [2, 1, 1], "ps": 0.02, "segment_steps": 5},
    "cost": {"label_repeats": [[2, 1, 1]]},
}

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


@pytest.mark.parametrize("name", ["aimd", "cost"])
def test_a_study_has_the_functional_and_the_grid_of_its_own_supercell(name):
    history = History(label=SPACING, measure={"mobile": "Na", "temperatures_K": [600]}, studies=STUDIES).atoms()
    (task,) = plan(history.state, history.charter, {"local": 1}, study(name).stage())
    request = task.build()
    history.begun_study(task)
    (system,) = settings_of_systems(history.charter.config.label, history.charter.systems.values())
    assert request.settings["kpts"] != list(system.kpts)
    assert trusted_request(history.state.tasks[task.purpose], history.charter) == request


def test_a_task_that_its_study_does_not_ask_for_any_more_is_left_and_keeps_no_study_from_its_end(tmp_path):
    measure = {"mobile": "Na", "temperatures_K": [600]}
    former = loop(tmp_path, config(measure=measure, studies=STUDIES))
    former.run(STARTED)
    (left,) = plan(former.state, former.charter, {"local": 1}, study("aimd").stage())
    former.record([planned(left.build(), left.purpose, left.context)])
    former.journal.close()
    now = loop(tmp_path, config(measure=measure, studies={"aimd": {**STUDIES["aimd"], "xc": None}}))
    now.study = study("aimd").stage()
    now.measure(STARTED)
    assert left.purpose in now.state.running
    results = now.state.studies["aimd"]
    assert left.purpose not in results
    assert [result.kind for result in results.values()] == ["aimd"] * 2 + ["measureaimd"]
    now.journal.close()
    again = loop(tmp_path, config(measure=measure, studies=STUDIES))
    again.study = study("aimd").stage()
    again.measure(STARTED)
    assert again.state.running == {}
