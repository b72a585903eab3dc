"""What the driver may ask of a worker.

A request holds everything that decides its result and nothing about the machine that computes it, so the
hash of a request names its result for good.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from alloop.materials.structure import Structure
from alloop.tasks.production_requests import MeasureRequest, ProduceRequest
from alloop.tasks.request import Request
from alloop.tasks.results import Record
from alloop.tasks.selection_requests import CalibrateRequest, SelectRequest
from policies.calibration import Calibration


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
    calibration : Calibration or None
        What the committee's disagreement means; None takes it for the expected error.
    """

    kind: ClassVar[str] = "explore"
    slot_kind: ClassVar[str] = "explore"
    PHYSICS_VERSION: ClassVar[int] = 3

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
    calibration: Calibration | None = None

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
    level_energy : bool
        Whether the energies of `init`, which knows forces only, are first shifted by a constant to those of `train`.
        If not, it is not in the key.
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
    level_energy: bool = False

    def _in_key(self) -> dict[str, Any]:
        fields = super()._in_key()
        if self.finetuning is None:
            del fields["finetuning"]
        if not self.level_energy:
            del fields["level_energy"]
        return fields


class EvaluateRequest(Request):
    """Errors of one model on labelled frames."""

    kind: ClassVar[str] = "evaluate"
    slot_kind: ClassVar[str] = "measure"

    model: str
    frames: tuple[str, ...]
    dtype: Literal["float32", "float64"]


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
