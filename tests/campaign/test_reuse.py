"""A second campaign on the labels of a first: through the command line, with real workers and real models."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
import yaml

from alloop.campaign.opening import create, resume
from alloop.campaign.reuse import brought, checked
from alloop.commands.check import run_check
from alloop.config import ConfigError
from alloop.config.loading import load_config
from alloop.journal.events import CodeChanged, LabelsImported, TaskPlanned
from alloop.journal.journal import Journal, read_entries
from alloop.materials.structure import Structure
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import THREADS, TINY, attempts, folded, run, write_config
from tests.support.shared import tiny_campaign, tiny_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished campaign: its folder."""
    return tiny_campaign(tmp_path_factory) / "runs" / "tiny"


def second_config(folder, first, **changes):
    explore = {**TINY["explore"], "temperatures_K": [300, 500]}
    wanted = {"name": "second", "explore": explore, "ladder": {"rungs": [12, 13], "fits": 2}, **changes}
    return write_config(folder, data={"campaigns": [str(first)]}, **wanted)


def founded(config, folder):
    loaded = load_config(config)
    with Journal(folder) as journal:
        return create(loaded, journal, Workspace(folder), None, checked(loaded, folder))


def keys_of(state):
    return [frame.label for use in ("train", "heldout") for frame in state.labelled_frames(use)]


def imports(folder):
    return [entry.event for entry in read_entries(folder) if isinstance(entry.event, LabelsImported)]


def planned(folder, start):
    events = [entry.event for entry in read_entries(folder)]
    return {e.purpose: e.request for e in events if isinstance(e, TaskPlanned) and e.purpose.startswith(start)}


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """A campaign that took the labels of the first and came to its own verdict: config, folder and output."""
    home = tmp_path_factory.mktemp("second")
    config = second_config(home / "config", first, execution=THREADS)
    code, output = run(config, home / "campaign")
    assert code == 0, output
    return config, home / "campaign", output


def test_labels_of_another_campaign_are_used_and_nothing_is_paid_for_twice(first, second):
    _, folder, output = second
    old, new = folded(first), folded(folder)
    labels = keys_of(old)
    assert f"{len(labels)} labels imported from {first}, used as labels" in output
    assert [new.frames[i].label for i in new.train_order][: len(labels)] == labels
    assert attempts(folder, "label").keys().isdisjoint(labels)
    assert set(attempts(folder, "label").values()) == {1}
    assert not attempts(folder, "atom")
    assert new.e0s_eV == old.e0s_eV
    assert new.labels_spent() == len(keys_of(new)) - len(labels)


def test_an_initial_frame_that_was_imported_is_not_trained_on_twice(second):
    _, folder, _ = second
    state = folded(folder)
    initial = [frame for frame in state.frames.values() if frame.walker == "CuAl.initial"]
    assert [(frame.status, frame.reason) for frame in initial] == [("rejected", "imported")] * 4
    assert len(set(keys_of(state))) == len(keys_of(state))


def test_heldout_frames_are_the_new_campaigns_own(first, second):
    _, folder, _ = second
    state = folded(folder)
    assert state.labelled("heldout") >= 3
    assert set(keys_of(folded(first))).isdisjoint(frame.label for frame in state.labelled_frames("heldout"))
    asked = [planned(f, "explore/CuAl.300K.heldout").values() for f in (first, folder)]
    seeds = [{walker["seed"] for request in requests for walker in request["walkers"]} for requests in asked]
    assert seeds[0]
    assert seeds[1]
    assert seeds[0].isdisjoint(seeds[1])


