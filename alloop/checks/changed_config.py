"""Compare two configs, and tell changes of the science of a campaign from others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from alloop.checks.crosscheck import policies_of
from alloop.config.campaign import FREE_SECTIONS, CampaignConfig
from alloop.config.errors import KeyPath, dotted
from alloop.config.extensions import EXTENDABLE, as_before, refusal
from alloop.config.loading import LoadedConfig
from alloop.files.canonical_json import canonical_json, sha256_text

_NOT_SCIENCE = (*FREE_SECTIONS, "name")
_PLACES = (("data", "initial"), ("data", "campaigns"))
_OF_FILES = (("potential", "foundation", "path"), ("teacher", "model", "path"))
"""Places of files whose checksum stands in the config."""
_FREE_KEYS = (
    ("explore", "check_every_steps"),
    ("explore", "walkers_per_task"),
    ("label", "python"),
    ("teacher", "model", "python"),
)
"""How closely walkers are watched and which share a task, and where a calculator lies: these may change on the way."""
_ONCE_SCIENCE = {"explore.check_every_steps": 10}
"""Keys that digests once held unless they had this value, the default of that time."""
_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One key whose value differs.

    Attributes
    ----------
    key : str
        Dotted key.
    old, new : object
        The two values as JSON; None also where the key is absent.
    kind : str
        ``science``, ``extension`` of science that is only added to, or ``machine`` for what may change when a campaign
        resumes, ``measure`` included.
    why : str
        Why a change of a key that can be extended is no extension.
    """

    key: str
    old: Any
    new: Any
    kind: Literal["science", "extension", "machine"]
    why: str = ""

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        return f"{self.key}: {_shown(self.old)} -> {_shown(self.new)}{why}"


def science_digest(loaded: LoadedConfig) -> str:
    """Return the SHA-256 of everything in a config that decides a campaign's results.

    That is every science section and the contents of the files it names: structures and labelled data. The source of
    policies is apart, see `policy_digests`, and so are campaigns that labels come from: they grow, and the journal
    holds what was taken. Machines, budgets, monitoring, what is measured, how closely walkers are watched, the
    campaign's name and the places of files are left out, and so are keys at their default, so that a key added later
    changes no digest.

    Parameters
    ----------
    loaded : LoadedConfig
        A config whose files can be read.

    Raises
    ------
    OSError
        If a file that the config names cannot be read.
    """
    return sha256_text(canonical_json({"keys": _science(loaded), "contents": _contents(loaded)}))


def is_science_of(loaded: LoadedConfig, digest: str, founded: Mapping[str, Any] | None = None) -> bool:
    """Return whether a digest is that of a config, as it is made now or was made by an older alloop.

    Parameters
    ----------
    loaded : LoadedConfig
        A config whose files can be read.
    digest : str
        What `science_digest` gave when a campaign began.
    founded : mapping or None
        The dumped config that the campaign began with: what may be added to counts as it was then.

    Raises
    ------
    OSError
        If a file that the config names cannot be read.
    """
    if founded is not None:
        former = as_before(loaded.config.model_dump(mode="json"), founded)
        loaded = replace(loaded, config=CampaignConfig.model_validate(former))
    if digest == science_digest(loaded):
        return True
    values = {dotted(path): value for path, value in _leaves(loaded.config.model_dump(mode="json"))}
    once = {key: values[key] for key, default in _ONCE_SCIENCE.items() if values[key] != default}
    return digest == sha256_text(canonical_json({"keys": _science(loaded) | once, "contents": _contents(loaded)}))


def _science(loaded: LoadedConfig) -> dict[str, Any]:
    dump = loaded.config.model_dump(mode="json", exclude_defaults=True)
    science = {key: value for key, value in dump.items() if key not in _NOT_SCIENCE}
    return {dotted(path): value for path, value in _leaves(science) if not _is_place(path) and path not in _FREE_KEYS}


def policy_digests(loaded: LoadedConfig) -> dict[str, str]:
    """Return the SHA-256 of the source of every policy that is not built in, by its key in the config."""
    sources = {f"{section}.policy": _source_of(policy) for section, _, policy, _ in policies_of(loaded)}
    return {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in sources.items() if path is not None}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Return where two dumped configs differ, in the order of the new one.

    The place of a file may change, its content may not (`science_digest` holds it); nor may a file be added or removed.

    Parameters
    ----------
    old, new : mapping
        ``CampaignConfig.model_dump(mode="json")``.

    Examples
    --------
    >>> print(*differences({"seed": 7, "budget": {"labels": 64}}, {"seed": 7, "budget": {"labels": 80}}))
    budget.labels: 64 -> 80
    """
    whole = {key for key in (*old, *new) if _appears(old.get(key), new.get(key))}
    before, after = dict(_leaves(old, whole=whole)), dict(_leaves(new, whole=whole))
    paths = [*after, *(path for path in before if path not in after)]
    changed = [path for path in paths if not _same(before.get(path, _ABSENT), after.get(path, _ABSENT))]
    return [_difference(path, before, after) for path in changed]


def _appears(old: Any, new: Any) -> bool:
    """Return whether an optional section is there on one side only."""
    return (old is None and isinstance(new, Mapping)) or (new is None and isinstance(old, Mapping))


def _leaves(value: Any, path: KeyPath = (), whole: Container[str] = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every plain value; a list of plain values counts as one, an empty section as nothing.

    The sections named in `whole` are yielded as they are.
    """
    if isinstance(value, Mapping) and not (len(path) == 1 and path[0] in whole):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)), whole)
    elif isinstance(value, list | tuple) and (path in _PLACES or _holds_sections(value)):
        for i, inner in enumerate(value):
            yield from _leaves(inner, (*path, i))
    elif path:
        yield path, value


def _holds_sections(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)


def _same(old: Any, new: Any) -> bool:
    if old is _ABSENT or new is _ABSENT:
        return old is new
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _difference(path: KeyPath, before: Mapping[KeyPath, Any], after: Mapping[KeyPath, Any]) -> Difference:
    key, old, new = dotted(path), before.get(path), after.get(path)
    moved = _is_place(path) and path in before and path in after
    if path[0] in _NOT_SCIENCE or path in _FREE_KEYS or moved:
        return Difference(key, old, new, "machine")
    if key not in EXTENDABLE or old is None or new is None:
        return Difference(key, old, new, "science")
    why = refusal(key, old, new)
    return Difference(key, old, new, "science", why) if why else Difference(key, old, new, "extension")


def _is_place(path: KeyPath) -> bool:
    """Return whether a key only says where a file lies whose content is compared anyway."""
    if path[0] == "systems":
        return path[-1] == "structure"
    return path[:2] in _PLACES or path in _OF_FILES


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, Mapping):
        return f"a section of {len(value)} keys"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _contents(loaded: LoadedConfig) -> dict[str, str]:
    config = loaded.config
    files = {f"systems[{i}]": loaded.resolve(system.structure) for i, system in enumerate(config.systems)}
    files |= {f"data.initial[{i}]": loaded.resolve(name) for i, name in enumerate(config.data.initial)}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(files.items())}


def _source_of(policy: str) -> Path | None:
    """Return the source file of a policy that is not built in."""
    module, colon, _ = policy.partition(":")
    if not colon:
        return None
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None
