"""alloop: an active-learning closed-loop engine for solid electrolytes.

``alloop.read`` opens a campaign in a notebook, ``alloop.check`` and ``alloop.load_config`` take a config.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""True for a type checker: importing `typing` for it would delay every command."""

if TYPE_CHECKING:
    from alloop.campaign.checking import check
    from alloop.config.loading import load_config
    from alloop.reading import read

__version__ = "0.1.0"
__all__ = ["__version__", "check", "load_config", "read"]

_HOMES = {"check": "alloop.campaign.checking", "load_config": "alloop.config.loading", "read": "alloop.reading"}
"""Modules that are imported when somebody asks: `alloop --help` needs none of them."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        return __all__
