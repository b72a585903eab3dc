"""Request and result of a fit of a model."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from alloop.tasks.contract.kind import Companion, NoData, TaskKind, labels
from alloop.tasks.contract.records import Record
from alloop.tasks.contract.request import Request


class Pseudolabels(Record):
    """What the model that a fit starts from says of the frames to replay, as their labels.

    Without frames to replay they are displaced copies of those that are fitted.

    Attributes
    ----------
    rattle_A, strain : float
        Largest standard deviation of a displacement of a copy, and standard deviation of each strain component.
    min_contact : float
        A copy with a shorter contact, in sums of covalent radii, is drawn again.
    max_force_eV_per_A : float
        A frame with a larger force component is not replayed.
    """

    rattle_A: float
    strain: float
    min_contact: float
    max_force_eV_per_A: float


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
        Keys of the labels that the second head replays, or references to frames of a teacher, as in `FitRequest.train`.
    pseudolabels : Pseudolabels or None
        None: the frames of `replay` keep their labels. Only then it is not in the key.
    """

    method: Literal["multihead", "frozen", "lora"]
    frozen: Literal["embedding", "interactions", "products"] | None = None
    rank: int | None = None
    replay: tuple[str, ...] = ()
    pseudolabels: Pseudolabels | None = None

    @property
    def replays(self) -> bool:
        """Whether a second head sees as many frames as are fitted."""
        return bool(self.replay) or self.pseudolabels is not None


class FarStart(Record):
    """How a fit learns whose start is far from its labels.

    Attributes
    ----------
    beyond : float
        Median error of a force over the median force from which on a start is far.
    max_steps : int
        Longest schedule then, in place of the request's.
    learning_rate : float
        Learning rate then, in place of the request's.
    """

    beyond: float
    max_steps: int
    learning_rate: float


class FitRequest(Request):
    """One member of the committee, or one fit of a rung.

    Attributes
    ----------
    train : tuple of str
        Keys of the labels to fit, in order, or references ``teach/<key>#<index>`` to frames of a teacher; a bootstrap
        sample repeats some.
    valid : tuple of str
        Keys of the labels watched for early stopping (out of the bootstrap bag); may be empty.
    init : str or None
        Model to start from, named as by `ModelRef`, or None for random weights.
    e0s_eV : dict
        Isolated-atom energy of every element the model shall know (eV).
    patience : int or None
        Checks without improvement before stopping; None for the fixed schedule of `max_steps`.
    finetuning : FineTuning or None
        None: all weights are fitted. Only then it is not in the key.
    level_energy : bool or str
        Whether the energies of `init`, which counts from another zero, are first shifted by a constant to those of
        `train`; ``elements``: by one for every element. If not, it is not in the key.
    huber_eV_per_A : float or None
        Force deviation from which on the loss is linear. None: mean squares, and it is not in the key.
    far : FarStart or None
        What changes where `init` is far from `train`. None: nothing, and it is not in the key.
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
    level_energy: bool | Literal["elements"] = False
    huber_eV_per_A: float | None = None
    far: FarStart | None = None

    def _in_key(self) -> dict[str, Any]:
        fields = super()._in_key()
        if self.finetuning is None:
            del fields["finetuning"]
        elif self.finetuning.pseudolabels is None:
            del fields["finetuning"]["pseudolabels"]
        if not self.level_energy:
            del fields["level_energy"]
        if self.huber_eV_per_A is None:
            del fields["huber_eV_per_A"]
        if self.far is None:
            del fields["far"]
        return fields


class EpochMetrics(Record):
    """One check during a fit. RMSEs are of the watched frames (`valid`, or the training frames without any)."""

    step: int
    loss: float
    rmse_energy_meV_per_atom: float
    rmse_forces_meV_per_A: float
    learning_rate: float


class FitSummary(Record):
    """Result of a fit; the model's files are next to the result.

    Attributes
    ----------
    start_error : float or None
        Median error of a force of the model that the fit began with over the median force, on its labels; None where
        it was not asked for.
    far : bool
        Whether that start was far from the labels, see `FarStart`.
    """

    model_sha256: str
    steps: int
    stopped: Literal["schedule", "patience"]
    watched: Literal["valid", "train"]
    history: tuple[EpochMetrics, ...]
    parameters: int
    start_error: float | None = None
    far: bool = False


FIT = TaskKind(
    request=FitRequest,
    summary=FitSummary,
    data=NoData,
    run="alloop.tasks.kinds.fit:fit",
    simulated="alloop.simulation.answers:fit",
    work="fitting",
    models=lambda request: (request.init,),
    inputs=lambda request: labels(
        (*request.train, *request.valid, *(request.finetuning.replay if request.finetuning else ()))
    ),
    files=lambda key, summary: (Companion(f"{key}.pt", summary.model_sha256),),
)
