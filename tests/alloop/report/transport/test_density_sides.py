"""Densities of two sources beside each other."""

from dataclasses import replace

from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.density_sides import sides_figure
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import LEANING, hopping
from tests.support.transports import valid


def test_two_sources_stand_side_by_side_and_one_alone_does_not():
    story = hopping(cell=LEANING)
    settings = DensitySettings(resolution_A=0.5, smear_A=0.4, repeat=(2, 2, 2))
    result, grid = analyse_density([story.run], settings, story.start)
    model = DensityView("Li3InCl6", "acquired", 100, 0, result, grid)
    assert sides_figure([model]) is None
    figure = valid(sides_figure([model, replace(model, kind="AIMD", grid_per_A3=2 * grid)]))
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    assert [one["zmax"] for one in maps[:2]] == [one["zmax"] for one in maps[2:]]
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    assert titles == [f"<b>{who}, along {way}</b>" for who in ("100 labels, fit 0", "AIMD") for way in "ab"]
    assert len(maps) == 4
