"""The figure of a study's curves."""

from alloop.report.study_figures import curves_figure
from alloop.studies.plot import Line, Plot

X, Y = (0.5, 1.0, 1.5), (0.0, 2.0, 1.0)
LINES = (Line("tuned, fit 0", "tuned", X, Y, mark=1.2), Line("cold, fit 0", "cold", X, Y, mark=0.7))
PLOT = Plot("A, Li-Li, 800 K", "r (Å)", "g(r)", LINES, limit=0.64)


def test_no_curves_no_figure():
    assert curves_figure(()) is None


def test_every_line_has_the_colour_of_its_group_and_its_mark_in_the_same():
    drawn = curves_figure((PLOT,))["data"]
    curves = {trace["legendgroup"]: trace["line"]["color"] for trace in drawn if trace["mode"] == "lines"}
    marks = {trace["legendgroup"]: trace for trace in drawn if trace["mode"] == "markers"}
    assert len(set(curves.values())) == 2
    assert {group: mark["marker"]["color"] for group, mark in marks.items()} == curves
    assert {group: mark["x"] for group, mark in marks.items()} == {"tuned": [1.2], "cold": [0.7]}


def test_a_group_is_once_in_the_legend_of_all_panels():
    drawn = curves_figure((PLOT, PLOT))["data"]
    assert sorted(trace["name"] for trace in drawn if trace["showlegend"]) == ["cold", "tuned"]
    assert {trace["xaxis"] for trace in drawn} == {"x", "x2"}


def test_the_limit_is_an_upright_line_in_its_panel():
    shapes = curves_figure((PLOT, Plot("B", "r", "g", LINES)))["layout"]["shapes"]
    assert [(shape["xref"], shape["x0"], shape["x1"]) for shape in shapes] == [("x", 0.64, 0.64)]


def test_names_are_escaped():
    hostile = Plot("<b>", "r", "g", (Line("<i>", "<u>", X, Y, mark=1.0),))
    assert "<u>" not in str(curves_figure((hostile,))["data"])
    assert "<i>" not in str(curves_figure((hostile,))["data"])
