from __future__ import annotations

import csv
import io
import json

import pytest

from alloop.report.blocks import Plot
from alloop.report.figure_files import figure_file
from alloop.report.page import figures_of, sections_of
from alloop.state.fold import fold
from alloop.status.summary import summary
from tests.support.journals import play


@pytest.fixture(scope="module")
def plots(tmp_path_factory):
    entries = play(tmp_path_factory.mktemp("campaign"))
    state = fold(entries)
    return figures_of(sections_of(state, entries, summary(state, entries[-1].t)))


def test_the_learning_curve_has_its_numbers_with_errors_and_units(plots):
    plot = next(plot for plot in plots if plot.name == "learning-curve")
    rows = list(csv.DictReader(io.StringIO(figure_file(plot, "csv"))))
    forces = [row for row in rows if row["y_is"] == "force RMSE (meV/Å)" and row["series"] == "all fits of a rung"]
    assert [row["x"] for row in forces] == ["12", "24", "48"]
    assert float(forces[-1]["y"]) == pytest.approx(78.19, abs=0.01)
    assert float(forces[-1]["error"]) == pytest.approx(0.49, abs=0.01)
    assert forces[0]["x_is"] == "training labels"


def test_every_figure_has_a_file_of_both_kinds_that_reads_back(plots):
    for plot in plots:
        points = json.loads(figure_file(plot, "json"))["points"]
        rows = list(csv.DictReader(io.StringIO(figure_file(plot, "csv"))))
        assert len(points) == len(rows) > 0, plot.name


def test_words_are_as_they_were_before_they_were_escaped():
    figure = {
        "data": [{"name": "&lt;b&gt;", "x": [1], "y": [2]}],
        "layout": {"xaxis": {"title": {"text": "a &amp; b"}}},
    }
    (point,) = json.loads(figure_file(Plot("one", figure, ""), "json"))["points"]
    assert (point["series"], point["x_is"]) == ("<b>", "a & b")
