"""Transport as a function of composition, and the composition that is the best."""

import csv
import io
import json

import pytest

from alloop.report.blocks import Box
from alloop.report.figure_files import figure_file
from alloop.report.transport.over_composition import (
    Place,
    over_composition,
    over_composition_csv,
    over_composition_json,
    over_orderings,
    places_of,
)
from alloop.report.transport.over_composition_section import over_composition_section
from alloop.transport.results import Measured
from tests.support.small import config
from tests.support.transports import rung, valid

LINE = {"L-x0": (0.0, None, 0.36), "L-x0.5": (0.5, None, 0.28), "L-x1": (1.0, None, 0.33)}
MAP = {f"L-x{x:g}-y{y:g}": (x, y, 0.3 + 0.02 * x + 0.04 * y) for x in (0.0, 1.0) for y in (0.0, 0.5)}


def measured(table, sizes=(50,), **more):
    """Return two fits of rungs for every composition."""
    return [
        rung(size, fit, system=name, energy_eV=energy + 0.001 * fit, **more)
        for size in sizes
        for name, (_, _, energy) in table.items()
        for fit in range(2)
    ]


def over(table, rungs=None, compositions=None):
    compositions = compositions or {name: name for name in table}
    places = {name: Place("L", x, y) for name, (x, y, _) in table.items()}
    return over_composition(measured(table) if rungs is None else rungs, compositions, places)


def test_a_campaign_of_one_composition_has_no_such_section():
    assert over_composition(measured({"A": (None, None, 0.3)}), {"A": "A"}, {}) is None
    assert over_composition([], {"A": "A", "B": "B"}, {}) is None
    assert over_composition_section(None) == ()


def test_the_largest_acquired_rung_counts():
    found = over(LINE, [*measured(LINE, (50, 100)), *measured(LINE, (200,), kind="random subset")])
    assert {(one.size, one.kind) for one in found.rungs} == {(100, "acquired")}


def test_the_composition_of_lowest_activation_energy_is_the_best_and_probabilities_add_up_to_one():
    cold, warm = over(LINE).best
    assert (cold.temperature_K, warm.temperature_K) == (300.0, 573.15)
    assert list(warm.probabilities) == ["L-x0.5", "L-x1", "L-x0"]
    assert sum(warm.probabilities.values()) == pytest.approx(1.0)
    assert warm.probabilities["L-x0.5"] > 0.99
    # ln σ at 300 K: 1.9 apart, errors of 0.5/√2 each and the spread of the fits.
    assert 0.9 < cold.probabilities["L-x0.5"] < 1.0


def test_a_composition_that_melted_or_lacks_an_ordering_is_not_among_the_best():
    table = {**LINE, "L-x1": (1.0, None, 0.2)}
    melted = [one for one in measured(table) if one.system != "L-x1"]
    melted += [rung(50, fit, system="L-x1", energy_eV=0.2, unphysical="the framework melted") for fit in range(2)]
    found = over(table, melted)
    assert found.best[0].left_out == ("L-x1",)
    assert "L-x1" not in found.best[0].probabilities
    lacking = over(LINE, [one for one in measured(LINE) if one.system != "L-x1"])
    assert lacking.missing == ("L-x1",)
    (section,) = over_composition_section(lacking)
    assert section.blocks[2].rows[-1][0].text == "L-x1"
    assert section.blocks[3].entries == ("L-x1: not all of its orderings are measured",)


def test_orderings_are_averaged_and_their_spread_is_in_the_errors():
    rungs = [rung(50, f, system=n, energy_eV=e) for f in range(2) for n, e in (("A", 0.3), ("B-gs", 0.3), ("B-0", 0.4))]
    found = over_composition(rungs, {"A": "A", "B-gs": "B", "B-0": "B"}, {})
    a, b = (one.rows[573.15] for one in found.rungs)
    assert (a.orderings, b.orderings) == (1, 2)
    assert b.activation_energy_eV == pytest.approx(0.35)
    D = found.diffusivities_cm2_s
    assert set(D["B"]) == {"", "ab"}
    assert D["B"]["ab"].value < D["A"]["ab"].value
    assert D["B"]["ab"].se / D["B"]["ab"].value > 2 * D["A"]["ab"].se / D["A"]["ab"].value


def test_an_error_that_the_orderings_of_a_fit_share_is_not_averaged_away():
    fits = {0: Measured(value=9.0, se=0.1), 1: Measured(value=10.0, se=0.1), 2: Measured(value=11.0, se=0.1)}
    for orderings in ([fits], [fits, fits]):
        assert over_orderings(orderings).se == pytest.approx(1 / 3**0.5)
    assert over_orderings([fits, {3: fits[0]}]) is None


def test_a_rung_that_is_being_measured_waits_for_its_compositions():
    begun = [one for one in measured(LINE, (100,)) if one.system == "L-x0"]
    found = over(LINE, [*measured(LINE, (50,)), *begun])
    assert {one.size for one in found.rungs} == {50}
    (section,) = over_composition_section(found)
    assert section.blocks[2].caption == "Transport by composition, 50 labels"


