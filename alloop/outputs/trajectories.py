"""Read whole production runs of a campaign: join the segments of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from alloop.dynamics.trajectory import Trajectory, concatenate
from alloop.outputs.errors import absent, told
from alloop.state.state import CampaignState
from alloop.tasks.contract.produce import ProduceSummary
from alloop.tasks.workspace import Workspace


def production_trajectory(
    workspace: Workspace,
    state: CampaignState,
    system: str,
    temperature_K: float,
    *,
    rung: int = -1,
    fit: int = 0,
    replica: int = 0,
) -> Trajectory:
    """Return one production run, its segments joined.

    Parameters
    ----------
    workspace : Workspace
        The campaign's files.
    state : CampaignState
        The fold of its journal.
    system : str
        Name of the system.
    temperature_K : float
        Target temperature of the run (K).
    rung : int
        Training labels of the rung; -1 for the largest that has runs.
    fit, replica : int
        Number of the fit and of the run among those of one temperature.

    Raises
    ------
    AbsentError
        If there is no such run.
    UnreadableError
        If a file of the run is missing or damaged.
    """
    root = workspace.root
    runs = _runs(state)
    size = max((size for size, _, _ in runs), default=rung) if rung == -1 else rung
    for place, what, asked in ((0, "rung with production runs", size), (1, "system", system), (2, "fit", fit)):
        known = sorted({name[place] for name in runs if name[:place] == (size, system, fit)[:place]})
        if asked not in known:
            raise absent(root, what, asked, known)
    walkers = list(_walkers(state, runs[size, system, fit]))
    places = [place for place in walkers if abs(place[2] - temperature_K) < 1e-6]
    if not places:
        raise absent(root, "temperature", temperature_K, sorted({kelvin for *_, kelvin in walkers}), "K")
    if not 0 <= replica < len(places):
        raise absent(root, "replica", replica, range(len(places)))
    return _joined(workspace, system, places[replica])


@dataclass(frozen=True)
class RunName:
    """What one production run is called by: its system, target temperature (K), rung, fit and replica."""

    system: str
    temperature_K: float
    rung: int
    fit: int
    replica: int


def largest_rung_runs(workspace: Workspace, state: CampaignState) -> Iterator[tuple[RunName, Trajectory]]:
    """Yield every production run of the largest rung that has some, its segments joined.

    Raises
    ------
    UnreadableError
        If a file of a run is missing or damaged.
    """
    runs = _runs(state)
    largest = max((size for size, _, _ in runs), default=0)
    for (size, system, fit), batches in runs.items():
        if size != largest:
            continue
        replicas: Counter[float] = Counter()
        for place in _walkers(state, batches):
            kelvin = place[2]
            yield RunName(system, kelvin, size, fit, replicas[kelvin]), _joined(workspace, system, place)
            replicas[kelvin] += 1


Place = tuple[tuple[str, ...], int, float]
"""Keys of a run's segments, its place among their walkers, its temperature (K)."""


def _joined(workspace: Workspace, system: str, place: Place) -> Trajectory:
    from alloop.tasks.kinds.produce import read_trajectory

    segments, walker, kelvin = place
    with told(workspace.root, f"the trajectory of {system} at {kelvin:g} K", ValueError):
        return concatenate([read_trajectory(workspace, key, walker) for key in segments])


def _runs(state: CampaignState) -> dict[tuple[int, str, int], list[tuple[str, ...]]]:
    """Return the keys of the segments of every batch of walkers, by rung, system and fit."""
    rungs = {rung.name: rung for rung in (*state.rungs.values(), state.foundation_rung) if rung is not None}
    found: dict[tuple[int, str, int], list[tuple[str, ...]]] = {}
    for (name, fit, system, _), run in sorted(state.runs.items()):
        if name in rungs and run.segments:
            found.setdefault((rungs[name].size, system, fit), []).append(tuple(run.segments))
    return found


def _walkers(state: CampaignState, batches: list[tuple[str, ...]]) -> Iterator[Place]:
    """Yield the runs of some batches in the order of their replicas."""
    summaries = {
        task.key: ProduceSummary.model_validate(task.finished.summary)
        for task in state.tasks.values()
        if task.task == "produce" and task.finished is not None and task.status == "ok"
    }
    for segments in batches:
        for place, walker in enumerate(summaries[segments[0]].walkers):
            yield segments, place, walker.temperature_K
