"""alloop: an active-learning closed-loop engine for solid electrolytes."""

__version__ = "0.1.0"
