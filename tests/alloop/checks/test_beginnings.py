"""Where the fits of a rung may begin with different members."""

import pytest

from alloop.checks.beginnings import beginnings_differ, find_beginnings
from tests.support.small import config

SHIPPED, ONE = "alloop-electrolytes-0", "small-omat-0"


@pytest.mark.parametrize(
    ("foundation", "data", "fits", "told"),
    [
        (SHIPPED, {}, 3, None),
        ({"path": "f.pt", "sha256": "0" * 64}, {}, 3, None),
        (None, {"initial": ["a.xyz"]}, 3, None),
        (ONE, {"campaigns": ["a"]}, 3, None),
        (ONE, {}, 3, "a foundation of one model is the same for all members"),
        (None, {"initial": ["a.xyz"], "reference": "same"}, 3, "without a teacher or a foundation"),
        (SHIPPED, {}, 4, "4 fits cannot each begin with another of 3 members; raise potential.committee or lower"),
    ],
)
def test_fits_that_cannot_begin_with_different_members_are_refused(foundation, data, fits, told):
    changes = {"potential": {"committee": 3, "foundation": foundation}, "data": data}
    asked = config(**changes, ladder={"rungs": [12], "fits": fits, "fits_begin_with": "members"})
    found = list(find_beginnings(asked))
    assert len(found) == (told is not None)
    assert all(told in what for _, what in found)
    assert beginnings_differ(asked) == (told is None or fits == 4)
    assert not list(find_beginnings(config(**changes, ladder={"rungs": [12], "fits": fits})))
