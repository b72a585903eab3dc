"""The next segments of walkers, and which of them share a task."""

import itertools

import pytest
from ase.build import bulk

from alloop.decisions.charter import Charter
from alloop.decisions.walkers import context_of, grouped, next_segment, purpose_of, segments_wanted
from alloop.journal.events import CampaignCreated, LabelsImported
from alloop.journal.systems import SystemRecord
from alloop.materials.structure import Structure
from alloop.state.records import GenerationState, segments_of
from alloop.state.state import CampaignState
from tests.support.histories import HELDOUT_WALKERS, WALKERS, History
from tests.support.small import config


def charter(sizes=(1,), device="cpu", workers=2, overlap=True, **explore):
    rock_salt = bulk("NaCl", "rocksalt", 5.6)
    records = tuple(
        SystemRecord(name="ABC"[i], structure=Structure.from_atoms(rock_salt.repeat((size, 1, 1))))
        for i, size in enumerate(sizes)
    )
    executor = {"kind": "local", "workers": workers, "device": device}
    wanted = config(
        overlap=overlap,
        explore={"temperatures_K": [600, 1000], "replicas": 3, **explore},
        execution={"executors": {"local": executor}},
    )
    created = CampaignCreated(
        name="walks",
        config=wanted.model_dump(mode="json"),
        science_sha256="0" * 64,
        systems=records,
        elements=("Na", "Cl"),
        code={},
        versions={},
        run_id="walks",
    )
    return Charter.of(created, wanted)


def segments(found, role="train"):
    return [next_segment(CampaignState(), found, walker, restart=False) for walker in found.walkers(role)]


def groups(found, room, some=None):
    return [[one.walker.id for one in group] for group in grouped(some or segments(found), found, room)]


@pytest.mark.parametrize(("room", "sizes"), [(1, [6]), (2, [3, 3]), (4, [2, 2, 2]), (5, [2, 2, 2]), (6, [1] * 6)])
def test_walkers_share_a_task_where_slots_are_few(room, sizes):
    found = groups(charter(), room)
    assert [len(group) for group in found] == sizes
    assert sorted(itertools.chain(*found)) == sorted(one.walker.id for one in segments(charter()))


def test_a_task_holds_walkers_of_one_system_and_no_more_than_fit():
    two = charter(sizes=(1, 25))
    found = groups(two, 1)
    assert found == [[one.walker.id for one in segments(two) if one.walker.system == "A"]]
    found = groups(two, 9)
    assert all(len({name[0] for name in group}) == 1 for group in found)
    assert [len(group) for group in found if group[0].startswith("B")] == [1] * 6
    assert segments_wanted(two, 2) == 2 * 48
    assert segments_wanted(charter(sizes=(25,), device="cuda"), 1) == 8192 // 50


def test_npt_walkers_go_together_too_and_a_number_in_the_config_is_obeyed():
    assert groups(charter(ensemble="npt"), 2) == groups(charter(), 2)
    assert [len(group) for group in groups(charter(walkers_per_task=4), 6)] == [4, 2]


def test_in_lockstep_the_same_walkers_go_together_whatever_is_free():
    lockstep = charter(overlap=False)
    everybody = segments(lockstep)
    whole = groups(lockstep, 1)
    assert whole == groups(lockstep, 7)
    assert [len(group) for group in whole] == [3, 3]
    left = [one for one in everybody if one.walker.id not in whole[0]]
    assert groups(lockstep, 2, left) == whole[1:]
    assert groups(lockstep, 2, everybody[1:2] + everybody[:1]) == [[one.walker.id for one in everybody[1::-1]]]


