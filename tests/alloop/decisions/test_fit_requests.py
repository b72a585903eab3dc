"""What requests of fits are made of: members of a committee, fits of a rung, pre-training."""

from collections import Counter

import pytest

from alloop.decisions.fit_requests import pretrain
from tests.support.fit_requests import OTHER, fit_of, refit
from tests.support.histories import FOUNDATION, History

FROM_FOUNDATION = f"foundation:{FOUNDATION}"


def labels(history, count=None):
    return tuple(frame.label for frame in history.state.labelled_frames("train")[:count])


# -- members -----------------------------------------------------------------------------------------------------


def test_the_leader_is_fitted_on_every_label_once_and_watches_none():
    history = History().atoms().labelled(12).opened()
    request = refit(history, 0)
    assert (request.train, request.valid) == (labels(history), ())
    assert (request.max_steps, request.patience) == (2000, 8)


def test_the_others_are_fitted_on_bootstrap_samples_and_watch_what_is_out_of_them():
    history = History().atoms().labelled(24).opened()
    for number in (1, 2):
        request = refit(history, number)
        assert not set(request.train) & set(request.valid)
        assert set(request.train) | set(request.valid) == set(labels(history))
        weights = {
            frame.label: history.charter.bootstrap_weight(number, frame.id)
            for frame in history.state.labelled_frames("train")
        }
        assert Counter(request.train) == Counter({key: weight for key, weight in weights.items() if weight})
    assert refit(history, 1).train != refit(history, 2).train


def test_bootstrap_weights_stay_when_frames_are_added():
    history = History(fit={"warm_start": False}).atoms().labelled(12).fitted()
    before = refit(history, 1)
    after = refit(history.labelled(12).opened(), 1)
    old = set(before.train) | set(before.valid)
    assert Counter(key for key in after.train if key in old) == Counter(before.train)
    assert [key for key in after.valid if key in old] == list(before.valid)


def test_a_sample_that_holds_no_frame_gives_way_to_all_of_them():
    history = History(initial={"frames": 1}).atoms().labelled(1)
    name = history.state.train_order[0]
    number = next(number for number in range(1, 50) if not history.charter.bootstrap_weight(number, name))
    history.opened()
    request = refit(history, number)
    assert (request.train, request.valid) == (labels(history), ())


def test_a_generation_is_fitted_on_its_own_labels_whatever_came_later():
    history = History().atoms().labelled(6).opened(rung=6).labelled(6)
    assert refit(history, 0).train == labels(history, 6)


def test_only_labels_that_are_there_are_fitted():
    history = History().atoms().labelled(3).failing(2).labelled(3).pending(1).opened()
    assert refit(history, 0).train == labels(history)
    assert len(labels(history)) == 6


# -- where a fit starts ------------------------------------------------------------------------------------------


def test_the_first_members_start_from_nothing():
    request = refit(History().atoms().labelled(6).opened(), 1)
    assert (request.init, request.learning_rate, request.finetuning, request.level_energy) == (None, 0.01, None, False)


def test_a_refit_starts_from_the_members_own_model_before_at_a_lower_rate():
    history = History().atoms().labelled(6).fitted().labelled(6).opened()
    for number in range(3):
        request = refit(history, number)
        assert request.init == history.state.generations[0].models[number]
        assert request.learning_rate == pytest.approx(0.25 * 0.01)


def test_a_refit_starts_from_the_newest_generation_that_has_the_member():
    history = History().atoms().labelled(6).fitted().labelled(6).opened().member(1, 1).labelled(6).opened()
    assert refit(history, 1).init == history.state.generations[1].models[1]
    assert refit(history, 2).init == history.state.generations[0].models[2]


def test_a_generation_starts_from_earlier_ones_only_and_asks_the_same_when_it_is_asked_again():
    history = History().atoms().labelled(6).opened()
    asked = refit(history, 1)
    for number in range(3):
        history.member(0, number)
    assert refit(history.labelled(6).fitted(), 1, generation=0) == asked


def test_without_a_warm_start_every_refit_begins_anew():
    history = History(fit={"warm_start": False}).atoms().labelled(6).fitted().labelled(6).opened()
    request = refit(history, 0)
    assert (request.init, request.learning_rate) == (None, 0.01)


@pytest.mark.parametrize(("foundation", "tuned", "steps"), [(True, 30, 30), (True, None, 90), (False, 30, 90)])
def test_a_rungs_fit_after_a_foundation_may_have_fewer_steps(foundation, tuned, steps):
    fit = {"rung_steps": 90, "tuned_rung_steps": tuned, "epochs": 1}
    history = History(rules=4, foundation=foundation, fit=fit).atoms().labelled(6).opened(rung=6)
    assert fit_of(history, 6).max_steps == steps


