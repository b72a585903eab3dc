import pytest

from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.density_section import paths_table
from alloop.report.transport.migration_figures import profile_figure, projection_figure
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import LEANING, langevin
from tests.support.transports import valid


@pytest.fixture(scope="module")
def view() -> DensityView:
    run = langevin(barriers_eV=(0.15, 0.15, 1.2), cell_A=LEANING / 2, samples=800)
    result, grid = analyse_density([run], DensitySettings(resolution_A=0.45))
    return DensityView("Li3InCl6", "acquired", 100, 0, result, grid)


def test_both_views_show_sites_and_the_paths_that_were_seen(view):
    figure = valid(projection_figure(view))
    for suffix in ("", "2"):
        own = [trace for trace in figure["data"] if trace["xaxis"] == f"x{suffix}"]
        names = {trace.get("name") for trace in own}
        assert {"host sites", "likeliest path along a", "likeliest path along b"} <= names
        assert "likeliest path along c" not in names
        heat = next(trace for trace in own if trace["type"] == "heatmap")
        seen = [value for row in heat["z"] for value in row if value is not None]
        assert max(seen) > -0.2
        assert min(seen) == -3.0


def test_profiles_begin_and_end_at_the_lowest_place(view):
    traces = {trace["name"]: trace for trace in valid(profile_figure(view))["data"]}
    assert set(traces) == {"along a", "along b"}
    for trace in traces.values():
        assert trace["y"][0] == trace["y"][-1] == 0.0
        assert max(trace["y"]) == pytest.approx(0.15, abs=0.08)


def test_the_table_says_where_no_path_was_seen(view):
    rows = {row[0].text: [cell.text for cell in row] for row in paths_table(view)[0].rows}
    assert rows["c"][1].startswith("no path seen, above 0.")
    assert "host" in rows["a"][3]
