"""Diffusivity of cells of several sizes, extrapolated to an infinite one. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from alloop.transport.results import Measured, Record, TransportSummary

_STANDS_OUT = 2.0


class SizePoint(Record):
    """The diffusivity in one cell.

    Attributes
    ----------
    atoms : int
        Atoms in the cell.
    edge_A : float
        L, the cube root of its volume (Å).
    D_cm2_s : Measured
        Tracer diffusivity (cm²/s).
    """

    atoms: int
    edge_A: float
    D_cm2_s: Measured


class SizeSeries(Record):
    """The straight line of D against 1/L at one temperature.

    Attributes
    ----------
    temperature_K : float
        The temperature (K).
    element : str
        The mobile element.
    points : tuple of SizePoint
        The cells that were measured, the smallest first.
    D_infinite_cm2_s : Measured or None
        D where 1/L is zero (cm²/s); None with fewer than two cells.
    slope_A_cm2_s : Measured or None
        Change of D with 1/L (Å cm²/s).
    note : str
        What a reader should know.
    """

    temperature_K: float
    element: str
    points: tuple[SizePoint, ...]
    D_infinite_cm2_s: Measured | None = None
    slope_A_cm2_s: Measured | None = None
    note: str = ""


def size_series(summaries: Sequence[tuple[int, TransportSummary]], element: str, temperature_K: float) -> SizeSeries:
    """Return the line through the diffusivities of cells of several sizes.

    Parameters
    ----------
    summaries : sequence of (int, TransportSummary)
        Atoms and results of every cell.
    element : str
        The mobile element.
    temperature_K : float
        Which temperature (K). Cells where D is unmeasured or unphysical are left out.

    Notes
    -----
    D(L) = D∞ + s / L is how periodic images slow a liquid down, where s follows from its viscosity (Yeh and Hummer,
    J. Phys. Chem. B 108, 15873 (2004)). A solid has no such law, so s is fitted and may have either sign. Where points
    scatter about the line by more than their errors, these grow by the root of χ² per degree of freedom.
    """
    points = sorted(_points(summaries, temperature_K), key=lambda point: point.edge_A)
    series = SizeSeries(temperature_K=temperature_K, element=element, points=tuple(points))
    if len({round(point.edge_A, 2) for point in points}) < 2:
        return series.model_copy(update={"note": "fewer than two cells have a diffusivity: no extrapolation"})
    inverse = np.array([1.0 / point.edge_A for point in points])
    values, errors = (np.array([getattr(point.D_cm2_s, name) for point in points]) for name in ("value", "se"))
    design = np.stack([np.ones_like(inverse), inverse], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    infinite, slope = covariance @ design.T @ (values / errors)
    degrees = len(points) - 2
    chi2 = float(np.sum((values / errors - design @ (infinite, slope)) ** 2))
    wider = max(1.0, math.sqrt(chi2 / degrees)) if degrees else 1.0
    se_infinite, se_slope = wider * np.sqrt(np.diag(covariance))
    return series.model_copy(
        update={
            "D_infinite_cm2_s": Measured(value=float(infinite), se=float(se_infinite)),
            "slope_A_cm2_s": Measured(value=float(slope), se=float(se_slope)),
            "note": _note(float(slope), float(se_slope), wider, len(points)),
        }
    )


def _points(summaries: Sequence[tuple[int, TransportSummary]], temperature_K: float) -> list[SizePoint]:
    found = []
    for atoms, summary in summaries:
        for at in summary.temperatures:
            D = at.D_tracer_cm2_s
            if at.temperature_K == temperature_K and D and D.se and not at.unmeasured and not at.unphysical:
                found.append(SizePoint(atoms=atoms, edge_A=at.volume_A3 ** (1 / 3), D_cm2_s=D))
    return found


def _note(slope: float, se: float, wider: float, cells: int) -> str:
    if abs(slope) <= _STANDS_OUT * se:
        found = "D does not depend on the size of the cell beyond its error bars"
    else:
        found = f"D {'falls' if slope > 0 else 'rises'} with the size of the cell: take the extrapolated one"
    if cells == 2:
        return f"{found}; two cells: nothing tests the straight line in 1/L"
    return found + (f"; scatters by {wider:.1f} times its error bars, which are widened" if wider > 1.0 else "")