FAR = {"rung_steps": 90, "tuned_rung_steps": 30, "max_steps": 20, "epochs": 1, "learning_rate": 0.02}


def test_fits_that_start_from_a_foundation_say_how_they_learn_where_it_is_far_from_the_labels():
    history = History(rules=6, foundation=True, fit=FAR).atoms().labelled(6).fitted(rung=6)
    rung, first = fit_of(history, 6), refit(history, 1)
    assert (rung.far.beyond, rung.far.max_steps, rung.far.learning_rate) == (0.15, 90, 0.02)
    assert (first.far.max_steps, first.far.learning_rate) == (45, 0.02)
    assert refit(history.labelled(6).opened(), 1).far is None


def test_a_fit_whose_start_is_far_has_its_epochs_at_least_too():
    fit = {**FAR, "batch_size": 1, "epochs": 100}
    history = History(rules=6, foundation=True, fit=fit).atoms().labelled(6).opened(rung=6)
    for request in (fit_of(history, 6), refit(history, 1)):
        assert request.far.max_steps == request.max_steps == 100 * len(request.train)


@pytest.mark.parametrize(
    ("rules", "foundation", "fit"),
    [(5, True, {}), (6, False, {}), (6, True, {"far_start": None}), (6, True, {"method": "lora"})],
    ids=["an older campaign", "random weights", "never", "a method that keeps what the foundation knows"],
)
def test_no_other_fit_looks_how_far_its_start_is(rules, foundation, fit):
    history = History(rules=rules, foundation=foundation, fit={**FAR, **fit}).atoms().labelled(6).opened(rung=6)
    assert (fit_of(history, 6).far, refit(history, 1).far) == (None, None)


def test_a_refit_of_a_committee_from_random_weights_begins_with_new_ones():
    history = History(rules=4).atoms().labelled(6).fitted().labelled(6).opened()
    request = refit(history, 1)
    assert (request.init, request.learning_rate, request.max_steps) == (None, 0.01, history.config.fit.max_steps)


@pytest.mark.parametrize(
    ("rules", "foundation", "longest", "steps"),
    [(5, False, 300, 750), (5, False, 900, 900), (5, True, 300, 300), (4, False, 300, 300)],
)
def test_a_refit_from_random_weights_has_half_of_a_rungs_steps(rules, foundation, longest, steps):
    fit = {"max_steps": longest, "rung_steps": 1500, "epochs": 1}
    history = History(rules=rules, foundation=foundation, fit=fit).atoms().labelled(6).fitted().labelled(6).opened()
    assert refit(history, 1).max_steps == steps


def test_a_refit_after_a_foundation_goes_on_from_the_last_generation():
    history = History(rules=4, foundation=True).atoms().labelled(6).fitted().labelled(6).opened()
    assert str(refit(history, 1).init).startswith("fit:")


def test_a_foundation_is_where_first_fits_start_and_no_predecessor():
    history = History(foundation=True).atoms().labelled(6).opened()
    request = refit(history, 0)
    assert (request.init, request.learning_rate) == (FROM_FOUNDATION, 0.01)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("lora", {"method": "lora", "rank": 4, "frozen": None, "replay": (), "pseudolabels": None}),
        (
            "multihead",
            {"method": "multihead", "rank": None, "frozen": None, "replay": ("o1", "o2"), "pseudolabels": None},
        ),
    ],
)
def test_what_does_not_add_up_from_refit_to_refit_begins_at_the_foundation_each_time(method, options):
    history = History(foundation=True, fit={"method": method}).say(OTHER).atoms().labelled(6).fitted().opened()
    request = refit(history, 1)
    assert request.init == FROM_FOUNDATION
    assert request.finetuning.model_dump() == options
    assert not request.level_energy


def test_a_frozen_part_stays_frozen_in_refits_that_go_on_from_the_one_before():
    history = History(foundation=True, fit={"method": "frozen", "frozen": "products"}).atoms().labelled(6).fitted()
    history.opened()
    request = refit(history, 1)
    assert request.init == history.state.generations[1].models[1]
    assert (request.finetuning.method, request.finetuning.frozen) == ("frozen", "products")


def test_a_head_of_a_foundation_is_where_fits_start_and_what_explores_alone():
    history = History(foundation=True, head="omat_pbe").atoms().labelled(6).opened()
    assert refit(history, 0).init == history.state.generations[0].models[0] == f"{FROM_FOUNDATION}#omat_pbe"


