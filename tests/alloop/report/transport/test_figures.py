import math
from dataclasses import replace

import pytest

from alloop.report.transport.figures import arrhenius_figure, planar_figure
from alloop.transport.arrhenius import arrhenius_line
from tests.support.transports import LADDER, TEMPERATURES_K, K_eV, rung, summary_of, valid


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


def test_planes_stand_beside_all_directions_for_the_largest_rung():
    figure = valid(planar_figure(LADDER))
    everywhere, within = (trace for trace in figure["data"] if trace["xaxis"] == "x2")
    assert everywhere["x"] == ["Li3InCl6, 100 labels"]
    assert everywhere["y"] == pytest.approx([0.30])
    assert within["name"] == "ab plane"
    assert within["y"] == pytest.approx([0.32])
    assert 0 < within["error_y"]["array"][0] < 0.02


def test_no_data_no_figure():
    assert arrhenius_figure([]) is None
    assert planar_figure([]) is None


def test_an_unknown_error_bar_is_no_bar_of_length_zero():
    points = arrhenius_figure([rung(50, se_ln_D=0.0)])["data"][0]
    assert points["error_y"]["array"] == [0.0, 0.0, 0.0]
    summary = summary_of()
    unknown = [at.model_copy(update={"se_ln_D": None}) for at in summary.temperatures]
    whole = summary.model_copy(update={"temperatures": tuple(unknown)})
    points = valid(arrhenius_figure([replace(rung(50), summary=whole)]))["data"][0]
    assert points["error_y"]["array"] == [None, None, None]
    assert "error bar unknown" in points["text"][0]
