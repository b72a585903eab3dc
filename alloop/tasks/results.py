"""What a worker answers.

Every result has a `summary`, small enough for the journal, and `data`, which stays in the result file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alloop.materials.structure import Structure, Vector
from alloop.transport.results import TransportCurves, TransportSummary
from alloop.transport.sites import DensityResult

Seconds = Annotated[float, Field(ge=0, lt=1e11)]


class Record(BaseModel):
    """Base of everything a worker writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Offer(Record):
    """One frame offered for labelling; its structure stands at `index` in the result's data.

    Attributes
    ----------
    why : str
        ``initial``, ``random``, ``disagreement`` or ``last_good`` (the last sane frame of a walker that turned
        unphysical).
    disagreement_eV_per_A : float or None
        Largest committee standard deviation of a force over the atoms; None where no committee looked.
    expected_error_eV_per_A : float or None
        Largest expected error of a force over the atoms, by the calibration of the request; None where no committee
        looked.
    min_contact : float
        Shortest contact in sums of covalent radii.
    """

    index: int
    why: Literal["initial", "random", "disagreement", "last_good"]
    step: int
    temperature_K: float | None
    disagreement_eV_per_A: float | None
    min_contact: float
    structure_sha256: str
    expected_error_eV_per_A: float | None = None


class OffersSummary(Record):
    """Summary of an ``initial`` task, or of one walker of an ``explore`` task.

    Attributes
    ----------
    ended : str
        ``length``, ``disagreement`` (beyond the window), ``contact``, ``temperature``, ``volume`` (the cell of an NPT
        walker ran away) or ``nan``.
    gated : dict
        Frames that were wanted but rejected before they were offered, by reason.
    looks : int
        How often the whole committee looked.
    """

    offers: tuple[Offer, ...]
    ended: Literal["length", "disagreement", "contact", "temperature", "volume", "nan"] = "length"
    steps: int = 0
    looks: int = 0
    mean_temperature_K: float | None = None
    max_disagreement_eV_per_A: float | None = None
    gated: dict[str, int] = {}


class ExploreSummary(Record):
    """Summary of an ``explore`` task, its walkers in the order of the request.

    The offers of all walkers are numbered through, in this order.
    """

    walkers: tuple[OffersSummary, ...]

    @model_validator(mode="before")
    @classmethod
    def _of_one_walker(cls, fields: Any) -> Any:
        """Read a summary of the time when a task had one walker."""
        return fields if not isinstance(fields, dict) or "walkers" in fields else {"walkers": (fields,)}


class Snapshot(Record):
    """The state a walker continues from: positions and cell in Å, momenta in ASE units (sqrt(eV·amu))."""

    structure: Structure
    momenta: tuple[Vector, ...]


class OffersData(Record):
    """Structures of the offers, in the order of their `index`, and the last good state of every walker."""

    structures: tuple[Structure, ...]
    last_good: tuple[Snapshot | None, ...] = ()

    @field_validator("last_good", mode="before")
    @classmethod
    def _of_one_walker(cls, value: Any) -> Any:
        """Read the data of the time when a task had one walker."""
        return value if isinstance(value, list | tuple) else (value,)


class AtomSummary(Record):
    """Reference energy of an isolated atom (eV)."""

    energy_eV: float
    magnetic_moment_muB: float | None = None


class LabelSummary(Record):
    """What the journal keeps in clear of a label; `scf_rung` is the rung of the SCF ladder that converged."""

    energy_eV: float
    atoms: int
    max_force_eV_per_A: float
    scf_iterations: int | None = None
    scf_rung: int = 0


class LabelData(Record):
    """A label: force-consistent free energy (eV), forces (eV/Å), stress (eV/Å³, ASE's sign and Voigt order)."""

    structure: Structure
    energy_eV: float
    forces_eV_per_A: tuple[Vector, ...]
    stress_eV_per_A3: tuple[float, float, float, float, float, float] | None


class ProbeSummary(Record):
    """How far a label made again is from the one that stands.

    Attributes
    ----------
    energy_eV_per_atom : float
        |ΔE| per atom (eV/atom).
    force_eV_per_A : float
        Largest |ΔF| of a force component (eV/Å).
    stress_eV_per_A3 : float or None
        Largest |Δσ| of a stress component (eV/Å³); None where the label that stands has no stress.
    """

    energy_eV_per_atom: float
    force_eV_per_A: float
    stress_eV_per_A3: float | None


class EpochMetrics(Record):
    """One check during a fit. RMSEs are of the watched frames (`valid`, or the training frames without any)."""

    step: int
    loss: float
    rmse_energy_meV_per_atom: float
    rmse_forces_meV_per_A: float
    learning_rate: float


class FitSummary(Record):
    """What came of a fit; the model's files stand beside the result."""

    model_sha256: str
    steps: int
    stopped: Literal["schedule", "patience"]
    watched: Literal["valid", "train"]
    history: tuple[EpochMetrics, ...]
    parameters: int


class EvaluateSummary(Record):
    """Errors frame by frame, in the order of the request.

    Attributes
    ----------
    energy_error_eV_per_atom : tuple of float
        Predicted minus labelled energy per atom (eV/atom).
    forces_squared_error : tuple of float
        Mean over the frame's 3N force components of the squared error ((eV/Å)²).
    """

    energy_error_eV_per_atom: tuple[float, ...]
    forces_squared_error: tuple[float, ...]


