import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.stopping.judgement import judge_change


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


def test_a_metric_without_a_unit_reads_well():
    assert "-2 → -2.1, Δ = -0.1 ± 0.01" in str(judge_change("ln σ", "", -2.0, -2.1, 0.01, tolerance=0.35))
