import math

import numpy as np
import pytest

from alloop.transport.arrhenius import transport_of
from alloop.transport.temperature_law import FALSE_ALARMS, bent, caution_at, law_of, words_of
from benchmarks.arrhenius import FIVE, FOUR, KINK_K, gaussian, truth
from tests.alloop.transport.test_arrhenius import point

SEVEN = np.array([500.0, 560.0, 630.0, 700.0, 780.0, 880.0, 1000.0])


def found(kelvin, ln_D, se=0.05, seed=0):
    return law_of(kelvin, *gaussian(seed, np.asarray(kelvin), ln_D, se))


def test_straight_lines_are_called_bent_as_seldom_as_asked_for():
    kelvin, repeats = np.array(FIVE), 120
    alarms = sum(bent(found(kelvin, truth(kelvin), seed=seed)) for seed in range(repeats))
    # One-sided 99.9 % limit of a binomial of 5 %.
    assert alarms <= FALSE_ALARMS * repeats + 3.1 * math.sqrt(repeats * FALSE_ALARMS * (1 - FALSE_ALARMS))


def test_a_kink_is_found_with_its_place_and_both_energies():
    laws = [found(SEVEN, truth(SEVEN, change_eV=0.3), 0.03, seed) for seed in range(8)]
    assert [law.law for law in laws] == ["kink"] * 8
    assert np.median([law.kink_K for law in laws]) == pytest.approx(KINK_K, rel=0.05)
    assert np.median([law.above_eV.value for law in laws]) == pytest.approx(0.3, abs=0.03)
    assert np.median([law.below_eV.value for law in laws]) == pytest.approx(0.6, abs=0.03)
    low, high = laws[0].kink_within_K
    assert low <= laws[0].kink_K <= high


def test_a_curve_is_told_from_a_kink():
    law = found(SEVEN, truth(SEVEN, T0_K=300.0), 0.03)
    assert law.law == "curve"
    assert law.vtf_T0_K == pytest.approx(300, abs=40)
    assert law.vtf_B_eV == pytest.approx(0.3, rel=0.3)


def test_points_that_see_little_say_that_they_cannot_tell():
    assert found((600.0, 700.0, 800.0), truth(np.array([600.0, 700.0, 800.0])), 0.3).law == "unknown"
    assert law_of((600.0, 800.0), (1.0, 2.0), (0.1, 0.1)) is None


def test_what_is_said_to_be_seen_in_80_percent_is():
    kelvin, repeats = np.array(FIVE), 60
    least = found(kelvin, truth(kelvin)).detectable_eV
    # FIVE sees a kink best at 700 K.
    seen = np.mean([bent(found(kelvin, truth(kelvin, change_eV=least), seed=seed)) for seed in range(repeats)])
    assert 0.62 < seen < 0.95


def test_errors_that_are_too_small_are_no_kink():
    kelvin, repeats = SEVEN, 60
    scattered = [gaussian(seed, kelvin, truth(kelvin), 0.1) for seed in range(repeats)]
    alarms = np.mean([bent(law_of(kelvin, ln_D, se / 2)) for ln_D, se in scattered])
    # Without the guard 63 % of these are.
    assert alarms < 0.35


def test_four_points_never_tell_a_kink_from_a_curve():
    law = found(FOUR, truth(np.array(FOUR), change_eV=0.3), 0.02)
    assert law.law == "bent"
    assert "the points do not tell which" in words_of(law)


def test_an_extrapolation_past_a_kink_says_so_with_what_the_other_line_gives():
    points = [point(T, se=0.02, shift=float(truth(np.array([T]), 0.3)[0] - truth(np.array([T]))[0])) for T in SEVEN]
    line = transport_of(points, {}, (300.0, 600.0))
    far, inside = line.targets
    assert inside.caution is None
    assert far.caution.startswith("one line does not hold; the line on this side of the kink gives 0.1 times")
    assert "one line does not hold" in line.notes[-1]
    true_factor = math.exp(float(truth(np.array([300.0]), 0.3)[0]) - line_at_300(far))
    assert float(far.caution.split("gives ")[1].split(" times")[0]) == pytest.approx(true_factor, rel=0.2)


def line_at_300(target):
    from alloop.transport.conductivity import ln_conductivity

    return target.ln_sigma.value - ln_conductivity(0.0, 24, 1.0, target.volume_A3, 300.0)


def test_a_straight_line_needs_no_caution():
    line = transport_of([point(T) for T in FIVE], {}, (300.0,))
    assert line.law.law == "line"
    assert line.targets[0].caution is None
    assert words_of(line.law).startswith("one line holds within the error bars")


def test_nothing_moves_below_the_zero_of_a_curve():
    law = found(SEVEN, truth(SEVEN, T0_K=300.0), 0.03)
    assert "the curve gives 0 times as much" in caution_at(law, 200.0, -20.0)
