import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.transport.arrhenius import fit_arrhenius, transport_of
from alloop.transport.conductivity import conductivity
from alloop.transport.results import Measured, TemperatureTransport

KB_EV = 8.617333262e-5


def ln_of(temperature_K, energy_eV=0.3, D0=1e-3):
    return math.log(D0) - energy_eV / (KB_EV * temperature_K)


def point(temperature_K, se=0.05, volume_A3=1000.0, shift=0.0):
    D = math.exp(ln_of(temperature_K) + shift)
    return TemperatureTransport(
        temperature_K=temperature_K,
        kinetic_K=None,
        volume_A3=volume_A3,
        ions=24,
        charge_e=1.0,
        length_ps=100.0,
        replicas=1,
        D_tracer_cm2_s=Measured(value=D, se=se * D),
        planes_cm2_s={"ab": Measured(value=2 * D, se=se * D)},
    )


@given(st.floats(0.05, 1.0), st.lists(st.floats(0.01, 0.5), min_size=2, max_size=6))
def test_points_on_a_line_give_the_line_and_the_errors_of_the_bars(energy_eV, errors):
    temperatures = np.linspace(500, 1100, len(errors))
    line = fit_arrhenius(temperatures, [ln_of(T, energy_eV) for T in temperatures], errors)
    assert line.activation_energy_eV == pytest.approx(energy_eV, abs=1e-9)
    assert line.inflation == 1.0
    # The textbook's formula for a weighted slope.
    x, w = 1 / (KB_EV * temperatures), 1 / np.square(errors)
    assert line.se == pytest.approx(1 / math.sqrt(np.sum(w * (x - np.average(x, weights=w)) ** 2)))
    value, se = line.ln_diffusivity(temperatures[0])
    assert value == pytest.approx(ln_of(temperatures[0], energy_eV), abs=1e-9)
    assert se <= errors[0] * (1 + 1e-9)


def test_error_bars_of_activation_energy_and_of_an_extrapolation_cover_the_truth():
    rng, temperatures, errors = np.random.default_rng(0), [600, 700, 800, 1000], np.array([0.2, 0.1, 0.08, 0.05])
    truth = [ln_of(T) for T in temperatures]
    inside = np.zeros(2)
    for _ in range(500):
        line = fit_arrhenius(temperatures, truth + errors * rng.normal(size=4), errors)
        value, se = line.ln_diffusivity(300.0)
        inside += abs(line.activation_energy_eV - 0.3) < line.se, abs(value - ln_of(300.0)) < se
    # Errors that only grow cover a little more than 68 %.
    assert (inside / 500 > 0.64).all()
    assert (inside / 500 < 0.80).all()


def test_scatter_beyond_the_bars_widens_errors_and_less_never_narrows_them():
    temperatures, errors = [600, 800, 1000], [0.01] * 3
    straight = fit_arrhenius(temperatures, [ln_of(T) for T in temperatures], errors)
    bent = fit_arrhenius(temperatures, [ln_of(600), ln_of(800) + 0.2, ln_of(1000)], errors)
    assert bent.inflation > 5
    assert bent.se == pytest.approx(straight.se * bent.inflation)


def test_two_temperatures_give_an_error_from_their_bars_and_say_so():
    found = transport_of([point(600), point(900)], {"1200 K": "melted"}, (300.0,))
    assert found.activation_energy_eV.value == pytest.approx(0.3)
    assert found.activation_energy_eV.se > 0
    assert "two temperatures" in found.notes[0]
    assert found.rejected == {"1200 K": "melted"}


def test_a_temperature_that_barely_counts_is_named():
    near = point(600).model_copy(update={"barely": True})
    assert (
        "at 600 K, and those that count moved too far: the activation energy may be too small"
        in (transport_of([near, point(800), point(900)], {}, ()).notes[0])
    )
    assert transport_of([point(600), point(800), point(900)], {}, ()).notes == ()


def test_no_error_bar_no_line():
    with pytest.raises(ValueError, match="standard error"):
        fit_arrhenius([600, 800], [1.0, 2.0], [0.1, 0.0])
    assert transport_of([point(600)], {}, (300.0,)) is None
    assert transport_of([point(600), point(600.5)], {}, (300.0,)) is None


def test_targets_say_how_they_were_reached_and_whose_volume_they_used():
    points = [point(500, volume_A3=1000), point(700, volume_A3=1100), point(900, volume_A3=1200, shift=0.05)]
    found = {
        target.temperature_K: target for target in transport_of(points, {}, (300.0, 573.15, 900.4, 1000.0)).targets
    }
    assert [target.how for target in found.values()] == ["extrapolated", "interpolated", "simulated", "extrapolated"]
    assert [target.volume_from_K for target in found.values()] == [500, 500, 900, 900]
    assert found[573.15].volume_A3 == 1000
    # What was simulated answers for itself, with its own error.
    own = points[2].D_tracer_cm2_s
    assert found[900.4].sigma_S_per_cm == pytest.approx(conductivity(own.value, 24, 1.0, 1200, 900))
    assert found[900.4].ln_sigma.se == pytest.approx(own.se / own.value)
    assert found[300.0].ln_sigma.se > found[573.15].ln_sigma.se
    line = transport_of(points, {}, ()).activation_energy_eV
    assert line.value == pytest.approx(0.3, abs=3 * line.se)


@pytest.mark.parametrize(
    ("energy_eV", "temperatures_K", "se", "says"),
    [
        (-0.15, (600, 800, 1000), 0.05, "is negative (-0.150 ± 0.009 eV)"),
        (0.31, (600, 605), 0.05, "is not above zero by two standard errors (0.310 ± 0.442 eV)"),
        (0.02, (600, 800, 1000), 0.1, "is not above zero"),
        (0.05, (600, 800, 1000), 0.1, None),
    ],
    ids=["negative", "close temperatures", "flat", "low"],
)
def test_a_slope_that_is_not_above_zero_is_said_and_not_extrapolated(energy_eV, temperatures_K, se, says):
    points = [point(T, se, shift=ln_of(T, energy_eV) - ln_of(T)) for T in temperatures_K]
    inside = sum(temperatures_K[:2]) / 2
    found = transport_of(points, {}, (300.0, inside, temperatures_K[0]))
    assert found.activation_energy_eV.value == pytest.approx(energy_eV)
    assert (found.weak is None) == (says is None)
    assert (says or "") in (found.weak or "")
    hows = ["interpolated", "simulated"] if says else ["extrapolated", "interpolated", "simulated"]
    assert [target.how for target in found.targets] == hows
    assert [target.temperature_K for target in found.held_back] == ([300.0] if says else [])


def test_an_ion_of_charge_two_conducts_four_times_as_much():
    assert conductivity(1e-5, 10, 2.0, 500.0, 600.0) == pytest.approx(4 * conductivity(1e-5, 10, 1.0, 500.0, 600.0))
