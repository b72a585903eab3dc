"""The ladder policy on transport: the right answer on ladders whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stopping import Production, heldout
from policies.stopping.ladder import LadderStopping, MeasureMore, TransportEvidence, Verdict, summarise
from policies.stopping.transport import TransportTolerances, judge_transport
from tests.support.ladders import SIZES, evidence_of, ladder_of

POLICY = LadderStopping()
LN, EA = 0.35, 0.03
STILL = [-4.0] * 5
HELD_OUT = {size: heldout(size, np.random.default_rng(size)) for size in SIZES}


def energies(ln_sigmas):
    """Activation energies that make ln σ so: Ea alone moves, in its own tolerance's unit as far as ln σ does."""
    return [0.30 - EA / LN * (value + 4.0) for value in ln_sigmas]


def said(rungs, ladder=SIZES, policy=POLICY):
    """The kind of answer as the rungs come in one by one."""
    answers = [policy.judge(rungs[: n + 1], ladder, seed=1) for n in range(len(rungs))]
    return [answer and answer.kind for answer in answers]


def quiet(ln_sigmas, seed=0, **shape):
    return ladder_of(energies(ln_sigmas), ln_sigmas, np.random.default_rng(seed), **shape)


# -- the five ladders ----------------------------------------------------------------------------------------------


def test_a_converging_ladder_stops_where_its_transport_converges():
    rungs = quiet([-6, -5, -4.1, -4, -4])
    assert said(rungs) == [None, None, None, "converged", "converged"]
    verdict = POLICY.judge(rungs[:4], SIZES, seed=1)
    assert [j.metric for j in verdict.judgements[2:]] == ["activation energy of Li3InCl6", "ln σ of Li3InCl6"]
    for words in (
        "from 500 to 1000 labels",
        "eV",
        "ln σ of Li3InCl6",
        "of it from the dynamics",
        "3.961 SE",
        "level 0.833 %",
        "≤ 0.35",
    ):
        assert words in verdict.reason


def test_a_ladder_whose_transport_never_converges_is_exhausted():
    rungs = quiet([-8, -7, -6, -5, -4])
    assert said(rungs) == [None] * 4 + ["ladder_exhausted"]
    verdict = POLICY.judge(rungs, SIZES, seed=1)
    assert [j.finding for j in verdict.judgements] == ["equivalent", "equivalent", "different", "different"]
    assert "not converged at the largest rung (2500 labels)" in verdict.reason


def test_a_drift_inside_the_error_bars_of_the_fits_is_not_convergence():
    rungs = quiet([-4.4, -4.3, -4.2, -4.1, -4.0], fit_sd=0.4, can_extend=True)
    assert said(rungs) == [None] * 4 + ["ladder_exhausted"], "longer dynamics do not make fits agree"
    assert "the fits differ too much, longer dynamics would not help" in POLICY.judge(rungs, SIZES, seed=1).reason


def test_a_drift_inside_the_error_bars_of_the_dynamics_asks_for_longer_ones():
    drift = [-4.1, -4.08, -4.06, -4.04, -4.0]
    assert said(quiet(drift, md=0.25, can_extend=True)) == [None] + ["measure_more"] * 4
    answer = POLICY.judge(quiet(drift, md=0.25, can_extend=True)[:3], SIZES, seed=1)
    assert answer.sizes == (100, 500)
    assert "the dynamics are too short to tell" in answer.reason
    assert said(quiet(drift, md=0.25)) == [None] * 4 + ["ladder_exhausted"]
    assert said(quiet(drift, md=0.02)) == [None] + ["converged"] * 4


def test_an_unphysical_rung_agrees_with_nothing():
    rungs = quiet(STILL, can_extend=True)
    (measured,) = rungs[1].transport
    rungs[1] = replace(rungs[1], transport=(replace(measured, unphysical="the framework melted at 900 K"),))
    assert said(rungs) == [None, None, None, "converged", "converged"]
    verdict = POLICY.judge(rungs[:2], SIZES[:2], seed=1)
    assert verdict.kind == "ladder_exhausted"
    assert "rung 100, Li3InCl6: unphysical: the framework melted at 900 K" in verdict.reason


def test_a_ladder_that_turns_back_is_not_converged():
    assert said(quiet([-6, -4, -5, -4, -5])) == [None] * 4 + ["ladder_exhausted"]


# -- what is measured, and what is not -----------------------------------------------------------------------------


def short(rung, why="the ions moved 0.4 Å, less than 3 Å"):
    (measured,) = rung.transport
    return replace(rung, transport=(TransportEvidence(measured.system, [], [], [], [], unmeasured=why),))


