import pytest
from pydantic import ValidationError

from alloop.transport.results import Measured, TemperatureCurves, TransportSummary
from alloop.transport.settings import MeasureSettings


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValidationError):
        Measured(value=float("nan"))
    with pytest.raises(ValidationError):
        Measured(value=1.0, se=float("inf"))


def test_a_summary_survives_the_journal():
    summary = TransportSummary(temperatures=(), unmeasured="no temperature was simulated")
    assert TransportSummary.model_validate_json(summary.model_dump_json()) == summary


def test_curves_of_an_older_file_may_hold_more_than_is_drawn():
    older = {"temperature_K": 600.0, "msd_charge_A2": None, "planes_A2": {"ab": {"x": [1.0], "y": [2.0]}}}
    assert TemperatureCurves.model_validate(older) == TemperatureCurves(temperature_K=600.0)
    with pytest.raises(ValidationError):
        TemperatureCurves.model_validate(older | {"temperature_K": float("nan")})


def test_a_plane_without_direction_is_refused():
    with pytest.raises(ValueError, match="plane ab"):
        MeasureSettings(mobile="Li", planes={"ab": (0, 0, 0)})
