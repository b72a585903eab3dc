from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from plotly.graph_objects import Figure

from alloop.report.transport.density_figure import DensityView, coarse, density_figure, isosurface
from alloop.report.transport.figures import (
    arrhenius_figure,
    arrhenius_line,
    contact_gate,
    g_r_figure,
    msd_figure,
    planar_figure,
    stability_figure,
)
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import LEANING, hopping
from tests.support.transports import LADDER, TEMPERATURES_K, K_eV, curves_of, rung, summary_of


def valid(figure):
    """Return a figure after plotly has looked at every property of it."""
    Figure(figure)
    return figure


def test_arrhenius_figure_shows_the_numbers_of_every_fit():
    figure = valid(arrhenius_figure(LADDER))
    points = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert len(points) == len(LADDER)
    foundation = points[0]
    assert foundation["name"] == "foundation"
    assert foundation["x"] == pytest.approx([1000 / kelvin for kelvin in TEMPERATURES_K])
    truth = [at.D_tracer_cm2_s.value for at in LADDER[0].summary.temperatures]
    assert foundation["y"] == truth
    assert foundation["error_y"]["array"] == pytest.approx([D * math.expm1(0.1) for D in truth])
    assert foundation["error_y"]["arrayminus"] == pytest.approx([-D * math.expm1(-0.1) for D in truth])


def test_one_colour_and_one_entry_of_the_legend_per_rung():
    traces = arrhenius_figure(LADDER)["data"]
    named = [trace["name"] for trace in traces if trace["showlegend"]]
    assert named == ["foundation", "50 labels", "100 labels", "50 labels, random subset"]
    markers = {
        (trace["name"], trace["marker"]["color"], trace["marker"]["symbol"][0]) for trace in traces if "marker" in trace
    }
    assert len(markers) == 4
    dashes = {trace["name"]: trace["line"]["dash"] for trace in traces if trace["mode"] == "lines"}
    assert dashes["50 labels, random subset"] == "dash"
    assert dashes["50 labels"] == "solid"


def test_a_panel_per_system():
    figure = valid(arrhenius_figure([*LADDER, rung(50, system="Li3YBr6"), rung(50, system="Li3YCl6")]))
    assert {trace["xaxis"] for trace in figure["data"]} == {"x", "x2", "x3"}
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert titles == ["<b>Li3InCl6</b>", "<b>Li3YBr6</b>", "<b>Li3YCl6</b>"]


def test_the_line_is_the_law():
    energy, offset = arrhenius_line(summary_of(energy_eV=0.31, D0=2e-3))
    assert energy == 0.31
    assert math.exp(offset) == pytest.approx(2e-3)


def test_temperatures_outside_the_fit_are_open_symbols_and_say_why():
    summary = summary_of()
    cold = summary.temperatures[0].model_copy(update={"unmeasured": "ions moved 0.3 Å"})
    arrhenius = summary.arrhenius.model_copy(update={"used_K": TEMPERATURES_K[1:]})
    changed = summary.model_copy(update={"temperatures": (cold, *summary.temperatures[1:]), "arrhenius": arrhenius})
    points, line = arrhenius_figure([replace(rung(50), summary=changed)])["data"]
    assert points["marker"]["symbol"] == ["circle-open", "circle", "circle"]
    assert "ions moved 0.3 Å" in points["text"][0]
    assert line["x"] == pytest.approx([1000 / 700, 1000 / 800])
    assert line["y"] == pytest.approx([1e-3 * math.exp(-0.3 / (K_eV * kelvin)) for kelvin in (700, 800)])


def test_g_r_has_a_panel_per_pair_and_the_distance_of_merging():
    figure = valid(g_r_figure(LADDER, "Li3InCl6"))
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["<b>Cl-Li, 800 K</b>", "<b>Li-Li, 800 K</b>"]
    lithium = next(trace for trace in figure["data"] if trace["xaxis"] == "x2")
    assert lithium["x"] == [1.0, 2.0, 3.0]
    assert lithium["y"] == [0.0, 0.5, 1.5]
    assert contact_gate("Li-Li") == pytest.approx(1.28)
    assert figure["layout"]["shapes"][1]["x0"] == pytest.approx(1.28)
    assert g_r_figure(LADDER, "unknown") is None


