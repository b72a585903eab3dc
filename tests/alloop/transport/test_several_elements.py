"""Two mobile elements in one framework: Li hops three times as often as Na."""

from dataclasses import replace

import numpy as np
import pytest

from alloop.transport.conductivity import conductivity
from alloop.transport.measure import measure
from alloop.transport.results import TransportSummary
from alloop.transport.settings import MeasureSettings
from tests.support.walkers import KB_EV, free_walk, hopping, trajectory

BOTH = MeasureSettings(("Li", "Na"), min_contact=0.0)
LITHIUM = MeasureSettings("Li", min_contact=0.0)
RATES = {"Li": 0.03, "Na": 0.01}


def mixed(temperature_K=600.0, *, seed=0, na=None, both=True):
    """12 Li and 12 Na; of one element alone, the other is part of the framework."""
    rng = np.random.default_rng(seed)
    speed = np.exp(0.25 / KB_EV * (1 / 600 - 1 / temperature_K))
    li = hopping(rng, 2000, 12, RATES["Li"] * speed)
    na = hopping(rng, 2000, 12, RATES["Na"] * speed) if na is None else na
    one = trajectory(np.concatenate([li, na], axis=1), temperature_K=temperature_K, rng=rng)
    numbers = one.numbers.copy()
    numbers[12:24] = 11
    if both:
        return replace(one, numbers=numbers)
    return replace(one, numbers=numbers, mobile=np.arange(12), mobile_A=one.mobile_A[:, :12])


def test_each_element_has_its_own_numbers():
    summary, curves = measure({T: [mixed(T, seed=int(T))] for T in (600.0, 700.0, 800.0)}, BOTH)
    assert (summary.unphysical, summary.unmeasured, summary.element) == (None, None, "Li")
    assert set(summary.others) == {"Na"}
    for element, found in (("Li", summary), ("Na", summary.others["Na"])):
        point = found.temperatures[0]
        D = point.D_tracer_cm2_s
        assert D.value == pytest.approx(RATES[element] * 2.5**2 / 6 * 1e-4 / 0.1, abs=3 * D.se)
        assert point.ions == 12
        energy = found.arrhenius.activation_energy_eV
        assert energy.value == pytest.approx(0.25, abs=3 * energy.se)
    assert len(curves.temperatures) == 3
    assert TransportSummary.model_validate_json(summary.model_dump_json()) == summary


def test_one_of_two_mobile_elements_alone_looks_like_a_melting_framework():
    assert "the framework melted: Na" in measure({600.0: [mixed(both=False)]}, LITHIUM)[0].unphysical


def test_all_ions_conduct_together():
    """Two walkers as one: ions of opposite charge that move together conduct nothing, those of one charge do."""
    rng = np.random.default_rng(5)
    li = hopping(rng, 2000, 12, 0.03)
    runs = [trajectory(np.concatenate([li, li + rng.normal(scale=0.1, size=li.shape)], axis=1))] * 3
    runs = [replace(one, numbers=np.array([3] * 12 + [11] * 12 + [17, 17, 49, 17])) for one in runs]
    alike = measure({600.0: runs}, BOTH)[0].temperatures[0]
    opposite = measure({600.0: runs}, replace(BOTH, charge_e={"Li": 1.0, "Na": -1.0}))[0].temperatures[0]
    assert opposite.sigma_collective_S_per_cm is None
    assert any("collective σ of Li and Na together not measured" in note for note in opposite.notes)
    assert opposite.haven == alike.haven
    # 12 pairs of charge two conduct as 48 ions with the diffusivity that the charge of one element has.
    expected = conductivity(alike.D_charge_cm2_s.value, 48, 1.0, alike.volume_A3, 600.0)
    assert alike.sigma_collective_S_per_cm.value == pytest.approx(expected, rel=0.02)


def test_the_collective_conductivity_belongs_to_all_and_counts_squared_charges():
    found = measure({600.0: [mixed(seed=s) for s in range(5)]}, replace(BOTH, charge_e={"Li": 1.0, "Na": 2.0}))[0]
    point, other = found.temperatures[0], found.others["Na"].temperatures[0]
    alone = point.sigma_ne_S_per_cm.value + other.sigma_ne_S_per_cm.value
    together = point.sigma_collective_S_per_cm
    assert together.value == pytest.approx(alone, abs=3 * together.se)
    assert other.charge_e == 2.0
    assert other.sigma_collective_S_per_cm is None


def test_an_element_that_does_not_move_costs_only_itself():
    still = free_walk(np.random.default_rng(0), 2000, 12, 1e-5 * np.eye(3))
    found = measure({T: [mixed(T, na=still)] for T in (600.0, 800.0)}, BOTH)[0]
    assert found.unmeasured is None
    assert "less than a hop" in found.others["Na"].unmeasured


def test_elements_that_a_structure_lacks_are_passed_over():
    run = mixed()
    assert measure({600.0: [run]}, replace(BOTH, mobile=("K", "Li", "Na")))[0].element == "Li"
    only = measure({600.0: [run]}, replace(BOTH, mobile=("K", "Na")))[0]
    assert (only.element, only.others) == (None, {})
    assert measure({600.0: [run]}, replace(BOTH, mobile=("K",)))[0].temperatures[0].unmeasured == (
        "there is no mobile K"
    )


def test_one_element_in_a_list_is_one_element():
    run = trajectory(hopping(np.random.default_rng(0), 1000, 12, 0.03))
    one = MeasureSettings("Li", min_contact=0.0)
    assert measure({600.0: [run]}, replace(one, mobile=("Li",)))[0] == measure({600.0: [run]}, one)[0]


def test_every_element_needs_a_charge():
    with pytest.raises(ValueError, match="no charge of Na"):
        MeasureSettings(("Li", "Na"), charge_e={"Li": 1.0})
