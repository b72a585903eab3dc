"""Records that results are made of.

Every result has a `summary`, small enough for the journal, and `data`, which stays in the result file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from alloop.materials.structure import Structure, Vector

Seconds = Annotated[float, Field(ge=0, lt=1e11)]

LONGEST_REASON, LONGEST_DETAIL = 100, 10_000
"""Characters of the reason and the detail of a failure."""

Answer = tuple[dict[str, Any], dict[str, Any]]
"""Summary and data of a result, as plain data."""

Key = Annotated[str, Field(pattern=r"^[a-z0-9]{1,64}$")]
"""Key of a task or checksum of a file: it becomes the name of a file."""


class Record(BaseModel):
    """Base of everything a worker writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Offer(Record):
    """One frame offered for labelling; its structure is at `index` in the result's data.

    Attributes
    ----------
    why : str
        ``initial``, ``random``, ``disagreement`` or ``last_good`` (the last good frame of a walker that turned
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


class SwapCount(Record):
    """Swaps of two unlike ions of a sublattice."""

    attempted: Annotated[int, Field(ge=0)]
    accepted: Annotated[int, Field(ge=0)]

    def plus(self, other: SwapCount | None) -> SwapCount:
        """Return both together; None counts as nothing."""
        if other is None:
            return self
        return SwapCount(attempted=self.attempted + other.attempted, accepted=self.accepted + other.accepted)


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
    swaps : dict
        Swaps of ions between steps, by sublattice.
    """

    offers: tuple[Offer, ...]
    ended: Literal["length", "disagreement", "contact", "temperature", "volume", "nan"] = "length"
    steps: int = 0
    looks: int = 0
    mean_temperature_K: float | None = None
    max_disagreement_eV_per_A: float | None = None
    gated: dict[str, int] = {}
    swaps: dict[str, SwapCount] = {}


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
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    detail: Annotated[str, Field(max_length=LONGEST_DETAIL)] = ""
    timing: Timing | None = None
    summary: dict[str, Any] = {}
    data: dict[str, Any] = {}


def are_numbered_through(summaries: Iterable[OffersSummary]) -> bool:
    """Return whether the offers of some summaries are numbered 0, 1, 2, … in their order."""
    places = [offer.index for summary in summaries for offer in summary.offers]
    return places == list(range(len(places)))
