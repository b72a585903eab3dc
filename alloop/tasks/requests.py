"""What the driver may ask of a worker.

A request holds everything that decides its result and nothing about the machine that computes it, so the
hash of a request names its result for good.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alloop.canonical import content_key
from alloop.materials.structure import Structure
from alloop.tasks.calibrations import CalibrationRecord
from alloop.tasks.results import Record


class Request(BaseModel):
    """Base of every request.

    Attributes
    ----------
    kind : str
        The task that answers it.
    slot_kind : str
        The kind of slot it occupies: ``explore``, ``label``, ``fit`` or ``measure``.
    PHYSICS_VERSION : int
        Raised only when the same request would give another result.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ClassVar[str]
    slot_kind: ClassVar[str]
    PHYSICS_VERSION: ClassVar[int] = 1
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset()

    def key(self) -> str:
        """Return the content key of the request."""
        return content_key({"kind": self.kind, "physics_version": self.PHYSICS_VERSION, "request": self._in_key()})

    def _in_key(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude=set(self.NOT_IN_KEY))


class InitialRequest(Request):
    """Rattled copies of one system."""

    kind: ClassVar[str] = "initial"
    slot_kind: ClassVar[str] = "explore"

    structure: Structure
    frames: int
    rattle_A: float
    strain: float
    min_contact: float
    seed: int


class ExploreWalker(Record):
    """One walker of a task of exploration.

    Attributes
    ----------
    start : str or None
        ``<key>#<place>``: the segment, and the walker's place in it, whose last good positions, momenta and cell are
        continued; None to begin at the structure of the request. A key alone is that of a segment of one walker.
    random_steps : tuple of int
        Steps at which a frame is offered whatever the committee says.
    """

    start: str | None
    temperature_K: float
    steps: int
    random_steps: tuple[int, ...]
    seed: int


class ExploreRequest(Request):
    """Segments of molecular dynamics of walkers of one system, under one committee.

    Attributes
    ----------
    structure : Structure
        Where the walkers began; its positions are used where nothing is continued.
    members : tuple of str
        Models (``fit:<key>`` or ``foundation:<sha256>``), the leader first.
    check_every_steps : int
        Most steps between two looks of the whole committee.
    lower_eV_per_A, upper_eV_per_A : float
        Window of the largest expected error over the atoms; `lower` None means that nothing is offered for it.
    calibration : CalibrationRecord or None
        What the committee's disagreement means; None takes it for the expected error.
    """

    kind: ClassVar[str] = "explore"
    slot_kind: ClassVar[str] = "explore"
    PHYSICS_VERSION: ClassVar[int] = 2

    structure: Structure
    walkers: Annotated[tuple[ExploreWalker, ...], Field(min_length=1)]
    members: tuple[str, ...]
    dtype: Literal["float32", "float64"]
    ensemble: Literal["nvt", "npt"]
    pressure_GPa: float
    timestep_fs: float
    friction_per_fs: float
    check_every_steps: int
    max_offers: int
    lower_eV_per_A: float | None
    upper_eV_per_A: float
    stop_contact: float
    min_contact: float
    stop_temperature_factor: float
    calibration: CalibrationRecord | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_one_walker(cls, fields: Any) -> Any:
        """Read a request of the time when a task had one walker, whose fields stood among the others."""
        if not isinstance(fields, dict) or "walkers" in fields:
            return fields
        own = {name: fields[name] for name in ExploreWalker.model_fields if name in fields}
        return {name: value for name, value in fields.items() if name not in own} | {"walkers": (own,)}


class AtomRequest(Request):
    """The reference energy E0 (eV) of an isolated atom."""

    kind: ClassVar[str] = "atom"
    slot_kind: ClassVar[str] = "label"

    element: str
    settings: dict[str, Any]
    code: dict[str, str]


class LabelRequest(Request):
    """The DFT energy, forces and stress of one frame.

    Attributes
    ----------
    source : str
        ``<kind>/<key>#<index>``: the offer that holds the structure. Not in the key.
    structure_sha256 : str
        Digest of the structure.
    settings : dict
        The config's ``label`` section.
    code : dict
        Versions of the code and its datasets that decide the result.
    """

    kind: ClassVar[str] = "label"
    slot_kind: ClassVar[str] = "label"
    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset({"source"})

    source: str
    structure_sha256: str
    settings: dict[str, Any]
    code: dict[str, str]


class ProbeRequest(Request):
    """A label that stands, made again with changed code.

    Attributes
    ----------
    label : str
        Key of the label that stands.
    settings : dict
        The config's ``label`` section.
    code : dict
        Versions of the changed code and its datasets.
    """

    kind: ClassVar[str] = "probe"
    slot_kind: ClassVar[str] = "label"

    label: str
    settings: dict[str, Any]
    code: dict[str, str]


