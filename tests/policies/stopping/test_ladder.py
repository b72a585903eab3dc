import dataclasses
import json
import math

import numpy as np
import pytest

from policies.stopping.ladder import LadderStopping, RungEvidence, StoppingPolicy, compare_rungs

LADDER = (50, 100, 500, 1000, 2500)
POLICY = LadderStopping()


def ladder_of(scales, rng, *, fits=3, walkers=20, per_walker=4, fit_sd=0.02, both_sd=0.05, sizes=LADDER):
    """Rungs whose true RMSEs are in proportion to `scales`, on held-out frames that they share.

    Energy and force errors rise and fall together: two metrics that err alike protect least against a false stop.
    """
    hard = rng.normal(0, 0.3, (walkers, 1)) + rng.normal(0, 0.3, (walkers, per_walker))
    cluster = tuple(f"w{i}" for i in range(walkers) for _ in range(per_walker))
    rungs = []
    for size, scale in zip(sizes, scales, strict=False):
        log = hard + rng.normal(0, fit_sd, (fits, 1, 1)) + rng.normal(0, both_sd, (fits, walkers, 1))
        error = (scale * np.exp(log)).reshape(fits, walkers * per_walker)
        rungs.append(RungEvidence(size, -0.002 * error, (0.05 * error) ** 2, cluster))
    return rungs


def verdicts(rungs, policy=POLICY, ladder=LADDER):
    """What the policy says as the rungs come in one by one."""
    said = [policy.judge(rungs[: n + 1], ladder, seed=1) for n in range(len(rungs))]
    return [verdict and verdict.kind for verdict in said]


def test_a_converging_ladder_stops_where_it_converges():
    rungs = ladder_of([4, 2, 1, 0.99, 0.99], np.random.default_rng(0))
    assert verdicts(rungs) == [None, None, None, "converged", "converged"]
    verdict = POLICY.judge(rungs[:4], LADDER, seed=1)
    assert all(judgement.equivalent for judgement in verdict.judgements)
    assert "from 500 to 1000 labels" in verdict.reason
    assert "energy RMSE" in verdict.reason
    assert "meV/Å" in verdict.reason


def test_a_ladder_that_never_converges_is_exhausted():
    rungs = ladder_of([5, 4, 3, 2, 1], np.random.default_rng(1))
    assert verdicts(rungs) == [None] * 4 + ["ladder_exhausted"]
    verdict = POLICY.judge(rungs, LADDER, seed=1)
    assert {judgement.finding for judgement in verdict.judgements} == {"different"}
    assert "2500 labels" in verdict.reason


def test_a_drift_inside_wide_error_bars_is_not_convergence():
    rungs = ladder_of(
        [1, 0.97, 0.94, 0.91, 0.88], np.random.default_rng(2), fits=2, walkers=3, fit_sd=0.15, both_sd=0.2
    )
    assert verdicts(rungs) == [None] * 4 + ["ladder_exhausted"]
    verdict = POLICY.judge(rungs, LADDER, seed=1)
    assert "undecided" in {judgement.finding for judgement in verdict.judgements}


def test_a_drift_smaller_than_the_tolerance_is_convergence_once_it_is_measured_well():
    rungs = ladder_of([1, 0.97], np.random.default_rng(3), fits=5, walkers=60, fit_sd=0.01)
    assert verdicts(rungs) == [None, "converged"]


def test_errors_too_small_to_matter_converge_by_their_floors_and_not_by_one_alone():
    rungs = ladder_of([0.30, 0.25], np.random.default_rng(3), fits=3, walkers=20)
    both = {"floor_energy_meV_per_atom": 0.5, "floor_forces_meV_per_A": 10.0}
    assert verdicts(rungs) == [None, None]
    assert verdicts(rungs, LadderStopping(**both)) == [None, "converged"]
    assert verdicts(rungs, LadderStopping(floor_energy_meV_per_atom=0.5)) == [None, None]