def test_every_member_starts_from_its_own_of_a_foundation_that_is_a_committee_and_rungs_from_its_leader():
    history = History(foundation=True, foundation_members=2, rules=2).say(OTHER).atoms().labelled(6).opened(rung=6)
    own = [f"{FROM_FOUNDATION}@{member}" for member in (0, 1, 0)]
    assert [refit(history, number).init for number in range(3)] == own
    assert [pretrain(history.charter, history.state, number).init for number in range(3)] == own
    assert [fit_of(history, 6, number).init for number in range(2)] == [own[0]] * 2
    assert refit(history, 1).level_energy == "elements"


@pytest.mark.parametrize(
    ("rules", "fit", "rate"),
    [(2, {}, 1.0), (3, {}, 0.25), (3, {"tuned_rate": 0.5}, 0.5), (2, {"tuned_rate": 0.5}, 0.5)],
)
def test_fits_after_a_foundation_have_the_lower_rate_by_the_newer_rules_or_the_one_that_is_wanted(rules, fit, rate):
    potential = {"foundation": "medium-mpa-0"}
    history = History(foundation=True, potential=potential, rules=rules, fit=fit).atoms().labelled(6).opened(rung=6)
    for request in (refit(history, 0), refit(history, 1), fit_of(history, 6)):
        assert request.learning_rate == pytest.approx(rate * 0.01)


# -- pre-training ------------------------------------------------------------------------------------------------


def pretrained(**settings):
    history = History(**settings).say(OTHER).atoms()
    for number in range(3):
        history.do(f"fit/pretrain/m{number}", {"rung": None, "generation": None, "member": number})
    return history


def model(history, purpose):
    return f"fit:{history.state.tasks[purpose].key}"


def test_pre_training_fits_forces_only_on_the_labels_of_another_reference():
    history = History(fit={"stress_weight": 2.0}).say(OTHER).atoms()
    request = pretrain(history.charter, history.state, 1)
    assert (request.train, request.valid, request.init) == (("o1", "o2"), (), None)
    assert (request.energy_weight, request.forces_weight, request.stress_weight) == (0.0, 10.0, 0.0)
    assert pretrain(history.charter, history.state, 2).seed != request.seed


def test_pre_training_starts_from_the_foundation_if_there_is_one():
    history = History(foundation=True).say(OTHER).atoms()
    assert pretrain(history.charter, history.state, 0).init == FROM_FOUNDATION


def test_first_fits_start_from_the_members_pre_trained_model_whose_energies_are_levelled():
    history = pretrained().labelled(6).opened()
    for number in range(3):
        request = refit(history, number)
        assert request.init == model(history, f"fit/pretrain/m{number}")
        assert request.level_energy
    history.member(0, 1).labelled(6).opened()
    assert not refit(history, 1).level_energy


def test_the_attempt_of_pre_training_that_came_out_well_is_used():
    history = History().say(OTHER).atoms()
    context = {"rung": None, "generation": None, "member": 0}
    history.do("fit/pretrain/m0", context, reason="diverged").do("fit/pretrain/m0/again1", context)
    assert refit(history.labelled(6).opened(), 0).init == model(history, "fit/pretrain/m0/again1")


MEMBERS = {"fits_begin_with": "members"}


def test_every_fit_of_a_rung_starts_from_the_leaders_pre_trained_model():
    history = pretrained().labelled(6).opened(rung=6)
    for number in (0, 1):
        request = fit_of(history, 6, number)
        assert request.init == model(history, "fit/pretrain/m0")
        assert request.level_energy


def test_a_fit_of_a_rung_starts_where_the_member_of_its_number_did():
    history = pretrained(ladder=MEMBERS).labelled(6).opened(rung=6)
    fits = [fit_of(history, 6, number) for number in range(4)]
    assert [fit.init for fit in fits] == [model(history, f"fit/pretrain/m{begin}") for begin in (0, 1, 2, 0)]
    assert len({fit.seed for fit in fits}) == 4
    assert {(fit.train, fit.valid, fit.level_energy) for fit in fits} == {(labels(history), (), True)}


def test_a_member_that_could_not_be_pre_trained_gives_no_fit_of_a_rung_its_random_weights():
    history, context = History(ladder=MEMBERS).say(OTHER).atoms(), {"rung": None, "generation": None, "member": 1}
    for name in ("fit/pretrain/m1", "fit/pretrain/m1/again1", "fit/pretrain/m1/again2"):
        history.do(name, context, reason="diverged")
    for number in (0, 2):
        history.do(f"fit/pretrain/m{number}", {**context, "member": number})
    history.labelled(6).opened(rung=6)
    begins = [model(history, f"fit/pretrain/m{number}") for number in (0, 2, 0)]
    assert [fit_of(history, 6, number).init for number in range(3)] == begins


