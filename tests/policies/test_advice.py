from dataclasses import replace

import pytest

from policies.advice import Change, Rung, Situation, advise

EXHAUSTED = Situation(
    verdict="ladder_exhausted",
    rungs=(Rung(12, 40.0, 3.0), Rung(24, 32.0, 2.4), Rung(48, 25.0, 2.0)),
    ladder=(12, 24, 48),
    heldout={12: 6, 24: 6, 48: 12, 96: 24},
    labels=60,
    label_core_s=36.0,
    label_budget=64,
    fits=2,
    heldout_frames=12,
    heldout_walkers=4,
    kinds=2,
    walkers=4,
)
FALLING = Change("force RMSE", "different", 0.9, 0.2)
BLIND = Change("energy RMSE", "undecided", 0.1, 0.8)
OPEN = Change("force RMSE", "undecided", 0.9, 0.3)
SHORT = Change("ln σ", "undecided", 0.1, 2.0, limit="dynamics", system="Li3InCl6")


def keys(situation):
    return [tuple(advice.keys) for advice in advise(situation)]


def test_errors_that_still_fall_ask_for_a_rung_twice_as_large_with_what_it_gives_and_costs():
    (advice,) = advise(replace(EXHAUSTED, changes=(FALLING,)))
    assert advice.keys == {"ladder.rungs": "[12, 24, 48, 96]", "budget.labels": "120"}
    assert "force RMSE about 19.9 (16.7 to 23.8) meV/Å" in advice.gain
    assert advice.cost == "60 more labels, about 0.6 DFT core-hours"


def test_a_change_that_could_have_been_told_asks_for_more_labels_and_one_that_could_not_for_more_to_judge_by():
    assert keys(replace(EXHAUSTED, changes=(OPEN,))) == [("ladder.rungs", "budget.labels")]
    (advice,) = advise(replace(EXHAUSTED, changes=(BLIND,)))
    assert list(advice.keys) == ["ladder.fits", "heldout.minimum", "explore.replicas", "budget.labels"]
    assert "energy RMSE 10 %" in advice.limit


def test_held_out_frames_that_are_asked_for_make_the_error_bar_narrow_enough():
    (advice,) = advise(replace(EXHAUSTED, fits=3, changes=(BLIND,)))
    frames = int(advice.keys["heldout.minimum"])
    width = 0.8 * (12 / frames) ** 0.5
    assert 0.25 < width < 0.35
    assert "ladder.fits" not in advice.keys


def test_short_dynamics_ask_for_longer_ones():
    situation = replace(EXHAUSTED, changes=(SHORT,), production_ps=20.0, longest_ps=40.0)
    (advice,) = advise(situation)
    assert advice.keys == {"measure.max_ps": "80"}


def test_production_that_breaks_asks_for_the_temperatures_below_and_says_how_far_walkers_explore():
    runs = {"production_K": (800.0, 1000.0, 1200.0), "explored_K": 900.0}
    (advice,) = advise(replace(EXHAUSTED, broken_K=(1200.0,), **runs))
    assert advice.limit == "production MD is unphysical at 1200 K"
    assert advice.keys == {"measure.temperatures_K": "[800, 1000]"}
    assert advice.gain.startswith("walkers explore up to 900 K")
    (advice,) = advise(replace(EXHAUSTED, broken_K=(1000.0, 1200.0), **runs))
    assert advice.keys == {"measure.temperatures_K": "lower ones"}
    (advice,) = advise(replace(EXHAUSTED, broken_K=(1200.0,), production_K=(800.0, 1200.0), explored_K=1200.0))
    assert advice.gain == ""


def test_systems_without_an_activation_energy_ask_for_longer_or_hotter_runs():
    (advice,) = advise(replace(EXHAUSTED, unmeasured=("A", "B"), production_ps=8.0, longest_ps=8.0))
    assert advice.limit == "no activation energy of A, B in runs of 8 ps"
    assert advice.keys == {"measure.max_ps": "16"}
    assert "hotter" in advice.gain
    (advice,) = advise(replace(EXHAUSTED, unmeasured=("A",), changes=(SHORT,), production_ps=8.0, longest_ps=8.0))
    assert advice.limit.endswith("in runs of 8 ps; the dynamics are too short to tell (ln σ)")


