"""Request and result of canonical Monte Carlo of orderings with a model."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from alloop.materials.structure import Structure, Vector
from alloop.tasks.contract.explore import SwapsAsked
from alloop.tasks.contract.kind import TaskKind
from alloop.tasks.contract.produce import ProductionWalker
from alloop.tasks.contract.records import Record, SwapCount
from alloop.tasks.contract.references import ResultRef
from alloop.tasks.contract.request import Request


class DisorderRequest(Request):
    """One segment of Monte Carlo of walkers that begin in the same structure.

    Attributes
    ----------
    structure : Structure
        The ions on their sites.
    model : str
        Named as by `ModelRef`.
    swaps : SwapsAsked
        What is swapped, and the steps of dynamics before every attempt.
    attempts, blocks : int
        Attempts of a block, and blocks of the segment.
    start : str or None
        Key of the segment that is continued; all else but `blocks` must be as it was there.
    """

    kind: ClassVar[str] = "disorder"
    slot_kind: ClassVar[str] = "measure"

    structure: Structure
    model: str
    dtype: Literal["float32", "float64"]
    walkers: Annotated[tuple[ProductionWalker, ...], Field(min_length=1)]
    swaps: SwapsAsked
    timestep_fs: float = Field(gt=0)
    friction_per_fs: float = Field(gt=0)
    attempts: int = Field(gt=0)
    blocks: int = Field(gt=0)
    stop_temperature_factor: float
    stop_contact: float
    start: str | None = None


class OrderBlock(Record):
    """Means over the samples of a block, one after every attempt, and its swaps.

    Attributes
    ----------
    energy_eV_per_atom : float
        Potential energy, vibrations included.
    order : dict of float
        Warren-Cowley parameter of the first neighbours, by pair such as ``Br–Cl``.
    swaps : dict of SwapCount
        Attempted and accepted swaps, by sublattice.
    """

    energy_eV_per_atom: float
    order: dict[str, float]
    swaps: dict[str, SwapCount]


class DisorderWalker(Record):
    """Result of one walker of a segment.

    Attributes
    ----------
    ended : str
        ``length``, or why it was stopped, here or in a segment before.
    blocks : tuple of OrderBlock
        The whole blocks of this segment before its end.
    """

    temperature_K: float
    ended: Literal["length", "nan", "temperature", "contact", "volume"]
    blocks: tuple[OrderBlock, ...]


class DisorderSummary(Record):
    """Summary of a ``disorder`` task, the walkers in the order of the request."""

    walkers: tuple[DisorderWalker, ...]


class OrderPoint(Record):
    """The state a walker continues from, to the last bit: positions in Å, momenta in ASE units (sqrt(eV·amu)).

    Attributes
    ----------
    step : int
        Steps made, in all segments; with the walker's seed it decides the noise and the swaps of the next one.
    occupants : tuple of int
        The atom on each site; sites are numbered as the atoms that begin on them.
    """

    step: int
    positions_A: tuple[Vector, ...]
    momenta: tuple[Vector, ...]
    occupants: tuple[int, ...]


class Sampled(Record):
    """An ordering, with the vibrations of its ions, after some attempts of one walker."""

    structure: Structure
    temperature_K: float
    attempts: int


class DisorderData(Record):
    """Where the walkers continue, in the order of the request, and the structures there; None of those stopped."""

    points: tuple[OrderPoint | None, ...]
    samples: tuple[Sampled, ...]


def _words(purpose: str, summary: DisorderSummary) -> str:
    counts = [count for one in summary.walkers for block in one.blocks for count in block.swaps.values()]
    attempted, accepted = sum(one.attempted for one in counts), sum(one.accepted for one in counts)
    return f"{purpose}: {accepted} of {attempted} swaps accepted"


DISORDER = TaskKind(
    request=DisorderRequest,
    summary=DisorderSummary,
    data=DisorderData,
    run="alloop.tasks.kinds.disorder:disorder",
    simulated="alloop.tasks.kinds.disorder:simulated",
    work="evaluating",
    models=lambda request: (request.model,),
    inputs=lambda request: () if request.start is None else (ResultRef("disorder", request.start),),
    answers=lambda asked, context, summary: len(summary.walkers) == len(asked.get("walkers", ())),
    words=_words,
)
