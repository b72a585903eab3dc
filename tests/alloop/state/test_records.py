"""Names of rungs and frames, and the walkers of a task."""

import pytest

from alloop.state.records import RungState, SegmentState, segments_of


@pytest.mark.parametrize(
    ("rung", "name"),
    [
        (RungState(50, ()), "r50"),
        (RungState(0, (), kind="foundation"), "r0"),
        (RungState(50, (), kind="random"), "s50"),
        (RungState(50, (), kind="random", ladder=2), "s50.2"),
    ],
)
def test_the_name_of_a_rung_tells_its_kind_and_of_a_later_ladder_its_number(rung, name):
    assert rung.name == name


def test_the_name_of_a_segment_begins_the_names_of_its_frames():
    assert SegmentState("A.600K.0", 3, "A", 1).name == "A.600K.0/3"


def test_every_walker_of_a_task_has_what_is_said_of_all_and_what_is_said_of_itself():
    own = [
        {"walker": "w1", "segment": 2, "system": "A"},
        {"walker": "w2", "segment": 0, "system": "A", "role": "heldout"},
    ]
    first, second = segments_of({"generation": 4, "role": "train", "round": 3, "walkers": own})
    assert first == SegmentState("w1", 2, "A", 4, None, "train", 3)
    assert second == SegmentState("w2", 0, "A", 4, None, "heldout", 3)


def test_a_task_of_one_walker_may_say_everything_of_it_among_the_rest():
    (one,) = segments_of({"walker": "w", "segment": 3, "system": "A", "generation": 1, "role": "heldout", "start": "x"})
    assert one == SegmentState("w", 3, "A", 1, None, "heldout", -1)


def test_rattled_copies_are_of_no_generation_and_of_the_training_set():
    (one,) = segments_of({"walker": "A.initial", "segment": 0, "system": "A", "generation": None})
    assert (one.generation, one.role, one.round) == (None, "train", -1)