def test_it_resumes_when_the_other_campaign_has_moved_or_gone(first, second, tmp_path):
    config, folder, _ = second
    moved, shown = tmp_path / "moved", yaml.safe_load(config.read_text())
    shutil.copytree(first, moved)
    shutil.copytree(folder, tmp_path / "copy")
    for place, accepted in ((str(moved), 1), ("gone", None), (str(first), 1), (str(first), 0)):
        config.write_text(yaml.safe_dump({**shown, "data": {"campaigns": [place]}}))
        loaded = load_config(config)
        assert checked(loaded, tmp_path / "copy") == ()
        with Journal(tmp_path / "copy") as journal:
            if accepted is None:
                with pytest.raises(ConfigError, match="`gone` is not where labels were taken from"):
                    resume(loaded, journal, Workspace(tmp_path / "copy"))
            else:
                assert len(resume(loaded, journal, Workspace(tmp_path / "copy"))[1]) == accepted
    config.write_text(yaml.safe_dump({**shown, "data": {"campaigns": []}}))
    with Journal(tmp_path / "copy") as journal, pytest.raises(ConfigError, match=r"science .*data\.campaigns\[0\]"):
        resume(load_config(config), journal, Workspace(tmp_path / "copy"))


def test_labels_of_other_settings_are_for_pre_training_only(first, tmp_path):
    label = {**TINY["label"], "min_contact": 0.65}
    state = founded(second_config(tmp_path / "config", first, label=label), tmp_path / "campaign")
    assert state.pretraining == keys_of(folded(first))
    assert not state.train_order
    same, other = imports(tmp_path / "campaign")
    assert (len(same.keys), other.why) == (0, "label.min_contact: 0.6 -> 0.65")


def test_labels_of_the_teacher_itself_teach(first, tmp_path):
    changes = {
        "label": {**TINY["label"], "min_contact": 0.65},
        "teacher": {"model": {"calculator": TINY["label"]["calculator"]}},
    }
    state = founded(second_config(tmp_path / "config", first, **changes), tmp_path / "campaign")
    assert state.of_teacher == keys_of(folded(first))
    assert not state.pretraining
    assert not state.train_order


def test_a_third_campaign_takes_what_the_second_took(first, second, tmp_path):
    _, folder, _ = second
    state = founded(second_config(tmp_path / "config", folder, name="third"), tmp_path / "campaign")
    assert [state.frames[i].label for i in state.train_order] == keys_of(folded(folder))


def test_labels_count_if_the_campaign_found_their_code_to_agree_with_the_one_installed(first, tmp_path, monkeypatch):
    shutil.copytree(first, tmp_path / "drifted")
    made_by, agreeing = folded(first).code, {**folded(first).code, "module": "ase 1.0"}
    with Journal(tmp_path / "drifted") as journal:
        journal.append([CodeChanged(old=made_by, new=agreeing, probes=())])
    loaded = load_config(second_config(tmp_path / "config", tmp_path / "drifted"))
    for module, same, why in (
        ("ase 1.0", True, ""),
        (made_by["module"], True, ""),
        ("ase 2.0", False, "module: ase 1.0 → ase 2.0"),
    ):
        monkeypatch.setattr("alloop.campaign.reuse.code_identity", lambda *_, m=module: {**made_by, "module": m})
        (taken,) = checked(loaded, tmp_path / "new")
        assert (bool(taken.same), bool(taken.other), taken.why) == (same, not same, why)


def test_a_label_that_no_driver_harvested_is_taken_too_and_the_other_journal_is_not_touched(first, tmp_path):
    shutil.copytree(first, tmp_path / "running")
    state, workspace = folded(tmp_path / "running"), Workspace(tmp_path / "running")
    request = next(r for p, r in planned(first, "label/").items()) | {"source": "x/0#0"}
    result = workspace.read("label", keys_of(state)[0], with_data=True)
    workspace.write(result.model_copy(update={"key": "a" * 40}))
    with Journal(tmp_path / "running") as journal:
        fields = {"task": "label", "slot_kind": "label", "context": {"frame": next(iter(state.frames))}}
        request["structure_sha256"] = Structure.model_validate(result.data["structure"]).digest()
        journal.append([TaskPlanned(purpose="label/x", key="a" * 40, request=request, **fields)])
        before = hashlib.sha256((tmp_path / "running" / "journal.sqlite").read_bytes()).digest()
        (taken,) = checked(load_config(second_config(tmp_path / "config", tmp_path / "running")), tmp_path / "new")
        assert [label.key for label in taken.same] == [*keys_of(state), "a" * 40]
        assert hashlib.sha256((tmp_path / "running" / "journal.sqlite").read_bytes()).digest() == before


