"""Rungs judged on their evidence: rungs of 6, 12 and 24, two fits, four held-out frames."""

import math

import pytest

from alloop.decisions.refits import attempts
from alloop.decisions.rung_judgement import judge_subsets
from alloop.failures import PolicyError
from alloop.journal.events import ProductionExtended, RungJudged, SubsetRecord, SubsetsDrawn, SubsetsJudged
from policies.stopping.ladder import MeasureMore, Verdict
from tests.support.histories import History
from tests.support.judging import MEASURE, OWN, Asked, fitted, judged, transport

ONE_BATCH = {**MEASURE, "walkers_per_task": 2}


def kinds(events):
    return [type(event).__name__ for event in events]


class Broken:
    """A policy with a mistake."""

    def judge(self, rungs, ladder, seed):
        raise KeyError("oops")


@pytest.fixture
def answer():
    def tell(what):
        Asked.answer = what

    yield tell
    Asked.answer = None


# -- which rungs are judged --------------------------------------------------------------------------------------


def test_a_rung_is_judged_when_all_its_fits_are_evaluated_on_the_complete_held_out_set():
    history = fitted(6)
    assert judged(history) == []
    (event,) = judged(history.evaluated(6, 4))
    assert (event.size, event.heldout, event.production_ps, event.final) == (6, 4, 0.0, True)
    assert [row["size"] for row in event.table] == [6]
    assert event.judgements == ()


def test_no_rung_is_judged_before_the_held_out_set_is_complete():
    history = History().atoms().labelled(6).fitted(rung=6).heldout(3).evaluated(6, 3)
    assert judged(history) == []


def test_the_largest_rung_is_judged_when_its_committee_is_complete_or_a_member_is_given_up():
    for gives_up in (False, True):
        history = History(ladder={"rungs": [6], "fits": 2}).atoms().labelled(6).opened(rung=6)
        history.member(0, 0).rung_fits(6).member(0, 1).heldout(4).evaluated(6, 4)
        assert judged(history) == []
        if gives_up:
            for name in attempts("fit/g0/m2"):
                history.do(name, {"rung": None, "generation": 0, "member": 2}, reason="error")
        else:
            history.member(0, 2)
        assert kinds(judged(history)) == ["RungJudged", "VerdictReached"]


def test_a_judged_rung_is_not_judged_again_on_the_same_frames():
    history = fitted(6).evaluated(6, 4)
    history.say(*judged(history))
    assert judged(history) == []


def test_a_rung_above_one_that_is_not_evaluated_waits():
    history = fitted(6, 12).evaluated(12, 4)
    assert judged(history) == []
    assert [event.size for event in judged(history.evaluated(6, 4)) if isinstance(event, RungJudged)] == [6, 12]


def test_a_rung_that_is_not_fully_fitted_keeps_none_below_it_waiting():
    history = fitted(6).evaluated(6, 4).labelled(6).opened(rung=12)
    assert [event.size for event in judged(history)] == [6]


def test_earlier_rungs_are_judged_again_when_a_larger_one_needs_more_held_out_frames(answer):
    history = fitted(6, 12, ladder=OWN).evaluated(6, 4).evaluated(12, 4)
    history.say(*judged(history)).labelled(12).fitted(rung=24).heldout(2)
    assert judged(history) == []
    history.evaluated(6, 6).evaluated(12, 6).evaluated(24, 6)
    assert [(event.size, event.heldout) for event in judged(history)] == [(6, 6), (12, 6), (24, 6)]


def test_a_foundation_is_a_row_of_the_table_and_never_judged():
    history = History(foundation=True).atoms().labelled(6).heldout(4).evaluated("r0", 4)
    assert judged(history) == []
    (event,) = judged(history.fitted(rung=6).evaluated(6, 4))
    assert event.size == 6
    assert [row["size"] for row in event.table] == [0, 6]


# -- the evidence ------------------------------------------------------------------------------------------------


