"""Molecular dynamics of many walkers at once."""

from alloop.dynamics.limits import temperature_limit
from alloop.dynamics.shortlist import Shortlist
from alloop.dynamics.state import MDState, fresh_state

__all__ = ["MDState", "Shortlist", "fresh_state", "temperature_limit"]
