import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.stopping.judgement import Judgement, judge_change


@given(
    previous=st.floats(0.1, 100),
    last=st.floats(0.1, 100),
    se=st.floats(0, 10),
    wider=st.floats(0, 10),
    tolerance=st.floats(0, 10),
)
def test_a_wider_error_bar_never_makes_two_rungs_agree(previous, last, se, wider, tolerance):
    sure = judge_change("m", "u", previous, last, se, tolerance=tolerance)
    vague = judge_change("m", "u", previous, last, se + wider, tolerance=tolerance)
    fewer_fits = judge_change("m", "u", previous, last, se, tolerance=tolerance, critical=2.132)
    assert sure.equivalent == (abs(last - previous) + 1.645 * se <= tolerance)
    assert sure.equivalent or not (vague.equivalent or fewer_fits.equivalent)
    if abs(last - previous) > tolerance:
        assert not sure.equivalent


def test_findings_tell_a_change_from_a_wide_error_bar():
    assert judge_change("Ea", "eV", 0.30, 0.29, 0.01, tolerance=0.03).finding == "equivalent"
    assert judge_change("Ea", "eV", 0.30, 0.29, 0.05, tolerance=0.03).finding == "undecided"
    assert judge_change("Ea", "eV", 0.30, 0.10, 0.01, tolerance=0.03).finding == "different"
    assert judge_change("Ea", "eV", 0.30, 0.30, math.nan, tolerance=0.03).finding == "undecided"
    assert judge_change("ln σ", "", -2.0, -2.1, 0.01, relative=0.1).tolerance == pytest.approx(0.2)
    with pytest.raises(ValueError, match="either"):
        judge_change("Ea", "eV", 0.30, 0.29, 0.01)
    with pytest.raises(ValueError, match="either"):
        judge_change("Ea", "eV", 0.30, 0.29, 0.01, tolerance=0.1, relative=0.1)


def test_a_change_below_the_floor_does_not_matter_however_small_the_error_is():
    small = {"unit": "meV/atom", "value_previous": 0.7, "value_last": 0.8, "se_delta": 0.05, "relative": 0.1}
    assert judge_change("energy RMSE", **small).finding == "undecided"
    floored = judge_change("energy RMSE", **small, floor=0.5)
    assert (floored.finding, floored.tolerance) == ("equivalent", 0.5)
    assert "≤ 0.5 (the floor, above 0.1 of 0.7): equivalent" in str(floored)
    large = judge_change("energy RMSE", "meV/atom", 9.0, 9.8, 0.01, relative=0.1, floor=0.5)
    assert "≤ 0.9 (0.1 of 9): equivalent" in str(large)


def test_the_odds_stand_beside_the_finding():
    told = str(judge_change("Ea", "eV", 0.30, 0.29, 0.01, tolerance=0.03, critical=2.998, level=0.01))
    assert "|Δ| + 2.998 SE = 0.04 > 0.03: undecided [level 1 %, power 0 %]" in told
    sure = judge_change("Ea", "eV", 0.30, 0.29, 0.005, tolerance=0.03)
    assert sure.power == pytest.approx(1.0, abs=1e-3)
    assert "equivalent [level 5 %, power 100 %]" in str(sure)
    blind = judge_change("Ea", "eV", 0.30, 0.29, math.nan, tolerance=0.03)
    assert math.isnan(blind.power)
    assert str(blind).endswith("undecided [power unknown]")


def test_a_judgement_of_an_earlier_version_has_no_power():
    now = dataclasses.asdict(judge_change("Ea", "eV", 0.30, 0.29, 0.01, tolerance=0.03))
    former = Judgement(**{name: value for name, value in now.items() if name not in ("level", "power")})
    assert (former.level, former.power) == (0.05, None)
    assert str(former).endswith("equivalent [power unknown]")


def test_a_metric_without_a_unit_reads_well():
    assert "-2 → -2.1, Δ = -0.1 ± 0.01" in str(judge_change("ln σ", "", -2.0, -2.1, 0.01, tolerance=0.35))