def test_the_policy_sees_every_rung_with_the_errors_of_all_its_fits_and_the_walker_of_each_frame(answer):
    history = fitted(6, 12, ladder=OWN).evaluated(6, 4, error=0.2).evaluated(12, 4, error=0.1)
    judged(history)
    assert (Asked.ladder, Asked.seed) == ((6, 12, 24), history.charter.seed("judge"))
    first, second = Asked.rungs
    assert first.energy_error.tolist() == [[0.2] * 4] * 2
    assert second.forces_squared_error.tolist() == [[pytest.approx(0.01)] * 4] * 2
    assert first.cluster == tuple(history.state.frames[name].walker for name in history.state.heldout_order)
    assert (first.transport, first.can_extend) == ((), False)


def test_a_foundations_energies_are_counted_from_their_mean(answer):
    history = History(foundation=True, ladder=OWN).atoms().labelled(6).fitted(rung=6).heldout(4)
    judged(history.evaluated("r0", 4, error=0.5).evaluated(6, 4, error=0.5))
    foundation, rung = Asked.rungs
    assert foundation.energy_error.tolist() == [[0.0] * 4]
    assert foundation.forces_squared_error.tolist() == [[0.25] * 4]
    assert rung.energy_error.tolist() == [[0.5] * 4] * 2


def test_the_last_two_rungs_are_compared_whatever_the_policy_looks_at(answer):
    history = fitted(6, 12, ladder=OWN).evaluated(6, 4, error=0.2).evaluated(12, 4, error=0.1)
    first, second = judged(history)
    assert first.judgements == ()
    assert [(row["metric"], row["value_previous"], row["value_last"]) for row in second.judgements] == [
        ("energy RMSE", pytest.approx(200), pytest.approx(100)),
        ("force RMSE", pytest.approx(200), pytest.approx(100)),
    ]
    assert all("→" in row["text"] for row in second.judgements)


# -- what the policy answers -------------------------------------------------------------------------------------


def test_without_an_answer_the_rungs_are_journaled_and_the_campaign_goes_on(answer):
    history = fitted(6, ladder=OWN).evaluated(6, 4)
    assert kinds(judged(history)) == ["RungJudged"]


def test_a_verdict_follows_the_rungs_it_was_given_on(answer):
    history = fitted(6, 12, ladder=OWN).evaluated(6, 4).evaluated(12, 4)
    answer(Verdict("ladder_exhausted", "enough"))
    *rungs, verdict = judged(history)
    assert kinds(rungs) == ["RungJudged", "RungJudged"]
    assert (verdict.verdict, verdict.reason) == ("ladder_exhausted", "enough")


def test_a_mistake_in_the_policy_is_blamed_on_the_policy():
    history = fitted(6, ladder={"policy": f"{__name__}:Broken"}).evaluated(6, 4)
    with pytest.raises(PolicyError, match=r"ladder\.policy"):
        judged(history)


# -- transport ---------------------------------------------------------------------------------------------------


def measured(history, sizes, ps=4.0, result=None):
    for size in sizes:
        for fit in (0, 1):
            history.produced(f"r{size}", fit).measured(f"r{size}", fit, ps, result or transport())
    return history


def with_transport(result=None, ladder=OWN):
    history = fitted(6, 12, ladder=ladder, measure=ONE_BATCH).evaluated(6, 4).evaluated(12, 4)
    return measured(history, (6, 12), result=result)


def test_a_rung_is_judged_only_when_its_transport_is_measured(answer):
    history = fitted(6, ladder=OWN, measure=ONE_BATCH).evaluated(6, 4)
    assert judged(history) == []
    (event,) = judged(measured(history, (6,)))
    assert event.production_ps == 4.0


def test_the_policy_sees_energy_and_conductivity_of_every_fit_with_their_errors(answer):
    judged(with_transport())
    (system,) = Asked.rungs[0].transport
    assert system.system == "A"
    assert system.activation_energy_eV.tolist() == [0.3, 0.3]
    assert system.se_activation_energy_eV.tolist() == [0.01, 0.01]
    assert system.ln_sigma.tolist() == [-2.0, -2.0]
    assert (system.unmeasured, system.unphysical) == (None, None)
    assert Asked.rungs[0].can_extend


def test_the_conductivity_is_that_at_the_temperature_of_the_ladder(answer):
    judged(with_transport(transport(at_K=300.0)))
    (system,) = Asked.rungs[0].transport
    assert all(map(math.isnan, system.ln_sigma))
    assert system.activation_energy_eV.tolist() == [0.3, 0.3]


