"""Check whether changed code still gives the same labels: some are made again and compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from alloop.decisions.refits import worth_waiting_for
from alloop.journal.events import CodeChanged, CodeDriftFound, CodeRefused, Event, RelabelRecord
from alloop.state.records import TaskState
from alloop.state.state import CampaignState
from alloop.tasks.contract.relabel import RelabelSummary

RELABELS = 5
ENERGY_TOLERANCE_EV_PER_ATOM = 1e-3
FORCE_TOLERANCE_EV_PER_A = 1e-2
STRESS_TOLERANCE_EV_PER_A3 = 0.1 / 160.21766208  # 0.1 GPa


def due(state: CampaignState, code: dict[str, str]) -> list[Event]:
    """Return the events that a driver journals when it finds this code installed.

    Parameters
    ----------
    state : CampaignState
        The campaign so far.
    code : dict
        Identity of the code that would make the labels now.
    """
    if not changed(state.code, code):
        return [CodeRefused(code=state.drift.code, reason="the code of the labels is back")] if state.drift else []
    if state.verdict is not None and not worth_waiting_for(state):
        return []
    labels = labels_to_relabel(state)
    if not labels:
        return [CodeChanged(old=state.code, new=code, probes=())]
    if state.drift is not None and state.drift.code == code:
        return []
    return [CodeDriftFound(code=code, labels=labels)]


def changed(old: dict[str, str], new: dict[str, str]) -> str:
    """Return the differences of two code identities in words; empty if there is none.

    Examples
    --------
    >>> changed({"gpaw": "25.1.0", "setup_Li": "ab"}, {"gpaw": "25.7.0", "setup_Li": "ab"})
    'gpaw: 25.1.0 → 25.7.0'
    """
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name}: {old.get(name, 'none')} → {new.get(name, 'none')}" for name in names)


def labels_to_relabel(state: CampaignState) -> tuple[str, ...]:
    """Return the keys of the labels to make again.

    There are five: the earliest labels of each system, the systems taken in turn. They are always the same ones, so
    that a campaign that changes its code repeatedly does not drift away in small steps. A system with an element that
    no label so far holds comes first, and there are more than five if the elements need it.
    """
    by_system: dict[str, list[str]] = {}
    for frame in (*state.labelled_frames("train"), *state.labelled_frames("heldout")):
        if frame.walker != "imported" or frame.imported_from is not None:
            by_system.setdefault(frame.system, []).append(str(frame.label))
    first = [by_system[name].pop(0) for name in _covering(state) if name in by_system]
    in_turn = [key for row in zip_longest(*by_system.values()) for key in row if key is not None]
    return (*first, *in_turn[: max(0, RELABELS - len(first))])


def _covering(state: CampaignState) -> Iterator[str]:
    """Yield the systems that bring an element which those before them do not have."""
    assert state.created is not None
    seen: set[int] = set()
    for system in state.created.systems:
        if not seen.issuperset(system.structure.numbers):
            yield system.name
        seen.update(system.structure.numbers)


def relabels_of(state: CampaignState) -> list[tuple[str, str]]:
    """Return purpose and label of every probe of the open question, planned or not."""
    labels = state.drift.labels if state.drift is not None else ()
    return [(f"probe/{state.drifts}/{number}", label) for number, label in enumerate(labels)]


def relabelling(state: CampaignState) -> bool:
    """Return whether a probe is still to be computed."""
    tasks = (state.tasks.get(purpose) for purpose, _ in relabels_of(state))
    return any(task is None or task.status == "running" for task in tasks)


def answer(state: CampaignState, *, stress_is_fitted: bool) -> CodeChanged | CodeRefused:
    """Return the event that follows from the finished probes: the changed code is accepted if all of them agree."""
    assert state.drift is not None
    code, tasks = state.drift.code, [state.tasks[purpose] for purpose, _ in relabels_of(state)]
    failed = next((task for task in tasks if task.status != "ok"), None)
    if failed is not None:
        return CodeRefused(code=code, reason=_failure(failed))
    records = tuple(map(_record, tasks))
    deviations = [record.deviation for record in records]
    apart = sum(not agrees(deviation, stress_is_fitted=stress_is_fitted) for deviation in deviations)
    if apart:
        by = largest(deviations, stress_is_fitted=stress_is_fitted)
        reason = f"{apart} of {len(records)} labels made again disagree ({by})"
        return CodeRefused(code=code, reason=reason)
    return CodeChanged(old=state.code, new=code, probes=records)


def agrees(deviation: RelabelSummary, *, stress_is_fitted: bool) -> bool:
    """Return whether a label made again is the same within the tolerances."""
    stress = deviation.stress_eV_per_A3 if stress_is_fitted else None
    return (
        deviation.energy_eV_per_atom <= ENERGY_TOLERANCE_EV_PER_ATOM
        and deviation.force_eV_per_A <= FORCE_TOLERANCE_EV_PER_A
        and (stress is None or stress <= STRESS_TOLERANCE_EV_PER_A3)
    )


def largest(deviations: list[RelabelSummary], *, stress_is_fitted: bool) -> str:
    """Return the largest deviations and their tolerances, in words."""
    energy = max(1e3 * deviation.energy_eV_per_atom for deviation in deviations)
    force = max(1e3 * deviation.force_eV_per_A for deviation in deviations)
    parts = [
        f"|ΔE| up to {energy:.3g} meV/atom of {1e3 * ENERGY_TOLERANCE_EV_PER_ATOM:g} tolerated",
        f"|ΔF| up to {force:.3g} meV/Å of {1e3 * FORCE_TOLERANCE_EV_PER_A:g}",
    ]
    stresses = [deviation.stress_eV_per_A3 for deviation in deviations if deviation.stress_eV_per_A3 is not None]
    if stress_is_fitted and stresses:
        to_GPa = 0.1 / STRESS_TOLERANCE_EV_PER_A3
        parts.append(f"|Δσ| up to {to_GPa * max(stresses):.3g} GPa of 0.1")
    return ", ".join(parts)


def _record(task: TaskState) -> RelabelRecord:
    assert task.finished is not None
    deviation = RelabelSummary.model_validate(task.finished.summary)
    return RelabelRecord(label=task.context["label"], key=task.key, deviation=deviation)


def _failure(task: TaskState) -> str:
    assert task.finished is not None
    detail = f": {task.finished.detail}" if task.finished.detail else ""
    return f"a label could not be made again ({task.finished.reason}{detail})"
