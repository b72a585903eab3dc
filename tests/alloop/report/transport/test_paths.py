"""Likeliest paths as arrows."""

import numpy as np
import pytest

from alloop.report.transport.paths import _pieces


def test_a_path_that_leaves_the_cell_goes_on_at_the_other_side():
    first, second = _pieces(np.array([[0.6, 0, 0], [0.9, 0, 0], [1.1, 0, 0], [1.6, 0, 0]]))
    assert first[:, 0] == pytest.approx([0.6, 0.9])
    assert second[:, 0] == pytest.approx([-0.1, 0.1, 0.6])
