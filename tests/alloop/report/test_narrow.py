from __future__ import annotations

import pytest

from alloop.report.figure_style import axis, layout_of
from alloop.report.narrow import narrow
from alloop.report.panels import panels, place_axes, set_axes


def overlapping(layout):
    """Return pairs of panels that overlap."""
    names = [name.removeprefix("xaxis") for name in layout if name.startswith("xaxis")]
    boxes = [(*layout[f"xaxis{n}"]["domain"], *layout[f"yaxis{n}"].get("domain", [0, 1])) for n in names]
    return [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
    ]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_panels_stand_below_each_other_with_their_titles(count):
    layout, suffixes = panels([f"panel {number}" for number in range(count)], 250)
    for suffix in suffixes:
        set_axes(layout, suffix, axis("x"), axis("y"))
    shown = narrow({"data": [], "layout": layout})["layout"]
    assert overlapping(shown) == []
    tops = [shown[f"yaxis{suffix}"]["domain"][1] for suffix in suffixes]
    assert tops == sorted(tops, reverse=True)
    assert all(shown[f"xaxis{suffix}"]["domain"] == [0, 1] for suffix in suffixes)
    assert [note["y"] for note in shown["annotations"]] == tops
    assert shown["height"] > layout["height"]


def test_the_wide_layout_stays_as_it_is():
    layout = layout_of(360)
    for suffix, across in (("", [0, 0.46]), ("2", [0.56, 1])):
        place_axes(layout, suffix, axis("x"), axis("y"), across=across)
    narrow({"data": [], "layout": layout})
    assert layout["xaxis2"]["domain"] == [0.56, 1]
    assert "domain" not in layout["yaxis2"]


def test_a_legend_of_many_names_gets_the_lines_that_it_takes():
    traces = [{"name": f"a name of a line, number {number}"} for number in range(6)]
    short, long = ({"data": traces[:n], "layout": layout_of(300, legend=True)} for n in (1, 6))
    assert narrow(long)["layout"]["margin"]["t"] > narrow(short)["layout"]["margin"]["t"] + 60