def test_an_error_bar_that_is_unknown_is_no_number(answer):
    judged(with_transport(transport(se=None)))
    (system,) = Asked.rungs[0].transport
    assert all(map(math.isnan, system.se_activation_energy_eV))


def test_why_a_fit_is_unmeasured_or_unphysical_is_said_with_its_number(answer):
    history = fitted(6, ladder=OWN, measure=ONE_BATCH).evaluated(6, 4)
    history.produced("r6", 0).measured("r6", 0, 4.0, transport(unphysical="it melted"))
    history.produced("r6", 1).measured("r6", 1, 4.0, transport(unmeasured="ions hardly moved"))
    judged(history)
    (system,) = Asked.rungs[0].transport
    assert (system.unphysical, system.unmeasured) == ("fit 0: it melted", "fit 1: ions hardly moved")


@pytest.mark.parametrize(("energies", "why"), [((0.16, 0.28), None), ((0.04, 0.50), "not above zero by two")])
def test_a_slope_lost_in_its_error_counts_in_the_mean_over_the_fits(answer, energies, why):
    history = fitted(6, ladder=OWN, measure=ONE_BATCH).evaluated(6, 4)
    for fit, energy in enumerate(energies):
        lost = transport(energy, se=0.11, unmeasured="lost")
        lost["arrhenius"] |= {"weak": "lost", "held_back": lost["arrhenius"]["targets"], "targets": []}
        history.produced("r6", fit).measured("r6", fit, 4.0, lost)
    judged(history)
    (system,) = Asked.rungs[0].transport
    assert system.activation_energy_eV.tolist() == list(energies)
    assert system.ln_sigma.tolist() == [-2.0, -2.0]
    assert (system.unmeasured is None) == (why is None)
    assert (why or "") in (system.unmeasured or "")


def test_a_measurement_that_failed_leaves_the_rung_unmeasured(answer):
    history = fitted(6, ladder=OWN, measure=ONE_BATCH).evaluated(6, 4)
    history.produced("r6", 0).measured("r6", 0, 4.0, transport()).produced("r6", 1).measured("r6", 1, 4.0)
    (event,) = judged(history)
    assert Asked.rungs[0].transport[0].unmeasured == "fit 1: a measurement failed"
    assert math.isnan(Asked.rungs[0].transport[0].activation_energy_eV[1])
    (row,) = event.table[0]["transport"]
    assert row["unmeasured"] == "fit 1: a measurement failed"


def test_a_row_of_the_table_says_where_its_conductivity_is_and_that_nothing_is_not_a_number(answer):
    (event, _) = judged(with_transport(transport(se=None)))
    (row,) = event.table[0]["transport"]
    assert (row["at_K"], row["narrow"]) == (573.15, "")
    assert row["activation_energy_eV"] == pytest.approx(0.3)
    assert None in row.values()
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


# -- longer runs -------------------------------------------------------------------------------------------------


def test_longer_runs_are_asked_for_and_the_last_rung_is_not_final_meanwhile(answer):
    history = with_transport()
    answer(MeasureMore((6, 12), "too short"))
    first, second, longer = judged(history)
    assert (first.final, second.final) == (True, False)
    assert longer == ProductionExtended(rungs=("r6", "r12"), production_ps=8.0, reason="too short")


def test_only_the_rungs_that_were_named_are_extended(answer):
    history = with_transport()
    answer(MeasureMore((12,), "too short"))
    assert judged(history)[-1].rungs == ("r12",)


def test_rungs_of_different_lengths_are_extended_apart(answer):
    history = fitted(6, 12, ladder=OWN, measure={**ONE_BATCH, "max_ps": 32}).evaluated(6, 4).evaluated(12, 4)
    history.say(ProductionExtended(rungs=("r6",), production_ps=8.0, reason="before"))
    measured(measured(history, (6,), ps=8.0), (12,))
    answer(MeasureMore((6, 12), "too short"))
    longer = [event for event in judged(history) if isinstance(event, ProductionExtended)]
    assert [(event.rungs, event.production_ps) for event in longer] == [(("r6",), 16.0), (("r12",), 8.0)]


