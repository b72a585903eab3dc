"""The part of a config that decides the results: changing any of it makes another campaign."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer

from alloop.config.base import SHA256, Count, Keywords, Name, NonNegative, Positive, Section, Sublattice
from alloop.config.orderings import CellConfig, OrderingsConfig, Share


class SystemConfig(Section):
    """What to explore: a crystal, or a disordered one of which every composition and ordering becomes a system."""

    name: Name = Field(description="Name of the system in tables and plots.")
    structure: str = Field(description="Structure file that ASE reads; a relative path starts at the config's folder.")
    repeat: tuple[Count, Count, Count] = Field((1, 1, 1), description="Supercell along each lattice vector.")
    substitute: dict[str, dict[str, Share]] = Field(
        default_factory=dict,
        description="What is on a sublattice, by element (what replaces each of its ions) or by site label (all that "
        "the site holds): shares of elements and of `vacancy`, as numbers or expressions of x and y. What is missing "
        "to 1 is vacancies.",
    )
    x: tuple[Share, ...] = Field((), description="Values of x: one composition for each.")
    y: tuple[Share, ...] | str = Field((), description="Values of y, each with each of x; or one expression of x.")
    oxidation_states: dict[str, float] = Field(
        default_factory=dict, description="Charges of ions by element; those that are not given are guessed."
    )
    cell: CellConfig | None = Field(None, description="Cell in which ions are ordered; null: that of the file.")
    orderings: OrderingsConfig | None = Field(None, description="Which orderings are taken; null: the ground state.")

    @model_serializer(mode="wrap")
    def _without_what_orders_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys of disorder where there are none, as configs and journals did before these were known."""
        fields = type(self).model_fields
        unused = {
            key for key in ORDERING_KEYS if getattr(self, key) == fields[key].get_default(call_default_factory=True)
        }
        return {key: value for key, value in dump(self).items() if key not in unused}


ORDERING_KEYS = ("substitute", "x", "y", "oxidation_states", "cell", "orderings")
"""Keys of a system that make ordered cells of a disordered crystal."""


class DataConfig(Section):
    """Labelled frames that exist before the campaign."""

    initial: tuple[str, ...] = Field((), description="extxyz files of labelled frames.")
    campaigns: tuple[str, ...] = Field(
        (),
        description="Folders of alloop campaigns whose labels are taken over when this one begins: as labels where "
        "settings and code are the same, to teach with where the teacher gave them, else to pre-train on forces only.",
    )
    energy_key: str = Field("REF_energy", description="Key of the energy (eV) in `info`.")
    forces_key: str = Field("REF_forces", description="Key of the forces (eV/Å) in `arrays`.")
    stress_key: str = Field("REF_stress", description="Key of the stress (eV/Å³) in `info`.")
    reference: Literal["same", "other"] = Field(
        "other",
        description="`same`: computed with exactly this campaign's label settings, and used as labels. "
        "`other`: used to pre-train on forces only, never joined with this campaign's labels.",
    )


MOST_MEMBERS = 16
"""Members of the largest committee."""


class FoundationFile(Section):
    """A foundation model on disk, trusted only by its checksum."""

    path: str = Field(description="Model file; a relative path starts at the config's folder.")
    sha256: Annotated[str, Field(pattern=SHA256)] = Field(description="Checksum of the file, as `sha256sum` prints it.")
    head: str | None = Field(None, description="Head of a model that has several.")


class FoundationHead(Section):
    """One head of a named MACE foundation model that has several."""

    name: str = Field(description="Name of a MACE foundation model.")
    head: str = Field(description="The head; `alloop run` lists those of a model.")


def _foundation_tag(value: Any) -> str:
    if isinstance(value, FoundationHead) or (isinstance(value, dict) and "name" in value):
        return "head"
    return "file" if isinstance(value, dict | FoundationFile) else "name"


Foundation = Annotated[
    Annotated[str, Tag("name")] | Annotated[FoundationFile, Tag("file")] | Annotated[FoundationHead, Tag("head")],
    Discriminator(_foundation_tag),
]


