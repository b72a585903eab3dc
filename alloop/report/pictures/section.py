"""The section of the report with pictures of structures and of the strangest labelled frames. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alloop.materials.structure import Structure
from alloop.proposal.rules import mobile_elements
from alloop.report.blocks import Block, Gallery, Heading, Paragraph, Scene, Section
from alloop.report.pictures.data import StrangeFrame
from alloop.report.pictures.scenes import frame_words, scene, structure_scene, structure_words
from alloop.state.state import CampaignState

MOST_STRUCTURES = 4
HOW = (
    "Drag a picture, or use the arrow keys, to turn it; point at an atom for its element and force error. Spheres "
    "have half the covalent radius of the element; atoms are shown inside of the cell. Polyhedra join the anions "
    "around a cation that is not mobile, also those in the next cell. The strangest frames are the held-out "
    "ones on which the exported model is most wrong about the force on one atom, and the ones trained on "
    "about which the committee disagreed most when they were offered. What is strange may be a rare place worth "
    "learning, a broken MD run, or a label that is wrong."
)


def pictures_section(state: CampaignState, strange: Sequence[StrangeFrame] = ()) -> tuple[Section, ...]:
    """Return pictures of the structures in which the campaign began, and of frames worth a look."""
    systems = state.created.systems if state.created is not None else ()
    if not systems:
        return ()
    begun = tuple(
        _begun(place, system.name, system.structure, _mobile(state, system.structure))
        for place, system in enumerate(systems[:MOST_STRUCTURES])
    )
    blocks: list[Block] = [Heading("Structures in which the campaign began"), Gallery(begun)]
    if len(systems) > MOST_STRUCTURES:
        words = f"The first {MOST_STRUCTURES} of {len(systems)}; `alloop structures CONFIG` writes pictures of all."
        blocks.append(Paragraph(words))
    if strange:
        blocks += [Heading("The strangest labelled frames"), Gallery(_frames(strange))]
    return (Section("pictures-section", "What do structures and frames look like?", tuple(blocks), HOW),)


def _begun(place: int, name: str, structure: Structure, mobile: Collection[str]) -> Scene:
    words = structure_words(name, structure, mobile)
    return Scene(f"structure-{place}", structure_scene(structure, mobile), words)


def _mobile(state: CampaignState, structure: Structure) -> tuple[str, ...]:
    """Return the elements that production runs follow, or else those that may be mobile."""
    measured = (state.config.get("measure") or {}).get("mobile")
    if measured:
        return (measured,) if isinstance(measured, str) else tuple(measured)
    return mobile_elements(structure.elements())


def _frames(strange: Sequence[StrangeFrame]) -> tuple[Scene, ...]:
    return tuple(
        Scene(f"frame-{place}", scene(frame.structure, frame.error_eV_per_A, frame.atom), frame_words(frame))
        for place, frame in enumerate(strange)
    )
