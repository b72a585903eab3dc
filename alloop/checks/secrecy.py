"""Find secrets in a config, because the journal keeps the config and the report shows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alloop.config.base import Keywords
from alloop.config.campaign import CampaignConfig
from alloop.config.errors import KeyPath
from alloop.config.fields import every_section
from alloop.files.redaction import KEY_OF_WANDB, NAMED, SECRET, SECRET_NAME, SHORTEST_SECRET

_KINDS = {
    **dict.fromkeys(("sshpass", "client", "account", "option", "pair", "curl", "openssl"), "a password"),
    **dict.fromkeys(("piped", "here", "document", "netrc", "login", "keyring"), "a password"),
    **dict.fromkeys(("url", "user"), "a password in an address"),
    **dict.fromkeys(("bot", "channel"), "a token in an address"),
    **dict.fromkeys(("webhook", "signed"), "an address that lets in whoever knows it"),
    "call": "an API key",
    **dict.fromkeys(("bearer", "issued", "jwt"), "a token"),
    "block": "a private key",
    "header": "a header that says who asks",
}
"""What a secret is, by the group that matched; of any other the name is told."""
_NAMES_OF_WANDB = (("monitor", "wandb", "project"), ("monitor", "wandb", "entity"))
_FREE = frozenset(
    (*path, name)
    for path, section in every_section(CampaignConfig)
    for name, info in section.model_fields.items()
    if info.annotation == Keywords
)
"""Keys below which a user may write anything."""


def secrets_in(config: CampaignConfig) -> Iterator[tuple[KeyPath, str]]:
    """Yield the key and the problem of everything that looks like a secret; the secret itself is not quoted."""
    for path, text in _texts(config.model_dump(mode="json"), ()):
        found = SECRET.search(text) or NAMED.search(text)
        if found is not None:
            yield path, _told(_words(found))
        elif path in _NAMES_OF_WANDB and KEY_OF_WANDB.fullmatch(text):
            yield path, _told("an API key of W&B")
        elif any(path[: len(free)] == free for free in _FREE) and _is_secret_key(path, text):
            yield path, _told(f"`{path[-1]}…`")


def _words(found: re.Match[str]) -> str:
    """Return what was found, in words that look like no secret themselves."""
    kind = str(found.lastgroup)
    return _KINDS.get(kind) or f"""`{found[kind].rstrip(" =:'" + '"')}…`"""


def _is_secret_key(path: KeyPath, text: str) -> bool:
    named = isinstance(path[-1], str) and SECRET_NAME.search(path[-1]) is not None
    return named and len(text) >= SHORTEST_SECRET and not text.startswith(("/", "~", ".", "$"))


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, Sequence):
        for i, inner in enumerate(value):
            yield from _texts(inner, (*path, i))


def _told(what: str) -> str:
    mend = "set it in the environment of `alloop run`, or read it from a file of yours where it is used"
    return f"holds what looks like a secret ({what}), and a config is kept in the journal; {mend}"
