import uuid

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from alloop.campaign.opening import create, foresee, open_state, resume
from alloop.config import ConfigError
from alloop.config.foundations import PlacedFoundation
from alloop.config.loading import load_config
from alloop.decisions.charter import RULES
from alloop.journal.journal import Journal, read_entries
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import folded, write_config


def labelled(seed):
    atoms = bulk("Cu", "fcc", a=3.8, cubic=True)
    atoms.rattle(0.05, seed=seed)
    atoms.info["REF_energy"] = -1.0
    atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    return atoms


def test_a_labelled_frame_that_stands_in_two_files_is_one_label(tmp_path):
    data = {"initial": ["one.extxyz", "two.extxyz"], "reference": "same"}
    path = write_config(tmp_path / "config", data=data)
    write(path.parent / "one.extxyz", [labelled(1), labelled(2), labelled(2)])
    write(path.parent / "two.extxyz", [labelled(2), labelled(3)])
    with Journal(tmp_path / "campaign") as journal:
        state = create(load_config(path), journal, Workspace(tmp_path / "campaign"), None)
        assert state.labelled("train") == len(set(state.train_order)) == 3
        assert len(journal.result_keys()) == 3
        assert open_state(journal).train_order == state.train_order


def test_a_new_campaign_notes_its_rules_and_the_head_of_its_foundation(tmp_path):
    head = {"foundation": {"path": "x.model", "sha256": "f" * 64, "head": "omol"}}
    path = write_config(tmp_path / "config", potential=head)
    with Journal(tmp_path / "campaign") as journal:
        workspace = Workspace(tmp_path / "campaign")
        created = create(load_config(path), journal, workspace, PlacedFoundation("f" * 64, ("Cu",))).created
    assert (created.rules, created.foundation_head) == (RULES, "omol")


BROKEN = "class Mine:\n    def select(self, candidates, window, count, per_walker, seed):\n        raise KeyError\n"
MENDED = "from policies import RandomSelection as Mine\n"


@pytest.fixture
def own_policy(tmp_path, monkeypatch):
    """A campaign with a policy of its own that has a fault: config, folder and the policy's file."""
    name = f"my_policy_{uuid.uuid4().hex}"
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / f"{name}.py"
    source.write_text(BROKEN)
    config = write_config(tmp_path / "config", select={"policy": f"{name}:Mine"})
    with Journal(tmp_path / "campaign") as journal:
        create(load_config(config), journal, Workspace(tmp_path / "campaign"), None)
    return config, tmp_path / "campaign", source


def resumed(config, folder, **options):
    with Journal(folder) as journal:
        return resume(load_config(config), journal, Workspace(folder), **options)


def test_a_policy_that_was_mended_is_accepted_when_the_user_says_so_and_only_then(own_policy):
    config, folder, source = own_policy
    source.write_text(MENDED)
    with pytest.raises(ConfigError, match=r"select\.policy: its source .* `alloop run .*tiny.yaml --accept-policy`"):
        resumed(config, folder)
    state, (entry,) = resumed(config, folder, accept_policy=True)
    assert entry.event.changed == ("select.policy",)
    assert state.policies != state.created.policies
    assert resumed(config, folder)[1] == []
    source.write_text(BROKEN)
    with pytest.raises(ConfigError, match="--accept-policy"):
        resumed(config, folder)


def test_accepting_a_policy_accepts_no_other_science(own_policy):
    config, folder, source = own_policy
    source.write_text(MENDED)
    other = write_config(config.parent, select={"policy": f"{source.stem}:Mine"}, seed=9)
    with pytest.raises(ConfigError, match=r"science .* seed: 1 -> 9"):
        resumed(other, folder, accept_policy=True)


def foreseen(config, folder):
    return [entry.event.kind for entry in foresee(load_config(config), folded(folder), folder)]


def test_what_a_resume_would_do_is_foreseen_and_nothing_is_written(own_policy, monkeypatch):
    config, folder, source = own_policy
    before = [entry.seq for entry in read_entries(folder)]
    assert foreseen(config, folder) == []
    mine = {"select": {"policy": f"{source.stem}:Mine"}}
    assert foreseen(write_config(config.parent, **mine, budget={"labels": 50}), folder) == ["config_changed"]
    monkeypatch.setattr("alloop.campaign.opening.code_identity", lambda *_: {"module": "ase 0.1"})
    assert foreseen(write_config(config.parent, **mine), folder) == ["code_changed"]
    with pytest.raises(ConfigError, match="seed: 1 -> 2"):
        foreseen(write_config(config.parent, **mine, seed=2), folder)
    assert [entry.seq for entry in read_entries(folder)] == before