def test_a_ladder_that_gets_worse_again_is_not_converged():
    rungs = ladder_of([3, 2, 1, 2, 1], np.random.default_rng(5))
    assert verdicts(rungs) == [None] * 4 + ["ladder_exhausted"]


def test_one_metric_that_still_moves_is_enough_to_go_on():
    rng = np.random.default_rng(6)
    still, moving = ladder_of([1, 1], rng), ladder_of([1, 0.5], rng)
    mixed = [
        dataclasses.replace(a, energy_error=b.energy_error, cluster=a.cluster)
        for a, b in zip(still, moving, strict=True)
    ]
    assert verdicts(mixed) == [None, None]
    energy, forces = POLICY.compare(*mixed)
    assert (energy.finding, forces.finding) == ("different", "equivalent")


def test_a_rung_that_comes_early_waits_for_the_one_below():
    rungs = ladder_of([1, 1, 1, 1, 1], np.random.default_rng(7))
    assert POLICY.judge([rungs[0], rungs[2]], LADDER, seed=1) is None
    assert POLICY.judge([rungs[4]], LADDER, seed=1) is None
    assert POLICY.judge([], LADDER, seed=1) is None
    assert POLICY.judge([rungs[1], rungs[0]], LADDER, seed=1) == POLICY.judge(rungs[:2], LADDER[::-1], seed=1)


@pytest.mark.parametrize(("fits", "walkers"), [(1, 20), (3, 1), (0, 20)])
def test_a_rung_without_a_spread_never_converges(fits, walkers):
    rungs = ladder_of([1] * 5, np.random.default_rng(8), fits=fits, walkers=walkers)
    assert verdicts(rungs) == [None] * 4 + ["ladder_exhausted"]
    assert "unmeasured" in POLICY.judge(rungs, LADDER, seed=1).reason


def test_a_failed_rung_is_evidence_of_nothing():
    rungs = ladder_of([1, 1], np.random.default_rng(9), sizes=(12, 24))
    failed = RungEvidence(24, np.empty((0, 0)), np.empty((0, 0)), ())
    assert POLICY.judge([rungs[0], failed], (12, 24, 48), seed=1) is None
    assert POLICY.judge([rungs[0], failed], (12, 24), seed=1).kind == "ladder_exhausted"


def test_a_ladder_of_one_rung_ends_with_a_reason():
    rungs = ladder_of([1], np.random.default_rng(10))
    verdict = POLICY.judge(rungs, (50,), seed=1)
    assert (verdict.kind, verdict.judgements) == ("ladder_exhausted", ())
    assert "nothing to compare" in verdict.reason


def test_rungs_on_different_frames_are_not_compared():
    rungs = ladder_of([1, 1], np.random.default_rng(11))
    other = dataclasses.replace(rungs[1], cluster=rungs[1].cluster[::-1])
    with pytest.raises(ValueError, match="rungs 50 and 100 were evaluated on different held-out frames"):
        POLICY.judge([rungs[0], other], LADDER, seed=1)
    with pytest.raises(ValueError, match="same size"):
        POLICY.judge([rungs[0], rungs[0]], LADDER, seed=1)


def stops(scale, *, repeats=600, **shape):
    """Fraction of two-rung ladders judged converged when the truth moves from 1 to `scale`."""
    rng, policy = np.random.default_rng(12), LadderStopping(0.10, 0.10)
    said = [policy.judge(ladder_of([1, scale], rng, **shape), LADDER, seed) for seed in range(repeats)]
    return sum(verdict is not None for verdict in said) / repeats


@pytest.mark.parametrize("scale", [0.8, 1.2])
@pytest.mark.parametrize(
    "shape",
    [
        {"fits": 2, "walkers": 2, "per_walker": 3, "fit_sd": 0.03},
        {"fits": 2, "walkers": 4, "per_walker": 3, "fit_sd": 0.10, "both_sd": 0.1},
        {"fits": 3, "walkers": 8, "per_walker": 2, "fit_sd": 0.05},
        {"fits": 3, "walkers": 20, "per_walker": 4, "fit_sd": 0.02},
    ],
)
def test_false_stops_are_rare_when_the_truth_moves_by_twice_the_tolerance(scale, shape):
    assert stops(scale, **shape) < 0.05


