"""Select frames: the committee looks at every candidate again, and the policy chooses which are labelled next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
from pydantic import ValidationError

from alloop.failures import blaming
from alloop.tasks.contract.explore import EXPLORE
from alloop.tasks.contract.records import Answer
from alloop.tasks.contract.references import OfferRef
from alloop.tasks.contract.select import (
    SELECT,
    Candidate,
    ChosenFrame,
    FrameView,
    SegmentSource,
    SelectData,
    SelectRequest,
    SelectSummary,
)
from alloop.tasks.kinds.viewing import Viewed, view
from alloop.tasks.machine import Machine
from alloop.tasks.workspace import DamagedResultError, Workspace
from policies.registry import load_policy
from policies.selection.contract import Candidates, Choice, Selection, Window
from policies.selection.probing import draw_probes, left_after

STALE, UNREADABLE = "stale", "unreadable"


def select(request: SelectRequest, workspace: Workspace, machine: Machine) -> Answer:
    """Draw the probes, and ask the selection policy about all other candidates.

    Parameters
    ----------
    request : SelectRequest
        Where the candidates are, who looks at them, and how many are wanted.
    workspace : Workspace
        Holds the results of the segments and of the selection before, and the models.
    machine : Machine
        Where to compute.

    Returns
    -------
    summary, data : dict
        A dumped `SelectSummary` and `SelectData`.

    Raises
    ------
    PolicyError
        If the policy fails. No result is written then, so a corrected policy is asked again.
    """
    sources = _sources(request, workspace)
    readable = [frames for frames in sources if frames is not None]
    offered = sorted(chain.from_iterable(readable), key=lambda frame: frame.id)
    fresh = [frame for frame in offered if frame.generation >= request.oldest]
    viewed = view(request, workspace, machine, fresh) if request.members and fresh else Viewed()
    fresh = [_seen_again(frame, viewed) for frame in fresh if frame.id not in viewed.unreadable]
    chosen, rejected = _choose(request, arrays(fresh, viewed, request.quiet, request.compositions))
    rejected |= {frame.id: STALE for frame in offered if frame.generation < request.oldest}
    rejected |= dict.fromkeys(sorted(viewed.unreadable), UNREADABLE)
    settled = {frame.id for frame in chosen} | rejected.keys()
    waiting = tuple(frame for frame in fresh if frame.id not in settled)
    summary = SelectSummary(
        candidates=len(offered),
        unreadable=len(sources) - len(readable),
        chosen=len(chosen),
        rejected=dict(Counter(rejected.values())),
        waiting=len(waiting),
    )
    views = {frame.id: seen for frame in chosen if (seen := viewed.views.get(frame.id)) and _is_finite(seen)}
    data = SelectData(chosen=chosen, rejected=rejected, waiting=waiting, views=views)
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def arrays(
    frames: Sequence[Candidate], viewed: Viewed, quiet: Mapping[str, int], compositions: Mapping[str, str]
) -> Candidates:
    """Return candidates as the policies see them."""
    rows = [viewed.rows[frame.id] for frame in frames] if viewed.novelty is not None else []
    return Candidates(
        ids=tuple(frame.id for frame in frames),
        walker=tuple(frame.walker for frame in frames),
        composition=tuple(compositions.get(frame.system, frame.system) for frame in frames),
        why=tuple(frame.why for frame in frames),
        disagreement_eV_per_A=np.array([_or_nan(frame.disagreement_eV_per_A) for frame in frames], dtype=float),
        min_contact=np.array([frame.min_contact for frame in frames], dtype=float),
        expected_error_eV_per_A={
            element: np.array([_or_nan(viewed.worst.get(frame.id, {}).get(element)) for frame in frames], dtype=float)
            for element in sorted({element for worst in viewed.worst.values() for element in worst})
        },
        novelty=None if viewed.novelty is None else viewed.novelty[rows],
        separation=None if viewed.separation is None else viewed.separation[np.ix_(rows, rows)],
        quiet=np.array([quiet.get(frame.walker, 0) for frame in frames], dtype=int),
    )


def _seen_again(frame: Candidate, viewed: Viewed) -> Candidate:
    """Return a candidate with the disagreement that the present committee has about it."""
    if frame.id not in viewed.views:
        return frame
    largest = float(np.max(viewed.views[frame.id].disagreement_eV_per_A))
    return frame.model_copy(update={"disagreement_eV_per_A": largest if np.isfinite(largest) else None})


def _choose(request: SelectRequest, candidates: Candidates) -> tuple[tuple[ChosenFrame, ...], dict[str, str]]:
    """Return the chosen frames, those of the policy first, and why others are rejected."""
    probes = draw_probes(candidates, min(request.probes, request.count), request.seed)
    left, rest = left_after(candidates, [probe.index for probe in probes])
    count = request.count - len(probes)
    window = Window(request.lower_eV_per_A, request.upper_eV_per_A)
    with blaming("select.policy", request.policy):
        policy = load_policy("selection", request.policy, request.options)
        selection = policy.select(left, window, count, request.per_walker, request.seed)
        _check(selection, len(left), count)
        choices = [*_of(selection, rest), *_after(probes, len(selection.chosen))]
        chosen = tuple(
            ChosenFrame(id=candidates.ids[c.index], rank=c.rank, why=c.why, probability=c.probability) for c in choices
        )
        rejected = {left.ids[index]: str(reason) for index, reason in selection.rejected.items()}
    return chosen, rejected


def _of(selection: Selection, rest: Sequence[int]) -> list[Choice]:
    return [replace(choice, index=rest[choice.index]) for choice in selection.chosen]


def _after(probes: Sequence[Choice], ranks: int) -> list[Choice]:
    return [replace(probe, rank=ranks + probe.rank) for probe in probes]


def _check(selection: Selection, candidates: int, count: int) -> None:
    places = [choice.index for choice in selection.chosen]
    if len(places) > count:
        raise ValueError(f"it chose {len(places)} frames, {count} were wanted")
    if len({*places, *selection.rejected}) < len(places) + len(selection.rejected):
        raise ValueError("it chose a frame twice, or chose and rejected it")
    if any(not 0 <= place < candidates for place in (*places, *selection.rejected)):
        raise ValueError(f"it named a frame beyond the {candidates} candidates")


def _sources(request: SelectRequest, workspace: Workspace) -> list[list[Candidate] | None]:
    """Return the frames left over by the selection before and those of each segment; None for a file that rotted."""
    before = [] if request.before is None else [_unless_rotten(partial(_left_over, request.before, workspace))]
    return before + [_unless_rotten(partial(_offers, source, workspace)) for source in request.segments]


def _unless_rotten(read: Callable[[], list[Candidate]]) -> list[Candidate] | None:
    try:
        return read()
    except (DamagedResultError, FileNotFoundError, ValidationError):
        return None


def _left_over(key: str, workspace: Workspace) -> list[Candidate]:
    return list(workspace.data(SELECT, key).waiting)


def _offers(source: SegmentSource, workspace: Workspace) -> list[Candidate]:
    walkers = workspace.summary(EXPLORE, source.key).walkers
    if source.place >= len(walkers):
        raise DamagedResultError(f"explore/{source.key} has no walker {source.place}")
    return [
        Candidate(
            id=f"{source.walker}/{source.segment}/{offer.index}",
            walker=source.walker,
            system=source.system,
            generation=source.generation,
            why=offer.why,
            disagreement_eV_per_A=offer.disagreement_eV_per_A,
            min_contact=offer.min_contact,
            source=OfferRef("explore", source.key, offer.index),
        )
        for offer in walkers[source.place].offers
    ]


def _is_finite(seen: FrameView) -> bool:
    """Return whether all numbers of a view are finite, as a result file needs them."""
    return bool(np.isfinite(seen.disagreement_eV_per_A).all() and np.isfinite(seen.forces_eV_per_A).all())


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
