import numpy as np
import pytest

from alloop.trajectories.collecting import _CHUNK, Rows


@pytest.mark.parametrize(("exact", "dtype"), [(0, np.float32), (6 * _CHUNK, np.float32), (9 * _CHUNK, np.float64)])
def test_few_numbers_are_kept_exactly_and_many_as_single_ones(exact, dtype):
    """Three numbers in a row, two chunks and a half: the limit counts whole chunks."""
    values = np.random.default_rng(0).normal(size=(2 * _CHUNK + _CHUNK // 2, 3))
    rows = Rows(exact)
    for row in values:
        rows.add(row)
    whole = rows.join()
    assert whole.dtype == dtype
    assert np.array_equal(whole, values.astype(dtype))
