"""Settings of studies, which change no decision of a campaign.

They may change when a campaign resumes. A section has the name of its study.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from alloop.config.base import Count, Name, NonNegative, Positive, Section, Sublattice
from alloop.config.label import LabelCommon


class RelaxConfig(Section):
    """Relaxed lattice of every system, by every fit of the largest rung."""

    cell: bool | None = Field(
        None,
        description="true: the cell relaxes too, which takes a fitted stress; false: ions in a fixed cell; null: the "
        "cell relaxes where the stress is fitted.",
    )
    pressure_GPa: Annotated[float, Field(allow_inf_nan=False)] = Field(
        0.0, description="External pressure on a cell that relaxes."
    )
    max_force_eV_per_A: Positive = Field(
        0.01, description="A structure is relaxed when no force is larger, those on the cell included."
    )
    max_steps: Count = Field(500, description="A structure that takes more steps counts as not relaxed.")
    dft: Annotated[int, Field(ge=0)] = Field(0, description="How many systems the label engine relaxes as well.")


class ScratchConfig(Section):
    """Fits of the largest rung's labels from what the campaign starts from, against fits from random weights."""

    fits: Count = Field(3, description="Fits from either start, different only in their seed.")
    temperatures_K: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="Temperatures of the MD under every fit; null: the hottest of `explore`."
    )
    ps: Positive = Field(20.0, description="Length of the MD of a fit that survives.")
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")


_MOST_OF_A_FORMULA = 10_000
"""Atoms of the largest formula of a phase."""
Energy = Annotated[float, Field(allow_inf_nan=False)]


class PhaseConfig(Section):
    """A reference phase: a structure, or a formula with an energy that you computed."""

    name: Name = Field(description="Name of the phase in tables.")
    structure: str | None = Field(
        None,
        description="Structure file, relaxed by the campaign's models; a relative path starts at the config's folder.",
    )
    formula: str | None = Field(None, description="Formula of a phase whose energy you give.")
    energy_eV_per_atom: Energy | None = Field(None, description="Energy that you computed, per atom.")
    energy_eV_per_formula: Energy | None = Field(
        None, description="Energy that you computed, of all atoms in `formula` as you wrote it."
    )

    @model_validator(mode="after")
    def _one_way(self) -> PhaseConfig:
        energies = [one for one in (self.energy_eV_per_atom, self.energy_eV_per_formula) if one is not None]
        given = self.formula is not None and len(energies) == 1
        if (self.structure is None) != given or (self.structure is not None and (self.formula or energies)):
            raise ValueError(
                "needs either `structure`, or `formula` with one of `energy_eV_per_atom` and `energy_eV_per_formula`"
            )
        if self.formula is not None and not _is_formula(self.formula):
            raise ValueError(f"`{self.formula}` is not a formula such as `Li3InCl6`")
        return self


def _is_formula(written: str) -> bool:
    from ase.formula import Formula

    if not re.fullmatch(r"[A-Za-z0-9()]+", written):
        return False  # ASE reads `Li+` as Li
    try:
        found = Formula(written, strict=True).count()
    except (ValueError, RecursionError):
        return False
    return min(found.values(), default=0) > 0 and sum(found.values()) <= _MOST_OF_A_FORMULA


class FamilyConfig(Section):
    """A family of phases of which a hull is made."""

    name: Name = Field(description="Name of the family; it stands beside every number.")
    phases: tuple[PhaseConfig, ...] = Field((), description="The reference phases.")
    compositions: bool = Field(
        False, description="The campaign's own compositions are phases too: no energy above the hull is negative then."
    )
    same_settings: bool = Field(
        False,
        description="State that the energies you give have the settings of `label`; others cannot be compared with "
        "those of the models, and are refused.",
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> FamilyConfig:
        if not self.phases and not self.compositions:
            raise ValueError("has no phases; name some, or write `compositions: true`")
        _refuse_doubles(phase.name for phase in self.phases)
        given = [phase.structure is None for phase in self.phases]
        if any(given) and not all(given):
            what = "mixes structures, relaxed by the models, with energies that you computed"
            raise ValueError(f"{what}; make two families of them")
        if any(given) and not self.same_settings:
            what = "energies that you computed compare with the models' only if they have the settings of `label`"
            raise ValueError(f"{what}; if so, write `same_settings: true`, otherwise give structures")
        return self


def _refuse_doubles(names: Iterable[str]) -> None:
    for name, number in Counter(names).items():
        if number > 1:
            raise ValueError(f"the name `{name}` is there {number} times; every name must be its own")


class HullConfig(Section):
    """Energy above the hull of every composition, by every fit of the largest rung."""

    families: tuple[FamilyConfig, ...] = Field((), description="Families of phases: one hull each.")
    members: bool = Field(
        True, description="The members of the rung's committee relax everything as well; their spread is an error."
    )

    @model_validator(mode="after")
    def _of_names_of_their_own(self) -> HullConfig:
        _refuse_doubles(family.name for family in self.families)
        structures: dict[str, str] = {}
        for phase in (phase for family in self.families for phase in family.phases if phase.structure is not None):
            if structures.setdefault(phase.name, str(phase.structure)) != phase.structure:
                raise ValueError(f"`{phase.name}` is one structure here and another there; every name must be its own")
        return self


class DisorderConfig(Section):
    """Canonical Monte Carlo of orderings, by every fit of the largest rung."""

    sublattices: Annotated[tuple[Sublattice, ...], Field(min_length=1)] | None = Field(
        None, description="Elements whose ions exchange places, as in `[[In, Y], [Br, Cl]]`; null: `explore.swaps`."
    )
    temperatures_K: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="Temperatures, one walker each; null: those of `explore`."
    )
    sweeps: Count = Field(
        250, description="Length of a run: attempts per ion that can swap. The first fifth equilibrates."
    )
    every_fs: Positive = Field(20.0, description="MD from one attempt to the next.")
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")


