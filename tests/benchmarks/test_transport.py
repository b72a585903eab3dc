import pytest

from benchmarks.transport import TRUTH_CM2_S, production, with_alloop


def test_the_run_of_the_benchmark_has_the_diffusivity_it_claims(tmp_path):
    file = tmp_path / "run.npz"
    with file.open("wb") as opened:
        production(2000, 30).save(opened)
    D, se = with_alloop(file)
    assert pytest.approx(TRUTH_CM2_S, abs=3 * se) == D
    assert se < 0.2 * D
