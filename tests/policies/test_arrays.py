import numpy as np
import pytest

from policies.arrays import frozen, frozen_floats


def test_what_was_handed_over_does_not_change():
    given = [1, 2]
    kept = frozen_floats(given)
    given[0] = 9
    assert kept.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 9.0


def test_a_copy_of_an_array_leaves_the_original_writable():
    given = np.array([1.0, 2.0])
    frozen_floats(given)
    given[0] = 9.0
    assert not frozen(given).flags.writeable
