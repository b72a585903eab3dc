"""The section of the report about how the exported model is loaded. Pure."""

from __future__ import annotations

from alloop.report.blocks import Block, Code, Paragraph, Section
from alloop.state.state import CampaignState

HOW_USE = (
    "`alloop export WHERE` writes the model, the dataset, and README.json with settings, checksum and errors; "
    "`--committee` writes all members. A model file is a pickle: load only those you trust. Energies count from the "
    "isolated-atom energies below under Settings and provenance."
)
_SCRIPT = """from ase import units
from ase.io import read
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from mace.calculators import MACECalculator

atoms = read("export/dataset.extxyz", -1)
atoms.calc = MACECalculator(model_paths="export/leader.model", device="cpu", default_dtype="{dtype}")
print(atoms.get_potential_energy(), "eV")

MaxwellBoltzmannDistribution(atoms, temperature_K={kelvin:g})
dynamics = Langevin(atoms, {timestep:g} * units.fs, temperature_K={kelvin:g}, friction=0.01 / units.fs)
dynamics.run(1000)
"""


def model_section(state: CampaignState) -> tuple[Section, ...]:
    """Return how to load the model and run molecular dynamics with it; nothing before the first fit."""
    if not any(generation.models for generation in state.generations):
        return ()
    explore = state.config.get("explore", {})
    kelvin = min(explore.get("temperatures_K") or [300.0])
    dtype = str(state.config.get("potential", {}).get("dtype", "float32"))
    script = _SCRIPT.format(dtype=dtype, kelvin=kelvin, timestep=explore.get("timestep_fs", 1.0))
    words = "In the folder of the campaign, after `alloop export`; the model needs the package mace-torch."
    blocks: tuple[Block, ...] = (Paragraph(words), Code(script, copy=True))
    return (Section("use-the-model", "Use the model", blocks, HOW_USE),)
