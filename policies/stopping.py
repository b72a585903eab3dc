"""Whether more data still changes the answer.

Two rungs of the ladder agree on a metric when the difference, with its error bar, fits inside the tolerance::

    |Δ| + 1.645 SE(Δ)  <=  tolerance

These are the two one-sided tests of equivalence at the 5 % level (Schuirmann, J. Pharmacokinet. Biopharm. 15, 657
(1987)): not seeing a difference is not enough, a wide error bar keeps a campaign going. The error bar holds the
spread between fits and between held-out walkers (`policies.resampling`).

A metric is any number of two rungs with a standard error and a tolerance; `judge_change` judges one, and a list of
judgements makes the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from policies.resampling import paired_standard_error, rmse
from policies.rungs import UNITS, RungEvidence, RungSummary, squared_errors, summarise
from policies.transport import TransportEvidence, TransportRow

__all__ = [
    "CRITICAL",
    "Judgement",
    "LadderStopping",
    "MeasureMore",
    "RungEvidence",
    "RungSummary",
    "StoppingPolicy",
    "TransportEvidence",
    "TransportRow",
    "Verdict",
    "compare_rungs",
    "judge_change",
    "summarise",
]

CRITICAL = 1.645
"""95 % point of the standard normal distribution, one-sided."""


@dataclass(frozen=True)
class Judgement:
    """How one metric changed from one rung to the next.

    Attributes
    ----------
    metric, unit : str
        What was compared, and in which unit all values stand.
    value_previous, value_last : float
        The metric on the two rungs.
    delta, se_delta : float
        Last minus previous, and its standard error.
    tolerance : float
        Change that does not matter.
    relative : float or None
        The tolerance as a fraction of `value_previous`, if it was given so.
    finding : str
        ``equivalent`` (the change, error bar included, does not matter), ``different`` (it exceeds the tolerance by
        more than its error bar) or ``undecided`` (the error bar is too wide to tell).
    """

    metric: str
    unit: str
    value_previous: float
    value_last: float
    delta: float
    se_delta: float
    tolerance: float
    relative: float | None
    finding: Literal["equivalent", "different", "undecided"]

    @property
    def equivalent(self) -> bool:
        """Whether the two rungs agree."""
        return self.finding == "equivalent"

    @property
    def bound(self) -> float:
        """Largest change that the data allow: ``|delta| + 1.645 se_delta``."""
        return abs(self.delta) + CRITICAL * self.se_delta

    def __str__(self) -> str:
        share = "" if self.relative is None else f" ({self.relative:.3g} of {self.value_previous:.4g})"
        return (
            f"{self.metric} {self.value_previous:.4g} → {self.value_last:.4g} {self.unit}, "
            f"Δ = {self.delta:+.3g} ± {self.se_delta:.2g}, |Δ| + {CRITICAL} SE = {self.bound:.3g} "
            f"{'≤' if self.equivalent else '>'} {self.tolerance:.3g}{share}: {self.finding}"
        )


@dataclass(frozen=True)
class Verdict:
    """Why a campaign ends.

    Attributes
    ----------
    kind : str
        ``converged`` or ``ladder_exhausted``.
    reason : str
        The verdict in words and numbers.
    judgements : tuple of Judgement
        The numbers behind it; empty if the last two rungs could not be compared.
    """

    kind: Literal["converged", "ladder_exhausted"]
    reason: str
    judgements: tuple[Judgement, ...] = ()


@dataclass(frozen=True)
class MeasureMore:
    """What a policy answers when the dynamics are too short to see a change of the tolerance.

    Attributes
    ----------
    sizes : tuple of int
        Rungs that need longer dynamics or more replicas before anything is decided.
    reason : str
        Why, in words and numbers.
    """

    sizes: tuple[int, ...]
    reason: str
    kind: ClassVar[Literal["measure_more"]] = "measure_more"


@runtime_checkable
class StoppingPolicy(Protocol):
    """Decides whether the ladder has been climbed far enough."""

    def judge(self, rungs: Sequence[RungEvidence], ladder: Sequence[int], seed: int) -> Verdict | MeasureMore | None:
        """Judge the rungs so far.

        Parameters
        ----------
        rungs : sequence of RungEvidence
            Rungs that are fitted and evaluated, all on the same held-out frames.
        ladder : sequence of int
            Sizes of all rungs of the campaign.
        seed : int
            Seed of whatever is resampled.

        Returns
        -------
        Verdict, MeasureMore or None
            None while the campaign should go on; `MeasureMore` only for rungs that `can_extend`.
        """
        ...


class LadderStopping:
    """Converged when the last two rungs agree on the held-out energy and force RMSE.

    The last rung is the largest one with evidence; it is compared with the one before it on the ladder, and nothing
    is said until that one has evidence too. A rung without a measurement agrees with nothing. When the largest rung
    of the ladder is judged and not converged, the ladder is exhausted.

    Parameters
    ----------
    tolerance_energy, tolerance_forces : float
        Change of the RMSE that does not matter, as a fraction of the previous rung's.
    resamples : int
        Bootstrap resamples of an error bar.

    Raises
    ------
    ValueError
        If a tolerance is not positive and finite, or there are fewer than 100 resamples.
    """

    def __init__(self, tolerance_energy: float = 0.10, tolerance_forces: float = 0.10, resamples: int = 1000) -> None:
        for name, value in (("tolerance_energy", tolerance_energy), ("tolerance_forces", tolerance_forces)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive and finite, got {value}")
        if resamples < 100:
            raise ValueError(f"resamples must be at least 100, got {resamples}")
        self.tolerance_energy = tolerance_energy
        self.tolerance_forces = tolerance_forces
        self.resamples = resamples

    def judge(self, rungs: Sequence[RungEvidence], ladder: Sequence[int], seed: int) -> Verdict | None:
        """Judge the rungs so far; see `StoppingPolicy.judge`.

        Raises
        ------
        ValueError
            If two rungs have one size, or the last two were evaluated on different held-out frames.
        """
        sizes, evidence = sorted(set(ladder)), _by_size(rungs)
        reached = [size for size in sizes if size in evidence]
        if not reached:
            return None
        last, at_end = reached[-1], reached[-1] == sizes[-1]
        if last == sizes[0]:
            return _exhausted(last, "a ladder of one rung has nothing to compare") if at_end else None
        previous = sizes[sizes.index(last) - 1]
        if previous not in evidence:
            return None
        pair = (evidence[previous], evidence[last])
        unmeasured = [f"rung {rung.size} is unmeasured: {why}" for rung in pair if (why := rung.unmeasured())]
        if unmeasured:
            return _exhausted(last, "; ".join(unmeasured)) if at_end else None
        judgements = self.compare(*pair, seed)
        reason = f"from {previous} to {last} labels: " + "; ".join(map(str, judgements))
        if all(judgement.equivalent for judgement in judgements):
            return Verdict("converged", f"converged {reason}", judgements)
        return _exhausted(last, reason, judgements) if at_end else None

    def compare(self, previous: RungEvidence, last: RungEvidence, seed: int) -> tuple[Judgement, ...]:
        """Judge every metric of two rungs; see `compare_rungs`."""
        return compare_rungs(previous, last, self.tolerance_energy, self.tolerance_forces, seed, self.resamples)


def judge_change(
    metric: str,
    unit: str,
    value_previous: float,
    value_last: float,
    se_delta: float,
    *,
    tolerance: float | None = None,
    relative: float | None = None,
) -> Judgement:
    """Judge the change of one metric by two one-sided tests.

    Parameters
    ----------
    metric, unit : str
        Name of the metric, and the unit of its values.
    value_previous, value_last : float
        The metric on the two rungs.
    se_delta : float
        Standard error of their difference; one that is not finite can show nothing and leaves it undecided.
    tolerance, relative : float, optional
        Change that does not matter, in `unit` or as a fraction of `value_previous`: exactly one of the two.

    Returns
    -------
    Judgement
        The change, its error bar and what was found.

    Raises
    ------
    ValueError
        Unless exactly one of `tolerance` and `relative` is given.

    Examples
    --------
    >>> print(judge_change("activation energy", "eV", 0.30, 0.29, 0.01, tolerance=0.03))
    activation energy 0.3 → 0.29 eV, Δ = -0.01 ± 0.01, |Δ| + 1.645 SE = 0.0265 ≤ 0.03: equivalent
    """
    if relative is not None and tolerance is None:
        limit = relative * abs(value_previous)
    elif tolerance is not None and relative is None:
        limit = tolerance
    else:
        raise ValueError("give either a tolerance or a relative one")
    delta = value_last - value_previous
    finding: Literal["equivalent", "different", "undecided"] = "undecided"
    if abs(delta) + CRITICAL * se_delta <= limit:
        finding = "equivalent"
    elif abs(delta) - CRITICAL * se_delta > limit:
        finding = "different"
    return Judgement(metric, unit, value_previous, value_last, delta, se_delta, limit, relative, finding)


def compare_rungs(
    previous: RungEvidence,
    last: RungEvidence,
    tolerance_energy: float,
    tolerance_forces: float,
    seed: int,
    resamples: int = 1000,
) -> tuple[Judgement, ...]:
    """Judge the held-out energy RMSE (meV/atom) and force RMSE (meV/Å) of two rungs, frame by frame paired.

    Parameters
    ----------
    previous, last : RungEvidence
        Rungs evaluated on the same held-out frames, in the same order.
    tolerance_energy, tolerance_forces : float
        Change that does not matter, as a fraction of the previous rung's RMSE.
    seed : int
        Seed of the resampling.
    resamples : int
        Bootstrap resamples.

    Returns
    -------
    tuple of Judgement
        Energy first. Their error bars are NaN, and nothing is found, if a rung has fewer than two fits or walkers.

    Raises
    ------
    ValueError
        If the held-out frames differ or there are none.
    """
    if previous.cluster != last.cluster:
        raise ValueError(f"rungs {previous.size} and {last.size} were evaluated on different held-out frames")
    if not (previous.fits and last.fits and last.frames):
        raise ValueError(f"rungs {previous.size} and {last.size}: no errors to compare")
    before, after = squared_errors(previous), squared_errors(last)
    tolerances = {"energy RMSE": tolerance_energy, "force RMSE": tolerance_forces}
    return tuple(
        judge_change(
            metric,
            UNITS[metric],
            rmse(before[metric]),
            rmse(after[metric]),
            paired_standard_error(before[metric], after[metric], last.cluster, seed, resamples),
            relative=tolerance,
        )
        for metric, tolerance in tolerances.items()
    )


def _by_size(rungs: Sequence[RungEvidence]) -> Mapping[int, RungEvidence]:
    evidence = {rung.size: rung for rung in rungs}
    if len(evidence) != len(rungs):
        raise ValueError("two rungs have the same size")
    return evidence


def _exhausted(size: int, reason: str, judgements: tuple[Judgement, ...] = ()) -> Verdict:
    return Verdict("ladder_exhausted", f"not converged at the largest rung ({size} labels): {reason}", judgements)
