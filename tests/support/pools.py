"""Pools of offered frames, and committees of small models that look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms

from alloop.materials.structure import Structure
from alloop.potential.models.model_files import write_model
from alloop.tasks.contract.records import Offer, OffersData, OffersSummary, Result
from alloop.tasks.contract.select import SegmentSource, SelectRequest
from alloop.tasks.workspace import Workspace
from tests.support.models import small_model

MEMBERS = ("fit:a", "fit:b", "fit:c")


def put_committee(workspace: Workspace) -> tuple[str, ...]:
    """Write three random models of LiCl."""
    for seed, member in enumerate(MEMBERS):
        path = workspace.model_path(member)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_model(path, small_model(seed))
    return MEMBERS


def put_offers(workspace: Workspace, walker: str, frames: Sequence[Atoms], why: str = "random") -> SegmentSource:
    """Write a segment of a walker that offers some frames."""
    structures = tuple(Structure.from_atoms(frame) for frame in frames)
    offers = tuple(
        Offer.model_validate(
            {
                "index": index,
                "why": why,
                "step": index,
                "temperature_K": 600.0,
                "disagreement_eV_per_A": None,
                "min_contact": 0.9,
                "structure_sha256": structure.digest(),
            }
        )
        for index, structure in enumerate(structures)
    )
    key = f"segment{walker.lower()}"
    workspace.write(
        Result(
            key=key,
            kind="explore",
            status="ok",
            summary=OffersSummary(offers=offers).model_dump(mode="json"),
            data=OffersData(structures=structures).model_dump(mode="json"),
        )
    )
    return SegmentSource(key=key, walker=walker, segment=0, system="LiCl", generation=1)


def selection_of(*segments: SegmentSource, **changes: Any) -> SelectRequest:
    """A request for a selection by the committee, with a window that lets everything in."""
    usual: dict[str, Any] = {
        "before": None,
        "segments": segments,
        "generation": 1,
        "oldest": 1,
        "policy": "disagreement",
        "options": {},
        "lower_eV_per_A": 0.0,
        "upper_eV_per_A": 1e6,
        "count": 2,
        "per_walker": 99,
        "seed": 1,
        "members": MEMBERS,
    }
    return SelectRequest(**{**usual, **changes})
