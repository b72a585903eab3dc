"""The part of a config that decides the results: changing any of it makes another campaign."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alloop.config.base import Count, ImportPath, Keywords, NonNegative, Positive, Section


class SystemConfig(Section):
    """One composition to explore."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.+-]*$", max_length=60)]
    structure: str = Field(description="Structure file that ASE reads; a relative path starts at the config's folder.")
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")


class DataConfig(Section):
    """Labelled frames that exist before the campaign."""

    initial: tuple[str, ...] = Field((), description="extxyz files of labelled frames.")
    energy_key: str = Field("REF_energy", description="Key of the energy (eV) in `info`.")
    forces_key: str = Field("REF_forces", description="Key of the forces (eV/Å) in `arrays`.")
    stress_key: str = Field("REF_stress", description="Key of the stress (eV/Å³) in `info`.")
    reference: Literal["same", "other"] = Field(
        "other",
        description="`same`: computed with exactly this campaign's label settings, and used as labels. "
        "`other`: used to pre-train on forces only, never joined with this campaign's labels.",
    )


class FoundationFile(Section):
    """A foundation model on disk, trusted only by its checksum."""

    path: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ArchitectureConfig(Section):
    """Shape of a MACE model trained from scratch."""

    channels: Count = 32
    max_L: Annotated[int, Field(ge=0, le=2)] = 0
    max_ell: Annotated[int, Field(ge=1, le=4)] = 2
    correlation: Annotated[int, Field(ge=1, le=3)] = 2
    layers: Annotated[int, Field(ge=1, le=3)] = 2
    cutoff_A: Positive = 5.0
    radial_functions: Count = 8


class PotentialConfig(Section):
    """The committee of MACE models."""

    foundation: str | FoundationFile | None = Field(
        None, description="None (from scratch), the name of a MACE foundation model, or {path, sha256}."
    )
    architecture: ArchitectureConfig = ArchitectureConfig()
    committee: Annotated[int, Field(ge=2, le=16)] = 4
    dtype: Literal["float32", "float64"] = Field("float32", description="Precision of MD; fits use it too.")


class LabelCommon(Section):
    """Gates around a DFT single point, whatever the engine."""

    min_contact: Positive = Field(0.6, description="Shortest contact sent to DFT, in sums of covalent radii.")
    max_force_eV_per_A: Positive = Field(30.0, description="A label with a larger force component is rejected.")
    isolated_atom_box_A: Annotated[float, Field(ge=10.0)] = Field(10.0, description="Box of the E0 atoms.")


class GpawLabel(LabelCommon):
    """GPAW plane-wave single points."""

    engine: Literal["gpaw"] = "gpaw"
    xc: str = "PBE"
    cutoff_eV: Annotated[float, Field(ge=100, le=2000)] = 340.0
    kpts: tuple[Count, Count, Count] = (2, 2, 2)
    gamma_centred: bool = False
    smearing_eV: Positive = Field(0.05, description="Fermi-Dirac width.")
    maxiter: Count = 80
    point_group_symmetry: bool = Field(False, description="Off keeps every label on the same k-points.")
    charge: float = 0.0
    spin: bool | None = Field(None, description="None: unpolarised, and a frame with an odd electron count is refused.")
    magmoms: dict[str, float] = Field(default_factory=dict, description="Initial magnetic moment by element, in μB.")
    dispersion: Literal["none", "d3"] = "none"
    gpaw: Keywords = Field(default_factory=dict, description="Further GPAW keywords, passed through after a check.")


class AseLabel(LabelCommon):
    """Single points of any ASE calculator."""

    engine: Literal["ase"]
    calculator: ImportPath
    arguments: Keywords = Field(default_factory=dict)


LabelConfig = Annotated[GpawLabel | AseLabel, Field(discriminator="engine")]


