"""Curves that a study found, for the report and for files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes
    ----------
    name : str
        What it is, as files name it.
    group : str
        Lines of one group have one colour and one entry in the legend.
    x, y : tuple of float
        Its points.
    mark : float or None
        A value on the x axis that is marked for this line.
    errors : tuple of float or None
        Standard errors of `y`, None of one that is not known; none at all where the curve has no error bars.
    points : bool
        Whether its points are not joined.
    """

    name: str
    group: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    mark: float | None = None
    errors: tuple[float | None, ...] = ()
    points: bool = False


@dataclass(frozen=True)
class Plot:
    """Lines in one panel.

    Attributes
    ----------
    title, x, y : str
        Of the panel and its axes, with units.
    lines : tuple of Line
        The curves.
    limit : float or None
        A value on the x axis that is marked for all lines.
    log_x, log_y : bool
        Whether an axis is logarithmic; one that is not begins at zero, unless the other is.
    """

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    limit: float | None = None
    log_x: bool = False
    log_y: bool = False