def test_disordered_compositions_of_one_ordering_are_named():
    rungs = [rung(50, fit, system=name) for fit in range(2) for name in ("A", "B", "C-ground", "C-sample1")]
    places = {"A": Place("A"), "B": Place("B", disordered=True), "C": Place("C", disordered=True)}
    found = over_composition(rungs, {"A": "A", "B": "B", "C-ground": "C", "C-sample1": "C"}, places)
    assert found.single == ("B",)
    assert over_composition_section(found)[0].how.endswith("One ordering only, so without such a spread: B.")


def test_the_best_is_named_with_its_probability_and_the_table_says_everything_with_its_error():
    (section,) = over_composition_section(over(LINE))
    boxes = [block for block in section.blocks if isinstance(block, Box)]
    assert boxes[0].title == "Highest σ at 300 K: L-x0.5"
    assert boxes[0].text == "The best of 3 compositions with a probability of > 99 %."
    table = section.blocks[2]
    row = dict(zip(table.head, (cell.text for cell in table.rows[1]), strict=True))
    assert (row["Composition"], row["x"], row["y"], row["Orderings"]) == ("L-x0.5", "0.5", "–", "1")
    assert row["Activation energy, eV"].startswith("0.28")
    assert "±" in row["D at 600 K, ab plane, cm²/s"]
    assert row["Best at 300 K"].endswith("%")


def test_compositions_that_are_nearly_as_good_are_named_with_their_probabilities():
    table = {"L-x0": (0.0, None, 0.3), "L-x1": (1.0, None, 0.301)}
    (section,) = over_composition_section(over(table))
    (name, first), (other, second) = over(table).best[0].probabilities.items()
    assert (name, other) == ("L-x0", "L-x1")
    assert section.blocks[0].text == (
        f"The best of 2 compositions with a probability of {100 * first:.0f} %; next: L-x1 {100 * second:.0f} %."
    )


def test_one_variable_is_drawn_as_lines_with_error_bars():
    (section,) = over_composition_section(over(LINE))
    (drawn,) = section.plots()
    names = [trace["name"] for trace in valid(drawn.figure)["data"]]
    assert names[:3] == ["activation energy", "σ, 300 K", "σ, 573 K"]
    assert names[3:] == ["D at 600 K, all directions", "D at 600 K, ab plane"]
    trace = drawn.figure["data"][0]
    assert trace["x"] == [0.0, 0.5, 1.0]
    assert all(error > 0 for error in trace["error_y"]["array"])
    up, down = (drawn.figure["data"][1]["error_y"][key][0] for key in ("array", "arrayminus"))
    assert up > down > 0, "the error bar of σ is a factor"


def test_two_variables_are_drawn_as_heat_maps_whose_numbers_are_in_the_files():
    (section,) = over_composition_section(over(MAP))
    (drawn,) = section.plots()
    assert {trace["type"] for trace in valid(drawn.figure)["data"]} == {"heatmap"}
    rows = list(csv.DictReader(io.StringIO(figure_file(drawn, "csv"))))
    first = [row for row in rows if row["series"] == "activation energy (eV)"]
    assert [(float(row["x"]), float(row["y"])) for row in first] == [(0, 0), (0, 0.5), (1, 0), (1, 0.5)]
    assert float(first[1]["z"]) == pytest.approx(0.3205)
    assert first[0]["note"] == "0.3005 ± 0.0071"
    (cell, *_) = [row for row in rows if row["series"] == "log₁₀ σ 573 K (S/cm)"]
    assert float(cell["note"].partition(" ± ")[2]) == pytest.approx(0.1 / 2**0.5 / 2.3026, abs=0.002)


def test_a_second_variable_that_follows_from_the_first_is_drawn_as_lines():
    table = {"L-x0-y1": (0.0, 1.0, 0.3), "L-x1-y0": (1.0, 0.0, 0.4)}
    (drawn,) = over_composition_section(over(table))[0].plots()
    assert drawn.figure["data"][0]["type"] == "scatter"


def test_compositions_without_x_have_a_table_and_no_figure():
    table = {"A": (None, None, 0.3), "B": (None, None, 0.4)}
    (section,) = over_composition_section(over_composition(measured(table), {"A": "A", "B": "B"}, {}))
    assert list(section.plots()) == []


def test_the_files_have_a_row_per_composition_and_temperature():
    found = over(LINE)
    rows = list(csv.DictReader(io.StringIO(over_composition_csv(found))))
    assert len(rows) == 6
    assert (rows[2]["composition"], rows[2]["family"], rows[2]["x"], rows[2]["y"]) == ("L-x0.5", "L", "0.5", "")
    assert float(rows[2]["D_ab_cm2_per_s"]) > 0
    told = json.loads(over_composition_json(found))
    assert told[2]["y"] is None
    assert told[2]["probability_of_highest_sigma"] == pytest.approx(float(rows[2]["probability_of_highest_sigma"]))


def test_x_and_y_of_a_composition_come_from_the_config():
    systems = [
        {"name": "A", "structure": "a.cif"},
        {"name": "L", "structure": "l.cif", "substitute": {"In": {"Y": "x"}}, "x": [0, 0.5], "y": "1 - x"},
    ]
    found = places_of(config(systems=systems).model_dump(mode="json"))
    assert found == {
        "A": Place("A"),
        "L-x0-y1": Place("L", 0.0, 1.0, disordered=True),
        "L-x0.5-y0.5": Place("L", 0.5, 0.5, disordered=True),
    }