class FitConfig(Section):
    """How a member is fitted. A schedule counts optimiser steps, so it means the same for every dataset size."""

    every_labels: Count = Field(25, description="Refit the committee after this many new labels.")
    max_steps: Count = Field(2000, description="Longest refit of a member, in optimiser steps.")
    rung_steps: Count = Field(4000, description="Fixed schedule of a rung's fit, in optimiser steps.")
    batch_size: Count = 5
    learning_rate: Positive = 0.01
    energy_weight: NonNegative = 1.0
    forces_weight: NonNegative = 10.0
    stress_weight: NonNegative = 0.0
    patience: Count = Field(8, description="Checks without improvement before a refit stops.")
    check_every_steps: Count = Field(50, description="Optimiser steps between two checks (one epoch of metrics).")
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    warm_start: bool = Field(True, description="A refit starts from the member's previous generation.")


class InitialFramesConfig(Section):
    """Rattled copies of the systems, labelled before the first fit."""

    frames: Annotated[int, Field(ge=0)] = 8
    rattle_A: Positive = Field(0.10, description="Standard deviation of each Cartesian displacement.")
    strain: NonNegative = Field(0.0, description="Standard deviation of each strain component.")


class ExploreConfig(Section):
    """Walkers: molecular dynamics that looks for frames the committee does not know."""

    temperatures_K: tuple[Positive, ...] = Field(min_length=1)
    replicas: Count = Field(1, description="Walkers per system and temperature.")
    ensemble: Literal["nvt", "npt"] = "nvt"
    pressure_GPa: float = 0.0
    timestep_fs: Positive = 2.0
    friction_per_fs: Positive = 0.01
    segment_fs: Positive = Field(1000.0, description="Length of one MD task.")
    check_every_steps: Count = Field(10, description="Steps between two looks of the whole committee.")
    random_offers: Annotated[int, Field(ge=0)] = Field(2, description="Frames a segment offers at random times.")
    max_offers: Count = Field(6, description="Frames a segment offers at most because of disagreement.")
    stop_contact: Positive = Field(0.5, description="A shorter contact ends a walker, in sums of covalent radii.")
    stop_temperature_factor: Annotated[float, Field(gt=1)] = Field(
        4.0, description="A walker hotter than this multiple of its temperature has exploded."
    )
    policy: str = Field("least_explored", description="Built-in name or module:Class.")
    options: Keywords = Field(default_factory=dict)


class SelectConfig(Section):
    """Which offered frames are worth a label."""

    policy: str = Field("disagreement", description="`disagreement`, `random`, or module:Class.")
    lower_eV_per_A: NonNegative = Field(0.05, description="Frames below this disagreement are known.")
    upper_eV_per_A: Positive = Field(1.0, description="Frames above this disagreement are beyond the potential.")
    batch: Count = Field(6, description="Frames selected at a time.")
    pool_factor: Annotated[float, Field(ge=1)] = Field(3.0, description="Candidates wanted per frame to select.")
    per_walker: Count = Field(2, description="Frames of one walker in one selection.")
    options: Keywords = Field(default_factory=dict)


class HeldoutConfig(Section):
    """Frames for judging only, from walkers of their own."""

    fraction: Annotated[float, Field(gt=0, le=1)] = Field(0.2, description="Held-out frames per training label.")
    minimum: Annotated[int, Field(ge=2)] = 8
    from_generation: Annotated[int, Field(ge=0)] = Field(1, description="First generation whose leader draws them.")
    segment_fs: Positive = Field(500.0, description="MD between two held-out frames.")


class LadderConfig(Section):
    """Dataset sizes at which the campaign asks whether more data still changes the answer."""

    rungs: tuple[Count, ...] = Field((50, 100, 500, 1000, 2500), min_length=1)
    fits: Count = Field(3, description="Fits per rung, different only in their seed.")
    policy: str = Field("ladder", description="Built-in name or module:Class.")
    tolerance_energy: Positive = Field(0.10, description="Relative change of the energy RMSE.")
    tolerance_forces: Positive = Field(0.10, description="Relative change of the force RMSE.")
    options: Keywords = Field(default_factory=dict)
