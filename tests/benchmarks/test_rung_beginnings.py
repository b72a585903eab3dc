import numpy as np
import pytest

from benchmarks.rung_beginnings import Fits, table


def test_the_table_tells_how_far_fits_are_off_and_how_far_they_differ():
    errors = np.array([[[0.01, 0.01, 0.01]], [[0.03, 0.03, 0.03]]])
    fits = Fits(("fit:a", "fit:b"), errors)
    assert fits.rmse == pytest.approx([10.0, 30.0])
    assert fits.spread == pytest.approx(1000 * np.std([0.01, 0.03], ddof=1))
    assert list(table({(48, "members"): fits}))[-1] == "| 48 | members | 10.0, 30.0 | 14.1 |"
