"""What a worker is told of the machine it runs on. None of it decides a result, so none of it is in a key."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from alloop.locking import LockKind


class Machine(BaseModel):
    """How a worker computes.

    Attributes
    ----------
    device : str
        ``cpu`` or ``cuda``: where molecular dynamics, fits and evaluations run.
    locks : str
        ``flock`` or ``lease``: how a key is held, the same for all workers of a campaign.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str = "cpu"
    locks: LockKind = "flock"