def test_ions_that_moved_too_little_are_given_more_time_while_there_is_any():
    rungs = quiet(STILL, can_extend=True)
    rungs[0] = short(rungs[0])
    answer = POLICY.judge(rungs[:2], SIZES, seed=1)
    assert answer.sizes == (50,)
    assert "rung 50, Li3InCl6: unmeasured: the ions moved 0.4 Å" in answer.reason
    rungs[0] = replace(rungs[0], can_extend=False)
    assert said(rungs) == [None, None, "converged", "converged", "converged"]


def test_no_time_is_spent_on_rungs_that_cannot_agree():
    moving = quiet([-6, -4], can_extend=True)
    assert POLICY.judge([short(moving[0]), moving[1]], SIZES, seed=1).sizes == (50,)
    two = [replace(rung, transport=(*rung.transport, *short_of.transport)) for rung, short_of in other(moving)]
    assert POLICY.judge(two, SIZES, seed=1) is None, "one system is different: the other need not be known"
    errors = np.random.default_rng(0)
    worse = [
        replace(heldout(rung.size, errors, scale=scale), can_extend=True, transport=short(rung).transport)
        for rung, scale in zip(moving, (2, 1), strict=True)
    ]
    assert POLICY.judge(worse, SIZES, seed=1) is None


def other(rungs):
    """Each rung with one whose only system is LiCl, whose ions moved too little."""
    for rung in rungs:
        moved = replace(rung.transport[0], system="LiCl")
        yield rung, short(replace(rung, transport=(moved,)))


def test_a_system_missing_on_a_rung_is_no_agreement():
    rungs = quiet(STILL)
    first = replace(rungs[0], transport=(*rungs[0].transport, replace(rungs[0].transport[0], system="LiCl")))
    assert said([first, *rungs[1:]]) == [None] * 4 + ["ladder_exhausted"]
    reason = POLICY.judge([first, *rungs[1:]], SIZES, seed=1).reason
    assert "rung 2500, LiCl: its transport is missing" in reason
    assert said([replace(rung, transport=()) for rung in rungs]) == [None] + ["converged"] * 4


def test_every_system_counts():
    rng = np.random.default_rng(3)
    still = quiet(STILL)
    moving = [
        replace(rung, transport=(*rung.transport, evidence_of(0.4 - 0.1 * place, -4, rng, system="LiCl")))
        for place, rung in enumerate(still)
    ]
    assert said(moving) == [None] * 4 + ["ladder_exhausted"]
    changed = [j.metric for j in POLICY.judge(moving, SIZES, seed=1).judgements if not j.equivalent]
    assert changed == ["activation energy of LiCl"]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_number_that_is_none_is_no_agreement(broken):
    rungs = quiet(STILL[:2], can_extend=True)
    (measured,) = rungs[1].transport
    rungs[1] = replace(rungs[1], transport=(replace(measured, ln_sigma=[-4.0, broken, -4.0]),))
    assert POLICY.judge(rungs, SIZES, seed=1) is None
    assert POLICY.judge(rungs, SIZES[:2], seed=1).kind == "ladder_exhausted"


def test_the_foundation_stands_in_the_table_and_is_compared_with_nothing():
    rng = np.random.default_rng(4)
    rungs = quiet(STILL)
    foundation = replace(heldout(0, rng, fits=1), transport=(evidence_of(0.3, -4.0, rng, fits=1),))
    assert said([foundation, *rungs], (0, *SIZES)) == [None, None] + ["converged"] * 4
    assert "nothing to compare" in POLICY.judge([foundation, rungs[0]], (0, 50), seed=1).reason
    row = summarise(foundation)
    assert (row.size, row.unmeasured, row.transport[0].unmeasured) == (0, None, None)
    assert row.se_forces_meV_per_A > 0
    assert row.transport[0].se_ln_sigma == foundation.transport[0].se_ln_sigma[0]
    assert row.transport[0].spread_ln_sigma is None


def test_only_the_rung_whose_dynamics_are_short_is_measured_again():
    long, brief = quiet(STILL[:2], can_extend=True)
    (measured,) = long.transport
    vague = replace(measured, ln_sigma=[-4.3, -4.0, -3.7], se_ln_sigma=[0.4, 0.4, 0.4])
    brief = replace(brief, transport=(vague,))
    assert POLICY.judge([long, brief], SIZES, seed=1).sizes == (100,)
    assert POLICY.judge([long, replace(brief, can_extend=False)], SIZES, seed=1) is None, "50 cannot mend it"


# -- error rates ---------------------------------------------------------------------------------------------------


