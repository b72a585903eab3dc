"""Molecular dynamics: of many walkers at once, and of one whose cell moves."""

from alloop.dynamics.shortlist import Shortlist
from alloop.dynamics.state import State, fresh_state
from alloop.dynamics.walker import Fault, MDSettings, Walker, temperature_limit

__all__ = ["Fault", "MDSettings", "Shortlist", "State", "Walker", "fresh_state", "temperature_limit"]
