"""Changes of a config that only add to a campaign: every label, model and held-out frame it has stays what it is. Pure.

Rungs are the first labels of one order, fits of a rung differ in their number, and walkers in their names: more of them
change none of those that are there. A tolerance can be tightened once numbers are known, not widened to fit them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Rule = Callable[[Any, Any], bool]

JUDGED_AGAIN = (
    "ladder.fits",
    "ladder.tolerance_energy",
    "ladder.tolerance_forces",
    "ladder.floor_energy_meV_per_atom",
    "ladder.floor_forces_meV_per_A",
    "ladder.tolerance_activation_energy_eV",
    "ladder.tolerance_ln_sigma",
)
"""Keys after whose change the rungs that were judged are judged again."""
_MORE_TO_JUDGE = ("ladder.rungs", "heldout.fraction", "heldout.minimum", *JUDGED_AGAIN)


def _holds(old: Any, new: Any) -> bool:
    return set(old) <= set(new)


def _grows(old: Any, new: Any) -> bool:
    return bool(new >= old)


def _shrinks(old: Any, new: Any) -> bool:
    return bool(new <= old)


_RULES: Mapping[str, tuple[Rule, str]] = MappingProxyType(
    {
        "ladder.rungs": (_holds, "rungs can be added to a campaign, not taken away"),
        "ladder.fits": (_grows, "fits can be added to a campaign, not taken away"),
        "explore.temperatures_K": (_holds, "temperatures can be added to a campaign, not taken away"),
        "explore.replicas": (_grows, "walkers can be added to a campaign, not taken away"),
        "heldout.fraction": (_grows, "held-out frames can be added to a campaign, not taken away"),
        "heldout.minimum": (_grows, "held-out frames can be added to a campaign, not taken away"),
        **{
            key: (_shrinks, "a tolerance can be tightened when rungs were judged, not widened")
            for key in JUDGED_AGAIN
            if key != "ladder.fits"
        },
    }
)
EXTENDABLE = tuple(_RULES)


def refusal(key: str, old: Any, new: Any) -> str | None:
    """Return why a change of one of the `EXTENDABLE` keys takes something away, or None if it only adds."""
    adds, why = _RULES[key]
    return None if adds(old, new) else why


def value_of(config: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key of a dumped config; None if an older config lacks it."""
    section, _, name = key.partition(".")
    return (config.get(section) or {}).get(name)


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which `EXTENDABLE` keys differ between two dumped configs."""
    return tuple(key for key in EXTENDABLE if _plain(value_of(old, key)) != _plain(value_of(new, key)))


def gives_more_to_judge(keys: tuple[str, ...]) -> bool:
    """Return whether a campaign that has its verdict goes on after changes of these keys.

    Walkers are none of them: they find frames for labels that are still to be bought.
    """
    return any(key in _MORE_TO_JUDGE for key in keys)


def as_before(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dumped config with the `EXTENDABLE` keys as another one has them, absent where that has none."""
    restored = {name: dict(section) if isinstance(section, Mapping) else section for name, section in new.items()}
    for key in EXTENDABLE:
        section, _, name = key.partition(".")
        own, former = restored.setdefault(section, {}), old.get(section) or {}
        own.pop(name, None)
        own |= {name: former[name]} if name in former else {}
    return {name: section for name, section in restored.items() if name in new or section}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
