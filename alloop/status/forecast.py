"""What rehearsals say of the campaign: labels, errors, walkers, transport and cost. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alloop.config.campaign import CampaignConfig
from alloop.journal.verdicts import VerdictName
from alloop.state.fold_tasks import UNPHYSICAL
from alloop.state.records import TaskState, segments_of
from alloop.state.state import CampaignState
from alloop.status.summary import RungRow, rung_rows
from alloop.tasks.contract.measure import MeasureSummary

_BOUGHT = ("label", "atom")


@dataclass(frozen=True)
class WalkerRow:
    """Segments of walkers under one generation at one temperature, and how many of them broke."""

    generation: int
    temperature_K: float
    segments: int
    broken: int


@dataclass(frozen=True)
class UsedTemperatures:
    """Temperatures (K) that all fits of the largest measured rung could use, and why not the others.

    Attributes
    ----------
    system : str
        A composition, all of whose measured orderings could use them.
    """

    system: str
    used_K: tuple[float, ...]
    rejected: dict[str, str]


@dataclass(frozen=True)
class Rehearsal:
    """What one rehearsal came to.

    Attributes
    ----------
    verdict : str or None
        None if it has not ended.
    converged_at : int or None
        Training labels of the rung that agreed with the one before.
    labels : dict
        Labels bought by system, held-out and failed ones included.
    training, heldout, failed : int
        All labels by what became of them.
    rungs : tuple of RungRow
        Every judged rung.
    production_ps : dict
        Length of the production runs of each rung (ps); empty where transport is not measured.
    temperatures : tuple of UsedTemperatures
        One for every measured composition.
    walkers : tuple of WalkerRow
        Exploring and held-out walkers.
    busy_s : dict
        Core time by kind of slot (s), labels and isolated atoms left out.
    wall_s : float
        Time that the rehearsal took (s).
    """

    name: str
    seed: int
    verdict: VerdictName | None
    reason: str
    converged_at: int | None
    labels: dict[str, int]
    training: int
    heldout: int
    failed: int
    rungs: tuple[RungRow, ...]
    production_ps: dict[int, float]
    temperatures: tuple[UsedTemperatures, ...]
    walkers: tuple[WalkerRow, ...]
    busy_s: dict[str, float]
    wall_s: float

    @property
    def bought(self) -> int:
        """All labels bought."""
        return sum(self.labels.values())


@dataclass(frozen=True)
class Cost:
    """What the labels of one rehearsal would cost as DFT.

    Attributes
    ----------
    dft_core_hours : float
        All labels, each at the time of its system on one core.
    shortest_h, longest_h : float
        Time of the campaign (h): if labels and everything else overlap as they can, and if nothing does.
    """

    dft_core_hours: float
    shortest_h: float
    longest_h: float


@dataclass(frozen=True)
class Gap:
    """How far those who teach are from those who label, on the same frames: root mean square of forces (meV/Å).

    Attributes
    ----------
    campaign_meV_per_A : float
        Between the campaign's teacher and its labels.
    rehearsal_meV_per_A : float
        Between the teacher of the rehearsal and the one that answered its labels.
    frames : int
        How many frames were compared.
    """

    campaign_meV_per_A: float
    rehearsal_meV_per_A: float
    frames: int

    @property
    def ratio(self) -> float:
        """The campaign's gap over the rehearsal's: a force error scales with it if all of it is left of the gap."""
        return self.campaign_meV_per_A / self.rehearsal_meV_per_A

    @property
    def scale(self) -> float:
        """What a force error of the rehearsal is multiplied with: the square root of `ratio`.

        A part of the error is what fits have not closed of the gap; the other part, what a model of this size cannot
        follow, is the same in both campaigns. The geometric mean of the two extremes is within a factor of
        the square root of `ratio` of either.
        """
        return math.sqrt(self.ratio)


@dataclass(frozen=True)
class Forecast:
    """Rehearsals of one campaign, and what they would cost as DFT.

    Attributes
    ----------
    meaning : str
        Who taught and who answered, and what that makes of the numbers.
    label_s : dict or None
        Time of one label of each system on one core (s); None if it is not known, for the reason `unknown`.
    given : bool
        Whether the user gave these times; otherwise a label of each composition was timed.
    gap : Gap or None
        None if it is not known, or if the rehearsal was taught by nobody or by the teacher that answered.
    """

    campaign: str
    meaning: str
    rehearsals: tuple[Rehearsal, ...]
    label_s: dict[str, float] | None
    costs: tuple[Cost, ...] = ()
    unknown: str = ""
    given: bool = False
    gap: Gap | None = None

    @property
    def converged(self) -> bool:
        """Whether the ladder of every rehearsal converged."""
        return all(one.converged_at is not None for one in self.rehearsals)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def broken_segments(rehearsals: Iterable[Rehearsal]) -> tuple[int, int]:
    """Return how many segments of walkers broke, and how many there were."""
    rows = [row for one in rehearsals for row in one.walkers]
    return sum(row.broken for row in rows), sum(row.segments for row in rows)


def read_rehearsal(state: CampaignState) -> Rehearsal:
    """Return what a rehearsal came to.

    Parameters
    ----------
    state : CampaignState
        The fold of its journal.
    """
    assert state.created is not None
    verdict, rungs = state.verdict, rung_rows(state)
    converged = verdict is not None and verdict.verdict == "converged"
    return Rehearsal(
        name=state.created.name,
        seed=int(state.config["seed"]),
        verdict=verdict.verdict if verdict else None,
        reason=verdict.reason if verdict else "",
        converged_at=rungs[-1].size if converged and rungs else None,
        labels=_bought(state),
        training=state.labelled("train"),
        heldout=state.labelled("heldout"),
        failed=sum(state.failures.values()),
        rungs=rungs,
        production_ps=_lengths(state),
        temperatures=_temperatures(state),
        walkers=_walkers(state),
        busy_s=_busy(state),
        wall_s=state.wall_s,
    )


def cost_of(one: Rehearsal, config: CampaignConfig, label_s: Mapping[str, float]) -> Cost:
    """Return what the labels of a rehearsal would cost, and how long the campaign would take on its executors.

    Parameters
    ----------
    one : Rehearsed
        A rehearsal that was run with the executors of the campaign.
    config : CampaignConfig
        The campaign's config.
    label_s : mapping
        Time of one label on one core by the name of the system (s).
    """
    core_h = sum(label_s[system] * count for system, count in one.labels.items()) / 3600
    execution = config.execution
    sharing = (s for kind, s in one.busy_s.items() if getattr(execution, kind) == execution.label)
    wall_h = one.wall_s / 3600
    full_h = (core_h + sum(sharing) / 3600) / config.label_slots
    return Cost(core_h, max(wall_h, full_h), wall_h + core_h / config.label_slots)


def _bought(state: CampaignState) -> dict[str, int]:
    assert state.created is not None
    counts = Counter(
        frame.system
        for frame in state.frames.values()
        if frame.status in ("labelled", "failed") and frame.walker != "imported"
    )
    return {system.name: counts[system.name] for system in state.created.systems}


def _lengths(state: CampaignState) -> dict[int, float]:
    settings = state.config.get("measure")
    if settings is None:
        return {}
    first_ps = float(settings["production_ps"])
    return {size: rung.production_ps or first_ps for size, rung in sorted(state.rungs.items()) if rung.models}


def _temperatures(state: CampaignState) -> tuple[UsedTemperatures, ...]:
    """Return the temperatures of every composition, by the longest runs of its largest measured rung."""
    assert state.created is not None
    compositions = {system.name: system.composition for system in state.created.systems}
    sizes = {rung.name: rung.size for rung in state.rungs.values()}
    measured: defaultdict[str, defaultdict[tuple[int, float], list[MeasureSummary | None]]]
    measured = defaultdict(lambda: defaultdict(list))
    for (rung, _, system, length_ps), found in state.transports.items():
        if rung in sizes:
            measured[compositions[system]][sizes[rung], length_ps].append(found)
    return tuple(_used(name, by_length[max(by_length)]) for name, by_length in sorted(measured.items()))


def _used(system: str, fits: Sequence[MeasureSummary | None]) -> UsedTemperatures:
    found = [fit.transport.arrhenius if fit is not None else None for fit in fits]
    used = [set(one.used_K) if one is not None else set() for one in found]
    why = {name: text for one in found if one is not None for name, text in one.rejected.items()}
    return UsedTemperatures(system, tuple(sorted(set.intersection(*used))), why)


def _walkers(state: CampaignState) -> tuple[WalkerRow, ...]:
    segments: Counter[tuple[int, float]] = Counter()
    broken: Counter[tuple[int, float]] = Counter()
    for task in state.tasks.values():
        if task.task != "explore" or task.finished is None or task.of_study:
            continue
        ends = [walker.get("ended", "length") for walker in task.finished.summary.get("walkers", ({},))]
        for place, segment in enumerate(segments_of(task.context)):
            if segment.generation is None or segment.temperature_K is None:
                continue
            where = (segment.generation, segment.temperature_K)
            segments[where] += 1
            broken[where] += task.status == "failed" or ends[place] in UNPHYSICAL
    return tuple(WalkerRow(*where, count, broken[where]) for where, count in sorted(segments.items()))


def _busy(state: CampaignState) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for task in state.tasks.values():
        if task.task not in _BOUGHT:
            found[task.slot_kind] += _took_s(task)
    return dict(sorted(found.items()))


def _took_s(task: TaskState) -> float:
    timing = task.finished.timing if task.finished is not None else None
    return max(0.0, timing.finished_t - timing.started_t) if timing is not None else 0.0


def spread(values: Sequence[float], text: Callable[[float], str]) -> str:
    """Return the range of some values in words.

    Examples
    --------
    >>> spread([36, 48], str), spread([36, 36], str)
    ('36 to 48', '36')
    """
    low, high = text(min(values)), text(max(values))
    return low if low == high else f"{low} to {high}"
