"""Densities of several sources beside each other."""

from dataclasses import replace

import pytest

from alloop.report.transport.density_figure import DensityView
from alloop.report.transport.density_section import density_section
from alloop.report.transport.density_sides import sides_figure
from alloop.transport.density import DensitySettings
from alloop.transport.sites import analyse_density
from tests.support.hoppers import LEANING, langevin
from tests.support.transports import valid

PBE, SCAN = "GPAW PBE, plane waves 340 eV", "GPAW r2SCAN, plane waves 340 eV"
PATHS = ["likeliest path along a", "likeliest path along b"]


@pytest.fixture(scope="module")
def model() -> DensityView:
    run = langevin(barriers_eV=(0.15, 0.15, 1.2), cell_A=LEANING / 2, samples=800)
    result, grid = analyse_density([run], DensitySettings(resolution_A=0.45))
    return DensityView("Li3InCl6", "acquired", 100, 0, result, grid)


def by_engine(model, method, share=1.0):
    return replace(model, kind="AIMD", method=method, grid_per_A3=share * model.grid_per_A3)


def panels_of(figure):
    """Return title and traces of every panel."""
    titles = [note["text"] for note in figure["layout"]["annotations"]]
    suffixes = ["", *map(str, range(2, len(titles) + 1))]
    return {
        title: [trace for trace in figure["data"] if trace["xaxis"] == f"x{suffix}"]
        for title, suffix in zip(titles, suffixes, strict=True)
    }


def test_every_functional_stands_beside_the_model_with_sites_and_arrows(model):
    figure = valid(sides_figure([model, by_engine(model, PBE), by_engine(model, SCAN, 2.0)]))
    panels = panels_of(figure)
    sources = ("100 labels, fit 0", "AIMD, GPAW PBE", "AIMD, GPAW r2SCAN")
    kelvin = f"{model.result.density.temperature_K:g} K"
    assert list(panels) == [f"<b>{source}, {kelvin}, along {way}</b>" for source in sources for way in "ab"]
    highest = {"a": set(), "b": set()}
    for title, traces in panels.items():
        names = [trace["name"] for trace in traces if trace.get("name")]
        assert names == ["host sites", *PATHS]
        assert all(max(trace["marker"]["size"]) > 0 for trace in traces if trace.get("name") in PATHS)
        (seen,) = (trace for trace in traces if trace["type"] == "heatmap")
        highest[title[-5]].add(seen["zmax"])
    assert all(len(scales) == 1 for scales in highest.values())
    shown = [trace["name"] for trace in figure["data"] if trace["showlegend"]]
    assert shown == ["host sites", *PATHS]


def test_interstitial_sites_are_shown_too(model):
    sites = model.result.sites
    other = sites.sites[0].model_copy(update={"kind": "interstitial"})
    result = model.result.model_copy(update={"sites": sites.model_copy(update={"sites": (*sites.sites[1:], other)})})
    figure = valid(sides_figure([replace(model, result=result), by_engine(model, PBE)]))
    assert "interstitial sites" in {trace.get("name") for trace in figure["data"]}


def test_settings_of_one_functional_are_told_apart_by_more_words(model):
    finer = "GPAW PBE, plane waves 500 eV"
    titles = list(panels_of(sides_figure([by_engine(model, PBE), by_engine(model, finer)])))
    assert [title.partition(" K, along")[0].rpartition(",")[0] for title in titles[::2]] == [
        f"<b>AIMD, {PBE}",
        f"<b>AIMD, {finer}",
    ]


def test_where_no_path_was_seen_there_are_no_arrows(model):
    paths = tuple(one.model_copy(update={"scaled": ()}) for one in model.result.migration.paths)
    without = model.result.model_copy(update={"migration": model.result.migration.model_copy(update={"paths": paths})})
    panels = panels_of(sides_figure([model, replace(by_engine(model, PBE), result=without)]))
    arrows = [sum(trace.get("name") in PATHS for trace in traces) for traces in panels.values()]
    assert arrows == [2, 2, 0, 0]


def test_one_source_alone_has_nothing_beside_it(model):
    assert sides_figure([model]) is None
    (section,) = density_section([model, replace(by_engine(model, PBE), system="Li3YCl6")])
    assert not [one for one in section.plots() if "sides" in one.name]
    (section,) = density_section([model, by_engine(model, PBE)])
    assert len([one for one in section.plots() if "sides" in one.name]) == 1