@pytest.mark.parametrize("scale", [0.9, 1.1])
def test_a_change_of_just_the_tolerance_passes_at_the_level_of_the_test(scale):
    assert stops(scale, fits=3, walkers=12) < 0.07


def test_equal_truths_with_enough_frames_do_converge():
    assert stops(1.0, fits=3, walkers=30, fit_sd=0.01, repeats=300) > 0.9


def test_early_comparisons_have_a_smaller_level_than_the_last():
    rungs = ladder_of([1] * 5, np.random.default_rng(15))
    levels = {size: POLICY.level(size, LADDER) for size in LADDER[1:]}
    assert levels == {
        100: pytest.approx(0.025 / 3),
        500: pytest.approx(0.025 / 3),
        1000: pytest.approx(0.025 / 3),
        2500: 0.05,
    }
    early, last = (POLICY.judge(rungs[:n], LADDER, seed=1) for n in (2, 5))
    assert {judgement.level for judgement in early.judgements} == {levels[100]}
    assert {judgement.level for judgement in last.judgements} == {0.05}
    assert early.judgements == POLICY.compare(*rungs[:2], level=levels[100])
    assert {judgement.level for judgement in POLICY.compare(*rungs[:2])} == {0.05}, "on no ladder"
    assert {judgement.level for judgement in POLICY.judge(rungs[:2], (0, 50, 100), seed=1).judgements} == {0.05}


def test_the_verdict_says_how_often_it_is_wrong_and_how_often_it_is_right():
    reason = POLICY.judge(ladder_of([1, 1], np.random.default_rng(16)), LADDER, seed=1).reason
    assert "equivalent [level 0.833 %, power " in reason
    assert reason.endswith("where every rung moves by the tolerance, at most about 10 % of ladders stop")


def test_a_config_may_still_name_resamples():
    rungs = ladder_of([1, 1], np.random.default_rng(17))
    assert LadderStopping(resamples=200).judge(rungs, LADDER, seed=1) == POLICY.judge(rungs, LADDER, seed=1)


def test_a_verdict_repeats_and_survives_the_journal():
    rungs = ladder_of([1, 1], np.random.default_rng(13))
    verdict = POLICY.judge(rungs, (50, 100), seed=5)
    assert verdict == POLICY.judge(rungs, (50, 100), seed=5)
    assert verdict == POLICY.judge(rungs, (50, 100), seed=6), "nothing is drawn"
    stored = json.loads(json.dumps(dataclasses.asdict(verdict)))
    assert stored["judgements"][1]["unit"] == "meV/Å"
    assert stored["judgements"][0]["finding"] == "equivalent"


def test_tolerances_are_of_the_previous_rung():
    previous, last = ladder_of([2, 1], np.random.default_rng(14))
    energy, forces = compare_rungs(previous, last, 0.1, 0.2)
    assert energy.tolerance == pytest.approx(0.1 * energy.value_previous)
    assert forces.tolerance == pytest.approx(0.2 * forces.value_previous)
    assert energy.delta == energy.value_last - energy.value_previous


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"tolerance_energy": 0.0}, "tolerance_energy must be positive and finite, got 0.0"),
        ({"tolerance_forces": math.nan}, "tolerance_forces must be positive and finite, got nan"),
        ({"floor_forces_meV_per_A": -1.0}, "floor_forces_meV_per_A must be finite and not negative, got -1.0"),
    ],
)
def test_options_are_checked(options, line):
    with pytest.raises(ValueError, match=line):
        LadderStopping(**options)


def test_it_is_a_policy():
    assert isinstance(POLICY, StoppingPolicy)