def campaign(ln_sigmas, rng, *, asked=6, **shape):
    """The verdict of a campaign, and the rung it stands on: what is asked for is measured, twice as long each time."""
    rungs, runs = [], {}
    for size, energy, sigma in zip(SIZES, energies(ln_sigmas), ln_sigmas, strict=True):
        runs[size] = Production(energy, sigma, rng, **shape)
        rungs.append(replace(HELD_OUT[size], transport=(runs[size].measure(),), can_extend=asked > 0))
        while isinstance(answer := POLICY.judge(rungs, SIZES, seed=1), MeasureMore):
            for place, rung in enumerate(rungs):
                if rung.size in answer.sizes:
                    run = runs[rung.size]
                    run.extend()
                    rungs[place] = replace(rung, transport=(run.measure(),), can_extend=run.length < 2**asked)
        if isinstance(answer, Verdict):
            return answer.kind, size
    raise AssertionError("a campaign ends")


@pytest.mark.parametrize(("fits", "fit_sd", "md"), [(3, 0.05, 0.1), (3, 0.2, 0.2), (2, 0.3, 0.1), (3, 0.05, 1.0)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_false_stops_are_rare_when_the_truth_moves_by_twice_the_tolerance(fits, fit_sd, md, sign):
    rng = np.random.default_rng(5)
    both = (evidence_of(0.3, -4.0, rng, fits=fits, fit_sd=fit_sd, md=md) for _ in range(600))
    after = (evidence_of(0.3, -4.0 + sign * 2 * LN, rng, fits=fits, fit_sd=fit_sd, md=md) for _ in range(600))
    stops = [
        all(j.equivalent for j in judge_transport(*pair, TransportTolerances()))
        for pair in zip(both, after, strict=True)
    ]
    assert np.mean(stops) < 0.01


def test_whole_campaigns_do_not_stop_while_the_truth_moves_by_twice_the_tolerance():
    rng = np.random.default_rng(6)
    moving = [-4.0 - 2 * LN * (4 - place) for place in range(5)]
    ends = [campaign(moving, rng, fit_sd=0.15, md=0.3, asked=2) for _ in range(60)]
    assert sum(kind == "converged" for kind, _ in ends) <= 1


def test_a_change_of_just_the_tolerance_passes_at_the_level_of_the_test():
    rng = np.random.default_rng(7)
    pairs = [[evidence_of(0.3, -4.0 + move, rng, fit_sd=0.1, md=0.1) for move in (0.0, LN)] for _ in range(2000)]
    assert np.mean([judge_transport(*pair, TransportTolerances())[1].equivalent for pair in pairs]) < 0.065


def test_a_truth_that_stands_still_is_seen_to():
    rng = np.random.default_rng(8)
    good = [campaign(STILL, rng, fit_sd=0.05, md=0.05, asked=0) for _ in range(40)]
    assert np.mean([end == ("converged", 100) for end in good]) > 0.8
    hidden = [campaign(STILL, rng, fit_sd=0.05, md=0.3, asked=6) for _ in range(40)]
    assert np.mean([end == ("converged", 100) for end in hidden]) > 0.5, "short dynamics cost time, not labels"
    assert np.mean([kind == "converged" for kind, _ in hidden]) > 0.9
    blind = [campaign(STILL, rng, fit_sd=0.05, md=0.3, asked=0) for _ in range(40)]
    assert np.mean([end == ("converged", 100) for end in blind]) < 0.3


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    fit_sd=st.floats(0.001, 1),
    md=st.floats(0.001, 1),
    moves=st.lists(st.floats(-1, 1), min_size=1, max_size=4),
    can_extend=st.booleans(),
)
def test_whatever_the_ladder_the_answer_is_one_the_numbers_bear_out(seed, fit_sd, md, moves, can_extend):
    ln_sigmas = np.cumsum([-4.0, *moves])
    rungs = quiet(list(ln_sigmas), seed, fit_sd=fit_sd, md=md, can_extend=can_extend)
    ladder = SIZES[: len(rungs)]
    answer = POLICY.judge(rungs, ladder, seed=1)
    judgements = POLICY.compare(*rungs[-2:], level=POLICY.level(ladder[-1], ladder))
    agree = [abs(j.delta) + j.critical * j.se_delta <= j.tolerance for j in judgements]
    assert (answer is not None and answer.kind == "converged") == all(agree)
    if isinstance(answer, MeasureMore):
        assert can_extend
        assert set(answer.sizes) <= set(ladder[-2:])
        assert all(j.limit == "dynamics" for j in judgements if not j.equivalent)
    else:
        assert isinstance(answer, Verdict), "the largest rung is judged"
        assert answer.judgements == judgements
