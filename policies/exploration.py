"""Choose which walkers move next, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class WalkerView:
    """The state of a walker that a policy may use.

    Attributes
    ----------
    id : str
        Unique name.
    system : str
        System it explores.
    temperature_K : float
        Its temperature.
    segments : int
        Segments finished so far.
    last_generation : int or None
        Generation of the committee that drove its last segment; None before the first.
    explosions : int
        Segments in a row, up to the last one, that ended unphysical.
    running : bool
        Whether a segment is under way.
    ended : str or None
        How the last segment ended (``length``, ``disagreement``, ``contact``, ``temperature``, ``nan``); None before
        the first.
    orderings : int
        Orderings of its composition that are explored.
    turn : int
        Its place, from 0, among the walkers that differ from it only in the ordering.
    """

    id: str
    system: str
    temperature_K: float
    segments: int
    last_generation: int | None
    explosions: int
    running: bool
    ended: str | None
    orderings: int = 1
    turn: int = 0

    @property
    def share(self) -> int:
        """Segments so far, with those of the other orderings of its composition that are due before it moves again."""
        return self.segments * self.orderings + self.turn


@dataclass(frozen=True)
class Launch:
    """One segment to start.

    Attributes
    ----------
    walker_id : str
        The walker that moves.
    temperature_K : float
        Temperature of the segment.
    restart : bool
        True starts again from the walker's initial structure; False continues from its last good frame.
    """

    walker_id: str
    temperature_K: float
    restart: bool


@runtime_checkable
class ExplorationPolicy(Protocol):
    """Decides which walkers move."""

    def next_segments(self, walkers: Sequence[WalkerView], count: int) -> tuple[Launch, ...]:
        """Choose segments to start.

        Parameters
        ----------
        walkers : sequence of WalkerView
            All walkers of the campaign.
        count : int
            Segments wanted; fewer may be returned, never more, and at most one of each idle walker.

        Returns
        -------
        tuple of Launch
            What to start, the most wanted first.
        """
        ...


class LeastExplored:
    """Idle walkers with the fewest segments first; ties by fewer explosions, older generation, id.

    The walkers of a composition that differ only in the ordering take turns and count together.

    After an explosion a walker continues from its last good frame, where a refit has something to mend. When it
    exploded `restart_after` times in a row that frame is beyond help, and the walker starts again from its initial
    structure until a segment ends well.

    Parameters
    ----------
    restart_after : int
        Explosions in a row after which a walker starts again.

    Raises
    ------
    ValueError
        If `restart_after` is below 1.
    """

    def __init__(self, restart_after: int = 3) -> None:
        if restart_after < 1:
            raise ValueError(f"restart_after must be at least 1, got {restart_after}")
        self.restart_after = restart_after

    def next_segments(self, walkers: Sequence[WalkerView], count: int) -> tuple[Launch, ...]:
        """Choose segments to start; see `ExplorationPolicy.next_segments`."""
        idle = sorted((walker for walker in walkers if not walker.running), key=_how_explored)
        return tuple(
            Launch(walker.id, walker.temperature_K, restart=walker.explosions >= self.restart_after)
            for walker in idle[: max(count, 0)]
        )


def _how_explored(walker: WalkerView) -> tuple[int, int, int, str]:
    generation = -1 if walker.last_generation is None else walker.last_generation
    return walker.share, walker.explosions, generation, walker.id
