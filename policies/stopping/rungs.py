"""The evidence of one rung of the ladder, and its row in a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from policies.arrays import frozen_floats
from policies.stopping.clustered import error_bar, rmse
from policies.stopping.transport import TransportEvidence, TransportRow, transport_row

UNITS = {"energy RMSE": "meV/atom", "force RMSE": "meV/Å"}
"""Unit of each held-out metric."""


@dataclass(frozen=True, eq=False)
class RungEvidence:
    """The evidence of one rung: the errors of its fits on the held-out frames, and the transport they predict.

    A rung whose fits failed is evidence too: pass empty arrays of shape (0, 0) and no clusters.

    Attributes
    ----------
    size : int
        Labels each fit was trained on; 0 is the foundation, which is in the table and is compared with nothing.
    energy_error : ndarray, shape (fits, frames)
        Predicted minus labelled energy per atom (eV/atom).
    forces_squared_error : ndarray, shape (fits, frames)
        Mean over a frame's 3N force components of the squared error ((eV/Å)²).
    cluster : tuple of str, length frames
        Walker each held-out frame comes from.
    transport : tuple of TransportEvidence
        Transport of every system that is measured; empty in a campaign that measures none.
    can_extend : bool
        Whether more dynamics may still be run with the rung's fits.

    Raises
    ------
    ValueError
        If the shapes do not belong together or a system occurs twice.
    """

    size: int
    energy_error: NDArray[np.float64]
    forces_squared_error: NDArray[np.float64]
    cluster: tuple[str, ...]
    transport: tuple[TransportEvidence, ...] = ()
    can_extend: bool = False

    def __post_init__(self) -> None:
        for name in ("energy_error", "forces_squared_error"):
            object.__setattr__(self, name, frozen_floats(getattr(self, name)))
        shape = self.energy_error.shape
        if self.forces_squared_error.shape != shape or len(shape) != 2 or shape[1] != len(self.cluster):
            raise ValueError(
                f"rung {self.size}: need two (fits, frames) arrays and a walker per frame, got {shape}, "
                f"{self.forces_squared_error.shape} and {len(self.cluster)} walkers"
            )
        if len({evidence.system for evidence in self.transport}) != len(self.transport):
            raise ValueError(f"rung {self.size}: a system has transport evidence twice")

    @property
    def fits(self) -> int:
        """Number of fits."""
        return int(self.energy_error.shape[0])

    @property
    def frames(self) -> int:
        """Number of held-out frames."""
        return len(self.cluster)

    def transport_of(self, system: str) -> TransportEvidence | None:
        """Return the evidence of a system, or None if there is none."""
        return next((evidence for evidence in self.transport if evidence.system == system), None)

    def unmeasured(self) -> str | None:
        """Return why the rung says nothing, or None if it does."""
        if self.fits < 2 and not (self.size == 0 and self.fits == 1):
            return "it has fewer than two fits, so their spread is unknown"
        if self.frames < 2:
            return "it has fewer than two held-out frames, so it has no error bar"
        if len(set(self.cluster)) < 2:
            return "its held-out frames come from one walker, so they have no error bar"
        if not (np.isfinite(self.energy_error).all() and np.isfinite(self.forces_squared_error).all()):
            return "its errors are not all finite"
        return None


@dataclass(frozen=True)
class RungSummary:
    """One row of the table of rungs; a standard error is NaN where there are fewer than two fits or walkers.

    `transport` has one row for every system that is measured. It is a list, so that a row of the table is the same
    before it is written as JSON and after it is read back.
    """

    size: int
    rmse_energy_meV_per_atom: float
    se_energy_meV_per_atom: float
    rmse_forces_meV_per_A: float
    se_forces_meV_per_A: float
    fits: int
    frames: int
    unmeasured: str | None
    transport: list[TransportRow] = field(default_factory=list)


def summarise(rung: RungEvidence) -> RungSummary:
    """Return a rung's row in a table: held-out errors and transport, with standard errors.

    Parameters
    ----------
    rung : RungEvidence
        The rung.

    Returns
    -------
    RungSummary
        NaN where a number is not known.
    """
    values: dict[str, tuple[float, float]] = {}
    for metric, squared in squared_errors(rung).items():
        if rung.size == 0 and rung.fits == 1:  # there is one foundation: twice the same, its fits have no spread
            squared = np.repeat(squared, 2, axis=0)
        nothing = squared.size == 0
        error = float("nan") if nothing else error_bar(squared, rung.cluster).se
        values[metric] = (float("nan") if nothing else rmse(squared), error)
    transport = [transport_row(evidence, alone=rung.size == 0) for evidence in rung.transport]
    return RungSummary(
        rung.size, *values["energy RMSE"], *values["force RMSE"], rung.fits, rung.frames, rung.unmeasured(), transport
    )


def systems_of(rungs: Iterable[RungEvidence]) -> list[str]:
    """Return the systems whose transport is measured on any of the rungs, in the order in which they come."""
    return list(dict.fromkeys(evidence.system for rung in rungs for evidence in rung.transport))


def squared_errors(rung: RungEvidence) -> dict[str, NDArray[np.float64]]:
    """Return squared errors of each metric, shape (fits, frames), in its unit squared."""
    return {
        "energy RMSE": (1000.0 * rung.energy_error) ** 2,
        "force RMSE": 1e6 * rung.forces_squared_error,
    }
