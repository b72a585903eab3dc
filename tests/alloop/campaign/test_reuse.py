"""What labels of other campaigns are for."""

from dataclasses import replace

import pytest

from alloop.campaign.reuse import Import, _check_replay
from alloop.config import ConfigError, load_config
from alloop.tasks.contract.records import Result
from tests.support.campaigns import TINY, write_config

LABEL = Result.model_construct(key="a1")
NONE = Import(source="x", run_id="x", same=(), teacher=(), other=(), why="", atoms=(), numbers=frozenset())


def config(folder, method="multihead", **data):
    return load_config(write_config(folder, fit={**TINY["fit"], "method": method}, data={"campaigns": ["x"], **data}))


@pytest.mark.parametrize("use", ["same", "teacher"])
def test_labels_that_are_none_to_replay_leave_multihead_with_nothing(tmp_path, use):
    with pytest.raises(ConfigError, match=r"fit\.method: `multihead` replays .* no label of `data.campaigns`") as told:
        _check_replay(config(tmp_path), [replace(NONE, **{use: (LABEL,)})])
    assert "\n" not in str(told.value)


def test_labels_of_another_reference_are_replayed(tmp_path):
    _check_replay(config(tmp_path / "a"), [NONE, replace(NONE, other=(LABEL,))])
    _check_replay(config(tmp_path / "b", initial=["old.extxyz"]), [NONE])
    _check_replay(config(tmp_path / "c", method="naive"), [NONE])
