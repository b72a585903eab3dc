"""From trajectories to diffusivity, conductivity and activation energy, with error bars."""

from __future__ import annotations

from alloop.transport.measure import measure
from alloop.transport.results import (
    ArrheniusTransport,
    Measured,
    SigmaAt,
    TemperatureTransport,
    TransportCurves,
    TransportSummary,
)
from alloop.transport.settings import MeasureSettings
from alloop.transport.unwrapping import Unwrapped, unwrap

__all__ = [
    "ArrheniusTransport",
    "MeasureSettings",
    "Measured",
    "SigmaAt",
    "TemperatureTransport",
    "TransportCurves",
    "TransportSummary",
    "Unwrapped",
    "measure",
    "unwrap",
]