def head_wanted(foundation: str | FoundationFile | FoundationHead | None) -> str | None:
    """Return the head that a config names, or None."""
    return None if foundation is None or isinstance(foundation, str) else foundation.head


class ArchitectureConfig(Section):
    """Shape of a MACE model trained from scratch."""

    channels: Count = Field(32, le=4096, description="Feature channels.")
    max_L: Annotated[int, Field(ge=0, le=2)] = Field(0, description="Order of the messages; 0 is invariant.")
    max_ell: Annotated[int, Field(ge=1, le=4)] = Field(2, description="Order of the spherical harmonics.")
    correlation: Annotated[int, Field(ge=1, le=3)] = Field(2, description="Neighbours combined in one product.")
    layers: Annotated[int, Field(ge=1, le=3)] = Field(2, description="Message-passing layers.")
    cutoff_A: Positive = Field(5.0, description="Radius of an atom's neighbourhood.")
    radial_functions: Count = Field(8, le=1024, description="Bessel functions of the distance.")


class PotentialConfig(Section):
    """The committee of MACE models."""

    foundation: Foundation | None = Field(
        None,
        description="null (from scratch), `alloop-electrolytes-0`, the name of a MACE foundation model, "
        "{path, sha256, head} of a file, or {name, head}. A model of several heads needs the head.",
    )
    architecture: ArchitectureConfig = ArchitectureConfig()
    committee: Annotated[int, Field(ge=2, le=MOST_MEMBERS)] = Field(4, description="Members; the first is the leader.")
    dtype: Literal["float32", "float64"] = Field("float32", description="Precision of MD; fits use it too.")