class ProducedWalker(Record):
    """What came of one walker of a segment of production MD; its trajectory stands in a file beside the result.

    Attributes
    ----------
    ended : str
        ``length``, or why it was stopped, here or in a segment before: ``nan``, ``temperature`` or ``contact``.
    samples : int
        Samples of this segment; 0 of a walker that was stopped before.
    mean_kinetic_K : float or None
        Mean kinetic temperature of the samples.
    drift_meV_per_atom_per_ps : float or None
        Slope of the conserved energy; None of fewer than three samples.
    min_contact : float or None
        Shortest contact of all steps, that of its end included, in sums of covalent radii; None where every contact
        is beyond the cutoff of the model.
    trajectory_sha256, file : str
        Digest and name of the trajectory's file, in the folder of the result.
    """

    temperature_K: float
    ended: Literal["length", "nan", "temperature", "contact"]
    samples: int = Field(ge=0)
    mean_kinetic_K: float | None
    drift_meV_per_atom_per_ps: float | None
    min_contact: float | None
    trajectory_sha256: str
    file: str


class ProduceSummary(Record):
    """Summary of a ``produce`` task, the walkers in the order of the request."""

    walkers: tuple[ProducedWalker, ...]


class WalkerPoint(Record):
    """Where a walker continues, to the last bit: positions in Å, momenta in ASE units (sqrt(eV·amu)).

    Attributes
    ----------
    step : int
        Steps of production made, in all segments; with the walker's seed it decides the noise of the next one.
    chain, chain_rate : tuple of float
        Positions and velocities of a Nosé-Hoover chain.
    heat_eV : float
        Energy a stochastic thermostat has put in since production began.
    """

    step: int
    positions_A: tuple[Vector, ...]
    momenta: tuple[Vector, ...]
    chain: tuple[float, ...]
    chain_rate: tuple[float, ...]
    heat_eV: float


class ProduceData(Record):
    """Where the walkers continue, in the order of the request; None for those that were stopped."""

    points: tuple[WalkerPoint | None, ...]


class MeasureSummary(Record):
    """Transport of one model in one system.

    Attributes
    ----------
    narrow : str
        Why the results may be limited by the size of the cell; empty where it is wide enough.
    density_sha256 : str
        Digest of the grid of the density, in a file beside the result; empty without one.
    """

    transport: TransportSummary
    narrow: str = ""
    density_sha256: str = ""


class MeasureData(Record):
    """Curves of the transport, and the density and sites where they were asked for."""

    curves: TransportCurves
    density: DensityResult | None = None


class ChosenFrame(Record):
    """One selected frame, and the probability with which it was chosen."""

    id: str
    rank: int
    why: str
    probability: Annotated[float, Field(gt=0, le=1)] = 1.0


class Candidate(Record):
    """One offered frame, as a selection sees it; see `Offer`. Its structure stands at `source`."""

    id: str
    walker: str
    system: str
    generation: int
    why: str
    disagreement_eV_per_A: float | None
    min_contact: float
    source: str = ""


class FrameView(Record):
    """What the committee said of a frame before it had a label, atom by atom.

    Attributes
    ----------
    disagreement_eV_per_A : tuple of float
        Disagreement of every atom (eV/Å).
    forces_eV_per_A : tuple
        The leader's forces (eV/Å).
    expected_error_eV_per_A, bound_eV_per_A : tuple of float
        Expected error of every force, and the bound that 90 % stay below (eV/Å); empty before there was a calibration.
    """

    disagreement_eV_per_A: tuple[float, ...]
    forces_eV_per_A: tuple[Vector, ...]
    expected_error_eV_per_A: tuple[float, ...] = ()
    bound_eV_per_A: tuple[float, ...] = ()


class SelectSummary(Record):
    """How many frames there were, and what became of them.

    Attributes
    ----------
    unreadable : int
        Results that should have held candidates and were damaged or gone: their frames are out.
    """

    candidates: int
    unreadable: int
    chosen: int
    rejected: dict[str, int]
    waiting: int


class SelectData(Record):
    """A selection: the chosen frames, the rejected ones with the reason by id, and those that wait for the next.

    `views` holds what the committee said of each chosen frame, by id.
    """

    chosen: tuple[ChosenFrame, ...]
    rejected: dict[str, str]
    waiting: tuple[Candidate, ...]
    views: dict[str, FrameView] = {}


class Timing(Record):
    """When, where and at what cost a task ran; times are seconds since the epoch."""

    started_t: Seconds
    finished_t: Seconds
    cpu_s: Seconds
    cores: Annotated[int, Field(ge=1, le=1_000_000)]
    host: Annotated[str, Field(max_length=255)]
    pid: Annotated[int, Field(ge=0, lt=2**31)]


class Result(Record):
    """The outcome of a task.

    Attributes
    ----------
    status : str
        ``ok``, or ``failed`` for a scientific failure: recorded, and not retried with the same settings.
    reason : str
        Short, countable reason of a failure (``contact``, ``scf``, ``forces``, …); empty when ok.
    detail : str
        One line for a person.
    """

    key: str
    kind: str
    status: Literal["ok", "failed"]
    reason: Annotated[str, Field(max_length=100)] = ""
    detail: Annotated[str, Field(max_length=10_000)] = ""
    timing: Timing | None = None
    summary: dict[str, Any] = {}
    data: dict[str, Any] = {}
