"""Settings of the machine that a worker runs on. None of them decides a result, so none is in a key."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from alloop.files.locks import LockKind
from alloop.labelling.ranks import Launch


class Machine(BaseModel):
    """How a worker computes.

    Attributes
    ----------
    device : str
        ``cpu`` or ``cuda``: where molecular dynamics, fits and evaluations run.
    locks : str
        ``flock`` or ``lease``: how a key is held, the same for all workers of a campaign.
    ranks_per_label : int
        MPI ranks of a DFT calculation.
    mpi_command : str
        Launcher of the ranks, with ``{ranks}`` for their number.
    mpi_python : str or None
        The Python whose GPAW the ranks run; None for the worker's own.
    label_timeout_min : float or None
        Time (min) after which a DFT calculation is ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str = "cpu"
    locks: LockKind = "flock"
    ranks_per_label: int = 1
    mpi_command: str = Launch.command
    mpi_python: str | None = None
    label_timeout_min: float | None = None

    def cores(self, slot_kind: str) -> int:
        """Return how many cores a task of a kind of slot occupies."""
        return self.ranks_per_label if slot_kind == "label" else 1

    def launch(self) -> Launch | None:
        """Return how to start a DFT calculation as a program; None where the worker may compute it itself."""
        if self.ranks_per_label == 1 and self.label_timeout_min is None:
            return None
        limit_s = None if self.label_timeout_min is None else 60.0 * self.label_timeout_min
        return Launch(self.ranks_per_label, self.mpi_command, self.mpi_python, limit_s)