def test_displacements_keep_their_error_bars_and_leave_out_what_a_logarithm_cannot_show():
    figure = valid(msd_figure(LADDER, "Li3InCl6"))
    ions = next(trace for trace in figure["data"] if trace["name"] == "ions, 600 K")
    assert ions["x"] == [1.0, 2.0, 4.0]
    assert ions["error_y"]["array"] == [0.1, 0.2, 0.4]
    assert {"framework, 600 K", "framework, 800 K"} <= {trace["name"] for trace in figure["data"]}


def test_planes_stand_beside_all_directions_for_the_largest_rung():
    figure = valid(planar_figure(LADDER))
    everywhere, within = (trace for trace in figure["data"] if trace["xaxis"] == "x2")
    assert everywhere["x"] == ["Li3InCl6, 100 labels"]
    assert everywhere["y"] == pytest.approx([0.30])
    assert within["name"] == "ab plane"
    assert within["y"] == pytest.approx([0.32])
    assert 0 < within["error_y"]["array"][0] < 0.02


def test_contacts_and_energy_over_time():
    figure = valid(stability_figure([rung(50, curves=curves_of(shortest_A=0.7))], "Li3InCl6"))
    contact, *energies = figure["data"]
    assert contact["name"] == "Li-Li"
    assert contact["y"] == [1.0, 0.7]
    assert [trace["name"] for trace in energies] == ["600 K", "800 K"]


def test_no_data_no_figure():
    assert arrhenius_figure([]) is None
    assert planar_figure([]) is None
    assert msd_figure([rung(50)], "Li3InCl6") is None
    assert stability_figure([rung(50)], "Li3InCl6") is None


@pytest.fixture(scope="module")
def view() -> DensityView:
    story = hopping(cell=LEANING)
    settings = DensitySettings(resolution_A=0.3, smear_A=0.4, repeat=(2, 2, 2), level_per_A3=0.05)
    result, grid = analyse_density([story.run], settings, story.start)
    return DensityView("Li3InCl6", "acquired", 100, 0, result, grid)


def test_the_isosurface_lies_where_the_density_has_the_level():
    cell = np.array([[10.0, 0, 0], [2.0, 9.0, 0], [0, 1.0, 11.0]])
    index = np.stack(np.meshgrid(*(np.arange(36) / 36,) * 3, indexing="ij"), axis=-1)
    apart = index - 0.5
    grid = np.exp(-((apart @ cell) ** 2).sum(axis=-1) / 8.0)
    corners, triangles = isosurface(grid, math.exp(-0.5), cell)
    away = np.linalg.norm(corners - 0.5 * cell.sum(axis=0), axis=1)
    assert away == pytest.approx(np.full(len(away), 2.0), abs=0.05)
    assert triangles.max() == len(corners) - 1
    assert isosurface(grid, 2.0, cell) is None


def test_coarsening_rings_nowhere():
    grid = np.zeros((60, 30, 80))
    grid[30, 10, 40] = 1.0
    thin = coarse(grid)
    assert thin.shape == (40, 30, 40)
    assert thin.min() == 0.0
    assert np.argwhere(thin > 0).tolist() == [[20, 10, 20]]


def test_an_unknown_error_bar_is_no_bar_of_length_zero():
    points = arrhenius_figure([rung(50, se_ln_D=0.0)])["data"][0]
    assert points["error_y"]["array"] == [0.0, 0.0, 0.0]
    summary = summary_of()
    unknown = [at.model_copy(update={"se_ln_D": None}) for at in summary.temperatures]
    whole = summary.model_copy(update={"temperatures": tuple(unknown)})
    points = valid(arrhenius_figure([replace(rung(50), summary=whole)]))["data"][0]
    assert points["error_y"]["array"] == [None, None, None]
    assert "error bar unknown" in points["text"][0]


def test_density_figure_has_surface_and_sites_in_one_unit_cell(view):
    figure = valid(density_figure(view))
    named = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert len(named["host sites"]["x"]) == 4
    assert len(named["interstitial sites"]["x"]) == 4
    surface = named["n = 0.05 Å⁻³"]
    assert max(surface["i"]) < len(surface["x"])
    assert "occupancy" in named["host sites"]["text"][0]
