"""Small disordered crystals, of the kinds that solid electrolytes are."""

import numpy as np
from ase.cell import Cell
from pymatgen.core import Lattice, Structure

from alloop.materials.orderings.charges import charges_of
from alloop.materials.orderings.crystal import VACANCY, Crystal, from_pymatgen, substituted
from alloop.materials.orderings.lattice import OrderingLattice, lattice_of


def crystal_of(spacegroup, lattice, sites) -> Crystal:
    """Return a crystal of sites {label: (species, place)}."""
    species, places = zip(*sites.values(), strict=True)
    return from_pymatgen(Structure.from_spacegroup(spacegroup, lattice, species, places, labels=list(sites)))


def mixed_chloride(a=5.0, b=5.6, c=6.4) -> Crystal:
    """Rock salt of Na, Mg and vacancies, of 8 sites; three different edges tell its 12 orderings apart."""
    cations = {"Na": 0.5, "Mg": 0.25}
    fcc = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    sites = {f"M{n}": (cations, place) for n, place in enumerate(fcc)}
    sites |= {f"X{n}": ({"Cl": 1.0}, np.add(place, (0.5, 0.5, 0.5))) for n, place in enumerate(fcc)}
    return crystal_of("P1", Lattice.orthorhombic(a, b, c), sites)


def layered_halide() -> Crystal:
    """Monoclinic Li3InCl6 (C2/m) of 20 atoms."""
    return crystal_of(
        "C2/m",
        Lattice.monoclinic(6.42, 11.03, 6.42, 109.2),
        {
            "Li1": ({"Li": 1}, (0, 0.168, 0.5)),
            "Li2": ({"Li": 1}, (0, 0.5, 0.5)),
            "In1": ({"In": 1}, (0, 0, 0)),
            "Cl1": ({"Cl": 1}, (0.236, 0.16, 0.231)),
            "Cl2": ({"Cl": 1}, (0.245, 0, 0.761)),
        },
    )


def nasicon() -> Crystal:
    """Rhombohedral Na3Zr2Si2PO12 (R-3c), with vacancies on one of two Na sites and Si and P on one site."""
    return crystal_of(
        "R-3c",
        Lattice.hexagonal(9.186, 22.18),
        {
            "Na1": ({"Na": 1}, (1 / 3, 2 / 3, 1 / 6)),
            "Na2": ({"Na": 0.667}, (0.64, 0, 0.25)),
            "Zr1": ({"Zr": 1}, (1 / 3, 2 / 3, 0.0195)),
            "Si1": ({"Si": 0.667, "P": 0.333}, (0.2954, 0, 0.25)),
            "O1": ({"O": 1}, (0.352, 0.5, 0.08)),
            "O2": ({"O": 1}, (0.4944, 0.6456, 0.9747)),
        },
    )


def problem(crystal: Crystal, substitute=None, oxidation_states=None) -> OrderingLattice:
    """Return the ordering problem of a crystal's own cell."""
    crystal = substituted(crystal, substitute or {})
    return lattice_of(crystal, charges_of(crystal, oxidation_states or {}))


def cif_text(crystal: Crystal) -> str:
    """Return a crystal as a CIF without symmetry, in which mixed sites are listed once for each species."""
    cell = Cell(crystal.cell_A).cellpar()
    tags = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    sites = zip(crystal.labels, crystal.scaled, crystal.occupancies, strict=True)
    rows = [
        f"{label} {species} {x:.6f} {y:.6f} {z:.6f} {share:.4f}"
        for label, (x, y, z), site in sites
        for species, share in site.items()
        if species != VACANCY
    ]
    head = [f"_cell_{tag} {value:.6f}" for tag, value in zip(tags, cell, strict=True)]
    loop = ["loop_", *(f"_atom_site_{column}" for column in columns)]
    return "\n".join(["data_x", "_symmetry_space_group_name_H-M 'P 1'", *head, *loop, *rows, ""])
