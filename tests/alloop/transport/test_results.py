import pytest
from pydantic import ValidationError

from alloop.transport import Measured, MeasureSettings, TransportSummary


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValidationError):
        Measured(value=float("nan"))
    with pytest.raises(ValidationError):
        Measured(value=1.0, se=float("inf"))


def test_a_summary_survives_the_journal():
    summary = TransportSummary(temperatures=(), unmeasured="no temperature was simulated")
    assert TransportSummary.model_validate_json(summary.model_dump_json()) == summary


def test_a_plane_without_direction_is_refused():
    with pytest.raises(ValueError, match="plane ab"):
        MeasureSettings(mobile="Li", planes={"ab": (0, 0, 0)})
