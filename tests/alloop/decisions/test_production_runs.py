"""Production runs that the rungs still lack: two temperatures, runs of 4 ps in segments of 2 ps, at most 16 ps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.config.measuring import MeasureConfig
from alloop.decisions.production_runs import (
    batches,
    can_extend,
    extended_ps,
    is_measured,
    measured_systems,
    measurements,
    next_segments,
    production_ps,
)
from alloop.journal.events import ProductionExtended
from tests.support.histories import ROCK_SALT, History

MEASURE = {
    "mobile": "Na",
    "temperatures_K": [600, 800],
    "production_ps": 4,
    "max_ps": 16,
    "segment_ps": 2,
    "walkers_per_task": 2,
}
NOTHING = {"temperatures": []}
"""Transport of runs that say nothing."""


def one_rung(**measure):
    return History(measure={**MEASURE, **measure}).atoms().labelled(6).fitted(rung=6)


def rungs(history):
    return list(history.state.rungs.values())


def segments(history):
    found = next_segments(history.state, history.charter, rungs(history))
    return [(one.fit, one.system, one.batch, one.number, one.start) for one in found]


def possible(history):
    found = measurements(history.state, history.charter, rungs(history))
    return [(one.rung.name, one.fit, one.system, one.production_ps) for one in found]


def extended(history, ps):
    return history.say(ProductionExtended(rungs=("r6",), production_ps=ps, reason="too short"))


# -- what is measured --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure_on", "systems"), [(None, ("A", "B", "C")), (["C", "A"], ("A", "C")), (["B"], ("B",)), ([], ())]
)
def test_transport_is_measured_in_the_systems_of_the_ladder_in_the_order_of_the_config(measure_on, systems):
    history = History(systems=dict.fromkeys("ABC", ROCK_SALT), measure=MEASURE, ladder={"measure_on": measure_on})
    assert measured_systems(history.charter) == systems


def test_a_composition_stands_for_its_orderings():
    systems, compositions = dict.fromkeys("ABC", ROCK_SALT), {"B": "BC", "C": "BC"}
    ladder = {"measure_on": ["BC"]}
    history = History(systems=systems, compositions=compositions, measure=MEASURE, ladder=ladder)
    assert measured_systems(history.charter) == ("B", "C")


def test_without_a_measure_section_nothing_is_produced_measured_or_extended():
    history = History().atoms().labelled(6).fitted(rung=6)
    (rung,) = rungs(history)
    assert measured_systems(history.charter) == ()
    assert segments(history) == possible(history) == []
    assert production_ps(rung, history.charter) == extended_ps(rung, history.charter) == 0.0
    assert not can_extend(history.state, history.charter, rung)
    assert is_measured(history.state, history.charter, rung)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 7))
def test_every_run_is_in_one_batch(temperatures, replicas, size):
    settings = MeasureConfig(
        mobile="Li",
        temperatures_K=tuple(600.0 + 100 * i for i in range(temperatures)),
        replicas=replicas,
        walkers_per_task=size,
    )
    groups = batches(settings)
    runs = [(run.temperature_K, run.replica) for group in groups for run in group]
    assert len(set(runs)) == len(runs) == temperatures * replicas
    assert all(len(group) == size for group in groups[:-1])


# -- production runs ---------------------------------------------------------------------------------------------


def test_every_fit_needs_runs_in_every_system_and_batch():
    history = History(systems={"A": ROCK_SALT, "B": ROCK_SALT}, measure={**MEASURE, "walkers_per_task": 1})
    history.atoms().labelled(6).fitted(rung=6)
    assert segments(history) == [(f, s, b, 0, None) for f in (0, 1) for s in ("A", "B") for b in (0, 1)]


def test_a_segment_continues_the_one_before_and_ends_when_the_run_is_long_enough():
    history = one_rung()
    history.produced("r6", 0)
    first = history.state.runs["r6", 0, "A", 0].segments[0]
    assert segments(history) == [(0, "A", 0, 1, first), (1, "A", 0, 0, None)]
    history.produced("r6", 0)
    assert segments(history) == [(1, "A", 0, 0, None)]


@pytest.mark.parametrize(
    ("production", "segment", "count"), [(4, 2, 2), (5, 2, 3), (1, 2, 1), (0.3, 0.1, 3), (2.1, 0.3, 7)]
)
def test_a_run_has_as_many_segments_as_fill_its_length(production, segment, count):
    history = one_rung(production_ps=production, segment_ps=segment, max_ps=100)
    for number in range(count):
        assert segments(history)[0][:4] == (0, "A", 0, number)
        history.produced("r6", 0)
    assert segments(history)[0][0] == 1


def test_a_run_of_which_every_walker_has_ended_gets_no_further_segment_and_one_with_a_survivor_does():
    history = one_rung().produced("r6", 0, ended="temperature").produced("r6", 1)
    assert [one[0] for one in segments(history)] == [1]


def test_a_run_whose_segment_failed_is_over():
    history = one_rung().produced("r6", 0, reason="lost")
    assert [one[0] for one in segments(history)] == [1]


def test_runs_of_a_rung_that_is_extended_go_on():
    history = one_rung().produced("r6", 0).produced("r6", 0).produced("r6", 1).produced("r6", 1)
    assert segments(history) == []
    extended(history, 8.0)
    assert [one[3] for one in segments(history)] == [2, 2]


# -- measurements ------------------------------------------------------------------------------------------------


def test_a_fit_is_measured_when_all_its_batches_are_long_enough_or_over():
    history = one_rung(walkers_per_task=1).produced("r6", 0).produced("r6", 0)
    assert possible(history) == []
    history.produced("r6", 0, batch=1)
    assert possible(history) == []
    history.produced("r6", 0, batch=1)
    assert possible(history) == [("r6", 0, "A", 4.0)]
    history.produced("r6", 1).produced("r6", 1).produced("r6", 1, batch=1, ended="nan")
    assert possible(history) == [("r6", fit, "A", 4.0) for fit in (0, 1)]


@pytest.mark.parametrize("transport", [NOTHING, None])
def test_a_measurement_is_made_once_whatever_comes_of_it(transport):
    history = one_rung().produced("r6").produced("r6").measured("r6", 0, 4.0, transport)
    assert possible(history) == []


def test_longer_runs_are_measured_again():
    history = one_rung().produced("r6").produced("r6").measured("r6", 0, 4.0, NOTHING)
    extended(history, 8.0).produced("r6")
    assert possible(history) == []
    assert possible(history.produced("r6")) == [("r6", 0, "A", 8.0)]


def test_a_rung_is_measured_when_every_fit_is_from_runs_of_the_length_now_wanted():
    history = one_rung().measured("r6", 0, 4.0, NOTHING)
    (rung,) = rungs(history)
    assert not is_measured(history.state, history.charter, rung)
    history.measured("r6", 1, 4.0)
    assert is_measured(history.state, history.charter, rung)
    extended(history, 8.0)
    assert not is_measured(history.state, history.charter, rung)


# -- longer runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("maximum", "lengths"), [(16, [8, 16, 16]), (10, [8, 10, 10]), (4, [4])])
def test_an_extension_doubles_the_runs_up_to_the_longest_that_is_allowed(maximum, lengths):
    history = one_rung(max_ps=maximum)
    (rung,) = rungs(history)
    for length in lengths:
        assert extended_ps(rung, history.charter) == length
        extended(history, float(length))
        assert production_ps(rung, history.charter) == length


def test_a_rung_can_be_extended_while_a_run_goes_on_and_the_longest_is_not_reached():
    history = one_rung()
    (rung,) = rungs(history)
    assert not can_extend(history.state, history.charter, rung)
    history.produced("r6", 0, ended="contact")
    assert not can_extend(history.state, history.charter, rung)
    history.produced("r6", 1)
    assert can_extend(history.state, history.charter, rung)
    extended(history, 16.0)
    assert not can_extend(history.state, history.charter, rung)


def test_runs_of_another_rung_do_not_make_a_rung_extensible():
    history = one_rung().labelled(6).fitted(rung=12).produced("r12")
    first, second = rungs(history)
    assert not can_extend(history.state, history.charter, first)
    assert can_extend(history.state, history.charter, second)