def test_the_context_of_a_task_names_its_walkers_and_so_did_that_of_one_walker():
    found = charter()
    first, second = segments(found)[:2]
    context = context_of(CampaignState(), GenerationState(4, (), None, False), [first, second])
    told = segments_of(context)
    assert [(one.walker, one.segment, one.generation, one.role) for one in told] == [
        (first.walker.id, 0, 4, "train"),
        (second.walker.id, 0, 4, "train"),
    ]
    assert purpose_of([first]) == f"explore/{first.walker.id}/0"
    assert purpose_of([first, second]) == f"explore/{first.walker.id}/0+1"
    (flat,) = segments_of(
        {"walker": "w", "segment": 3, "system": "A", "generation": 1, "role": "heldout", "start": None}
    )
    assert (flat.name, flat.role) == ("w/3", "heldout")


# -- the next segment of a walker --------------------------------------------------------------------------------


def following(history, walker, **how):
    (found,) = (one for role in ("train", "heldout") for one in history.charter.walkers(role) if one.id == walker)
    return next_segment(history.state, history.charter, found, **{"restart": False, **how})


def test_the_first_segment_begins_at_the_structure_and_at_the_walkers_temperature():
    one = following(History(), WALKERS[1])
    assert (one.number, one.start, one.temperature_K) == (0, None, 1000.0)


def test_a_segment_continues_the_one_before_unless_it_begins_anew():
    history = History()
    history.offer(WALKERS[0])
    key = history.state.tasks[f"explore/{WALKERS[0]}/0"].key
    assert (following(history, WALKERS[0]).number, str(following(history, WALKERS[0]).start)) == (1, f"{key}#0")
    assert following(history, WALKERS[0], restart=True).start is None


def test_after_a_segment_that_failed_the_one_before_is_continued_under_the_next_number():
    history = History()
    history.offer(WALKERS[0])
    before = following(history, WALKERS[0]).start
    history.end(history.explore(WALKERS[0]), reason="lost")
    assert (following(history, WALKERS[0]).number, following(history, WALKERS[0]).start) == (2, before)


def test_a_temperature_that_is_given_replaces_the_walkers_own_and_not_its_seed():
    hot, usual = (following(History(), WALKERS[0], temperature_K=kelvin) for kelvin in (1500.0, None))
    assert (hot.temperature_K, usual.temperature_K) == (1500.0, 600.0)
    assert hot.seed == usual.seed


def test_every_walker_and_segment_has_a_seed_of_its_own_that_nothing_else_changes():
    history = History()
    first = [following(history, walker).seed for walker in (*WALKERS, *HELDOUT_WALKERS)]
    history.labelled(3)
    assert [following(history, walker).seed for walker in (*WALKERS, *HELDOUT_WALKERS)] == first
    history.offer(WALKERS[0])
    assert len({*first, following(history, WALKERS[0]).seed}) == 9


def test_held_out_walkers_go_other_ways_where_labels_were_imported():
    plain, one, two = History(), History(), History()
    one.say(LabelsImported(reference="same", source="file", keys=("a",)))
    two.say(LabelsImported(reference="other", source="file", keys=("b",)))
    seeds = [[following(history, walker).seed for history in (plain, one, two)] for walker in WALKERS[:1]]
    heldout = [following(history, HELDOUT_WALKERS[0]).seed for history in (plain, one, two)]
    assert len({*seeds[0]}) == 1
    assert len({*heldout}) == 3


def test_the_context_says_how_many_selections_there_were_and_where_each_walker_starts():
    history = History().atoms().labelled(6).fitted()
    history.offer(WALKERS[0])
    segment = following(history, WALKERS[0])
    context = context_of(history.state, history.state.generations[0], [segment])
    assert (context["generation"], context["role"], context["round"]) == (0, "train", 1)
    assert context["walkers"] == [
        {"walker": WALKERS[0], "segment": 1, "system": "A", "temperature_K": 600.0, "start": str(segment.start)}
    ]


def test_segments_that_find_no_room_wait():
    mixed = charter(sizes=(1, 1))
    found = groups(mixed, 1)
    assert len(found) == 1
    assert {name[0] for name in found[0]} == {"A"}
    assert groups(mixed, 0) == []
