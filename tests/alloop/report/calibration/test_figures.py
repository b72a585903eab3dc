from __future__ import annotations

import json
from dataclasses import replace

import plotly.graph_objects
import pytest

from alloop.report.calibration.figures import FEW_FRAMES, MADE, calibration_history, reliability
from policies.calibration.reliability import ReliabilityRow
from tests.support.calibrations import calibrated


@pytest.fixture(scope="module")
def summary():
    return calibrated(frames=60, probes=12)


def traces(figure, name):
    return [trace for trace in figure["data"] if trace.get("name") == name]


def test_a_point_is_a_bin_with_its_error_bar(summary):
    figure = reliability(summary)
    for name, among in (("random probes", "probe"), ("selected frames", "selected")):
        rows = [row for row in summary.table if row.among == among]
        errors, coverages = traces(figure, name)
        assert len(rows) > 2
        assert errors["x"] == coverages["x"] == [row.predicted_eV_per_A for row in rows]
        assert errors["y"] == [row.observed_eV_per_A for row in rows]
        assert errors["error_y"]["array"] == [row.se_observed_eV_per_A for row in rows]
        assert coverages["y"] == [100 * row.coverage for row in rows]
        assert all(
            f"{row.atoms} atoms of {row.frames} frames" in words
            for row, words in zip(rows, errors["customdata"], strict=True)
        )
        hollow = ["open" in symbol for symbol in errors["marker"]["symbol"]]
        assert hollow == [row.frames < FEW_FRAMES for row in rows]


def test_predictions_as_they_were_made_are_a_series_of_their_own(summary):
    errors, _ = traces(reliability(summary), MADE)
    assert errors["y"] == [row.observed_eV_per_A for row in summary.made]
    assert not traces(reliability(calibrated(made=False)), MADE)


def test_the_band_is_a_factor_of_one_and_a_half_around_equality(summary):
    figure = reliability(summary)
    (band,) = traces(figure, "within a factor of 1.5")
    ratios = [y / x for x, y in zip(band["x"], band["y"], strict=True)]
    assert ratios == pytest.approx([1 / 1.5, 1 / 1.5, 1.5, 1.5])
    layout = figure["layout"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log"
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"]
    low, high = (10**value for value in layout["xaxis"]["range"])
    assert all(low < value < high for row in summary.table for value in (row.predicted_eV_per_A, row.observed_eV_per_A))


def test_plotly_takes_the_figures(summary):
    for figure in (reliability(summary), calibration_history({1: summary, 2: summary})):
        plotly.graph_objects.Figure(figure)
        json.dumps(figure, allow_nan=False)


def test_bins_that_a_logarithm_cannot_show_are_left_out(summary):
    empty = summary.model_copy(update={"table": (), "made": ()})
    assert reliability(empty) is None
    odd = [
        {"observed_eV_per_A": 0.0},
        {"predicted_eV_per_A": float("nan")},
        {"predicted_eV_per_A": 1e308},
        {"coverage": float("nan")},
    ]
    rows = (*summary.table, *(replace(summary.table[0], **change) for change in odd[:3]))
    assert reliability(summary.model_copy(update={"table": rows})) == reliability(summary)
    last = (replace(summary.table[0], **odd[3]),)
    json.dumps(reliability(summary.model_copy(update={"table": last})), allow_nan=False)


def test_the_history_has_a_point_for_every_generation_and_species():
    made = {number: calibrated(frames=24 + 4 * number, probes=4 + number, seed=number) for number in (1, 2, 5)}
    figure = calibration_history(made)
    for species in ("Cl", "In", "Li"):
        ratio, coverage = traces(figure, species)
        rows = [row for one in made.values() for row in one.overall if (row.species, row.among) == (species, "probe")]
        assert ratio["x"] == coverage["x"] == [1, 2, 5]
        assert ratio["y"] == [row.observed_eV_per_A / row.predicted_eV_per_A for row in rows]
        assert coverage["y"] == [100 * row.coverage for row in rows]
    assert calibration_history({1: made[1]}) is None
    assert calibration_history({}) is None


def test_hostile_names_are_escaped(summary):
    hostile = "<img src=x onerror=alert(1)>"
    row: ReliabilityRow = replace(summary.overall[0], species=hostile, among="probe")
    bad = summary.model_copy(update={"overall": (row,), "made": (replace(row, among=hostile),)})
    for figure in (reliability(bad), calibration_history({1: bad, 2: bad})):
        assert "&lt;img" in json.dumps(figure)
        assert "<img" not in json.dumps(figure)
