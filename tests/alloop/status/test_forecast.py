from dataclasses import replace

import pytest

from alloop.status.forecast import Forecast, Gap, WalkerRow, cost_of, read_rehearsal
from alloop.status.forecast_text import forecast_lines
from tests.support.histories import ROCK_SALT
from tests.support.judging import MEASURE, OWN, fitted, transport
from tests.support.loops import finished
from tests.support.small import config

SPLIT = {
    "executors": {"dft": {"kind": "local", "workers": 3}, "local": {"kind": "local"}},
    "label": "dft",
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign that climbed its whole ladder on simulated workers."""
    return finished(tmp_path_factory.mktemp("loop"))[0]


@pytest.fixture(scope="module")
def rehearsal(campaign):
    return read_rehearsal(campaign.state)


def test_labels_errors_and_walkers_are_those_of_the_journal(campaign, rehearsal):
    state = campaign.state
    assert rehearsal.labels == {"A": state.labels_spent()}
    assert (rehearsal.training, rehearsal.heldout) == (state.labelled("train"), state.labelled("heldout"))
    assert rehearsal.converged_at == (state.judged[-1].size if rehearsal.verdict == "converged" else None)
    assert [row.size for row in rehearsal.rungs] == sorted({event.size for event in state.judged})
    segments = sum(walker.segments for walker in state.walkers.values() if not walker.id.endswith(".initial"))
    assert sum(row.segments for row in rehearsal.walkers) == segments
    assert {row.temperature_K for row in rehearsal.walkers} == {600, 1000}


def test_a_walker_that_broke_is_counted_where_it_broke(campaign):
    task = next(task for task in campaign.state.tasks.values() if task.task == "explore" and task.status == "ok")
    task.finished.summary["walkers"][0]["ended"] = "contact"
    found = read_rehearsal(campaign.state).walkers
    task.finished.summary["walkers"][0]["ended"] = "length"
    assert [row.broken for row in found if row.broken] == [1]


def test_orderings_of_a_composition_have_the_temperatures_that_all_of_them_could_use():
    systems, compositions = dict.fromkeys("AB", ROCK_SALT), {"A": "AB", "B": "AB"}
    history = fitted(6, systems=systems, compositions=compositions, measure=MEASURE, ladder=OWN)
    for system, used in {"A": [600, 800, 1000], "B": [600, 800]}.items():
        found = transport()
        history.measured("r6", 0, 4.0, found | {"arrhenius": found["arrhenius"] | {"used_K": used}}, system)
    (used,) = read_rehearsal(history.state).temperatures
    assert (used.system, used.used_K) == ("AB", (600, 800))


def test_the_cost_is_that_of_the_labels_bought_and_the_time_between_full_overlap_and_none(rehearsal):
    rehearsal = replace(rehearsal, busy_s={"fit": 7200.0})
    cost = cost_of(rehearsal, config(execution=SPLIT), {"A": 3600.0})
    assert cost.dft_core_hours == pytest.approx(rehearsal.bought)
    assert cost.shortest_h == pytest.approx(rehearsal.bought / 3)
    assert cost.longest_h == pytest.approx(rehearsal.bought / 3 + rehearsal.wall_s / 3600)
    shared = cost_of(rehearsal, config(), {"A": 3600.0})
    assert shared.shortest_h == pytest.approx((rehearsal.bought + 2) / 2)


def told(*rehearsals, **more):
    return "\n".join(forecast_lines(Forecast("loop", "taught by X", rehearsals, **more)))


def test_the_forecast_is_told_with_its_assumptions(rehearsal):
    cost = cost_of(rehearsal, config(), {"A": 60.0})
    text = told(rehearsal, label_s={"A": 60.0}, costs=(cost,))
    assert "taught by X" in text
    assert f"{rehearsal.bought} bought" in text
    assert "rung 24" in text
    assert "DFT core-hours" in text
    assert "isolated atoms are not counted" in text
    assert max(map(len, text.splitlines())) <= 120


def test_force_errors_are_scaled_by_the_gaps_of_the_teachers(rehearsal):
    row = replace(rehearsal.rungs[-1], rmse_forces_meV_per_A=30.0)
    one, other = (
        replace(rehearsal, rungs=(replace(row, rmse_forces_meV_per_A=value),), seed=int(value))
        for value in (30.0, 42.0)
    )
    text = told(one, label_s=None, gap=Gap(30.0, 120.0, 2))
    told_forces = "campaign    force RMSE (meV/Å) about 15 (8 to 30) at rung 24: on 2 frames its teacher is 30 meV/Å"
    assert told_forces in text
    assert "about 18 (9 to 36) at rung 24" in told(one, other, label_s=None, gap=Gap(30.0, 120.0, 1))
    assert "about 60 (30 to 120) at rung 24" in told(one, label_s=None, gap=Gap(120.0, 30.0, 1))
    assert "  campaign  " not in told(one, label_s=None)


def test_force_errors_are_not_foreseen_where_walkers_broke_often(rehearsal):
    broken = replace(rehearsal, walkers=(WalkerRow(1, 900.0, 10, 2), WalkerRow(1, 600.0, 8, 0)))
    text = told(broken, label_s=None, gap=Gap(641.0, 820.0, 1))
    assert "campaign    force RMSE not foreseen, as 2 of 18 segments broke" in text
    rarely = replace(rehearsal, walkers=(WalkerRow(1, 900.0, 20, 2),))
    assert "campaign    force RMSE (meV/Å) about" in told(rarely, label_s=None, gap=Gap(30.0, 120.0, 1))


def test_an_unknown_cost_is_told_with_the_reason(rehearsal):
    assert "cost        of DFT not known: no GPAW here" in told(rehearsal, label_s=None, unknown="no GPAW here")


def test_several_seeds_are_told_as_ranges(rehearsal):
    row = replace(rehearsal.rungs[-1], rmse_forces_meV_per_A=31.0)
    low = replace(rehearsal, rungs=(row,), converged_at=24, labels={"A": 10}, seed=4)
    high = replace(low, rungs=(replace(row, rmse_forces_meV_per_A=44.0),), labels={"A": 12})
    text = told(low, high, label_s=None)
    assert "31 to 44 meV/Å in 2 rehearsals" in text
    assert "converged at rung 24, with 10 to 12 bought" in text
    assert "converged in 1 of 2 rehearsals" in told(low, replace(high, converged_at=None), label_s=None)


def test_production_is_as_long_as_the_error_bars_needed_and_the_temperatures_that_counted_are_told(tmp_path):
    measure = {"mobile": "Na", "temperatures_K": [600, 800, 1000], "production_ps": 4, "max_ps": 16, "segment_ps": 2}
    ladder = {"rungs": [6, 12], "fits": 2, "tolerance_energy": 50.0, "tolerance_forces": 50.0}
    campaign, _ = finished(tmp_path, measure={**measure, "repeat": [1, 1, 1]}, ladder=ladder)
    rehearsal = read_rehearsal(campaign.state)
    longest = {event.size: event.production_ps for event in campaign.state.judged}
    assert rehearsal.production_ps[12] == longest[12] > 4
    assert [(used.system, used.used_K) for used in rehearsal.temperatures] == [("A", (600, 800, 1000))]
    text = told(rehearsal, label_s=None)
    assert f"rung 12: {longest[12]:g} ps" in text
    assert "A: 600, 800, 1000 K count in all fits" in text
    assert "Ea 0." in text
