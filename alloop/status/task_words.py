"""Words for the purposes of tasks, which are identifiers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_FITS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"r(\d+)/f(\d+)", lambda found: f"rung {found[1]}, fit {found[2]}"),
    (r"s(\d+)(?:\.\d+)?/f(\d+)", lambda found: f"random subset of {found[1]}, fit {found[2]}"),
    (r"g(\d+)/m0", lambda found: f"generation {found[1]}, leader"),
    (r"g(\d+)/m(\d+)", lambda found: f"generation {found[1]}, member {found[2]}"),
    (r"pretrain/m(\d+)", lambda found: f"before the first label, member {found[1]}"),
)
_NOUNS: Mapping[str, str] = {
    "atom": "isolated atom",
    "initial": "first frames",
    "explore": "MD",
    "label": "label",
    "select": "selection",
    "calibrate": "calibration",
    "evaluate": "errors",
    "fit": "fit",
    "produce": "production MD",
    "measure": "transport",
    "teach": "teacher",
    "probe": "label made again",
}
_OF_STUDY = re.compile(r"study/(?P<study>[^/]+)/(?P<task>.+)/[0-9a-f]{8}(?P<again>/again\d+)?$")
"""The last part is the beginning of the task's key."""


def fit_words(purpose: str) -> str:
    """Return which fit is meant, without the word itself.

    Examples
    --------
    >>> fit_words("fit/r24/f0"), fit_words("fit/g2/m0"), fit_words("fit/g2/m3/again1")
    ('rung 24, fit 0', 'generation 2, leader', 'generation 2, member 3')
    """
    name = purpose.removeprefix("fit/")
    words, _ = _model(name)
    return words or name


def _model(name: str) -> tuple[str, str]:
    """Return in words which fit a name begins with, and the rest of the name; no words where it is none."""
    for pattern, words in _FITS:
        if found := re.match(f"{pattern}(/|$)", name):
            return words(found), name[found.end() :]
    return "", name


def task_words(purpose: str) -> str:
    """Return the purpose of a task in words; the names of frames, walkers and systems stay.

    Examples
    --------
    >>> task_words("label/Li3InCl6.600K.0/4/3"), task_words("select/7"), task_words("fit/r24/f0")
    ('label Li3InCl6.600K.0/4/3', 'selection 7', 'fit: rung 24, fit 0')
    >>> task_words("evaluate/r48/f0/h12"), task_words("produce/r24/f1/Li3InCl6/0/2")
    ('errors: rung 48, fit 0 (h12)', 'production MD: rung 24, fit 1 (Li3InCl6/0/2)')
    >>> task_words("study/aimd/Li3InCl6/1000K/0/3/8c0002ae"), task_words("relax/any")
    ('study aimd: Li3InCl6/1000K/0/3', 'relax/any')
    """
    kind, _, name = purpose.partition("/")
    if found := _OF_STUDY.match(purpose):
        return f"study {found['study']}: {found['task']}{found['again'] or ''}"
    if kind not in _NOUNS or not name:
        return purpose
    model, rest = _model(name)
    if not model:
        return f"{_NOUNS[kind]} {name}"
    return f"{_NOUNS[kind]}: {model}" + (f" ({rest})" if rest else "")
