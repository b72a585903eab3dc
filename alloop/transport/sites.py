"""Find the sites of mobile ions, their occupancies, and the jumps between them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alloop.dynamics.trajectory import Trajectory
from alloop.transport.density import (
    DensitySettings,
    DensitySummary,
    Floats,
    Paths,
    gemdat_trajectory,
    number_density,
    paths_of,
    standard_lattice,
    summarise,
    wrapped,
)
from alloop.transport.hops import Hops, JumpCount, Kind, Places, SitePair
from alloop.transport.migration import Migration, migration
from alloop.transport.results import Measured, Record

Integers = NDArray[np.int_]

BLOCKS = 5
NO_SITE = -1


class Site(Record):
    """A site in the simulated cell.

    Attributes
    ----------
    kind : str
        ``host``: a mobile ion is there in the starting structure. ``interstitial``: a maximum of the density that is
        no host site.
    scaled : tuple of float
        Scaled coordinates.
    occupancy : Measured
        Ions within the radius of the site, averaged over time; error bar from blocks of time.
    radius_A : float or None
        An ion so close to the site is on it (Å). None in older results, which have one radius for all sites.
    """

    kind: Kind
    scaled: tuple[float, float, float]
    occupancy: Measured
    radius_A: float | None = None


class SitesSummary(Record):
    """Sites, and jumps between them.

    Attributes
    ----------
    radius_A : float
        The largest radius of a site (Å).
    sites : tuple of Site
        Host sites first, in the order of the ions in the starting structure.
    outside : float
        Share of the time that an ion is on no site.
    jumps : tuple of JumpCount
        Between kinds of sites.
    jumps_per_ion_ps : Measured
        All jumps per ion and ps, with the error that `JumpCount` has.
    undone : Measured or None
        Share of jumps that the next jump of the same ion undoes, with the error of a binomial count. None without two
        jumps of one ion, and in older results.
    most_taken : tuple of SitePair
        The pairs of sites with the most jumps, at most 20. Empty in older results.
    interval_fs : float
        Time between two looks (fs). A jump there and back within it is not seen.
    """

    radius_A: float
    sites: tuple[Site, ...]
    outside: float
    jumps: tuple[JumpCount, ...]
    jumps_per_ion_ps: Measured
    interval_fs: float
    undone: Measured | None = None
    most_taken: tuple[SitePair, ...] = ()

    def of(self, kind: Kind) -> tuple[Site, ...]:
        """Return the sites of a kind."""
        return tuple(site for site in self.sites if site.kind == kind)


class DensityResult(Record):
    """Density, sites and jumps at one temperature, and the likeliest paths; None for these in older results."""

    density: DensitySummary
    sites: SitesSummary
    migration: Migration | None = None


def analyse_density(
    runs: Sequence[Trajectory], settings: DensitySettings, start: Floats | None = None
) -> tuple[DensityResult, Floats]:
    """Return density, sites and jumps of the mobile ions, and the grid of the number density (Å⁻³).

    Parameters
    ----------
    runs : sequence of Trajectory
        Replicas of one temperature.
    settings : DensitySettings
        How.
    start : ndarray, shape (atoms, 3), or None
        Scaled coordinates of all atoms in the starting structure, whose mobile ions mark the host sites. None: those
        of the first snapshot of the first run.

    Raises
    ------
    ValueError
        If the runs cannot be joined (`paths_of`).
    """
    paths = paths_of(runs, settings.skip_ps, start, settings.element)
    density = number_density(paths, settings)
    places = find_places(density, paths, settings)
    found = DensityResult(
        density=summarise(density, paths, settings),
        sites=visit(places, paths, settings),
        migration=migration(paths, places.scaled, settings),
    )
    return found, density


# -- where the sites are -----------------------------------------------------------------------------------------


def find_places(density: Floats, paths: Paths, settings: DensitySettings) -> Places:
    """Return host sites and interstitial sites.

    A host site is the maximum of the density near the starting position of an ion, or that position where there is
    none. All other maxima that hold enough ions, and are not a site already, are interstitial sites.
    """
    folded, occupancies = density_maxima(density, paths.cell_A / np.asarray(settings.repeat)[:, None], settings)
    cells = np.array(list(itertools.product(*(range(n) for n in settings.repeat))), float)
    maxima = ((folded[:, None] + cells) / np.asarray(settings.repeat)).reshape(-1, 3)
    held = np.repeat(occupancies, len(cells))
    lattice = standard_lattice(paths.cell_A)
    hosts, free = _settle(paths.hosts, maxima, lattice, settings.host_reach_A)
    sites = list(hosts)
    for index in sorted(free, key=lambda index: -held[index]):
        apart = lattice.get_all_distances(maxima[index], np.array(sites))
        if held[index] >= settings.min_occupancy and apart.min() >= settings.site_distance_A:
            sites.append(maxima[index])
    return Places(np.array(sites), len(hosts))


def _settle(hosts: Floats, maxima: Floats, lattice: Any, reach_A: float) -> tuple[Floats, set[int]]:
    """Return host sites moved to the nearest maxima, each taken once, and the maxima that are left."""
    settled, free = hosts.copy(), set(range(len(maxima)))
    if not free:
        return settled, free
    apart = lattice.get_all_distances(hosts, maxima)
    waiting = set(range(len(hosts)))
    for host, index in zip(*np.unravel_index(np.argsort(apart, axis=None), apart.shape), strict=True):
        if apart[host, index] > reach_A:
            break
        if host in waiting and index in free:
            settled[host] = maxima[index]
            waiting.discard(host)
            free.discard(int(index))
    return settled, free


def density_maxima(density: Floats, cell_A: Floats, settings: DensitySettings) -> tuple[Floats, Floats]:
    """Return scaled coordinates of the maxima of a density, and how many ions the basin of each holds.

    GEMDAT parts the density into basins, one per maximum, down to a background. The background it would take, a tenth
    of the highest value, drops sites that are seldom visited, so ours is in terms of the mean density.
    """
    from gemdat.volume import Volume

    lattice = standard_lattice(cell_A)
    background = settings.site_background * density.mean()
    peaks = _peaks(density, lattice, background, settings.site_distance_A)
    if not len(peaks):
        return np.empty((0, 3)), np.empty(0)
    shape = np.array(density.shape)
    voxel = abs(np.linalg.det(cell_A)) / density.size
    # a thousand times too small: a site that holds more than one ion is not valid in a Structure
    structure = Volume(data=density * voxel, lattice=lattice).to_structure(
        specie="X",
        peaks=peaks,
        background_level=background / density.max(),
        return_occupancies=True,
        n_frames=1000,
    )
    places = structure.frac_coords - 0.5 / shape  # a value belongs to its grid point, not to a voxel that begins there
    held = np.array([1000.0 * site.species.num_atoms for site in structure])
    nearest = lattice.get_all_distances(places, peaks / shape)
    index = nearest.argmin(axis=1)
    astray = nearest.min(axis=1) > settings.site_distance_A / 2  # basins that reach through the whole cell
    places[astray] = (peaks / shape)[index[astray]]
    return wrapped(places), held


def _peaks(density: Floats, lattice: Any, background: float, distance_A: float) -> Integers:
    """Return grid points of maxima above a background, the higher ones of those that are too close to each other."""
    from scipy.ndimage import maximum_filter

    top = (density == maximum_filter(density, size=3, mode="wrap")) & (density > background)
    points = np.argwhere(top)
    points = points[np.argsort(-density[tuple(points.T)], kind="stable")]
    kept: list[NDArray[np.int_]] = []
    for point in points:
        if kept:
            apart = lattice.get_all_distances(point / density.shape, np.array(kept) / density.shape)
            if apart.min() < distance_A:
                continue
        kept.append(point)
    return np.array(kept, int).reshape(-1, 3)


# -- who is there when -------------------------------------------------------------------------------------------


def visit(places: Places, paths: Paths, settings: DensitySettings) -> SitesSummary:
    """Return occupancies and jumps of sites."""
    kept = paths.thinned(settings.max_jump_positions)
    radii_A = _radii(places, kept, settings.site_radius_A)
    seen = [_visits(places, kept, run, radii_A) for run in kept.scaled]
    occupancies = _occupancies([states for states, _ in seen], len(places.scaled))
    hops = Hops.of([before for _, before in seen], places, kept)
    return SitesSummary(
        radius_A=float(radii_A.max()),
        sites=tuple(_site(places, index, occupancies[index], radii_A[index]) for index in range(len(places.scaled))),
        outside=float(np.mean(np.concatenate([states.ravel() for states, _ in seen]) == NO_SITE)),
        jumps=hops.between_kinds(),
        jumps_per_ion_ps=hops.of_all() or Measured(value=0.0),
        interval_fs=kept.interval_fs,
        undone=hops.undone(),
        most_taken=hops.most_taken(),
    )


def _site(places: Places, index: int, occupancy: Measured, radius_A: float) -> Site:
    x, y, z = map(float, places.scaled[index])
    return Site(kind=places.kind(index), scaled=(x, y, z), occupancy=occupancy, radius_A=float(radius_A))


def _radii(places: Places, paths: Paths, wanted_A: float) -> Floats:
    """Return the radius of each site (Å), so small that it overlaps with no other: half of the way to the nearest."""
    apart = standard_lattice(paths.cell_A).get_all_distances(places.scaled, places.scaled)
    apart[np.diag_indices_from(apart)] = np.inf
    # Whole thousandths, so that sites of one kind share a radius.
    return np.asarray(np.minimum(wanted_A, np.floor(499.0 * apart.min(axis=1)) / 1000.0))


def _visits(places: Places, paths: Paths, run: Floats, radii_A: Floats) -> tuple[Integers, Integers]:
    """Return the site of each ion at each time, and the last one it was on."""
    from gemdat.transitions import Transitions
    from pymatgen.core import Structure

    trajectory = gemdat_trajectory(run, paths, paths.cell_A)
    # GEMDAT gives sites of one label one radius.
    labels = [f"radius {radius_A:g}" for radius_A in radii_A]
    sites = Structure(trajectory.get_lattice(), [paths.element] * len(labels), places.scaled, labels=labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            transitions = Transitions.from_trajectory(
                trajectory=trajectory,
                sites=sites,
                floating_specie=paths.element,
                site_radius=dict(zip(labels, map(float, radii_A), strict=True)),
            )
        except ValueError as error:
            if "at least one array" not in str(error):
                raise
            # GEMDAT stumbles where no ion ever leaves or reaches a site; then every moment is like the first
            return _still(sites, trajectory, radii_A)
    return np.asarray(transitions.states), np.asarray(transitions.states_prev())


def _still(sites: Any, trajectory: Any, radii_A: Floats) -> tuple[Integers, Integers]:
    positions = trajectory.positions
    apart = sites.lattice.get_all_distances(positions[0], sites.frac_coords)
    nearest = apart.argmin(axis=1)
    states = np.where(apart.min(axis=1) <= radii_A[nearest], nearest, NO_SITE)
    everywhere = np.broadcast_to(states, positions.shape[:2])
    return everywhere, everywhere


def _occupancies(runs: Sequence[Integers], sites: int) -> list[Measured]:
    """Return the mean number of ions on each site, with the standard error over blocks of time."""
    blocks = [block for states in runs for block in np.array_split(states, min(BLOCKS, len(states)))]
    weights = np.array([len(block) for block in blocks], float)
    shares = np.array([np.bincount(b[b >= 0].ravel(), minlength=sites) / len(b) for b in blocks])
    means = np.average(shares, axis=0, weights=weights)
    errors = shares.std(axis=0, ddof=1) / np.sqrt(len(blocks)) if len(blocks) > 1 else None
    return [
        Measured(value=float(mean), se=None if errors is None else float(errors[i])) for i, mean in enumerate(means)
    ]
