"""Remove secrets of the environment from texts of other code before alloop writes or prints them."""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
SHORTEST_SECRET = 8
HIDDEN = "[secret]"


def redacted(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return a text without the secrets of the environment and of the netrc file.

    Parameters
    ----------
    text : str
        What some other code says: an error, a traceback.
    environ : mapping or None
        The environment; the process's own if None.

    Examples
    --------
    >>> redacted("401 for key 0123456789abcdef", {"WANDB_API_KEY": "0123456789abcdef", "HOME": "/nowhere"})
    '401 for key [secret]'
    """
    for secret in sorted(set(_secrets(os.environ if environ is None else environ)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET and not value.startswith(("/", "~", ".")):
            yield value
    yield from _passwords(Path(environ.get("NETRC") or Path(environ.get("HOME") or Path.home()) / ".netrc"))


def _passwords(path: Path) -> Iterator[str]:
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return
    for _, _, password in hosts.values():
        if password and len(password) >= SHORTEST_SECRET:
            yield password
