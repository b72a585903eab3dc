"""The part of a config that says how transport is measured: production MD of every rung's models.

Changing it makes no label and no model worthless: a campaign goes on, and measures again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from alloop.config.base import Count, Name, NonNegative, Positive, Section

Miller = tuple[int, int, int]
Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]


def _form(value: Any) -> str:
    """Return which form of a key is meant, so that what is wrong with it is told once."""
    return "several" if isinstance(value, list | tuple | Mapping) else "one"


Elements = Annotated[
    Annotated[Element, Tag("one")] | Annotated[tuple[Element, ...], Field(min_length=1), Tag("several")],
    Discriminator(_form),
]
Charges = Annotated[
    Annotated[float, Tag("one")] | Annotated[dict[Element, float], Tag("several")], Discriminator(_form)
]


class MeasureConfig(Section):
    """Production MD of every rung's models, and what is computed from it."""

    mobile: Elements = Field(
        description="Element of the mobile ions, or a list; rungs are compared by the first that a structure has."
    )
    charge_e: Charges = Field(
        1.0, description="Charge of a mobile ion, in elementary charges: one for all, or one for each element."
    )
    temperatures_K: tuple[Positive, ...] = Field(
        (600.0, 800.0, 1000.0), min_length=1, description="Temperatures simulated."
    )
    targets_K: tuple[Positive, ...] = Field(
        (300.0, 573.15), description="Temperatures at which the conductivity is wanted."
    )
    repeat: tuple[Count, Count, Count] | None = Field(
        None, description="Supercell along each lattice vector; null: the smallest of at least `min_width_A`."
    )
    min_width_A: Positive = Field(
        12.0, description="Distance between periodic faces below which results are flagged as limited by size."
    )
    replicas: Count = Field(1, description="Independent runs per fit and temperature.")
    walkers_per_task: Count = Field(
        1, description="Runs of one model evaluated together; pays on a GPU and for cells of few atoms."
    )
    ensemble: Literal["bussi", "nose_hoover", "nve"] = Field(
        "bussi", description="Ensemble of production. Langevin friction would bias diffusion, and is for equilibration."
    )
    timestep_fs: Positive = Field(2.0, description="Step of the integrator.")
    thermostat_fs: Positive = Field(200.0, description="Time constant of the thermostat.")
    equilibration_ps: NonNegative = Field(2.0, description="Langevin dynamics before production, thrown away.")
    production_ps: Positive = Field(50.0, description="Length of a run at first.")
    max_ps: Positive = Field(
        200.0, description="A run is doubled up to this length where its error bars are too wide to judge a rung."
    )
    segment_ps: Positive = Field(10.0, description="Length of one MD task.")
    sample_fs: Positive = Field(20.0, description="Time between two stored positions of the mobile ions.")
    snapshot_samples: Count = Field(10, description="Samples between two stored positions of all atoms.")
    planes: dict[Name, Miller] = Field(
        {"ab": (0, 0, 1), "ac": (0, 1, 0)},
        description="Planes in which diffusion is measured: name and Miller indices.",
    )
    stop_contact: Positive = Field(0.4, description="A shorter contact ends a run, in sums of covalent radii.")
    stop_temperature_factor: Annotated[float, Field(gt=1)] = Field(
        4.0, description="A run hotter than this multiple of its temperature has exploded."
    )
    density_at_K: Positive | None = Field(
        None, description="Temperature of the density and the sites; null: the middle one of those simulated."
    )
    density_resolution_A: Positive = Field(0.3, description="Edge of a voxel of the density.")

    @property
    def mobile_elements(self) -> tuple[str, ...]:
        """The mobile elements, the one that rungs are compared by first."""
        return (self.mobile,) if isinstance(self.mobile, str) else self.mobile
