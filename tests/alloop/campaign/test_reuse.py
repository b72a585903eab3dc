"""What labels of other campaigns are for."""

import re
from dataclasses import replace

import pytest

from alloop.campaign.checking import notes_of
from alloop.campaign.imported_labels import ImportedBatch, imported_label, take_over
from alloop.campaign.opening import create
from alloop.campaign.reuse import Import, KnownLabel, _check_replay, _why_of_one, checked
from alloop.config import ConfigError, load_config
from alloop.journal.journal import Journal
from alloop.materials.structure import Structure
from alloop.tasks.contract.records import Result
from alloop.tasks.workspace import Workspace
from tests.support.campaigns import TINY, write_config
from tests.support.labelled_frames import emt_frames, isolated

LABEL = Result.model_construct(key="a1")
NONE = Import(source="x", run_id="x", same=(), teacher=(), other=(), why="", atoms=(), numbers=frozenset())


def config(folder, method="multihead", replay="labels", **data):
    fit = {**TINY["fit"], "method": method, "replay": replay}
    return load_config(write_config(folder, fit=fit, data={"campaigns": ["x"], **data}))


@pytest.mark.parametrize("use", ["same", "teacher"])
def test_labels_that_are_none_to_replay_leave_multihead_with_nothing(tmp_path, use):
    with pytest.raises(ConfigError, match=r"fit\.method: `multihead` replays .* no label of `data.campaigns`") as told:
        _check_replay(config(tmp_path), [replace(NONE, **{use: (LABEL,)})])
    assert "\n" not in str(told.value)


def test_labels_of_another_reference_are_replayed(tmp_path):
    _check_replay(config(tmp_path / "a"), [NONE, replace(NONE, other=(LABEL,))])
    _check_replay(config(tmp_path / "b", initial=["old.extxyz"]), [NONE])
    _check_replay(config(tmp_path / "c", method="naive"), [NONE])


def test_pseudolabels_need_no_labels_of_another_reference(tmp_path):
    _check_replay(config(tmp_path, replay="pseudolabels"), [NONE])


def test_the_code_is_the_reason_where_only_the_code_differs(tmp_path):
    loaded = load_config(write_config(tmp_path))
    frame, settings = Structure.from_atoms(emt_frames(1)[0]), loaded.config.label.model_dump(mode="json")
    told = [
        _why_of_one([KnownLabel(LABEL, frame, settings, code)], ["other"], loaded, {"ase": "2"})
        for code in ({"ase": "1"}, None)
    ]
    assert told == ["ase: 1 → 2", "of unknown code"]


def campaign_with(folder, frames):
    """Return the folder of a campaign that has labels of frames, as one from before labelled frames were judged."""
    loaded = load_config(write_config(folder / "config"))
    workspace = Workspace(folder / "campaign")
    results = tuple(imported_label(atoms, "REF_energy", "REF_forces", "REF_stress") for atoms in frames)
    with Journal(workspace.root) as journal:
        create(loaded, journal, workspace, None)
        journal.append(*take_over([ImportedBatch("same", "old.xyz", results)], workspace))
    return workspace.root


def test_labels_that_must_not_be_trained_on_are_left_out_and_said(tmp_path):
    frames = emt_frames(4)
    frames[1].positions[1] = frames[1].positions[2]
    earlier = campaign_with(tmp_path / "earlier", [isolated("Cu"), *frames])
    loaded = load_config(write_config(tmp_path / "config", data={"campaigns": [str(earlier)]}))
    (taken,) = checked(loaded, tmp_path / "campaign")
    assert len(taken.same) + len(taken.other) == 3
    assert re.search(
        r"left out: label [0-9a-f]{12} has no atom with a neighbour within .* \(and 1 more\)", taken.left_out
    )
    assert taken.left_out in notes_of(loaded, [taken])
