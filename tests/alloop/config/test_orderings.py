"""Settings of orderings that make none."""

import pytest
from pydantic import ValidationError

from alloop.config.orderings import OrderingsConfig


def test_settings_that_take_no_ordering_are_refused():
    with pytest.raises(ValidationError, match="takes no ordering at all; write `samples: 1` or more"):
        OrderingsConfig(ground_state=False)
    assert OrderingsConfig(ground_state=False, samples=1).samples == 1
