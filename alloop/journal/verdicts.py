"""The verdicts that a campaign can end with, each with its meaning, look, exit code and whether it can be lifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VerdictName = Literal["converged", "ladder_exhausted", "budget_spent", "stopped"]


@dataclass(frozen=True)
class VerdictKind:
    """One way for a campaign to end.

    Attributes
    ----------
    name : str
        What the journal calls it.
    meaning : str
        What it says, in the words of docs/verdict.md.
    look : str
        Class of its box in the report; `alloop.report.style` has the colours.
    exit_code : int
        What ``alloop run`` returns; `alloop.commands.exit_codes` has the words.
    liftable : bool
        Whether more budget or other machines lift it, so that the campaign goes on. Any other verdict rests on judged
        rungs and falls when their transport is measured anew.
    """

    name: VerdictName
    meaning: str
    look: Literal["good", "fair", "bad"]
    exit_code: int = 0
    liftable: bool = False


_KINDS = (
    VerdictKind(
        "converged",
        "the last two rungs agree on the energy RMSE and on the force RMSE, and on the activation energy and ln σ of "
        "every system that is measured: more data of this kind does not change the answer",
        look="good",
    ),
    VerdictKind(
        "ladder_exhausted",
        "the largest rung is judged and does not agree with the one before; the errors may still fall",
        look="fair",
    ),
    VerdictKind("budget_spent", "labels, DFT core-hours or wall time ran out first", look="fair", liftable=True),
    VerdictKind(
        "stopped",
        "the campaign gave up: too many failed labels, or nothing left to do; the reason is printed",
        look="bad",
        exit_code=3,
        liftable=True,
    ),
)
VERDICTS = {kind.name: kind for kind in _KINDS}
LIFTABLE_VERDICTS = frozenset(kind.name for kind in _KINDS if kind.liftable)
