import pytest

from alloop.labelling.engine import isolated_atom


def test_the_box_of_an_atom_has_no_two_equal_sides_and_none_below_what_was_asked():
    lengths = isolated_atom("Li", 12.0).cell.lengths()
    assert min(lengths) == pytest.approx(12.0)
    assert len({round(length, 3) for length in lengths}) == 3
