"""Likeliest paths of mobile ions through the cell, from their density: free energy along them, and what percolates.

The free energy of a place is F = -kB T ln n, with n the number density. A path percolates along a lattice vector if it
ends on another image of its start, that many cells on. The barrier of a direction is the lowest one that any such path
has: found exactly on the grid, since of all loops through a minimum spanning tree and one further edge the one whose
edge comes first along that direction has its highest point at that edge (Kruskal). Of the paths that reach no higher,
the one with the least ∫ exp(F / kB T) dl is shown, which carries most of the flux where this is like a channel.

GEMDAT has paths too, and is not used for them: 1.8.1 wraps all coordinates of a path by the first axis of its grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from alloop.transport.density import DensitySettings, Floats, Paths, number_density, standard_lattice
from alloop.transport.results import Measured, Record

Integers = NDArray[np.int_]
Axis = Literal["a", "b", "c"]

AXES: tuple[Axis, Axis, Axis] = ("a", "b", "c")
BLOCKS = 5
MOST_VOXELS = 200_000
SMEAR_A = 0.15
"""Smearing of the density whose barriers are taken to zero smearing (Å): a Gaussian of σ² and one of 2 σ²."""

_SEEN = 0.5  # of what one position adds at its place: tails of two sites that no ion went between do not meet
_FEWEST_PER_BLOCK = 20
_SAME_SITE_A = 1.0


class MigrationPath(Record):
    """The likeliest path along one lattice vector.

    Attributes
    ----------
    along : str
        The lattice vector.
    barrier_eV : Measured or None
        Highest less lowest free energy that an ion meets which goes on along it (eV), without smearing; the error is
        that of the smeared one, by leaving out a fifth of the runs at a time, or of counting at its highest point,
        if that is larger. None where no path was seen.
    above_eV : float or None
        Where no path was seen: the highest free energy at which an ion was seen (eV). The barrier is rather above it.
    scaled : tuple
        Scaled coordinates in the cell of the grid along the path, not wrapped: the last is an image of the first.
    distance_A : tuple of float
        Distance along the path (Å).
    free_energy_eV : tuple of float
        Free energy above the lowest place of the path (eV), smeared.
    sites : tuple of int
        Sites that it passes, by their places in the list of sites.
    """

    along: Axis
    barrier_eV: Measured | None = None
    above_eV: float | None = None
    scaled: tuple[tuple[float, float, float], ...] = ()
    distance_A: tuple[float, ...] = ()
    free_energy_eV: tuple[float, ...] = ()
    sites: tuple[int, ...] = ()


class Migration(Record):
    """Likeliest paths along the lattice vectors of the cell of the grid.

    Attributes
    ----------
    paths : tuple of MigrationPath
        Along a, b and c.
    smear_A : float
        Smearing of the density that the paths are found in (Å).
    shape : tuple of int
        Points of its grid.
    """

    paths: tuple[MigrationPath, ...]
    smear_A: float
    shape: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Network:
    """Neighbouring places of a periodic grid that ions were seen at.

    Attributes
    ----------
    shape : (int, int, int)
        Points of the grid.
    places : ndarray, shape (nodes,)
        Flat index of every place.
    free_energy_eV : ndarray, shape (nodes,)
        Free energy (eV) above the lowest.
    pairs : ndarray, shape (edges, 2)
        Nodes that are neighbours.
    heights_eV : ndarray, shape (edges,)
        The higher free energy of the two (eV).
    turns : ndarray, shape (edges, 3)
        Cells by which a loop through the edge and the tree of lowest edges ends off its start.
    highest_per_A3 : float
        The highest density (Å⁻³).
    """

    shape: tuple[int, int, int]
    places: Integers
    free_energy_eV: Floats
    pairs: Integers
    heights_eV: Floats
    turns: Integers
    highest_per_A3: float

    @classmethod
    def of(cls, density: Floats, seen_per_A3: float, temperature_K: float) -> Network:
        """Return the places where a density reaches what counts as seen."""
        there = density >= seen_per_A3
        shape = (density.shape[0], density.shape[1], density.shape[2])
        places = np.flatnonzero(there)
        values = density.ravel()[places]
        free_energy = BOLTZMANN_EV_PER_K * temperature_K * np.log(values.max() / values)
        pairs = _neighbours(there)
        heights = free_energy[pairs].max(axis=1)
        cells = _offsets(pairs, heights, places, shape)
        turns = cells[pairs[:, 0]] + _crossed(pairs, places, shape) - cells[pairs[:, 1]]
        return cls(shape, places, free_energy, pairs, heights, turns, float(values.max()))

    def highest(self, axis: int) -> int | None:
        """Return the edge that is the highest point of the lowest path along an axis; None where none percolates."""
        leading = np.flatnonzero(self.turns[:, axis])
        return int(leading[self.heights_eV[leading].argmin()]) if len(leading) else None

    def barrier(self, axis: int) -> float | None:
        """Return the lowest barrier along an axis (eV): from the lowest place that is connected below it."""
        edge = self.highest(axis)
        if edge is None:
            return None
        return float(self.heights_eV[edge] - self.free_energy_eV[self._connected(edge)].min())

    def _connected(self, edge: int) -> NDArray[np.bool_]:
        from scipy.sparse.csgraph import connected_components

        low = self.heights_eV <= self.heights_eV[edge]
        _, label = connected_components(self._graph(low, np.ones(int(low.sum()))), directed=False)
        return np.asarray(label == label[self.pairs[edge, 0]])

    def _graph(self, chosen: NDArray[np.bool_], weights: Floats) -> Any:
        return _sparse(self.pairs[chosen], weights, len(self.places))

    def likeliest(self, axis: int, cell_A: Floats, temperature_K: float) -> tuple[Floats, Floats] | None:
        """Return scaled coordinates of the likeliest path along an axis, up to the image of its start, and F (eV)."""
        from scipy.sparse.csgraph import dijkstra

        edge = self.highest(axis)
        if edge is None:
            return None
        # Without edges that lead along the axis, every way from one end of the highest edge to the other closes a loop.
        low = (self.heights_eV <= self.heights_eV[edge]) & (self.turns[:, axis] == 0)
        first, last = self.pairs[edge]
        steps = self._steps(self.pairs[low])
        lengths = np.linalg.norm(steps / self.shape @ cell_A, axis=1)
        mean = self.free_energy_eV[self.pairs[low]].mean(axis=1)
        costs = lengths * np.exp(mean / (BOLTZMANN_EV_PER_K * temperature_K))
        _, before = dijkstra(self._graph(low, costs), directed=False, indices=last, return_predecessors=True)
        nodes = [int(first)]
        while nodes[-1] != last:
            nodes.append(int(before[nodes[-1]]))
        return self._closed(np.array(nodes[::-1]), axis)

    def _closed(self, nodes: Integers, axis: int) -> tuple[Floats, Floats]:
        """Return a loop that begins and ends at its lowest place and leads on along the axis."""
        lowest = int(self.free_energy_eV[nodes].argmin())
        loop = np.roll(nodes, -lowest)
        loop = np.r_[loop, loop[:1]]
        steps = self._steps(np.stack([loop[:-1], loop[1:]], axis=1))
        if steps[:, axis].sum() < 0:
            loop, steps = loop[::-1], -steps[::-1]
        start = np.array(np.unravel_index(self.places[loop[0]], self.shape))
        points = np.vstack([start, start + np.cumsum(steps, axis=0)])
        return points / np.array(self.shape), self.free_energy_eV[loop]

    def _steps(self, pairs: Integers) -> Integers:
        """Return the steps from the first to the second of neighbours (grid points)."""
        apart = _apart(pairs, self.places, self.shape)
        return np.asarray(apart - np.array(self.shape) * np.rint(apart / np.array(self.shape)).astype(int))


def _apart(pairs: Integers, places: Integers, shape: tuple[int, int, int]) -> Integers:
    where = np.stack(np.unravel_index(places, shape), axis=1)
    return np.asarray(where[pairs[:, 1]] - where[pairs[:, 0]])


def _crossed(pairs: Integers, places: Integers, shape: tuple[int, int, int]) -> Integers:
    """Return by how many cells the second of neighbours lies off the cell of the first."""
    return np.asarray(-np.rint(_apart(pairs, places, shape) / np.array(shape)).astype(int))


def _neighbours(there: NDArray[np.bool_]) -> Integers:
    """Return pairs of places that share a face, an edge or a corner of a periodic grid, as their numbers."""
    number = np.cumsum(there.ravel()).reshape(there.shape) - 1
    steps = [np.array(step) for step in np.ndindex(3, 3, 3)][14:]
    found = []
    for step in steps:
        shift = tuple(int(-s) for s in step - 1)
        both = there & np.roll(there, shift, axis=(0, 1, 2))
        found.append(np.stack([number[both], np.roll(number, shift, axis=(0, 1, 2))[both]], axis=1))
    return np.concatenate(found)


def _sparse(pairs: Integers, weights: Floats, nodes: int) -> Any:
    from scipy.sparse import coo_array

    return coo_array((weights, (pairs[:, 0], pairs[:, 1])), shape=(nodes, nodes)).tocsr()


def _offsets(pairs: Integers, heights: Floats, places: Integers, shape: tuple[int, int, int]) -> Integers:
    """Return the cell that each place lies in where it is reached from a root through the tree of lowest edges."""
    from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

    nodes = len(places)
    # A weight of zero would be no edge.
    tree = minimum_spanning_tree(_sparse(pairs, heights + 1.0, nodes)).tocoo()
    _, label = connected_components(tree, directed=False)
    roots = np.unique(label, return_index=True)[1]
    joined = np.concatenate([np.stack([tree.row, tree.col], axis=1), np.stack([np.full_like(roots, nodes), roots], 1)])
    _, before = breadth_first_order(_sparse(joined, np.ones(len(joined)), nodes + 1), nodes, directed=False)
    before = np.where(before[:nodes] == nodes, np.arange(nodes), before[:nodes])
    cells = _crossed(np.stack([before, np.arange(nodes)], axis=1), places, shape)
    # Each round doubles how far up the tree a place looks.
    while not np.array_equal(before, before[before]):
        cells = cells + cells[before]
        before = before[before]
    return np.asarray(cells)


# -- from runs ---------------------------------------------------------------------------------------------------


def migration(paths: Paths, sites_scaled: Floats, settings: DensitySettings) -> Migration:
    """Return the likeliest paths along the lattice vectors of the cell of the density.

    Parameters
    ----------
    paths : Paths
        The mobile ions.
    sites_scaled : ndarray, shape (sites, 3)
        Scaled coordinates of the sites in the simulated cell.
    settings : DensitySettings
        How the density is found; smearing and resolution are those of paths.
    """
    kept = paths.thinned(settings.max_positions)
    cell_A = kept.cell_A / np.asarray(settings.repeat)[:, None]
    coarse = float(np.cbrt(np.prod(standard_lattice(cell_A).lengths) / MOST_VOXELS))
    sharp = replace(settings, resolution_A=max(settings.resolution_A, coarse), smear_A=SMEAR_A)
    whole = _network(kept, sharp)
    twice = _network(kept, replace(sharp, smear_A=math.sqrt(2.0) * SMEAR_A))
    left_out = [_network(part, sharp) for part in _without_blocks(kept)]
    found = []
    for axis, name in enumerate(AXES):
        barrier, parts = _unsmeared(whole, twice, axis), [part.barrier(axis) for part in left_out]
        way = whole.likeliest(axis, cell_A, kept.temperature_K)
        if barrier is None or way is None:
            found.append(MigrationPath(along=name, above_eV=float(whole.free_energy_eV.max())))
            continue
        known = [part for part in parts if part is not None]
        counted = _counting_error(whole, axis, _one_position(kept, sharp, math.prod(whole.shape)), kept.temperature_K)
        se = max(_jackknife(known), counted) if len(known) == len(parts) > 1 else None
        found.append(_path(name, Measured(value=barrier, se=se), way, cell_A, sites_scaled * settings.repeat))
    return Migration(paths=tuple(found), smear_A=SMEAR_A, shape=whole.shape)


def _network(paths: Paths, settings: DensitySettings) -> Network:
    density = number_density(paths, settings)
    return Network.of(density, _SEEN * _one_position(paths, settings, density.size), paths.temperature_K)


def _one_position(paths: Paths, settings: DensitySettings, voxels: int) -> float:
    """Return what one counted position adds to the density at its own place (Å⁻³)."""
    cells = float(np.prod(settings.repeat))
    positions = sum(len(run) for run in paths.scaled) * paths.ions
    voxel = abs(float(np.linalg.det(paths.cell_A))) / cells / voxels
    peak = max(voxel, (2 * math.pi) ** 1.5 * settings.smear_A**3)
    return float(paths.ions / cells / positions / peak)


def _unsmeared(once: Network, twice: Network, axis: int) -> float | None:
    """Return the barrier along an axis (eV) without smearing: it is linear in its variance, which `twice` has twice."""
    near, far = once.barrier(axis), twice.barrier(axis)
    return None if near is None or far is None else max(0.0, 2 * near - far)


def _counting_error(network: Network, axis: int, one_per_A3: float, temperature_K: float) -> float:
    """Return the error of the highest point along an axis (eV) that the number of positions there leaves.

    A density of Gaussians of width σ varies like one that counts positions in a volume of (2 √π σ)³, which is 2^(3/2)
    times what a Gaussian's height stands for.
    """
    edge, kT = network.highest(axis), BOLTZMANN_EV_PER_K * temperature_K
    if edge is None:
        return 0.0
    there = network.highest_per_A3 * math.exp(-float(network.heights_eV[edge]) / kT)
    return float(kT / math.sqrt(2**1.5 * there / one_per_A3))


def _without_blocks(paths: Paths) -> Iterator[Paths]:
    """Yield the runs without one block of time at a time."""
    per_run = max(1, math.ceil(BLOCKS / len(paths.scaled)))
    blocks = [part for run in paths.scaled for part in np.array_split(run, per_run)]
    if len(blocks) < 2 or min(map(len, blocks)) < _FEWEST_PER_BLOCK:
        return
    for number in range(len(blocks)):
        yield replace(paths, scaled=tuple(block for other, block in enumerate(blocks) if other != number))


def _jackknife(values: list[float]) -> float:
    """Return the standard error of what was found with all blocks, from what is found without each."""
    spread = np.array(values) - np.mean(values)
    return float(np.sqrt((len(values) - 1) / len(values) * np.sum(spread**2)))


def _path(along: Axis, barrier: Measured, way: tuple[Floats, Floats], cell_A: Floats, sites: Floats) -> MigrationPath:
    scaled, free_energy = way
    lengths = np.linalg.norm(np.diff(scaled, axis=0) @ cell_A, axis=1)
    distances = np.concatenate([[0.0], np.cumsum(lengths)])
    return MigrationPath(
        along=along,
        barrier_eV=barrier,
        scaled=tuple((float(x), float(y), float(z)) for x, y, z in scaled.round(5)),
        distance_A=tuple(float(value) for value in distances.round(4)),
        free_energy_eV=tuple(float(value) for value in (free_energy - free_energy.min()).round(5)),
        sites=_passed(scaled, sites, cell_A),
    )


def _passed(scaled: Floats, sites: Floats, cell_A: Floats) -> tuple[int, ...]:
    """Return the sites that a path comes near to, in order, each once in a row."""
    apart = standard_lattice(cell_A).get_all_distances(scaled, sites)
    nearest = apart.argmin(axis=1)
    near = nearest[apart.min(axis=1) <= _SAME_SITE_A]
    return tuple(int(site) for number, site in enumerate(near) if not number or site != near[number - 1])