class FineTuning(Record):
    """How a fit changes the model it starts from, if not in all its weights.

    Attributes
    ----------
    method : str
        ``multihead``, ``frozen`` or ``lora``.
    frozen : str or None
        The last part that stays: ``embedding``, ``interactions`` or ``products``.
    rank : int or None
        Rank of the changes of linear layers.
    replay : tuple of str
        Keys of the labels that the second head replays.
    """

    method: Literal["multihead", "frozen", "lora"]
    frozen: Literal["embedding", "interactions", "products"] | None = None
    rank: int | None = None
    replay: tuple[str, ...] = ()


class FitRequest(Request):
    """One member of the committee, or one fit of a rung.

    Attributes
    ----------
    train : tuple of str
        Keys of the labels to fit, in order; a bootstrap sample repeats some.
    valid : tuple of str
        Keys of the labels watched for early stopping (out of the bootstrap bag); may be empty.
    init : str or None
        Model to start from (``fit:<key>`` or ``foundation:<sha256>``), or None for random weights.
    e0s_eV : dict
        Isolated-atom energy of every element the model shall know (eV).
    patience : int or None
        Checks without improvement before stopping; None for the fixed schedule of `max_steps`.
    finetuning : FineTuning or None
        None: all weights are fitted. Only then it is not in the key.
    """

    kind: ClassVar[str] = "fit"
    slot_kind: ClassVar[str] = "fit"

    train: tuple[str, ...]
    valid: tuple[str, ...]
    init: str | None
    architecture: dict[str, Any]
    e0s_eV: dict[str, float]
    max_steps: int
    batch_size: int
    learning_rate: float
    energy_weight: float
    forces_weight: float
    stress_weight: float
    patience: int | None
    check_every_steps: int
    ema_decay: float
    dtype: Literal["float32", "float64"]
    seed: int
    finetuning: FineTuning | None = None

    def _in_key(self) -> dict[str, Any]:
        fields = super()._in_key()
        if self.finetuning is None:
            del fields["finetuning"]
        return fields


class EvaluateRequest(Request):
    """Errors of one model on labelled frames."""

    kind: ClassVar[str] = "evaluate"
    slot_kind: ClassVar[str] = "measure"

    model: str
    frames: tuple[str, ...]
    dtype: Literal["float32", "float64"]


class ProductionWalker(Record):
    """One walker of a batch: its target temperature (K), and the seed of its momenta and noise."""

    temperature_K: float = Field(gt=0)
    seed: int = Field(ge=0, lt=2**63)


class ProduceRequest(Request):
    """One segment of production MD of a batch of walkers that begin in the same structure.

    Attributes
    ----------
    structure : Structure
        The supercell. It gives species and cell, and where the first segment begins.
    model : str
        ``fit:<key>`` or ``foundation:<sha256>``.
    ensemble : str
        ``nve``, ``bussi`` or ``nose_hoover``.
    thermostat_fs : float
        Time constant of the thermostat; its inverse is the friction of equilibration.
    equilibration_steps : int
        Steps of Langevin dynamics before the first sample of the first segment.
    steps : int
        Steps of the segment: a whole number of snapshots, so that segments can be joined.
    sample_every_steps, snapshot_every : int
        Steps from one sample to the next, and samples from one snapshot of all atoms to the next.
    mobile : str
        Element of the mobile ions.
    stop_temperature_factor : float
        Multiple of the target temperature that stops a walker.
    stop_contact : float
        Contact, in sums of covalent radii, that stops a walker.
    start : str or None
        Key of the segment that is continued; all else but `steps` must be as it was there.
    """

    kind: ClassVar[str] = "produce"
    slot_kind: ClassVar[str] = "measure"

    structure: Structure
    model: str
    dtype: Literal["float32", "float64"]
    walkers: tuple[ProductionWalker, ...] = Field(min_length=1)
    ensemble: Literal["nve", "bussi", "nose_hoover"]
    timestep_fs: float = Field(gt=0)
    thermostat_fs: float = Field(gt=0)
    equilibration_steps: int = Field(ge=0)
    steps: int = Field(gt=0)
    sample_every_steps: int = Field(gt=0)
    snapshot_every: int = Field(gt=0)
    mobile: str
    stop_temperature_factor: float
    stop_contact: float
    start: str | None = None

    @model_validator(mode="after")
    def _ends_with_a_snapshot(self) -> ProduceRequest:
        if self.steps % (self.sample_every_steps * self.snapshot_every):
            raise ValueError("steps must be a multiple of sample_every_steps * snapshot_every")
        return self


