"""The default stopping policy: it decides whether more data still changes the answer.

The last two rungs of the ladder are compared by two one-sided tests of equivalence (`policies.stopping.judgement`) on
the held-out errors and on the transport of every system that is measured, at a level that depends on their place on
the ladder (`policies.stopping.significance`). A list of judgements makes the verdict; where only the error of the
dynamics prevents agreement, the policy asks for longer dynamics before more labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from policies.stopping.comparison import compare_rungs
from policies.stopping.judgement import CRITICAL, Judgement, judge_change
from policies.stopping.rungs import RungEvidence, RungSummary, summarise, systems_of
from policies.stopping.significance import LADDER_LEVEL, LEVEL, level_of
from policies.stopping.transport import (
    QUANTITIES,
    TransportEvidence,
    TransportRow,
    TransportTolerances,
    transport_changes,
)

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
            Seed of whatever is random.

        Returns
        -------
        Verdict, MeasureMore or None
            None while the campaign should go on; `MeasureMore` only for rungs that `can_extend`.
        """
        ...


@dataclass(eq=False)
class LadderStopping(TransportTolerances):
    """Converged when the last two rungs agree on the held-out errors and on the transport of every system.

    The last rung is the largest one with evidence; it is compared with the one before it on the ladder, and nothing
    is said until that one has evidence too. A rung without a measurement agrees with nothing: neither one whose
    fits or held-out frames are too few, nor one that lacks a system which any other rung has measured, or on which
    that system is unphysical or unmeasured. Without transport on any rung the held-out errors alone decide. Rung 0
    is compared with nothing.

    Where only the error of the dynamics prevents agreement, or the ions of a system moved too little to measure their
    transport, the policy asks for longer dynamics if the rungs may have them. When the largest rung of the ladder is
    judged and not converged, the ladder is exhausted.

    Where every rung moves the truth by the tolerance or more, at most about 10 % of ladders stop at any rung
    (`policies.stopping.significance.level_of`).

    Attributes
    ----------
    tolerance_energy, tolerance_forces : float
        Change of the RMSE that does not matter, as a fraction of the previous rung's.
    floor_energy_meV_per_atom, floor_forces_meV_per_A : float
        Change of the RMSE that does not matter, however small the RMSE is (meV/atom, meV/Å).
    resamples : int, optional
        Without effect, because error bars are not resampled; a config may still name it.

    Raises
    ------
    ValueError
        If a tolerance is not positive and finite, or a floor negative or not finite.
    """

    tolerance_energy: float = 0.10
    tolerance_forces: float = 0.10
    floor_energy_meV_per_atom: float = 0.0
    floor_forces_meV_per_A: float = 0.0
    resamples: InitVar[int | None] = None

    def __post_init__(self, resamples: int | None) -> None:
        super().__post_init__()
        for name in ("floor_energy_meV_per_atom", "floor_forces_meV_per_A"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be finite and not negative, got {value}")

    def judge(self, rungs: Sequence[RungEvidence], ladder: Sequence[int], seed: int) -> Verdict | MeasureMore | None:
        """Judge the rungs so far; see `StoppingPolicy.judge`.

        Raises
        ------
        ValueError
            If two rungs have one size, or the last two were evaluated on different held-out frames.
        """
        sizes, evidence = sorted({size for size in ladder if size > 0}), _by_size(rungs)
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
        silences = _silences(pair, systems_of(rungs))
        judgements = self.compare(*pair, level=self.level(last, sizes))
        if not silences and all(judgement.equivalent for judgement in judgements):
            return Verdict("converged", f"converged {_between(pair, judgements)}; {_STATED}", judgements)
        more = self._measure_more(pair, silences, judgements)
        if more or not at_end:
            return more
        return _exhausted(last, "; ".join([*map(str, silences), _between(pair, judgements)]), judgements)

    @staticmethod
    def level(size: int, ladder: Sequence[int]) -> float:
        """Return the level at which a rung of a ladder is compared with the one before it; see `level_of`.

        Raises
        ------
        ValueError
            If the rung is not on the ladder or has none before it.
        """
        sizes = sorted({rung for rung in ladder if rung > 0})
        return level_of(sizes.index(size), len(sizes) - 1)

    def compare(self, previous: RungEvidence, last: RungEvidence, *, level: float = LEVEL) -> tuple[Judgement, ...]:
        """Judge every metric of two rungs; see `compare_rungs`."""
        return compare_rungs(
            previous,
            last,
            self.tolerance_energy,
            self.tolerance_forces,
            floor_energy_meV_per_atom=self.floor_energy_meV_per_atom,
            floor_forces_meV_per_A=self.floor_forces_meV_per_A,
            level=level,
            **{quantity.tolerance_key: self.tolerance_of(quantity) for quantity in QUANTITIES},
        )

    def _measure_more(
        self, pair: tuple[RungEvidence, RungEvidence], silences: list[_Silence], judgements: tuple[Judgement, ...]
    ) -> MeasureMore | None:
        """Return what longer dynamics are asked for, or None if the rungs cannot agree whatever they find."""
        open_ones = [judgement for judgement in judgements if not judgement.equivalent]
        wanted = [_longer(pair, judgement) for judgement in open_ones]
        if not all(wanted) or not all(silence.mendable for silence in silences):
            return None
        sizes = {size for some in wanted for size in some} | {silence.size for silence in silences}
        reason = "; ".join([*map(str, silences), *([_between(pair, tuple(open_ones))] if open_ones else [])])
        return MeasureMore(tuple(sorted(sizes)), f"longer dynamics may decide it: {reason}") if sizes else None


_STATED = f"where every rung moves by the tolerance, at most about {100 * LADDER_LEVEL:g} % of ladders stop"


@dataclass(frozen=True)
class _Silence:
    """A system that a rung has no usable transport of, and whether longer dynamics may help."""

    size: int
    system: str
    why: str
    mendable: bool

    def __str__(self) -> str:
        return f"rung {self.size}, {self.system}: {self.why}"


def _silences(pair: tuple[RungEvidence, RungEvidence], systems: Sequence[str]) -> list[_Silence]:
    found = []
    for rung in pair:
        for system in systems:
            evidence = rung.transport_of(system)
            why = evidence.nothing() if evidence else "its transport is missing"
            if why:
                short = evidence is not None and bool(evidence.unmeasured) and not evidence.unphysical
                found.append(_Silence(rung.size, system, why, short and rung.can_extend))
    return found


def _longer(pair: tuple[RungEvidence, RungEvidence], judgement: Judgement) -> list[int]:
    """Return the rungs whose dynamics should be longer to decide a judgement; none if that cannot decide it."""
    if judgement.system is None or judgement.finding != "undecided":
        return []
    before, after = (rung.transport_of(judgement.system) for rung in pair)
    if before is None or after is None:
        return []
    change = transport_changes(before, after, judgement.level)[judgement.metric]
    extend = (pair[0].can_extend, pair[1].can_extend)
    if not change.within_reach(judgement.tolerance, extend):
        return []
    # a rung that adds little to the error is left as it is; of two shares, one is at least a half
    shares = (change.previous.variance_md, change.last.variance_md)
    return [
        rung.size
        for rung, longer, share in zip(pair, extend, shares, strict=True)
        if longer and share >= 0.25 * sum(shares)
    ]


def _between(pair: tuple[RungEvidence, RungEvidence], judgements: tuple[Judgement, ...]) -> str:
    return f"from {pair[0].size} to {pair[1].size} labels: " + "; ".join(map(str, judgements))


def _by_size(rungs: Sequence[RungEvidence]) -> Mapping[int, RungEvidence]:
    evidence = {rung.size: rung for rung in rungs}
    if len(evidence) != len(rungs):
        raise ValueError("two rungs have the same size")
    return evidence


def _exhausted(size: int, reason: str, judgements: tuple[Judgement, ...] = ()) -> Verdict:
    return Verdict("ladder_exhausted", f"not converged at the largest rung ({size} labels): {reason}", judgements)
