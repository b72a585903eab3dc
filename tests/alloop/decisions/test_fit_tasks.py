"""Which fits a campaign wants: pre-training, members of committees, fits of rungs."""

import pytest

from alloop.decisions import fit_requests
from alloop.journal.events import LabelsImported
from tests.support.histories import History
from tests.support.plans import contexts, purposes, wanted

# -- pre-training ------------------------------------------------------------------------------------------------

OTHER = LabelsImported(reference="other", source="file", keys=("a", "b"))


def test_every_member_is_pre_trained_on_labels_of_another_reference_once_the_atoms_are_known():
    history = History().say(OTHER)
    assert purposes(history, "fit") == []
    history.atoms()
    assert purposes(history, "fit") == ["fit/pretrain/m0", "fit/pretrain/m1", "fit/pretrain/m2"]
    assert contexts(history, "fit")[1] == {"rung": None, "generation": None, "member": 1}


@pytest.mark.parametrize("replay", ["labels", "pseudolabels"])
def test_what_a_second_head_replays_is_not_pre_trained_on(replay):
    history = History(foundation=True, fit={"method": "multihead", "replay": replay})
    assert purposes(history.say(OTHER).atoms(), "fit") == []


def test_members_are_fitted_when_no_pre_training_is_under_way_or_can_be_tried_again():
    history = History().say(OTHER).atoms().labelled(6).opened()
    context = {"rung": None, "generation": None, "member": 0}
    history.do("fit/pretrain/m0", context).do("fit/pretrain/m1", context).begin("fit/pretrain/m2", context)
    assert purposes(history, "fit") == []
    history.end("fit/pretrain/m2", reason="diverged")
    assert purposes(history, "fit") == ["fit/pretrain/m2/again1"]
    history.do("fit/pretrain/m2/again1", context, reason="diverged")
    history.do("fit/pretrain/m2/again2", context, reason="diverged")
    assert purposes(history, "fit") == ["fit/g0/m0", "fit/g0/m1", "fit/g0/m2"]


# -- fits --------------------------------------------------------------------------------------------------------


def test_the_committee_of_a_rung_is_fitted_its_leader_being_the_first_fit_of_the_rung_then_the_other_fits():
    history = History().atoms().labelled(6).opened(rung=6)
    assert [(task.purpose, task.slot_kind, task.context) for task in wanted(history, "fit")] == [
        ("fit/r6/f0", "fit", {"rung": 6, "fit": 0, "generation": 0, "member": 0}),
        ("fit/g0/m1", "fit", {"rung": None, "generation": 0, "member": 1}),
        ("fit/g0/m2", "fit", {"rung": None, "generation": 0, "member": 2}),
        ("fit/r6/f1", "fit", {"rung": 6, "fit": 1, "generation": None, "subset": False}),
    ]


def test_only_members_that_are_lacking_are_fitted():
    history = History().atoms().labelled(6).opened()
    history.member(0, 1).begin("fit/g0/m2", {"rung": None, "generation": 0, "member": 2})
    assert purposes(history, "fit") == ["fit/g0/m0"]


def test_a_fit_that_failed_is_tried_again_twice_with_the_same_context():
    history = History().atoms().labelled(6).opened()
    first = {task.purpose: task.context for task in wanted(history, "fit")}["fit/g0/m1"]
    tried = []
    while names := [name for name in purposes(history, "fit") if name.startswith("fit/g0/m1")]:
        tried += names
        assert contexts(history, names[0])[0] == first
        history.do(names[0], first, reason="diverged")
    assert tried == ["fit/g0/m1", "fit/g0/m1/again1", "fit/g0/m1/again2"]


def test_every_fit_builds_the_request_of_its_own_member_rung_and_attempt():
    history = History().atoms().labelled(6).opened(rung=6)
    state, charter = history.state, history.charter
    history.do("fit/g0/m2", {"rung": None, "generation": 0, "member": 2}, reason="diverged")
    (generation,), rung = state.generations, state.rungs[6]
    assert {task.purpose: task.build() for task in wanted(history, "fit")} == {
        "fit/r6/f0": fit_requests.rung_fit(charter, state, rung, 0),
        "fit/g0/m1": fit_requests.member(charter, state, generation, 1),
        "fit/g0/m2/again1": fit_requests.member(charter, state, generation, 2, attempt=1),
        "fit/r6/f1": fit_requests.rung_fit(charter, state, rung, 1),
    }
