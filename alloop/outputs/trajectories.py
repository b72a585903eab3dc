"""Read whole production runs of a campaign: join the segments of each."""

from __future__ import annotations

from collections.abc import Iterator

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
    from alloop.tasks.kinds.produce import read_trajectory

    root = workspace.root
    runs = _runs(state)
    size = max((size for size, _, _ in runs), default=rung) if rung == -1 else rung
    for place, what, asked in ((0, "rung with production runs", size), (1, "system", system), (2, "fit", fit)):
        known = sorted({name[place] for name in runs if name[:place] == (size, system, fit)[:place]})
        if asked not in known:
            raise absent(root, what, asked, known)
    walkers = list(_walkers(state, runs[size, system, fit]))
    places = [(segments, place) for segments, place, kelvin in walkers if abs(kelvin - temperature_K) < 1e-6]
    if not places:
        raise absent(root, "temperature", temperature_K, sorted({kelvin for *_, kelvin in walkers}), "K")
    if not 0 <= replica < len(places):
        raise absent(root, "replica", replica, range(len(places)))
    segments, place = places[replica]
    with told(root, f"the trajectory of {system} at {temperature_K:g} K", ValueError):
        return concatenate([read_trajectory(workspace, key, place) for key in segments])


Place = tuple[tuple[str, ...], int, float]
"""Keys of a run's segments, its place among their walkers, its temperature (K)."""


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
