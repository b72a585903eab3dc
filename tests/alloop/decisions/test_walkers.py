import itertools

import pytest
from ase.build import bulk

from alloop.decisions.charter import Charter
from alloop.decisions.walkers import context_of, grouped, next_segment, purpose_of, segments_wanted
from alloop.journal.events import CampaignCreated, SystemRecord
from alloop.materials.structure import Structure
from alloop.state.records import GenerationState, segments_of
from alloop.state.state import State
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
    return [next_segment(State(), found, walker, restart=False) for walker in found.walkers(role)]


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
    context = context_of(State(), GenerationState(4, (), None, False), [first, second])
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
