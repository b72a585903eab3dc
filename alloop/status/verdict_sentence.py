"""The verdict of a campaign in one sentence, and what is behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from alloop.status.numbers import finite, plus_minus
from alloop.status.summary import RungRow, Status

WEAK = 0.5
"""Power below which an undecided comparison says little about the labels."""
_OUTCOMES = {
    "equivalent": "did not change by more than the tolerance",
    "different": "changed by more than the tolerance",
    "undecided": "no answer, as the error bar is too wide",
}


def verdict_sentence(status: Status) -> str:
    """Return what the campaign found in one sentence for a reader who knows none of its words."""
    if status.verdict is None:
        goal = f"; it is heading for {status.next_rung} training labels" if status.next_rung else ""
        return f"The campaign is not finished{goal}."
    if status.verdict == "converged":
        meaning = "more data of this kind does not change the answer"
        return f"{_step(status)}, no error or property changed by more than its tolerance: {meaning}."
    if status.verdict == "ladder_exhausted":
        return f"{_step(status)}, {_not_converged(status.judgements)}."
    if status.verdict == "budget_spent":
        return "The budget ended before it was known whether the answer still changes."
    return "The campaign gave up before it had an answer."


def _step(status: Status) -> str:
    sizes = [row.size for row in status.rungs]
    return f"From {sizes[-2]} to {sizes[-1]} training labels" if len(sizes) > 1 else "At the largest training set"


def _not_converged(judgements: Iterable[Mapping[str, Any]]) -> str:
    told = [(_name(one), str(one.get("finding")), finite(one.get("power"))) for one in judgements]
    moved = [name for name, finding, _ in told if finding == "different"]
    weak = [name for name, finding, power in told if finding == "undecided" and power is not None and power < WEAK]
    close = [name for name, finding, _ in told if finding == "undecided" and name not in weak]
    parts = []
    if moved:
        parts.append(f"{_listed(moved)} still changed by more than the tolerance")
    if close:
        parts.append(f"{_listed(close)} may still have changed by more than the tolerance")
    errors = [name for name in weak if name.endswith("RMSE")]
    if errors:
        parts.append(f"these fits and held-out frames are too few to tell whether {_listed(errors)} changed")
    if transport := [name for name in weak if name not in errors]:
        what = "these fits and production runs are too few or too short"
        parts.append(f"{what} to tell whether {_listed(transport)} changed")
    return "; ".join(parts) or "it is not known whether the answer still changes"


def _name(judgement: Mapping[str, Any]) -> str:
    system = judgement.get("system")
    return f"{judgement.get('metric', '?')}" + (f" of {system}" if system else "")


def _listed(names: list[str]) -> str:
    names = [f"the {name}" for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def findings(status: Status) -> list[str]:
    """Return in words how each metric changed between the last two rungs, and whether that could be told."""
    return [_finding(one) for one in status.judgements] + _rising(status.rungs)


def _finding(judgement: Mapping[str, Any]) -> str:
    unit, found = str(judgement.get("unit", "")), str(judgement.get("finding"))
    change, se = finite(judgement.get("delta")), finite(judgement.get("se_delta"))
    told = f"{_name(judgement)}: {_OUTCOMES.get(found, 'no answer')}. "
    told += "The change could not be measured. " if change is None else f"Change: {plus_minus(change, se, unit)}. "
    told += f"Tolerance: {finite(judgement.get('tolerance')) or 0.0:.3g} {unit}."
    power = finite(judgement.get("power"))
    if found != "undecided" or power is None:
        return told
    return f"{told} With this error bar, rungs that do not differ pass in {100 * power:.0f} of 100 comparisons."


def _rising(rungs: Sequence[RungRow]) -> list[str]:
    """Return where an error rose with more labels."""
    said = []
    for before, after in pairwise(row for row in rungs if row.size):
        sizes = f"from {before.size} to {after.size} labels"
        forces = _rise(before.rmse_forces_meV_per_A, after.rmse_forces_meV_per_A)
        energy = _rise(before.rmse_energy_meV_per_atom, after.rmse_energy_meV_per_atom)
        said += [] if forces is None else [f"The force RMSE rose by {forces:.3g} meV/Å {sizes}."]
        said += [] if energy is None else [f"The energy RMSE rose by {energy:.3g} meV/atom {sizes}."]
    return said


def _rise(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None or after <= before else after - before
