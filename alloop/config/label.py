"""The ``label`` section: one model for each label engine.

The model with ``engine: NAME`` belongs to the engine of ``alloop/labelling/NAME_engine.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from alloop.config.base import Count, ImportPath, Keywords, Positive, Section


class LabelCommon(Section):
    """Gates around a DFT single point, whatever the engine."""

    min_contact: Positive = Field(0.6, description="Shortest contact sent to DFT, in sums of covalent radii.")
    max_force_eV_per_A: Positive = Field(30.0, description="A label with a larger force component is rejected.")
    isolated_atom_box_A: Annotated[float, Field(ge=10.0)] = Field(10.0, description="Box of the E0 atoms.")


class KptSpacing(Section):
    """K-points as a density, so that cells of different sizes have equally dense grids."""

    spacing_per_A: Annotated[float, Field(ge=0.01, le=2.0)] = Field(
        description="Largest distance of neighbouring points along a reciprocal vector, 2π included (KSPACING of VASP, "
        "1 / `density` of GPAW). The cell of the system's structure decides the grid of all its labels."
    )


def _form(value: Any) -> str:
    return "spacing" if isinstance(value, Mapping | KptSpacing) else "list"


Kpts = Annotated[
    Annotated[tuple[Count, Count, Count], Tag("list")] | Annotated[KptSpacing, Tag("spacing")], Discriminator(_form)
]


class GpawLabel(LabelCommon):
    """GPAW plane-wave single points."""

    engine: Literal["gpaw"] = Field("gpaw", description="GPAW in plane waves.")
    xc: str = Field("PBE", description="Exchange-correlation functional, as GPAW names it.")
    cutoff_eV: Annotated[float, Field(ge=100, le=2000)] = Field(340.0, description="Plane-wave cutoff.")
    kpts: Kpts = Field(
        (2, 2, 2), description="Monkhorst-Pack grid, or {spacing_per_A}: one for each system, equally dense."
    )
    gamma_centred: bool = Field(False, description="Shift the grid so that it holds Γ.")
    smearing_eV: Positive = Field(0.05, description="Fermi-Dirac width.")
    maxiter: Count = Field(80, description="SCF iterations before a label is tried again with safer SCF settings.")
    point_group_symmetry: bool = Field(False, description="Off keeps every label on the same k-points.")
    charge: float = Field(0.0, description="Charge of the cell, in elementary charges.")
    spin: bool | None = Field(None, description="null: unpolarised, and a frame with an odd electron count is refused.")
    magmoms: dict[str, float] = Field(default_factory=dict, description="Initial magnetic moment by element, in μB.")
    dispersion: Literal["none", "d3"] = Field("none", description="d3: Grimme's D3 is added to every label.")
    gpaw: Keywords = Field(default_factory=dict, description="Further GPAW keywords, passed through after a check.")


class AseLabel(LabelCommon):
    """Single points of any ASE calculator."""

    engine: Literal["ase"] = Field(description="Any ASE calculator.")
    calculator: ImportPath = Field(description="Calculator class, as module:Class.")
    arguments: Keywords = Field(default_factory=dict, description="Keyword arguments of the calculator.")
    python: str | None = Field(
        None,
        description="A Python, or a folder of packages, in which the calculator lives; null: this one. A relative path "
        "starts at the config's folder.",
    )


MACE_FILE = "alloop.potential.models.foundation_calculator:FoundationCalculator"
"""The calculator of a MACE model, whose arguments hold the checksum of its file."""


def without_places(label: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dumped ``label`` section without what only says where something lies and decides no label."""
    kept = {key: value for key, value in label.items() if key != "python"}
    if kept.get("calculator") == MACE_FILE and "sha256" in kept["arguments"]:
        kept["arguments"] = {key: value for key, value in kept["arguments"].items() if key != "path"}
    return kept


CODES = ("vasp", "espresso", "cp2k", "gpaw", "abinit", "aims", "castep", "siesta", "crystal", "elk", "nwchem", "orca")
"""Beginnings of the names of ASE calculators that compute density functional theory."""


def engine_name(label: Mapping[str, Any]) -> str:
    """Return what the engine of a dumped ``label`` section is called where its hours and answers are told.

    Examples
    --------
    >>> engine_name({"engine": "gpaw"}), engine_name({"engine": "ase", "calculator": "ase.calculators.vasp:Vasp"})
    ('DFT', 'DFT')
    >>> engine_name({"engine": "ase", "calculator": "ase.calculators.emt:EMT"})
    'EMT'
    """
    if label.get("engine") != "ase":
        return "DFT"
    name = str(label.get("calculator", "")).rpartition(":")[2] or "engine"
    return "DFT" if name.lower().startswith(CODES) else name


def same_science(label: LabelCommon, other: LabelCommon) -> bool:
    """Return whether two ``label`` sections give the same labels, wherever their calculators and files lie."""
    return without_places(label.model_dump(mode="json")) == without_places(other.model_dump(mode="json"))


LabelConfig = Annotated[GpawLabel | AseLabel, Field(discriminator="engine")]
