"""MACE that answers with what is no number: a counted outcome with the mend in it."""

import pytest

from tests.support.campaigns import THREADS, TINY, run, write_config


@pytest.mark.slow
def test_fits_that_become_no_number_are_tried_from_other_seeds_and_end_the_campaign_with_their_count(tmp_path):
    fit = {**TINY["fit"], "loss": "huber", "huber_eV_per_A": 2e-30, "forces_weight": 9e29}
    code, output = run(write_config(tmp_path / "config", execution=THREADS, fit=fit), tmp_path / "campaign")
    assert code == 3, output
    told = " ".join(output.split())
    assert "fit: rung 4, fit 0 failed (the fit diverged): the watched loss is not a number" in told
    assert "Verdict: stopped: nothing is left that could be done (9 diverged; last: fit/" in told
    assert "lower fit.learning_rate" in told
    assert "Traceback" not in output
