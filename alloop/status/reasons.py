"""Words for the reasons that frames were chosen, rejected or failed for. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from alloop.status.numbers import many

_WORDS: Mapping[str, str] = {
    "initial": "initial structures",
    "length": "ran to its end",
    "disagreement": "large expected error",
    "probe": "drawn at random to check expected errors",
    "random": "drawn at random",
    "fill": "to fill a selection up",
    "last_good": "last frame before an MD run failed",
    "imported": "imported",
    "heldout": "held out",
    "retired": "held out at first, then trained on",
    "known": "expected error below the window",
    "beyond": "expected error above the window",
    "nonfinite": "the committee gave no number",
    "duplicate": "nearly the same as a labelled frame",
    "walker_quota": "their MD run had given its share",
    "not_needed": "no committee looked at them, and none had to",
    "not_random": "not drawn",
    "stale": "offered by a committee that is too old",
    "unreadable": "their structure cannot be read",
    "contact": "atoms too close",
    "temperature": "too hot",
    "volume": "cell too large or too small",
    "nan": "not a number",
    "forces": "forces missing or too large",
    "scf": "SCF did not converge",
    "dft": "the engine failed",
    "timeout": "took too long",
    "lost": "worker lost",
    "lost worker": "worker lost, made again",
    "stress": "no valid stress",
    "elements": "elements the model does not know",
    "diverged": "the fit diverged",
}


_RUNNING: Mapping[str, str] = {
    "atom": "isolated atom",
    "teach": "teacher task",
    "explore": "MD segment",
    "label": "label",
    "fit": "fit",
    "measure": "evaluation",
    "produce": "production run",
    "study": "study task",
}
"""What running tasks are called, by their name or the kind of their slot."""


def running_words(running: Mapping[str, int]) -> str:
    """Return running tasks in words.

    Examples
    --------
    >>> running_words({"explore": 1, "fit": 2}), running_words({"teach": 2}), running_words({})
    ('1 MD segment, 2 fits', '2 teacher tasks', 'nothing')
    """
    return ", ".join(many(number, _RUNNING.get(kind, kind)) for kind, number in running.items() if number) or "nothing"


def reason_words(reason: str) -> str:
    """Return a reason in words; one that is not known, as of a policy of the user's own, without its underscores.

    Examples
    --------
    >>> reason_words("walker_quota"), reason_words("my_reason")
    ('their MD run had given its share', 'my reason')
    """
    return _WORDS.get(reason, reason.replace("_", " "))


def counted_words(counts: Mapping[str, int]) -> str:
    """Return counts by reason in words, the largest first.

    Examples
    --------
    >>> counted_words({"contact": 5, "walker_quota": 100})
    '100: their MD run had given its share; 5: atoms too close'
    """
    ordered = sorted(((n, name) for name, n in counts.items() if n), key=lambda item: (-item[0], item[1]))
    return "; ".join(f"{n}: {reason_words(name)}" for n, name in ordered)
