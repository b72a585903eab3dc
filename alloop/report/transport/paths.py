"""The likeliest paths of mobile ions as arrows in a cell that is seen along a lattice vector. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alloop.report.figure_style import Figure
from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.projection import plane
from alloop.transport.migration import MigrationPath

Floats = NDArray[np.float64]

COLOURS = {"a": "#c8443c", "b": "#2f6db5", "c": "#8a63c7"}
_ARROW_EVERY = 6


def found_paths(view: DensityView) -> list[MigrationPath]:
    """Return the paths that were seen; none of results that have no paths."""
    migration = view.result.migration
    return [path for path in migration.paths if path.scaled] if migration else []


def path_arrows(view: DensityView, along: int) -> Iterator[Figure]:
    """Yield the paths that were seen, as they look along a lattice vector."""
    vectors = plane(np.array(view.result.density.cell_A), along)
    yield from (_arrows(path, vectors) for path in found_paths(view))


def _arrows(path: MigrationPath, vectors: Floats) -> Figure:
    """Return a path with arrows, cut where it leaves the cell and goes on at the other side."""
    colour = COLOURS[path.along]
    x, y, sizes = [], [], []
    for piece in _pieces(np.array(path.scaled)):
        points = piece @ vectors
        x += [*points[:, 0].round(3).tolist(), None]
        y += [*points[:, 1].round(3).tolist(), None]
        sizes += [*(10 if number % _ARROW_EVERY == _ARROW_EVERY - 1 else 0 for number in range(len(points))), 0]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"likeliest path along {path.along}",
        "legendgroup": f"path along {path.along}",
        "x": x,
        "y": y,
        "line": {"color": colour, "width": 2.5},
        "marker": {"symbol": "arrow", "angleref": "previous", "size": sizes, "color": colour},
        "hovertemplate": "%{fullData.name}<extra></extra>",
    }


def _pieces(scaled: Floats) -> Sequence[Floats]:
    """Return a path in pieces that lie in the cell; each begins with the end of the one before, in its own cell."""
    cells = np.floor(scaled + 1e-9)
    cuts = np.flatnonzero((np.diff(cells, axis=0) != 0).any(axis=1)) + 1
    pieces = []
    for begin, end in zip([0, *cuts], [*cuts, len(scaled)], strict=True):
        first = max(begin - 1, 0)
        pieces.append(scaled[first:end] - cells[begin])
    return pieces
