"""Write densities and sites as files that other programs read (VESTA, OVITO, pymatgen, ASE)."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write as ase_write
from ase.io.cube import write_cube
from ase.units import Bohr

from alloop.files.durable import write_durably
from alloop.transport.density import DensitySummary, Floats, wrapped
from alloop.transport.sites import DensityResult, SitesSummary

CHGCAR_FILE = "CHGCAR_density.vasp"
CUBE_FILE = "density.cube"
SITES_CIF_FILE = "sites.cif"
SITES_EXTXYZ_FILE = "sites.extxyz"
DENSITY_FILES = (CHGCAR_FILE, CUBE_FILE, SITES_CIF_FILE, SITES_EXTXYZ_FILE)

_SAME_PLACE_A = 0.5
_EMPTY = 1e-4


def write_density_files(folder: Path, result: DensityResult, grid_per_A3: Floats, start: Atoms) -> tuple[Path, ...]:
    """Write the density as CHGCAR and cube files, and the sites as CIF and extxyz.

    Parameters
    ----------
    folder : pathlib.Path
        Where to; made if missing.
    result : DensityResult
        What `alloop.transport.sites.analyse_density` returned.
    grid_per_A3 : ndarray
        The number density (Å⁻³) it returned with it.
    start : ase.Atoms
        The starting structure, in the simulated cell. Its immobile atoms are written with the density.

    Returns
    -------
    tuple of pathlib.Path
        The files.
    """
    framework = folded_framework(result.density, start)
    contents = {
        CHGCAR_FILE: chgcar(result.density, grid_per_A3, framework),
        CUBE_FILE: cube(result.density, grid_per_A3, framework),
        SITES_CIF_FILE: sites_cif(result, start),
        SITES_EXTXYZ_FILE: sites_extxyz(result, start),
    }
    for name, content in contents.items():
        write_durably(folder / name, content)
    return tuple(folder / name for name in contents)


def folded_framework(density: DensitySummary, start: Atoms) -> Atoms:
    """Return the immobile atoms of the starting structure in the cell of the grid, each once, sorted by element."""
    rest = start[[atom.symbol != density.element for atom in start]]
    scaled = wrapped(rest.get_scaled_positions() * np.asarray(density.repeat))
    cell = np.array(density.cell_A)
    kept: list[int] = []
    for index, place in enumerate(scaled):
        others = [k for k in kept if rest.numbers[k] == rest.numbers[index]]
        apart = scaled[others] - place
        if len(others) and np.linalg.norm((apart - np.round(apart)) @ cell, axis=1).min() < _SAME_PLACE_A:
            continue
        kept.append(index)
    kept.sort(key=lambda index: (int(rest.numbers[index]), index))
    return Atoms(numbers=rest.numbers[kept], scaled_positions=scaled[kept], cell=cell, pbc=True)


def chgcar(density: DensitySummary, grid_per_A3: Floats, framework: Atoms) -> bytes:
    """Return a CHGCAR file: by its convention the number density times the volume of the cell, without a unit.

    Its mean is the number of mobile ions. Readers divide by the volume again; VESTA shows the result in bohr⁻³ (1 Å⁻³ =
    0.148185 bohr⁻³).
    """
    from gemdat.volume import Volume

    structure = _structure(framework, density)
    volume = Volume(data=grid_per_A3 * structure.volume, lattice=structure.lattice, label="number density times volume")
    with tempfile.TemporaryDirectory() as folder:
        # GEMDAT writes a file next to it under a name of its own choice
        volume.to_vasp_volume(structure, filename=str(Path(folder) / "density.vasp"))
        return (Path(folder) / "density.vasp").read_bytes()


def _structure(framework: Atoms, density: DensitySummary) -> Any:
    """Return the framework, or a single mobile ion where there is none: CHGCAR needs an atom."""
    from pymatgen.core import Lattice, Structure

    lattice = Lattice(np.array(density.cell_A))
    if not len(framework):
        return Structure(lattice, [density.element], [[0.0, 0.0, 0.0]])
    return Structure(lattice, framework.get_chemical_symbols(), framework.get_scaled_positions())


def cube(density: DensitySummary, grid_per_A3: Floats, framework: Atoms) -> bytes:
    """Return a Gaussian cube file. By its convention lengths are in bohr, so the number density is in bohr⁻³."""
    with tempfile.TemporaryFile("w+") as file:
        comment = (
            f"number density of {density.element} at {density.temperature_K:g} K, bohr^-3; integral = {density.ions:g}"
        )
        write_cube(file, framework, grid_per_A3 * Bohr**3, comment=comment)
        file.flush()
        file.seek(0)
        return file.read().encode()


def sites_cif(result: DensityResult, start: Atoms) -> bytes:
    """Return framework and sites as CIF: hosts are ``Li_host``, say, with their occupancies, capped at 1.

    CIF as pymatgen writes it knows no empty site: its occupancy is written as 0.0001.
    """
    from pymatgen.core import Lattice, Structure
    from pymatgen.io.cif import CifWriter

    density, sites = result.density, result.sites.sites
    rest = start[[atom.symbol != density.element for atom in start]]
    species: list[Any] = [{symbol: 1.0} for symbol in rest.get_chemical_symbols()]
    species += [{density.element: min(max(site.occupancy.value, _EMPTY), 1.0)} for site in sites]
    places = [*rest.get_scaled_positions(), *(site.scaled for site in sites)]
    labels = [*(f"{s}{i}" for i, s in enumerate(rest.get_chemical_symbols())), *_labels(density.element, result.sites)]
    structure = Structure(Lattice(start.cell.array), species, places, labels=labels)
    return str(CifWriter(structure)).encode()


def _labels(element: str, sites: SitesSummary) -> list[str]:
    return [f"{element}_{site.kind}_{number}" for number, site in enumerate(sites.sites)]


def sites_extxyz(result: DensityResult, start: Atoms) -> bytes:
    """Return the sites as extxyz with their kind, occupancy and its standard error."""
    sites = result.sites.sites
    atoms = Atoms(
        [result.density.element] * len(sites),
        scaled_positions=[site.scaled for site in sites],
        cell=start.cell,
        pbc=True,
    )
    atoms.set_array("kind", np.array([site.kind for site in sites]))
    atoms.set_array("occupancy", np.array([site.occupancy.value for site in sites]))
    atoms.set_array("occupancy_se", np.array([site.occupancy.se or 0.0 for site in sites]))
    atoms.set_array("radius_A", np.array([site.radius_A or result.sites.radius_A for site in sites]))
    atoms.info = {"temperature_K": result.density.temperature_K, "radius_A": result.sites.radius_A}
    file = io.StringIO()
    ase_write(file, atoms, format="extxyz")
    return file.getvalue().encode()