class AimdConfig(Section):
    """Molecular dynamics driven by the label engine; what is measured of it, `measure` says."""

    systems: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(
        None, description="Systems or compositions that are simulated; null: all."
    )
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")
    temperatures_K: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = Field(
        None, description="Temperatures simulated; null: those of `measure`."
    )
    replicas: Count = Field(1, description="Independent runs per temperature.")
    ps: Positive = Field(10.0, description="Length of a run.")
    timestep_fs: Positive = Field(2.0, description="Step of the integrator.")
    segment_steps: Count = Field(50, description="Steps of one task: what a killed worker loses.")
    sample_fs: Positive = Field(10.0, description="Time between two stored positions of all atoms.")
    skip_ps: NonNegative = Field(0.0, description="Beginning of every run that is not measured: it equilibrates.")
    ensemble: Literal["bussi", "nose_hoover", "nve"] = Field("bussi", description="Ensemble.")
    thermostat_fs: Positive = Field(100.0, description="Time constant of the thermostat.")
    xc: str | None = Field(None, description="Functional in place of the labels', GPAW only; null: that of the labels.")
    literature: str | None = Field(
        None,
        description="CSV file of published points that are drawn beside the result, see docs/studies.md; a relative "
        "path starts at the config's folder.",
    )

    def functional_of(self, label: LabelCommon) -> LabelCommon:
        """Return the settings of the labels with the functional of the study, where the engine has one to change."""
        has_one = self.xc is not None and hasattr(label, "xc")
        return label.model_copy(update={"xc": self.xc}) if has_one else label

    @property
    def sample_steps(self) -> int:
        """Steps from one sample to the next."""
        return max(1, round(self.sample_fs / self.timestep_fs))

    @property
    def steps(self) -> int:
        """Steps of a run: a whole number of samples."""
        return math.ceil(1000.0 * self.ps / self.timestep_fs / self.sample_steps - 1e-9) * self.sample_steps

    @model_validator(mode="after")
    def _of_whole_samples(self) -> AimdConfig:
        if self.segment_steps % self.sample_steps:
            every = f"a sample every {self.sample_fs:g} fs is one every {self.sample_steps} steps"
            near = max(1, round(self.segment_steps / self.sample_steps)) * self.sample_steps
            raise ValueError(f"{every}, and `segment_steps: {self.segment_steps}` is no multiple of it; use {near}")
        if self.skip_ps >= self.ps:
            raise ValueError(f"`skip_ps: {self.skip_ps:g}` leaves nothing of runs of {self.ps:g} ps")
        return self


Repeats = Annotated[tuple[tuple[Count, Count, Count], ...], Field(min_length=1)]


class CostConfig(Section):
    """What a picosecond of molecular dynamics takes, by the largest rung's first fit and by the label engine."""

    repeats: Repeats = Field(
        ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2)), description="Supercells of the first system, for the model."
    )
    label_repeats: Repeats = Field(((1, 1, 1), (2, 1, 1)), description="Supercells for the label engine.")
    steps: Annotated[int, Field(ge=2)] = Field(20, description="Steps that are timed of the model.")
    label_steps: Annotated[int, Field(ge=2)] = Field(3, description="Steps that are timed of the label engine.")


class StudiesConfig(Section):
    """Settings of ``alloop study NAME``."""

    relax: RelaxConfig = Field(RelaxConfig(), description="Relaxed lattices.")
    hull: HullConfig = Field(
        HullConfig(), description="Energies above the hull; structures are relaxed with the settings of `relax`."
    )
    scratch: ScratchConfig = Field(ScratchConfig(), description="Fine-tuned against from scratch.")
    disorder: DisorderConfig = Field(DisorderConfig(), description="Short-range order against temperature.")
    aimd: AimdConfig = Field(AimdConfig(), description="Molecular dynamics driven by the label engine.")
    cost: CostConfig = Field(CostConfig(), description="Cost of a picosecond.")