def test_what_is_no_campaign_or_is_damaged_is_refused_in_one_line(first, tmp_path):
    shutil.copytree(first, tmp_path / "damaged")
    victim = Workspace(tmp_path / "damaged").result_path("label", keys_of(folded(first))[2])
    victim.write_bytes(victim.read_bytes().replace(b"1", b"2", 40))
    # As long as the journal keeps the label, damage of its file does no harm.
    assert checked(load_config(second_config(tmp_path / "kept-config", tmp_path / "damaged")), tmp_path / "new")
    with closing(sqlite3.connect(tmp_path / "damaged" / "journal.sqlite")) as database:
        database.execute("DELETE FROM result WHERE key = ?", (victim.stem,))
        database.commit()
    (tmp_path / "empty").mkdir()
    for name, wanted in (("damaged", "missing or damaged; run that campaign"), ("empty", "no campaign here")):
        config = second_config(tmp_path / f"{name}-config", tmp_path / name)
        with pytest.raises(ConfigError, match=rf"data\.campaigns\[0\].*{wanted}") as told:
            checked(load_config(config), tmp_path / "new")
        assert "\n" not in str(told.value)


def test_a_refused_change_says_what_a_new_campaign_would_keep(first, tmp_path):
    count = len(keys_of(folded(first)))
    label = {**TINY["label"], "min_contact": 0.65}
    for changes, fate in (
        ({"seed": 2}, rf"seed: 1 -> 2; undo it, or .*campaigns: \[{first}\].*, which takes its {count} labels"),
        ({"label": label}, rf"its {count} labels are pre-training only \(label\.min_contact: 0\.6 -> 0\.65\)"),
    ):
        config = tiny_config(tmp_path / "config", **changes)
        with Journal(first) as journal, pytest.raises(ConfigError, match=fate):
            resume(load_config(config), journal, Workspace(first))


def test_check_counts_the_labels_and_the_budget_needs_no_more_than_the_rest(first, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count = len(keys_of(folded(first)))
    heldout = 4
    enough = {"labels": 13 - count + heldout}
    config = second_config(tmp_path / "config", first, budget=enough)
    run_check(config)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"in addition to {count} imported" in shown
    assert f"{count} labels imported from {first}, used as labels" in shown
    assert brought(checked(load_config(config), tmp_path / "new")).labels == count
    label = {**TINY["label"], "min_contact": 0.65}
    with pytest.raises(ConfigError, match="takes 17 labels"):
        checked(load_config(second_config(tmp_path / "config", first, budget=enough, label=label)), tmp_path / "new")


def test_check_says_what_a_resume_would_do(first, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(first, tmp_path / "runs" / "tiny")
    run_check(tiny_config(tmp_path / "config", budget={"labels": 60}))
    told = "would continue it with 11 labels. config changed: budget.labels: not set -> 60"
    assert told in " ".join(capsys.readouterr().out.split())


def test_check_ends_with_the_words_of_run_where_run_would_refuse(first, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(first, tmp_path / "runs" / "tiny")
    config = tiny_config(tmp_path / "config", seed=2)
    with Journal(tmp_path / "runs" / "tiny") as journal, pytest.raises(ConfigError) as refused:
        resume(load_config(config), journal, Workspace(tmp_path / "runs" / "tiny"))
    for as_json in (False, True):
        with pytest.raises(ConfigError) as told:
            run_check(config, as_json=as_json)
        assert str(told.value) == str(refused.value)
        shown = capsys.readouterr().out
        assert "can run" not in shown
    assert json.loads(shown)["resume"]["continues"] is False
    assert json.loads(shown)["resume"]["refusal"] == list(refused.value.lines())
