"""Choose the frames that are labelled next, among all that were offered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from pydantic import ValidationError

from alloop.failure import blaming
from alloop.tasks.machine import Machine
from alloop.tasks.requests import SegmentSource, SelectRequest
from alloop.tasks.results import Candidate, ChosenFrame, SelectData, SelectSummary
from alloop.tasks.workspace import DamagedResultError, Workspace
from policies.registry import load_policy
from policies.selection import Candidates, Selection, Window

STALE = "stale"


def select(request: SelectRequest, workspace: Workspace, machine: Machine) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask the selection policy about every candidate.

    Parameters
    ----------
    request : SelectRequest
        Where the candidates are, and how many are wanted.
    workspace : Workspace
        Holds the results of the segments and of the selection before.
    machine : Machine
        Not used.

    Returns
    -------
    summary, data : dict
        A dumped `SelectSummary` and `SelectData`.

    Raises
    ------
    PolicyError
        If the policy fails. There is no result then: a mended policy is asked again.
    """
    sources = _sources(request, workspace)
    readable = [frames for frames in sources if frames is not None]
    offered = sorted(chain.from_iterable(readable), key=lambda frame: frame.id)
    fresh = [frame for frame in offered if frame.generation >= request.oldest]
    window = Window(request.lower_eV_per_A, request.upper_eV_per_A)
    with blaming("select.policy", request.policy):
        policy = load_policy("selection", request.policy, request.options)
        selection = policy.select(arrays(fresh), window, request.count, request.per_walker, request.seed)
        _check(selection, len(fresh), request.count)
        chosen = tuple(ChosenFrame(id=fresh[c.index].id, rank=c.rank, why=c.why) for c in selection.chosen)
        rejected = {fresh[index].id: str(reason) for index, reason in selection.rejected.items()}
        waiting = tuple(fresh[index] for index in selection.waiting(len(fresh)))
    rejected |= {frame.id: STALE for frame in offered if frame.generation < request.oldest}
    summary = SelectSummary(
        candidates=len(offered),
        unreadable=len(sources) - len(readable),
        chosen=len(chosen),
        rejected=dict(Counter(rejected.values())),
        waiting=len(waiting),
    )
    data = SelectData(chosen=chosen, rejected=rejected, waiting=waiting)
    return summary.model_dump(mode="json"), data.model_dump(mode="json")


def arrays(frames: list[Candidate]) -> Candidates:
    """Return candidates as the policies see them."""
    disagreement = [np.nan if f.disagreement_eV_per_A is None else f.disagreement_eV_per_A for f in frames]
    return Candidates(
        ids=tuple(frame.id for frame in frames),
        walker=tuple(frame.walker for frame in frames),
        composition=tuple(frame.system for frame in frames),
        why=tuple(frame.why for frame in frames),
        disagreement_eV_per_A=np.array(disagreement, dtype=float),
        min_contact=np.array([frame.min_contact for frame in frames], dtype=float),
    )


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
    return list(workspace.selection(key).waiting)


def _offers(source: SegmentSource, workspace: Workspace) -> list[Candidate]:
    return [
        Candidate(
            id=f"{source.walker}/{source.segment}/{offer.index}",
            walker=source.walker,
            system=source.system,
            generation=source.generation,
            why=offer.why,
            disagreement_eV_per_A=offer.disagreement_eV_per_A,
            min_contact=offer.min_contact,
        )
        for offer in workspace.segment(source.key, source.place).offers
    ]
