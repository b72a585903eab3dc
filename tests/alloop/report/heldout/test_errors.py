from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloop.materials.structure import Structure
from alloop.report.heldout.data import Heldout, HeldoutFrame
from alloop.report.heldout.errors import ForceBin, by_element, by_force, by_temperature, rmse
from alloop.report.heldout.figures import error_by_force, parity
from alloop.report.heldout.section import heldout_section
from alloop.report.render import html_of


def frame(number: int, kelvin: float | None, error: float, kept: bool = True) -> HeldoutFrame:
    """A frame of two Li and one Cl, whose Cl alone is wrong: by `error` (eV/Å) in every component."""
    forces = np.random.default_rng(number).normal(size=(3, 3))
    made = forces + np.array([[0.0], [0.0], [error]])
    return HeldoutFrame(
        f"f{number}",
        "<LiCl>",
        kelvin,
        -3.0,
        -3.0 + error / 10,
        forces,
        made if kept else None,
        error**2 / 3,
        Structure(numbers=(3, 3, 17), positions_A=((0.0, 0.0, 0.0),) * 3, cell_A=((4.0, 0, 0), (0, 4, 0), (0, 0, 4))),
    )


FRAMES = (frame(0, 300.0, 0.1), frame(1, 300.0, 0.1), frame(2, 900.0, 0.4))


def test_errors_stand_by_temperature_and_by_element():
    cold, hot = by_temperature(FRAMES)
    assert (cold.of, cold.frames, hot.of, hot.frames) == ("300 K", 2, "900 K", 1)
    assert cold.forces_meV_per_A == pytest.approx(100 / 3**0.5)
    assert hot.energy_meV_per_atom == pytest.approx(40)
    assert hot.se_forces_meV_per_A is None
    chlorine, lithium = by_element(FRAMES)
    assert lithium.forces_meV_per_A == pytest.approx(0, abs=1e-9)
    assert chlorine.forces_meV_per_A == pytest.approx(1000 * ((0.01 + 0.01 + 0.16) / 3) ** 0.5)
    assert (chlorine.of, chlorine.components, lithium.components) == ("Cl", 9, 18)


def test_frames_without_predicted_forces_still_have_errors_by_temperature():
    frames = [frame(0, None, 0.1, kept=False)]
    assert by_element(frames) == []
    assert by_temperature(frames)[0].of == "–"
    assert [note["text"] for note in parity(frames)["layout"]["annotations"]] == ["<b>&lt;LiCl&gt;, energies</b>"]
    (section,) = heldout_section(Heldout(24, tuple(frames)))
    assert "No predicted forces are kept" in html_of(section.blocks)


def test_parity_plots_have_a_panel_per_system_and_hold_every_point():
    figure = parity(FRAMES)
    points = {trace["name"]: len(trace["x"]) for trace in figure["data"] if "name" in trace}
    assert points == {"Cl": 9, "Li": 18, "300 K": 2, "900 K": 1}
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert titles == ["<b>&lt;LiCl&gt;, forces</b>", "<b>&lt;LiCl&gt;, energies</b>"]


def test_errors_stand_against_the_size_of_the_force_in_bins_of_as_many_atoms():
    frames = [frame(number, 300.0, 0.3) for number in range(30)]
    bins = by_force(frames)
    assert [one.atoms for one in bins] == [23, 22, 22, 23]
    assert [one.force_eV_per_A for one in bins] == sorted(one.force_eV_per_A for one in bins)
    squares = [one.atoms * one.error_meV_per_A**2 for one in bins]
    assert sum(squares) / 90 == pytest.approx(300**2 / 3)
    line, points = error_by_force(bins)["data"]
    assert line["y"] == pytest.approx([1000 * x / 3**0.5 for x in line["x"]])
    assert points["name"] == "&lt;LiCl&gt;"
    assert by_force([frame(0, 300.0, 0.3, kept=False)]) == []


def test_an_error_bar_that_is_not_known_is_not_zero():
    _, points = error_by_force([ForceBin("LiCl", 20, 0.5, 30.0, None)])["data"]
    assert points["error_y"]["array"] == [None]


def test_nothing_is_said_before_there_are_frames():
    assert heldout_section(Heldout()) == ()


@given(st.lists(st.floats(0.01, 100.0), min_size=2, max_size=8))
def test_an_rmse_lies_among_its_errors_and_equal_frames_have_no_spread(squares):
    value, se = rmse(squares, [1.0] * len(squares))
    assert min(squares) * 0.999 <= value**2 <= max(squares) * 1.001
    assert se >= 0
    assert rmse([4.0, 4.0], [3.0, 6.0]) == (2.0, 0.0)