class FitConfig(Section):
    """How a member is fitted. A schedule counts optimiser steps; `epochs` lets it grow with the dataset."""

    every_labels: Count = Field(25, description="Refit the committee after this many new labels.")
    max_steps: Count = Field(2000, description="Longest refit, in steps; of random weights half `rung_steps` if more.")
    rung_steps: Count = Field(4000, description="Fixed schedule of a rung's fit, in optimiser steps.")
    epochs: Count = Field(
        40, description="Passes over the frames that every schedule has at least, whatever its steps."
    )
    batch_size: Count = Field(5, description="Frames of one optimiser step.")
    learning_rate: Positive = Field(0.01, description="Learning rate at the start of the schedule.")
    energy_weight: NonNegative = Field(1.0, description="Weight of the energy per atom in the loss.")
    forces_weight: NonNegative = Field(10.0, description="Weight of the forces in the loss.")
    stress_weight: NonNegative = Field(0.0, description="Weight of the stress in the loss; 0 rules out NPT.")
    loss: Literal["squares", "huber"] = Field(
        "squares",
        description="`squares`: mean squares. `huber`: the same for small deviations, linear for large ones, so that "
        "frames of broken structures do not rule the fit.",
    )
    huber_eV_per_A: Positive = Field(
        0.1, description="Error of a force vector from which on `loss: huber` is linear; a tenth of it for energies."
    )
    patience: Count = Field(8, description="Checks without improvement before a refit stops.")
    check_every_steps: Count = Field(
        50,
        description="Optimiser steps between two checks (one row of metrics); a pass over the frames if that is more.",
    )
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="Decay of the averaged weights per step.")
    warm_start: bool = Field(
        True, description="A refit after a foundation or a teacher starts from the previous generation."
    )
    warm_start_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="Learning rate of a warm-started refit, as a fraction of `learning_rate`."
    )
    tuned_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Learning rate of a fit that starts from a taught model or a foundation, as a fraction of "
        "`learning_rate`; null: 0.25.",
    )
    tuned_rung_steps: Count | None = Field(
        None,
        description="Steps of a rung's fit that starts from a taught model or a foundation, which need fewer; null: "
        "`rung_steps`.",
    )
    far_start: Positive | None = Field(
        0.15,
        description="A taught model or a foundation is far from the labels where half of its force errors exceed this "
        "part of the median force. Its fits learn like those from random weights then: `learning_rate` as it is, "
        "`rung_steps`. null: never. For `method: naive`.",
    )
    method: Literal["naive", "multihead", "frozen", "lora"] = Field(
        "naive",
        description="How a foundation is fitted. `naive`: all weights. `multihead`: all, while a second head replays "
        "frames of the foundation, see `replay`. `frozen`: only the weights after a part of it. `lora`: low-rank "
        "changes of its linear layers. Models end plain, with one head.",
    )
    replay: Literal["labels", "pseudolabels"] = Field(
        "labels",
        description="What `method: multihead` replays. `labels`: the frames of `data` with `reference: other`, by the "
        "labels they have. `pseudolabels`: these and the teacher's frames, by what the model that a fit starts from "
        "says of them; without any, displaced copies of the frames that are fitted.",
    )
    frozen: Literal["embedding", "interactions", "products"] = Field(
        "interactions", description="Last part of the foundation that stays as it is, for `method: frozen`."
    )
    lora_rank: Count = Field(4, description="Rank of the changes, for `method: lora`.")

    @property
    def anew_steps(self) -> int:
        """The longest refit of a member from random weights, which has more to learn than one that goes on."""
        return max(self.max_steps, self.rung_steps // 2)


class InitialFramesConfig(Section):
    """Rattled copies of the systems, labelled before the first fit."""

    frames: Annotated[int, Field(ge=0)] = Field(8, description="Rattled frames per composition, over its orderings.")
    rattle_A: Positive = Field(0.10, description="Standard deviation of each Cartesian displacement.")
    strain: NonNegative = Field(0.0, description="Standard deviation of each strain component.")


class SwapsConfig(Section):
    """Swaps of ions between steps of MD: canonical Monte Carlo of orderings."""

    sublattices: tuple[Sublattice, ...] = Field(
        min_length=1,
        description="Elements whose ions exchange places, as in `[[In, Y], [Br, Cl]]`; systems that hold only one of a "
        "list are left as they are.",
    )
    every_fs: Positive = Field(100.0, description="MD from one attempt of a walker to its next.")
    temperature_K: Positive | None = Field(
        None, description="Temperature that accepts swaps; null: that of the walker."
    )


class ExploreConfig(Section):
    """Walkers: molecular dynamics that looks for frames the committee does not know."""

    temperatures_K: tuple[Positive, ...] = Field(min_length=1, description="Temperatures of the walkers.")
    replicas: Count = Field(1, description="Walkers per system and temperature.")
    ensemble: Literal["nvt", "npt"] = Field("nvt", description="npt moves the cell, and needs fit.stress_weight.")
    pressure_GPa: float = Field(0.0, description="Pressure of npt.")
    timestep_fs: Positive = Field(2.0, description="Step of the integrator.")
    friction_per_fs: Positive = Field(0.01, description="Langevin friction.")
    segment_fs: Positive = Field(1000.0, description="Length of one MD task.")
    walkers_per_task: Count | Literal["auto"] = Field(
        "auto",
        description="Walkers of a system that one task moves together; auto: by free slots and size of the cell.",
    )
    check_every_steps: Count = Field(
        5, description="Most steps between two looks of the whole committee; near the window it looks more often."
    )
    random_offers: Annotated[int, Field(ge=0)] = Field(2, description="Frames a segment offers at random times.")
    max_offers: Count = Field(6, description="Frames a segment offers at most because of disagreement.")
    stop_contact: Positive = Field(0.5, description="A shorter contact ends a walker, in sums of covalent radii.")
    stop_temperature_factor: Annotated[float, Field(gt=1)] = Field(
        4.0, description="A walker hotter than this multiple of its temperature has exploded."
    )
    swaps: SwapsConfig | None = Field(None, description="Swaps of ions between steps; null: none.")
    policy: str = Field("least_explored", description="Built-in name or module:Class.")
    options: Keywords = Field(default_factory=dict, description="Keyword arguments of the policy.")


class SelectConfig(Section):
    """Which offered frames are worth a label."""

    policy: str = Field("disagreement", description="`disagreement`, `random`, `uniform`, or module:Class.")
    lower_eV_per_A: NonNegative = Field(
        0.05, description="A frame whose largest expected force error is below this counts as known."
    )
    upper_eV_per_A: Positive = Field(
        1.0, description="At a larger expected force error a walker stops, and only its last good frame is offered."
    )
    probe_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Share of the labels bought to train on that is drawn at random, to check disagreements."
    )
    batch: Count = Field(6, description="Frames selected at a time.")
    pool_factor: Annotated[float, Field(ge=1)] = Field(3.0, description="Candidates wanted per frame to select.")
    per_walker: Count = Field(2, description="Frames of one walker in one selection.")
    options: Keywords = Field(default_factory=dict, description="Keyword arguments of the policy.")


