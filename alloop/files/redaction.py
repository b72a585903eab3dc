"""Know secrets by their look, and remove them from texts before alloop writes or prints them."""

from __future__ import annotations

import netrc
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from alloop.files.environment import expanded

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|PASS$|_PWD$|CREDENTIAL", re.IGNORECASE)
SHORTEST_SECRET = 8
HIDDEN = "[secret]"

SECRET_WORD = r"(?:KEY(?!BOARD|WORD)|TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIALS?)"
LONG_VALUE = rf"(?![/~.$-])(?!\[secret)[^\s\"'$`;&|<>]{{{SHORTEST_SECRET},}}"
PHRASE = r"(?![/~.$-])(?!\[secret)(?:(?<=\")[^\"$`\n]{8,200}(?=\")|(?<=')[^'\n]{8,200}(?='))"
"""A value with blanks, between quotes."""
_SOME = r"\w{0,60}"
"""Bounds like this one keep the search short, whatever the text."""
_VALUE = rf"(?:{PHRASE}|{LONG_VALUE})"
_CLIENT = r"(?:mysql\w*|mariadb(?:-\w+)*)"
_LOGIN = r"(?:(?:docker|podman|az|oc|registry)\s+login|mongo\w*)"
_WORDS = r"[^|;&\n]{0,300}?"
_OPTION = (
    rf"(?:ldap\w+\b{_WORDS}\s-(?-i:w)|redis-cli\b{_WORDS}\s-(?-i:a)|ssh-keygen\b{_WORDS}\s-(?-i:N)"
    rf"|openssl\b{_WORDS}\s-(?-i:k)|(?:un)?zip\b{_WORDS}\s-(?-i:P)|7z\w*\b{_WORDS}\s-(?-i:p))"
)
"""Programs, with the option of theirs that takes a password."""
_PAIR = (
    rf"(?:(?:smb\w+|rpcclient)\b{_WORDS}\s(?:-(?-i:U)|--user)[\s=]*[\"']?[^\s%\"']{{1,100}}%"
    rf"|lftp\b{_WORDS}\s-(?-i:u)\s*[^\s,]{{1,100}},|sqlplus\s+(?:-\w+\s+)*[^\s/]{{1,100}}/"
    r"|htpasswd\s+-\w*b\w*\s+\S{1,300}\s+\S{1,100}\s+)"
)
"""Programs that take a user and a password in one word or one after the other."""
_READER = r"(?:sudo\s+(?:-\w+\s+)*-\w*S|wandb\s+login|docker\s+login|gh\s+auth|kinit|ch?passwd|gpg|ssh-add)"
_ISSUED = (
    r"(?:gh[pousr]_|github_pat_|gl(?:pat|rt|dt)-|hf_|sk-|[sr]k_(?:live|test)_|xox[a-z]-|xapp-|npm_|pypi-|AIza|ya29\."
    r"|dop_v1_|wandb_v\d_|AKIA|ASIA|dckr_pat_|lin_api_|nvapi-|gsk_|tskey-|hv[sb]\.|(?-i:ATATT|SG\.)|AGE-SECRET-KEY-)"
)
_WEBHOOK = r"(?:hooks\.slack\.com/\w+|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|[\w.-]{1,100}webhook\.office\.com)"
SECRET = re.compile(
    rf"""
    (?P<variable>\b(?:{_SOME}{SECRET_WORD}{_SOME}|{_SOME}PASS|(?:{_SOME}_)?PWD?)
        (?:=["']?|["'\]]{{0,2}}\s*=\s*["'])){_VALUE}
    | (?P<setenv>\b(?:setenv|set\s+-\w+|config(?:ure)?\s+set)\s+{_SOME}{SECRET_WORD}{_SOME}\s+["']?){LONG_VALUE}
    | (?P<flag>(?<![\w-])--?(?:[\w-]{{0,60}}{SECRET_WORD}[\w-]{{0,60}}|(?:[\w-]{{0,60}}-)?(?:pass|pw))
        [=\s]["']?){_VALUE}
    | (?P<header>\b(?:Authorization|Cookie)["']?\s*:\s*["']?(?>(?:\w+\s+)?))(?!\$)[^\s"'$]{{4,}}
    | (?P<bearer>\bBearer\s+)(?=\S{{0,300}}\d){LONG_VALUE}
    | (?P<sshpass>\bsshpass\s+(?:-\w\s+)*-(?-i:p)\s*["']?)(?!\$)[^\s"']+
    | (?P<client>\b{_CLIENT}\b[^|;&\n]{{0,300}}?\s-(?-i:p)["']?)(?![$-])[^\s"'$]{{4,}}
    | (?P<account>\b{_LOGIN}\b[^|;&\n]{{0,300}}?\s-(?-i:p)\s?["']?)(?![$-])[^\s"'$]{{4,}}
    | (?P<option>\b{_OPTION}\s*["']?)(?![$-])[^\s"'$]{{4,}}
    | (?P<pair>\b{_PAIR}["']?)(?![$-])[^\s"'$@]{{4,}}
    | (?P<curl>\b(?:curl|https?)\b{_WORDS}\s(?:-(?-i:[uUa])|--(?:proxy-)?user|--auth)
        [\s=]*["']?[^\s:"']+:)(?!\$)[^\s"']+
    | (?P<openssl>\bpass:)(?!\$)[^\s"']{{4,}}
    | (?P<piped>\b(?:echo|printf)\s+(?:-\w+\s+)*["']?)(?!\$)[^\s"'|]{{4,300}}(?=["']?\s*\|\s*{_READER})
    | (?P<here>\b(?:{_READER}\b[^|;&\n<]{{0,300}}|{_SOME}(?:{SECRET_WORD}|PASS){_SOME}\s*)
        <<<\s*["']?)(?!\$)[^\s"']{{4,}}
    | (?P<document>\b{_READER}\b[^|;&\n<]{{0,300}}<<-?\s*["']?\w{{1,60}}["']?\s*\n\s*)(?!\$)[^\s"']{{4,}}
    | (?P<netrc>\blogin\s+\S{{1,100}}\s+password\s+["']?)(?!\$)[^\s"']{{4,}}
    | (?P<webhook>://{_WEBHOOK}/)\S{{8,}}
    | (?P<signed>[?&](?:sig|(?:[\w]{{1,20}}-){{0,3}}signature)=)[\w%+/=-]{{8,}}
    | (?P<call>\bMPRester\s*\(\s*["'])\w{{16,}}
    | (?P<setter>\b(?:setdefault|putenv|setenv|setx)[\s(]+["']?{_SOME}{SECRET_WORD}{_SOME}["']?[\s,]+["']?){LONG_VALUE}
    | (?P<keyring>\bset_password\s*\([^)\n]{{1,200}},\s*["'])[^"'\n]{{4,}}
    | (?P<bot>(?<!\d)\d{{6,12}}:)AA[\w-]{{30,}}
    | (?P<channel>://[^\s/]{{1,100}}/t/)(?=\S{{0,100}}\d)[\w-]{{12,}}(?=/)
    | (?P<login>wandb\s+login\s+(?:--\S+\s+)*["']?)\w{{32,}}
    | (?P<url>:/{{1,2}}[^\s/:@]*:)[^\s/@$]+(?=@)
    | (?P<user>://)(?=\S{{0,300}}\d)[\w-]{{20,}}(?=@)
    | (?P<issued>\b{_ISSUED})(?=\S{{0,300}}\d)[\w.-]{{16,}}
    | (?P<jwt>\beyJ)[\w-]{{10,}}\.[\w-]{{10,}}[\w.-]*
    | (?P<block>(?:-----BEGIN\ [A-Z0-9 ]*PRIVATE\ KEY|PuTTY-User-Key-File-))[\s\S]*
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Secrets by their look. What stands before one, in the group that matched, may be shown."""
NAMED = re.compile(
    rf"""(?P<named>\b(?:[\w-]{{1,60}}[-_]{SECRET_WORD}|{SECRET_WORD})["']?\s*:\s*["']?){LONG_VALUE}""", re.IGNORECASE
)
"""A name and a value with a colon between: in a config a secret or a header of a request, elsewhere often a message."""
KEY_OF_WANDB = re.compile(r"[0-9a-f]{40}|wandb_v\d_\w+", re.IGNORECASE)


def redacted(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Return a text without the secrets of the environment and of the netrc file, and what looks like one.

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
    return concealed(text)


def concealed(text: str) -> str:
    """Return a text without what looks like a secret.

    Examples
    --------
    >>> concealed("cannot read https://me:hunter2@example.org/a.cif")
    'cannot read https://me:[secret]@example.org/a.cif'
    """
    return SECRET.sub(lambda found: f"{found[str(found.lastgroup)]}{HIDDEN}", text)


def quotable(text: str) -> str:
    """Return a text of a config as a message may quote it.

    Examples
    --------
    >>> quotable("API_KEY: hunter2hunter2"), quotable("2 fs")
    ('API_KEY: [secret]', '2 fs')
    """
    if KEY_OF_WANDB.fullmatch(text.strip()):
        return HIDDEN
    return NAMED.sub(lambda found: f"{found['named']}{HIDDEN}", concealed(text))


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET and not value.startswith(("/", "~", ".")):
            yield value
    yield from _passwords(Path(environ.get("NETRC") or Path(environ.get("HOME") or expanded("~")) / ".netrc"))


def _passwords(path: Path) -> Iterator[str]:
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return
    for _, _, password in hosts.values():
        if password and len(password) >= SHORTEST_SECRET:
            yield password