class ProductionRun(Record):
    """One production run: its temperature (K), the keys of its segments in order, and its place among their walkers."""

    temperature_K: float
    segments: tuple[str, ...]
    walker: int


class MeasureRequest(Request):
    """Transport of one model in one system, from its production runs.

    Attributes
    ----------
    structure : Structure
        The cell that was repeated.
    repeat : tuple of int
        Supercell along each lattice vector.
    runs : tuple of ProductionRun
        Replicas of all temperatures.
    mobile : str
        Element of the mobile ions, each of charge `charge_e` (elementary charges).
    targets_K : tuple of float
        Temperatures at which the conductivity is wanted (K).
    planes : dict
        Miller indices of planes by name.
    min_width_A : float
        Distance between periodic faces (Å) below which results are flagged.
    density_at_K : float or None
        Temperature of the density and the sites; None for neither.
    density_resolution_A : float
        Edge of a voxel (Å).
    """

    kind: ClassVar[str] = "measure"
    slot_kind: ClassVar[str] = "measure"

    system: str
    structure: Structure
    repeat: tuple[int, int, int]
    runs: tuple[ProductionRun, ...]
    mobile: str
    charge_e: float
    targets_K: tuple[float, ...]
    planes: dict[str, tuple[int, int, int]]
    min_width_A: float
    density_at_K: float | None
    density_resolution_A: float


class SegmentSource(Record):
    """One segment whose offers are candidates.

    Attributes
    ----------
    key : str
        Key of the result that holds the segment.
    place : int
        Place of its walker in that task.
    walker, segment, system, generation
        Where its frames come from; walker and segment begin their names.
    """

    key: str
    walker: str
    segment: int
    system: str
    generation: int
    place: int = 0


class SelectRequest(Request):
    """Which of all offered frames are labelled next.

    Attributes
    ----------
    before : str or None
        Key of the selection before, whose waiting frames are candidates again.
    segments : tuple of SegmentSource
        Segments that ended since then.
    generation : int
        The present committee.
    oldest : int
        Frames offered by a generation before this one are stale.
    policy : str
        Built-in name or ``module:Class``, made with `options`.
    lower_eV_per_A, upper_eV_per_A : float
        Window of the largest expected error over the atoms of a frame (eV/Å).
    count, per_walker : int
        Frames wanted, and the most of one walker.
    probes : int
        How many of them are drawn at random, whatever the policy says.
    members : tuple of str
        The present committee, the leader first, which looks at every candidate again; empty leaves candidates as they
        were offered.
    calibration : CalibrationRecord or None
        What the committee's disagreement means; None takes it for the expected error.
    known : tuple of str
        Keys of the labels that are trained on: a frame is new in as far as it is unlike them …
    ordered : tuple of str
        … and unlike these offers (``<kind>/<key>#<index>``), whose labels are still to come.
    quiet : dict
        Segments of each walker since a frame of it was last chosen.
    """

    kind: ClassVar[str] = "select"
    slot_kind: ClassVar[str] = "measure"

    before: str | None
    segments: tuple[SegmentSource, ...]
    generation: int
    oldest: int
    policy: str
    options: dict[str, Any]
    lower_eV_per_A: float
    upper_eV_per_A: float
    count: int
    per_walker: int
    seed: int
    probes: int = Field(0, ge=0)
    members: tuple[str, ...] = ()
    dtype: Literal["float32", "float64"] = "float32"
    calibration: CalibrationRecord | None = None
    known: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    quiet: dict[str, int] = {}


class CalibrationFrame(Record):
    """One labelled frame: the selection that chose it, with which probability, and whether that was at random."""

    id: str
    selection: str
    label: str
    probability: float = Field(gt=0, le=1)
    probe: bool


class CalibrateRequest(Request):
    """What the disagreement of the committees means, from the labels of frames that they had looked at before."""

    kind: ClassVar[str] = "calibrate"
    slot_kind: ClassVar[str] = "measure"

    frames: tuple[CalibrationFrame, ...]


REQUESTS: dict[str, type[Request]] = {
    cls.kind: cls
    for cls in (
        InitialRequest,
        ExploreRequest,
        AtomRequest,
        LabelRequest,
        ProbeRequest,
        FitRequest,
        EvaluateRequest,
        ProduceRequest,
        MeasureRequest,
        SelectRequest,
        CalibrateRequest,
    )
}


def request_from_json(kind: str, fields: dict[str, Any]) -> Request:
    """Return the request of a kind from its JSON fields.

    Raises
    ------
    KeyError
        If the kind is unknown.
    pydantic.ValidationError
        If the fields do not fit.
    """
    return REQUESTS[kind].model_validate(fields)
