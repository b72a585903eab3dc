from __future__ import annotations

import numpy as np
import pytest

from alloop.materials.structure import Structure
from alloop.reading import read
from alloop.report.heldout.data import Heldout, HeldoutFrame
from alloop.report.pictures.data import StrangeFrame, largest_errors, strange_frames
from alloop.report.pictures.scenes import LONGEST_A, frame_words, scene, structure_scene, structure_words
from alloop.report.pictures.section import MOST_STRUCTURES, pictures_section
from alloop.report.render import html_of
from tests.support.journals import play

LICL = Structure(
    numbers=(3, 17, 17),
    positions_A=((0.5, 0, 0), (2.0, 2.0, 2.0), (-1.0, 0, 0)),
    cell_A=((4, 0, 0), (0, 5, 0), (0, 0, 6)),
)
ERROR = np.array([[0.0, 0.0, 0.001], [0.3, 0.0, 0.4], [0.0, 0.1, 0.0]])


def heldout(number: int, error_eV_per_A: float) -> HeldoutFrame:
    forces = np.zeros((3, 3))
    made = forces + error_eV_per_A * ERROR
    return HeldoutFrame(f"f{number}", "LiCl", 300.0, -3.0, -3.0, forces, made, 0.1, LICL)


def test_a_scene_holds_every_atom_inside_of_the_cell_its_edges_and_its_force_errors():
    figure = scene(LICL, ERROR, atom=1)
    lithium, chlorine, edges, errors = figure["data"]
    assert (lithium["name"], chlorine["name"], chlorine["x"]) == ("Li", "Cl", [2.0, 3.0])
    assert (lithium["ring"], chlorine["ring"]) == ([], [0])
    assert chlorine["text"] == ["force error 0.5 eV/Å", "force error 0.1 eV/Å"]
    assert len(edges["lines"]) == 12
    assert errors["lines"][0] == pytest.approx([2, 2, 2, 2 + 0.6 * LONGEST_A, 2, 2 + 0.8 * LONGEST_A])
    assert len(errors["lines"]) == 2  # that of Li is too small to be seen
    assert figure["centre"] == [2.0, 2.5, 3.0]


def octahedron(of: int, around: int) -> Structure:
    """Return an ion with six neighbours 2 Å away, all on the border of the cell, and a lithium ion."""
    corners = [(2.0 * sign if k == axis else 0.0) for axis in range(3) for sign in (1, -1) for k in range(3)]
    positions = [(0, 0, 0), (5, 5, 5), *np.array(corners).reshape(6, 3).tolist()]
    return Structure(numbers=(of, 3, *[around] * 6), positions_A=positions, cell_A=((10, 0, 0), (0, 10, 0), (0, 0, 10)))


def test_a_scene_of_a_structure_has_the_faces_of_its_polyhedra_at_the_images_next_to_the_cation():
    figure = structure_scene(octahedron(49, 17), mobile=("Li",))
    faces = {series["name"]: series["faces"] for series in figure["data"] if "faces" in series}
    assert list(faces) == ["In"]
    assert len(faces["In"]) == 8
    assert {round(float(np.linalg.norm(corner)), 2) for face in faces["In"] for corner in face} == {2.0}
    assert structure_words("A", octahedron(49, 17), ("Li",)).endswith("90°. Polyhedra: In (6 corners).")
    assert "Polyhedra" not in structure_words("A", octahedron(49, 17), ("Li", "In"))


def test_pictures_are_told_in_words():
    assert (
        structure_words("A", LICL) == "A: LiCl2, 3 atoms (1 Li, 2 Cl); cell 4.00 × 5.00 × 6.00 Å, angles 90°, 90°, 90°."
    )
    told = frame_words(StrangeFrame("f", "LiCl", "held out", LICL, 1, ERROR, "the exported model"))
    assert told.endswith(
        "Ring: the Cl atom where it is largest. Lines: force errors of the exported model; the longest is 0.5 eV/Å."
    )


def test_lines_are_named_only_where_one_is_drawn():
    told = frame_words(StrangeFrame("f", "LiCl", "held out", LICL, 1, 0.01 * ERROR, "the exported model"))
    assert "Lines" not in told


def test_the_frames_with_the_largest_errors_come_first_and_those_without_predictions_do_not():
    frames = [heldout(0, 1.0), heldout(1, 3.0), heldout(2, 2.0)]
    first, second = largest_errors(Heldout(12, tuple(frames)))
    assert (first.id, second.id, first.atom) == ("f1", "f2", 1)
    assert first.why == "held out; largest force error of the exported model: 1.5 eV/Å"


def test_frames_of_a_campaign_stand_by_their_disagreement_and_what_cannot_be_read_is_left_out(tmp_path):
    play(tmp_path, arrays=True)
    campaign = read(tmp_path)
    found = strange_frames(campaign.state, campaign.workspace, Heldout())
    offers = [campaign.state.frames[one.id].offer.disagreement_eV_per_A for one in found]
    known = [frame.offer.disagreement_eV_per_A for frame in campaign.state.labelled_frames("train")]
    assert offers == sorted((value for value in known if value is not None), reverse=True)[:2]
    (section,) = pictures_section(campaign.state, found)
    shown = html_of(section.blocks)
    assert shown.count("<canvas") == len(found) + min(MOST_STRUCTURES, len(campaign.systems))
    for path in (tmp_path / "results" / "label").iterdir():
        path.write_text("damaged")
    assert strange_frames(campaign.state, campaign.workspace, Heldout()) == ()
