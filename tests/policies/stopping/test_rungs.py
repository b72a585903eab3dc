import dataclasses
import json
import math

import numpy as np
import pytest

from policies.stopping.rungs import RungEvidence, summarise
from policies.stopping.transport import TransportEvidence

WALKERS = ("a", "a", "b", "b")


def test_the_summary_has_the_units_of_the_table():
    rung = RungEvidence(12, np.full((3, 4), -0.002), np.full((3, 4), 0.0025), WALKERS)
    row = summarise(rung)
    assert (row.size, row.fits, row.frames, row.unmeasured) == (12, 3, 4, None)
    assert row.rmse_energy_meV_per_atom == pytest.approx(2.0)
    assert row.rmse_forces_meV_per_A == pytest.approx(50.0)
    assert (row.se_energy_meV_per_atom, row.se_forces_meV_per_A) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_energy_and_forces_have_error_bars_of_their_own():
    steady, split = np.full((2, 4), 0.01), np.array([[0.01] * 4, [0.03] * 4])
    row = summarise(RungEvidence(12, split, steady, WALKERS))
    assert row.se_energy_meV_per_atom > 3.0
    assert row.se_forces_meV_per_A == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("shape", "cluster", "why"),
    [
        ((1, 4), WALKERS, "two fits"),
        ((3, 1), ("a",), "two held-out frames"),
        ((3, 4), ("a",) * 4, "one walker"),
        ((0, 0), (), "two fits"),
        ((3, 0), (), "two held-out frames"),
    ],
)
def test_what_says_nothing_says_why(shape, cluster, why):
    rung = RungEvidence(12, np.full(shape, 0.1), np.full(shape, 0.1), cluster)
    assert why in rung.unmeasured()
    assert summarise(rung).unmeasured == rung.unmeasured()


def test_no_frames_make_no_number():
    row = summarise(RungEvidence(12, np.empty((0, 0)), np.empty((0, 0)), ()))
    assert math.isnan(row.rmse_forces_meV_per_A)
    assert math.isnan(row.se_forces_meV_per_A)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_errors_that_are_not_numbers_are_no_measurement(broken):
    rung = RungEvidence(12, np.full((3, 4), broken), np.full((3, 4), 0.1), WALKERS)
    assert "finite" in rung.unmeasured()


def test_shapes_must_belong_together():
    with pytest.raises(ValueError, match=r"rung 12: need two \(fits, frames\) arrays"):
        RungEvidence(12, np.zeros((3, 4)), np.zeros((2, 4)), WALKERS)
    with pytest.raises(ValueError, match="3 walkers"):
        RungEvidence(12, np.zeros((3, 4)), np.zeros((3, 4)), WALKERS[:3])


def test_evidence_does_not_change_behind_its_back():
    array = np.zeros((2, 4))
    rung = RungEvidence(12, array, np.zeros((2, 4)), WALKERS)
    array[:] = 1.0
    assert not rung.energy_error.any()


def test_the_transport_of_a_rung_is_a_row_of_its_own_per_system():
    evidence = TransportEvidence("Li3InCl6", [0.30, 0.32, 0.34], [0.01] * 3, [-3.0] * 3, [0.1] * 3)
    silent = TransportEvidence("LiCl", [], [], [], [], unmeasured="the ions moved too little")
    rung = RungEvidence(12, np.zeros((3, 4)), np.zeros((3, 4)), WALKERS, transport=(evidence, silent))
    measured, unmeasured = summarise(rung).transport
    assert measured.activation_energy_eV == pytest.approx(0.32)
    assert (measured.spread_activation_energy_eV, measured.md_activation_energy_eV) == pytest.approx((0.02, 0.01))
    assert measured.sigma_S_per_cm == pytest.approx(math.exp(-3.0))
    assert (unmeasured.ln_sigma, unmeasured.unmeasured) == (None, "the ions moved too little")
    row = dataclasses.asdict(summarise(rung))
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    with pytest.raises(ValueError, match="twice"):
        dataclasses.replace(rung, transport=(evidence, evidence))
