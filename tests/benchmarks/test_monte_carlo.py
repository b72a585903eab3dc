"""The chain that is compared with smol's."""

import pytest

from benchmarks.monte_carlo import alloop


def test_a_chain_is_timed_and_its_mean_energy_has_an_error():
    row = alloop(cells=1, attempts=4000)
    assert 0.0 < row.acceptance < 1.0
    assert row.per_attempt_ms > 0.0
    assert row.energy_meV == pytest.approx(-4220.0, abs=20.0)
    assert 0.0 < row.error_meV < 2.0