def test_a_fit_of_a_rung_starts_from_the_member_of_its_number_of_a_foundation():
    history = History(foundation=True, foundation_members=2, ladder=MEMBERS).atoms().labelled(6).opened(rung=6)
    begins = [f"{FROM_FOUNDATION}@{member}" for member in (0, 1, 0)]
    assert [fit_of(history, 6, number).init for number in range(3)] == begins


def test_fits_of_a_rung_from_random_weights_are_the_same_whatever_they_begin_with():
    one, other = (History(ladder=ladder).atoms().labelled(6).opened(rung=6) for ladder in ({}, MEMBERS))
    assert [fit_of(one, 6, number) for number in range(3)] == [fit_of(other, 6, number) for number in range(3)]


# -- rungs -------------------------------------------------------------------------------------------------------


def test_a_rung_is_fitted_on_all_its_labels_by_a_fixed_schedule_from_scratch():
    history = History().atoms().labelled(6).fitted(rung=6).labelled(6).opened(rung=12)
    request = fit_of(history, 12, 1)
    assert (request.train, request.valid) == (labels(history), ())
    assert (request.init, request.max_steps, request.patience, request.learning_rate) == (None, 4000, None, 0.01)


def test_fits_of_a_rung_differ_in_their_seed_alone_and_have_the_same_seeds_on_every_rung():
    history = History().atoms().labelled(12).opened(rung=6).opened(rung=12)
    one, two = fit_of(history, 6, 0), fit_of(history, 6, 1)
    assert one.model_copy(update={"seed": two.seed}) == two
    assert one.seed != two.seed
    assert fit_of(history, 12, 1).seed == two.seed


# -- what all fits share -----------------------------------------------------------------------------------------


def test_a_fit_that_is_tried_again_has_another_seed_and_else_the_same_request():
    history = History().atoms().labelled(6).opened(rung=6)
    for make in (lambda attempt: refit(history, 1, attempt=attempt), lambda attempt: fit_of(history, 6, 1, attempt)):
        tries = [make(attempt) for attempt in range(3)]
        assert len({request.seed for request in tries}) == 3
        assert len({request.model_copy(update={"seed": 0}).key() for request in tries}) == 1


def test_members_of_one_generation_and_of_the_next_have_seeds_of_their_own():
    history = History().atoms().labelled(6).fitted().opened()
    assert len({refit(history, number, generation).seed for number in range(3) for generation in (0, 1)}) == 6


@pytest.mark.parametrize(
    ("labels", "batch_size", "epochs", "steps", "checks"),
    [
        (6, 5, 40, 2000, 50),
        (24, 5, 1000, 5000, 50),
        (24, 1, 1, 2000, 50),
        (24, 24, 1, 2000, 50),
        (101, 1, 40, 4040, 101),
    ],
)
def test_a_schedule_has_its_epochs_at_least_and_is_checked_at_most_once_an_epoch(
    labels, batch_size, epochs, steps, checks
):
    history = History(fit={"batch_size": batch_size, "epochs": epochs}).atoms().labelled(labels).opened()
    request = refit(history, 0)
    assert (request.max_steps, request.check_every_steps) == (steps, checks)


def test_a_schedule_counts_the_frames_that_a_second_head_replays():
    settings = {"method": "multihead", "batch_size": 1, "epochs": 1000}
    request = refit(History(foundation=True, fit=settings).say(OTHER).atoms().labelled(6).opened(), 0)
    assert request.max_steps == 12000
    request = refit(History(fit={**settings, "method": "naive"}).say(OTHER).atoms().labelled(6).opened(), 0)
    assert request.max_steps == 6000


def test_every_fit_has_the_loss_of_the_config():
    for settings, width in (({}, None), ({"loss": "huber"}, 0.1), ({"loss": "huber", "huber_eV_per_A": 0.3}, 0.3)):
        history = pretrained(fit=settings).labelled(6).opened(rung=6)
        requests = (refit(history, 1), fit_of(history, 6), pretrain(history.charter, history.state, 1))
        assert {request.huber_eV_per_A for request in requests} == {width}


def test_a_fit_knows_the_energies_of_all_isolated_atoms_by_name_and_the_settings_of_the_config():
    history = History(fit={"ema_decay": 0.5, "forces_weight": 3.0}, potential={"dtype": "float64"})
    history.atoms().labelled(6).opened()
    request = refit(history, 0)
    assert list(request.e0s_eV.items()) == [("Cl", -1.0), ("Na", -1.0)]
    assert (request.ema_decay, request.forces_weight, request.dtype) == (0.5, 3.0, "float64")
    assert request.architecture == history.config.potential.architecture.model_dump(mode="json")
