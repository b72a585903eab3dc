"""What requests of fits after a foundation or a teacher replay, and how they level energies."""

import pytest

from alloop.journal.events import CampaignCreated
from tests.support.fit_requests import OTHER, fit_of, refit
from tests.support.histories import FOUNDATION, History

# -- replay of pseudolabels --------------------------------------------------------------------------------------

PSEUDO = {"method": "multihead", "replay": "pseudolabels"}


def replaying(*, brought=(), **changes):
    history = History(foundation=True, **{"fit": PSEUDO, **changes})
    return history.say(*brought).atoms().labelled(6).opened(rung=6)


def test_pseudolabels_are_of_the_frames_of_another_reference_or_else_of_copies_of_the_labels():
    for brought, frames in (((OTHER,), ("o1", "o2")), ((), ())):
        history = replaying(brought=brought)
        for request in (refit(history, 0), refit(history, 1), fit_of(history, 6)):
            assert (request.init, request.finetuning.replay) == (f"foundation:{FOUNDATION}", frames)
            assert request.finetuning.pseudolabels.rattle_A > 0


def test_copies_are_strained_where_stress_is_fitted():
    for weight, strained in ((0.0, False), (1.0, True)):
        request = refit(replaying(fit={**PSEUDO, "stress_weight": weight}), 0)
        assert bool(request.finetuning.pseudolabels.strain) == strained


def test_a_schedule_counts_pseudolabels_too():
    steps = {"batch_size": 1, "epochs": 1000}
    assert refit(replaying(fit={**PSEUDO, **steps}), 0).max_steps == 12000
    assert refit(replaying(fit=steps), 0).max_steps == 6000


def test_of_the_teachers_frames_as_many_have_pseudolabels_as_there_are_labels_and_others_in_every_fit():
    history = History(foundation=True, teacher={"model": "chgnet", "rounds": 1, "frames": 8}, fit=PSEUDO)
    summary = {"frames": 30, "refused": 0, "largest_force_eV_per_A": 2.0, "walkers": []}
    history.do("teach/A/r0/p0", {"system": "A", "round": 0, "part": 0, "strained": False}, summary)
    history.atoms().labelled(6).opened(rung=6)
    key = history.state.tasks["teach/A/r0/p0"].key
    requests = [refit(history, 0), fit_of(history, 6, 0), fit_of(history, 6, 1)]
    chosen = [request.finetuning.replay for request in requests]
    assert [len(set(frames)) for frames in chosen] == [6] * 3
    assert {name.partition("#")[0] for frames in chosen for name in frames} == {f"teach/{key}"}
    assert len({frozenset(frames) for frames in chosen}) == 3
    assert refit(history, 0) == requests[0]


# -- levels of energy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["naive", "frozen", "lora", "multihead"])
def test_every_fit_from_a_foundation_levels_its_energies_by_element(method):
    history = History(foundation=True, rules=2, fit={"method": method}).say(OTHER).atoms().labelled(6).opened(rung=6)
    assert refit(history, 1).level_energy == fit_of(history, 6).level_energy == "elements"


def test_a_refit_that_goes_on_levels_again_since_isolated_atoms_are_set_anew():
    history = History(foundation=True, rules=2).atoms().labelled(6).fitted().labelled(6).opened()
    request = refit(history, 1)
    assert request.init == history.state.generations[1].models[1]
    assert request.level_energy == "elements"


def test_random_weights_are_not_levelled_whatever_the_rules():
    history = History(rules=2).atoms().labelled(6).fitted().labelled(6).opened()
    assert (refit(history, 1, generation=0).level_energy, refit(history, 1).level_energy) == (False, False)


def test_a_campaign_of_the_rules_before_asks_for_the_same_fits_as_ever():
    history = History(foundation=True).atoms().labelled(6).opened(rung=6)
    first = history.entries[0].event.model_dump(mode="json")
    del first["rules"], first["foundation_head"]
    assert CampaignCreated.model_validate(first) == history.entries[0].event
    assert [request.level_energy for request in (refit(history, 1), fit_of(history, 6))] == [False, False]
    assert "level_energy" not in refit(history, 1)._in_key()