class HeldoutConfig(Section):
    """Frames for judging only, from walkers of their own."""

    fraction: Annotated[float, Field(gt=0, le=1)] = Field(0.2, description="Held-out frames per training label.")
    minimum: Annotated[int, Field(ge=2)] = Field(8, description="Held-out frames at least.")
    from_generation: Annotated[int, Field(ge=0)] = Field(1, description="First generation whose leader draws them.")
    segment_fs: Positive = Field(500.0, description="MD between two held-out frames.")
    equilibration_fs: NonNegative = Field(
        500.0, description="MD of a walker that begins at the resting lattice before its first held-out frame."
    )

    def frames_for(self, rung: int) -> int:
        """Return how many held-out frames judge a rung of this size."""
        return max(self.minimum, math.ceil(self.fraction * rung))


class LadderConfig(Section):
    """Dataset sizes at which the campaign asks whether more data still changes the answer."""

    rungs: tuple[Count, ...] = Field(
        (50, 100, 500, 1000, 2500), min_length=1, description="Training labels of each rung."
    )
    fits: Count = Field(
        3,
        description="Fits per rung: of the same labels, with their own seeds, from the weights of `fits_begin_with`.",
    )
    fits_begin_with: Literal["leader", "members"] = Field(
        "leader",
        description="Where the fits of a rung begin after a teacher or a foundation. `leader`: all with the leader's "
        "weights, so that rungs differ by their labels alone. `members`: each with those of another member, so that "
        "error bars hold what a model is unsure of; `potential.committee` is then at least `fits`.",
    )
    lookahead_rungs: Annotated[int, Field(ge=0)] = Field(
        1, description="Rungs that labelling may run ahead of the last judged one."
    )
    policy: str = Field("ladder", description="Built-in name or module:Class.")
    tolerance_energy: Positive = Field(0.10, description="Relative change of the energy RMSE.")
    tolerance_forces: Positive = Field(0.10, description="Relative change of the force RMSE.")
    floor_energy_meV_per_atom: NonNegative = Field(
        0.0, description="Smallest tolerance of the energy RMSE (meV/atom), where a fraction of it would be smaller."
    )
    floor_forces_meV_per_A: NonNegative = Field(
        0.0, description="Smallest tolerance of the force RMSE (meV/Å), where a fraction of it would be smaller."
    )
    tolerance_activation_energy_eV: Positive = Field(0.03, description="Change of the activation energy (eV).")
    tolerance_ln_sigma: Positive = Field(
        0.35, description="Change of the natural logarithm of the Nernst-Einstein conductivity at `conductivity_at_K`."
    )
    conductivity_at_K: Positive = Field(573.15, description="Temperature of the conductivity that is judged.")
    measure_on: tuple[Name, ...] | None = Field(
        None,
        description="Systems and compositions whose transport is measured and judged; null: all, if there is a "
        "`measure` section.",
    )
    options: Keywords = Field(default_factory=dict, description="Keyword arguments of the policy.")

    def measures(self, system: str, composition: str) -> bool:
        """Return whether the transport of a system is measured: it is named, its composition is, or nothing is."""
        return self.measure_on is None or system in self.measure_on or composition in self.measure_on

    def policy_options(self) -> dict[str, Any]:
        """Return the options the policy is made with: the built-in one gets the tolerances too."""
        return {**self.tolerances(), **self.options} if self.policy == "ladder" else dict(self.options)

    def tolerances(self) -> dict[str, float]:
        """Return the changes that do not matter, by the names the built-in policy has for them."""
        names = (name for name in type(self).model_fields if name.startswith(("tolerance_", "floor_")))
        return {name: getattr(self, name) for name in names}
