"""Foundations in alloop's own format: several models in one file."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from alloop.potential.models.architecture import dtype_of
from alloop.potential.models.foundation_committee import FORMAT, member_of, saved_members, write_committee
from alloop.potential.models.model_files import ModelFileError, write_model
from tests.support.models import forces_of, make_small_committee, pickled, small_foundation, small_model


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def read(path):
    return saved_members(path.read_bytes())


def test_members_read_back_are_the_same_to_the_last_bit_and_in_their_order(tmp_path):
    models = [small_model(0), small_model(1), small_model(2, layers=1)]
    write_committee(tmp_path / "c.pt", models)
    saved = read(tmp_path / "c.pt")
    assert len(saved) == 3
    for number, model in enumerate(models):
        assert np.array_equal(forces_of(member_of(saved, number, "cpu")), forces_of(model))


def test_a_member_keeps_its_own_precision(tmp_path):
    write_committee(tmp_path / "c.pt", [small_model(0), small_model(1, "float64")])
    saved = read(tmp_path / "c.pt")
    assert [dtype_of(member_of(saved, number, "cpu")) for number in (0, 1)] == ["float32", "float64"]


def test_members_are_counted_around(tmp_path):
    make_small_committee(tmp_path / "c.pt", 2)
    saved = read(tmp_path / "c.pt")
    assert np.array_equal(forces_of(member_of(saved, 3, "cpu")), forces_of(member_of(saved, 1, "cpu")))
    assert not np.allclose(forces_of(member_of(saved, 0, "cpu")), forces_of(member_of(saved, 1, "cpu")))


def test_the_checksum_is_that_of_the_file_and_depends_on_the_members_and_their_order(tmp_path):
    first, second = small_model(0), small_model(1)
    one, again, other = (
        write_committee(tmp_path / f"{number}.pt", models)
        for number, models in enumerate(([first, second], [first, second], [second, first]))
    )
    assert one == hashlib.sha256((tmp_path / "0.pt").read_bytes()).hexdigest()
    assert one == again != other


def test_a_file_of_one_model_is_no_committee(tmp_path):
    write_model(tmp_path / "m.pt", small_model())
    assert read(tmp_path / "m.pt") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        pickled([1, 2]),
        pickled({"format": "alloop committee 2", "members": [{}]}),
        pickled({"format": FORMAT}),
        pickled({"format": FORMAT, "members": []}),
        pickled({"format": FORMAT, "members": "all of them"}),
    ],
)
def test_what_is_of_another_format_or_has_no_member_is_no_committee(content):
    assert saved_members(content) is None


def test_a_pickle_is_not_opened_to_find_out_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # as for all who import mace themselves
    for content in (pickled(Bomb(tmp_path / "hit")), pickled({"format": FORMAT, "members": [Bomb(tmp_path / "hit")]})):
        assert saved_members(content) is None
    assert saved_members(pickled(small_foundation())) is None
    assert not (tmp_path / "hit").exists()


@pytest.mark.parametrize("saved", [{}, "a model", {"config": {"channels": 4}, "state": {}}, {"config": 1, "state": 2}])
def test_a_member_that_is_no_model_is_refused_in_one_line(saved):
    with pytest.raises(ModelFileError) as caught:
        member_of([saved], 0, "cpu")
    assert str(caught.value)
    assert "\n" not in str(caught.value)
