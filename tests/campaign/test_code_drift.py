"""A label engine that changes between two runs: through the command line, with real models."""

import pytest

from alloop.journal.journal import read_entries
from tests.support.campaigns import THREADS, attempts, folded, kill_when, left_behind, run, start, write_config
from tests.support.my_engine import LABEL, findable, write_engine

LABELS_AT_FIRST = 5


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """The folder of the label engine's module."""
    findable(tmp_path / "modules", monkeypatch)
    write_engine(tmp_path / "modules")
    return tmp_path / "modules"


@pytest.fixture
def home(tmp_path, modules):
    """The folder of a campaign that was killed after some labels."""
    kill_when(start(config(tmp_path), tmp_path / "campaign"), lambda: labelled(tmp_path) >= LABELS_AT_FIRST)
    return tmp_path


def config(home):
    return write_config(
        home / "config",
        label=LABEL,
        initial={"frames": 6, "rattle_A": 0.08},
        ladder={"rungs": [6, 8], "fits": 2},
        execution=THREADS,
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
