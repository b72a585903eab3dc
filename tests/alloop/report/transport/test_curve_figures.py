import pytest

from alloop.report.transport.curve_figures import contact_gate, g_r_figure, msd_figure, stability_figure
from tests.support.transports import LADDER, curves_of, rung, valid


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


def test_contacts_and_energy_over_time():
    figure = valid(stability_figure([rung(50, curves=curves_of(shortest_A=0.7))], "Li3InCl6"))
    contact, *energies = figure["data"]
    assert contact["name"] == "Li-Li"
    assert contact["y"] == [1.0, 0.7]
    assert [trace["name"] for trace in energies] == ["600 K", "800 K"]


def test_a_rung_without_curves_has_no_figure_of_them():
    assert msd_figure([rung(50)], "Li3InCl6") is None
    assert stability_figure([rung(50)], "Li3InCl6") is None
