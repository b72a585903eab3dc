"""Write what LAMMPS needs to run a model: the model in both formats of MACE, and an input with its structure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.data import chemical_symbols
from ase.io import write as write_atoms

from alloop.files.durable import write_durably
from alloop.outputs.models import Chosen, chosen_model
from alloop.state.state import CampaignState
from alloop.tasks.workspace import Workspace

MLIAP = "{model}-mliap_lammps.pt"
LIBTORCH = "{model}-lammps.pt"
"""Names that MACE's converter gives its files."""
_INPUT = """\
# Molecular dynamics of {system} with {model}, at {kelvin:g} K. Run it in this folder:
#   lmp -k on g 1 -sf kk -pk kokkos newton on neigh half -in {system}.in
# LAMMPS of 22 July 2025 or newer, built with ML-IAP, PYTHON, MLIAP_ENABLE_PYTHON and KOKKOS, in a Python that has
# mace-torch {version}. Without a GPU: `-k on -sf kk`, and MACE_ALLOW_CPU=true in the environment.
units           metal
atom_style      atomic
atom_modify     map yes
newton          on
boundary        p p p
read_data       {system}.data

pair_style      mliap unified {mliap} 0
pair_coeff      * * {elements}
# With the LAMMPS of https://github.com/ACEsuit/lammps (package ML-MACE), on one rank:
#   pair_style  mace no_domain_decomposition
#   pair_coeff  * * {libtorch} {elements}

neighbor        2.0 bin
neigh_modify    every 1 delay 0 check yes
timestep        {timestep_ps:g}
velocity        all create {kelvin:g} {seed} mom yes rot no dist gaussian
fix             1 all nvt temp {kelvin:g} {kelvin:g} {damping_ps:g}
thermo_style    custom step time temp pe etotal press
thermo          100
dump            1 all custom 100 {system}.dump id type element xu yu zu
dump_modify     1 element {elements} sort id
# `pe` of step 0 must be {energy_eV:.6f} eV.
run             10000
"""


def write_lammps(workspace: Workspace, state: CampaignState, chosen: Sequence[Chosen], folder: Path) -> list[Path]:
    """Write models for LAMMPS, and for every system an input and its structure; return the files.

    Parameters
    ----------
    workspace : Workspace
        Holds the models of the campaign.
    state : CampaignState
        The fold of the journal.
    chosen : sequence of Chosen
        The models, the leader first: the inputs run it.
    folder : pathlib.Path
        Folder to write into, made if missing.

    Raises
    ------
    ExportError
        If a model file is missing or damaged.
    """
    from alloop.potential.models.model_files import export_libtorch_model, export_mliap_model

    written = []
    for item in chosen:
        model = chosen_model(workspace, item)
        written += [folder / form.format(model=item.file) for form in (MLIAP, LIBTORCH)]
        export_mliap_model(model, written[-2])
        export_libtorch_model(model, written[-1])
    assert state.created is not None
    leader = chosen_model(workspace, chosen[0], "float64")
    for system in state.created.systems:
        atoms = system.structure.to_atoms()
        written += [folder / f"{system.name}.data", folder / f"{system.name}.in"]
        write_durably(written[-2], data_file(atoms).encode())
        text = input_file(system.name, atoms, chosen[0].file, state.config, _energy_by(leader, atoms))
        write_durably(written[-1], text.encode())
    return written


def elements_of(atoms: Atoms) -> tuple[str, ...]:
    """Return the elements of LAMMPS's atom types, type 1 first: by atomic number."""
    return tuple(chemical_symbols[number] for number in sorted(set(atoms.numbers)))


def data_file(atoms: Atoms) -> str:
    """Return a structure as LAMMPS's ``read_data`` takes it (units metal, Å), in a cell of small skew."""
    text = io.StringIO()
    order = list(elements_of(atoms))
    write_atoms(text, atoms, format="lammps-data", specorder=order, masses=True, reduce_cell=True, units="metal")
    return text.getvalue()


def input_file(system: str, atoms: Atoms, model: str, config: dict[str, Any], energy_eV: float) -> str:
    """Return a LAMMPS input that runs molecular dynamics of a system at the lowest temperature that was explored.

    Parameters
    ----------
    system : str
        Name of the system and of its data file.
    atoms : ase.Atoms
        Its structure.
    model : str
        File name of the exported model.
    config : dict
        The campaign's config.
    energy_eV : float
        What the model says of the structure (eV), so that a user can tell whether LAMMPS runs the same model.
    """
    explore = config.get("explore", {})
    timestep_ps = 1e-3 * float(explore.get("timestep_fs", 1.0))
    return _INPUT.format(
        system=system,
        model=model,
        version=version("mace-torch"),
        mliap=MLIAP.format(model=model),
        libtorch=LIBTORCH.format(model=model),
        elements=" ".join(elements_of(atoms)),
        kelvin=min(explore.get("temperatures_K") or [300.0]),
        timestep_ps=timestep_ps,
        damping_ps=100 * timestep_ps,
        seed=1 + int(config.get("seed", 0)) % 900_000,
        energy_eV=energy_eV,
    )


def _energy_by(model: Any, atoms: Atoms) -> float:
    """Return what a model says of a structure in float64 (eV)."""
    from alloop.potential.committee import Committee

    return Committee([model], device="cpu", dtype="float64").forces(atoms).energy_eV