def test_a_spent_budget_asks_for_the_labels_of_the_next_rung():
    situation = replace(EXHAUSTED, verdict="budget_spent", rungs=EXHAUSTED.rungs[:2], label_budget=40, labels=40)
    (advice,) = advise(situation)
    assert advice.keys == {"budget.labels": "60"}
    assert "rung of 48" in advice.limit


@pytest.mark.parametrize(
    ("budget", "keys"),
    [
        ({"wall_budget_h": 2.0}, {"budget.wall_h": "3.7"}),
        ({"core_hours_budget": 0.4}, {"budget.dft_core_hours": "0.72"}),
        ({"core_hours_budget": 0.4, "wall_budget_h": 2.0}, {"budget.dft_core_hours": "0.72", "budget.wall_h": "3.7"}),
    ],
)
def test_spent_hours_ask_for_those_that_the_labels_so_far_lead_to_expect(budget, keys):
    spent = replace(EXHAUSTED, verdict="budget_spent", rungs=EXHAUSTED.rungs[:2], labels=40, wall_h=2.05)
    (advice,) = advise(replace(spent, label_budget=None, **budget))
    assert advice.keys == keys


def test_a_rung_that_would_outlast_the_hours_of_the_budget_asks_for_them_too():
    (advice,) = advise(replace(EXHAUSTED, changes=(FALLING,), wall_h=1.0, wall_budget_h=1.5, core_hours_budget=5.0))
    assert advice.keys == {"ladder.rungs": "[12, 24, 48, 96]", "budget.labels": "120", "budget.wall_h": "2.4"}


def test_longer_dynamics_are_told_with_what_they_cost_at_most():
    situation = replace(EXHAUSTED, changes=(SHORT,), production_ps=20.0, longest_ps=40.0, production_core_h=2.0)
    (advice,) = advise(situation)
    assert advice.cost == "at most 6 more core-hours of production MD"


@pytest.mark.parametrize(
    ("limit", "key"),
    [("fits", "ladder.fits"), ("orderings", "systems.orderings.samples"), ("change", "ladder.rungs")],
)
def test_transport_that_longer_dynamics_would_not_settle_asks_for_what_would(limit, key):
    assert keys(replace(EXHAUSTED, changes=(replace(SHORT, limit=limit),)))[0][0] == key


@pytest.mark.parametrize("reason", ["scf", "forces", "contact"])
def test_a_setting_that_an_open_campaign_cannot_change_is_said_to_take_a_new_one(reason):
    (advice,) = advise(replace(EXHAUSTED, failures={reason: 9}))
    assert "in a new campaign" in str(advice)


@pytest.mark.parametrize(("reason", "key"), [("scf", "label.maxiter"), ("timeout", "execution.label_timeout_min")])
def test_labels_that_fail_often_name_the_setting_behind_it(reason, key):
    assert keys(replace(EXHAUSTED, failures={reason: 9, "forces": 1})) == [(key,)]
    assert keys(replace(EXHAUSTED, failures={reason: 2})) == []


def test_walkers_that_break_and_errors_that_nobody_can_trust_are_told():
    assert keys(replace(EXHAUSTED, broken=2)) == [("explore.temperatures_K",)]
    assert keys(replace(EXHAUSTED, doubted=("Li",))) == [("heldout.minimum", "budget.labels")]
    assert keys(replace(EXHAUSTED, doubted=("Li",), heldout_frames=20)) == []


def test_a_converged_campaign_has_no_advice():
    same = Change("force RMSE", "equivalent", 0.9, 0.2)
    assert advise(replace(EXHAUSTED, verdict="converged", changes=(same,))) == ()