def test_runs_that_are_as_long_as_they_may_be_are_not_extended_and_their_rung_is_final(answer):
    history = fitted(6, 12, ladder=OWN, measure={**ONE_BATCH, "max_ps": 4}).evaluated(6, 4).evaluated(12, 4)
    measured(history, (6, 12))
    answer(MeasureMore((6, 12), "too short"))
    events = judged(history)
    assert kinds(events) == ["RungJudged", "RungJudged"]
    assert all(event.final for event in events)


def test_an_extended_rung_is_judged_again_from_the_longer_runs(answer):
    history = with_transport()
    answer(MeasureMore((6, 12), "too short"))
    history.say(*judged(history))
    assert judged(history) == []
    measured(history, (6, 12), ps=8.0)
    answer(None)
    assert [(event.size, event.production_ps, event.final) for event in judged(history)] == [
        (6, 8.0, True),
        (12, 8.0, True),
    ]


# -- random subsets ----------------------------------------------------------------------------------------------


def subsets(history, sizes=(3, 6)):
    order = history.state.train_order
    rungs = tuple(SubsetRecord(size=size, frames=tuple(order[:size])) for size in sizes)
    return history.say(SubsetsDrawn(number=0, rungs=rungs, heldout=tuple(history.state.heldout_order), seed=1))


def ladder_judged(history, *, idle=False):
    return judge_subsets(history.state, history.charter, idle=idle)


def test_random_subsets_are_judged_when_all_of_them_are_evaluated(answer):
    history = subsets(fitted(6, ladder=OWN))
    for size in (3, 6):
        assert ladder_judged(history) == []
        history.rung_fits(size, subset=True).evaluated(f"s{size}", -1, frames=4)
    answer(Verdict("converged", "they agree"))
    (event,) = ladder_judged(history)
    assert (event.number, event.converged, event.reason) == (0, True, "they agree")
    assert [row["size"] for row in event.table] == [3, 6]
    assert Asked.ladder == (3, 6)
    assert {row["metric"] for row in event.judgements} == {"energy RMSE", "force RMSE"}


def test_an_exhausted_ladder_of_random_subsets_is_not_converged(answer):
    history = subsets(fitted(6, ladder=OWN))
    for size in (3, 6):
        history.rung_fits(size, subset=True).evaluated(f"s{size}", -1, frames=4)
    answer(Verdict("ladder_exhausted", "they differ"))
    (event,) = ladder_judged(history)
    assert (event.converged, event.reason) == (False, "they differ")


def test_when_nothing_more_can_be_done_the_subsets_that_are_known_are_judged(answer):
    history = subsets(fitted(6, ladder=OWN)).rung_fits(3, subset=True).evaluated("s3", -1, frames=4)
    assert ladder_judged(history) == []
    (event,) = ladder_judged(history, idle=True)
    assert [row["size"] for row in event.table] == [3]
    assert (event.converged, event.reason) == (False, "not all rungs could be fitted and measured")


def test_when_no_subset_could_be_evaluated_the_last_problem_is_the_reason():
    history = subsets(fitted(6))
    context = {"rung": 3, "fit": 0, "generation": None, "subset": True}
    history.do("fit/s3/f0", context, reason="diverged")
    (event,) = ladder_judged(history, idle=True)
    assert isinstance(event, SubsetsJudged)
    assert (event.table, event.converged) == ((), False)
    assert event.reason == "no rung could be fitted and measured (fit/s3/f0: diverged)"


def test_random_subsets_are_measured_longer_before_they_are_judged(answer):
    history = subsets(fitted(6, ladder=OWN, measure=ONE_BATCH))
    for size in (3, 6):
        history.rung_fits(size, subset=True).evaluated(f"s{size}", -1, frames=4)
        for fit in (0, 1):
            history.produced(f"s{size}", fit).measured(f"s{size}", fit, 4.0, transport())
    answer(MeasureMore((6,), "too short"))
    assert ladder_judged(history) == [ProductionExtended(rungs=("s6",), production_ps=8.0, reason="too short")]
