"""Events of the ladder: production runs, transport, judged rungs, random subsets."""

import pytest

from alloop.journal.events import (
    ConfigChanged,
    ProductionExtended,
    SubsetRecord,
    SubsetsDrawn,
    SubsetsJudged,
    VerdictReached,
)
from alloop.state.fold_ladder import measure_anew
from tests.support.histories import History
from tests.support.summaries import produced_walker

NOTHING = {"temperatures": []}


def one_rung(**settings):
    return History(measure={"mobile": "Na"}, **settings).atoms().labelled(6).fitted(rung=6)


def subsets(history, number=0, sizes=(2, 4)):
    order = history.state.train_order
    rungs = tuple(SubsetRecord(size=size, frames=tuple(order[:size])) for size in sizes)
    return history.say(SubsetsDrawn(number=number, rungs=rungs, heldout=(), seed=1))


def answered(history):
    return history.say(SubsetsJudged(number=0, table=(), judgements=(), converged=True, reason="x"))


def run(history, fit=0):
    return history.state.runs["r6", fit, "A", 0]


# -- production runs ---------------------------------------------------------------------------------------------


def test_segments_of_a_production_run_are_kept_in_order():
    history = one_rung().produced("r6").produced("r6").produced("r6", fit=1)
    keys = [history.state.tasks[f"produce/r6/f0/A/b0/{number}"].key for number in (0, 1)]
    assert (run(history).segments, run(history).over) == (keys, False)
    assert len(run(history, fit=1).segments) == 1
    assert history.state.segments_produced == 3


@pytest.mark.parametrize(
    ("ended", "over"), [("length", False), ("nan", True), ("temperature", True), ("contact", True)]
)
def test_a_run_is_over_when_its_walkers_were_stopped(ended, over):
    history = one_rung().produced("r6", ended=ended)
    assert run(history).over is over
    assert len(run(history).segments) == 1


def test_a_run_goes_on_while_one_of_its_walkers_does():
    history = one_rung().produced("r6")
    summary = {"walkers": [produced_walker("nan"), produced_walker("length")]}
    context = {"rung": "r6", "fit": 0, "system": "A", "batch": 0, "measuring": 0}
    assert not run(history.do("produce/r6/f0/A/b0/1", context, summary)).over


def test_a_run_whose_segment_failed_is_over_and_keeps_the_segments_before():
    history = one_rung().produced("r6").produced("r6", reason="lost")
    assert (len(run(history).segments), run(history).over) == (1, True)
    assert history.state.segments_produced == 1


# -- measurements ------------------------------------------------------------------------------------------------


def test_transport_is_kept_by_rung_fit_system_and_length_and_a_failed_measurement_is_known_to_have_failed():
    history = one_rung().measured("r6", 0, 4.0, NOTHING).measured("r6", 1, 4.0)
    assert history.state.transports["r6", 0, "A", 4.0].transport.temperatures == ()
    assert history.state.transports["r6", 1, "A", 4.0] is None
    assert len(history.state.transports) == 2


@pytest.mark.parametrize("happens", ["produced", "measured"])
def test_what_was_asked_for_under_other_settings_says_nothing(happens):
    history = one_rung()
    old = {"rung": "r6", "fit": 0, "system": "A", "batch": 0, "production_ps": 4.0, "measuring": 0}
    purpose = f"{'produce' if happens == 'produced' else 'measure'}/old"
    history.begin(purpose, old)
    measure_anew(history.state)
    history.end(purpose, {"walkers": [produced_walker("length")]} if happens == "produced" else {"transport": NOTHING})
    assert history.state.runs == {}
    assert history.state.transports == {}


def test_other_measure_settings_forget_runs_transport_and_judgements_and_keep_models_and_evaluations():
    history = one_rung().heldout(4).evaluated(6, 4).produced("r6").measured("r6", 0, 4.0, NOTHING).judged(6)
    history.say(ProductionExtended(rungs=("r6",), production_ps=8.0, reason="x"))
    models, evaluations = dict(history.state.rungs[6].models), dict(history.state.evaluations)
    config = {**history.state.config, "measure": {"mobile": "Cl"}}
    history.say(ConfigChanged(config=config, changes=("measure",)))
    state = history.state
    assert (state.runs, state.transports, state.judged, state.measurings) == ({}, {}, [], 1)
    assert state.rungs[6].production_ps is None
    assert (state.rungs[6].models, state.evaluations) == (models, evaluations)


@pytest.mark.parametrize("verdict", ["converged", "ladder_exhausted"])
def test_a_verdict_that_rests_on_the_former_measurement_is_lifted(verdict):
    history = one_rung().say(VerdictReached(verdict=verdict, reason="x"))
    measure_anew(history.state)
    assert history.state.verdict is None


def test_lengths_of_subsets_and_of_the_foundation_are_forgotten_too():
    history = subsets(one_rung(foundation=True))
    history.say(ProductionExtended(rungs=("r0", "s2"), production_ps=8.0, reason="x"))
    assert (history.state.foundation_rung.production_ps, history.state.subsets[2].production_ps) == (8.0, 8.0)
    measure_anew(history.state)
    assert (history.state.foundation_rung.production_ps, history.state.subsets[2].production_ps) == (None, None)


def test_only_the_rungs_that_are_named_are_measured_longer():
    history = one_rung().labelled(6).fitted(rung=12)
    history.say(ProductionExtended(rungs=("r12",), production_ps=8.0, reason="x"))
    assert (history.state.rungs[6].production_ps, history.state.rungs[12].production_ps) == (None, 8.0)


# -- judged ------------------------------------------------------------------------------------------------------


def test_judgements_are_kept_in_order():
    history = one_rung().judged(6, final=False).judged(6)
    assert [event.final for event in history.state.judged] == [False, True]


def test_a_ladder_of_random_subsets_is_open_until_it_is_judged():
    history = one_rung()
    assert not history.state.subsets_open()
    subsets(history)
    assert history.state.subsets_open()
    assert [(rung.name, rung.kind, len(rung.frames)) for rung in history.state.subsets.values()] == [
        ("s2", "random", 2),
        ("s4", "random", 4),
    ]
    assert not answered(history).state.subsets_open()


def test_another_ladder_of_random_subsets_takes_the_place_of_the_one_before():
    history = subsets(answered(subsets(one_rung()).rung_fits(2, subset=True)), number=1, sizes=(2,))
    assert history.state.subsets_open()
    assert [(rung.name, rung.models) for rung in history.state.subsets.values()] == [("s2.1", {})]
    assert history.state.rungs[6].models
