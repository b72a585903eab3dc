"""A label engine that changes between two runs: through the command line, with real workers and real models."""

import shutil

import pytest

from alloop.journal.journal import read_entries
from tests.support.campaigns import attempts, folded, kill_when, left_behind, run, start, write_config
from tests.support.my_engine import LABEL, findable, write_engine

LABELS_AT_FIRST = 5


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return tmp_path_factory.mktemp("modules")


@pytest.fixture(autouse=True)
def my_engine(modules, monkeypatch):
    findable(modules, monkeypatch)
    write_engine(modules)


@pytest.fixture(scope="module")
def begun(tmp_path_factory, modules):
    """A campaign killed after some labels, to be copied and continued."""
    home = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        findable(modules, patch)
        write_engine(modules)
        config(home)
        kill_when(start(home / "config" / "tiny.yaml", home / "campaign"), lambda: labelled(home) >= LABELS_AT_FIRST)
    return home


@pytest.fixture
def home(begun, tmp_path):
    shutil.copytree(begun, tmp_path / "home")
    return tmp_path / "home"


def config(home):
    heartbeats = {"heartbeat_s": 1, "heartbeat_limit_s": 4}
    return write_config(
        home / "config",
        label=LABEL,
        initial={"frames": 6, "rattle_A": 0.08},
        ladder={"rungs": [6, 8], "fits": 2},
        execution={"executors": {"local": {"kind": "local", "workers": 2}}, **heartbeats},
    )


def labelled(home):
    if not attempts(home / "campaign", "label"):
        return 0
    state = folded(home / "campaign")
    return state.labelled("train") + state.labelled("heldout")


def labels(state):
    return {frame.id: frame.label for use in ("train", "heldout") for frame in state.labelled_frames(use)}


@pytest.mark.slow
def test_a_harmless_change_is_accepted_by_probes_that_a_kill_does_not_repeat(home, modules):
    folder, before = home / "campaign", labels(folded(home / "campaign"))
    write_engine(modules, comment="another comment", pause_s=0.5)
    kill_when(start(config(home), folder), lambda: len(attempts(folder, "probe")) >= 3)
    begun_probes = attempts(folder, "probe")
    write_engine(modules, comment="another comment", pause_s=0.5)
    code, output = run(config(home), folder)
    assert code == 0, output
    assert "the changed code is accepted: 5 labels made again with it agree: |ΔE| up to 0 meV/atom" in output
    state = folded(folder)
    assert before.items() <= labels(state).items()
    assert len(attempts(folder, "probe")) == 5
    assert sum(attempts(folder, "probe").values()) <= 5 + 2
    assert set(begun_probes) <= set(attempts(folder, "probe"))
    assert state.codes[0]["module"] != state.code["module"]
    events = [entry.event for entry in read_entries(folder)]
    accepted = next(place for place, event in enumerate(events) if event.kind == "code_changed")
    later = [event for event in events[accepted:] if event.kind == "task_planned" and event.task == "label"]
    assert later
    assert all(event.request["code"] == state.code for event in later)
    assert set(attempts(folder, "label").values()) == {1}
    assert left_behind(folder) == []


@pytest.mark.slow
def test_a_harmful_change_is_refused_in_one_line_and_the_former_code_goes_on(home, modules):
    folder, before = home / "campaign", folded(home / "campaign")
    made = attempts(folder, "label")
    write_engine(modules, scale=1.01)
    code, output = run(config(home), folder)
    assert code == 2, output
    last = output.strip().splitlines()[-1]
    assert "the code of the labels changed (module: " in last
    assert "5 of 5 labels made again disagree" in last
    assert "meV/Å of 10" in last
    assert "install the former code again" in last
    assert "Traceback" not in output
    after = folded(folder)
    assert labels(before).items() <= labels(after).items()
    assert attempts(folder, "label") == made
    assert after.codes == before.codes
    assert set(attempts(folder, "probe").values()) == {1}
    assert left_behind(folder) == []
    write_engine(modules)
    driver = start(config(home), folder)
    kill_when(driver, lambda: labelled(home) > len(labels(after)))
    assert set(folded(folder).codes[-1].items()) == set(before.code.items())
