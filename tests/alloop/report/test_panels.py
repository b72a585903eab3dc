import itertools

import pytest

from alloop.report.panels import panels, place_axes, set_axes
from tests.support.transports import valid


@pytest.mark.parametrize(("names", "wide"), [(1, 3), (2, 2), (5, 3)])
def test_panels_do_not_overlap(names, wide):
    layout, suffixes = panels([f"panel {number}" for number in range(names)], 300, wide=wide)
    assert suffixes == ["", "2", "3", "4", "5"][:names]
    places = [(layout[f"xaxis{suffix}"]["domain"], layout[f"yaxis{suffix}"]["domain"]) for suffix in suffixes]
    for one, other in itertools.combinations(places, 2):
        assert any(a[1] < b[0] or b[1] < a[0] for a, b in zip(one, other, strict=True))
    assert [note["text"] for note in layout["annotations"]] == [f"<b>panel {number}</b>" for number in range(names)]


def test_axes_of_a_panel_belong_together_whatever_they_look_like():
    layout = {}
    place_axes(layout, "2", {"type": "log"}, {}, across=(0.6, 1.0))
    set_axes(layout, "2", {"anchor": "nowhere", "title": {"text": "t"}}, {"type": "log"})
    valid({"data": [], "layout": layout})
    assert layout["xaxis2"] == {"type": "log", "title": {"text": "t"}, "domain": [0.6, 1.0], "anchor": "y2"}
    assert layout["yaxis2"] == {"type": "log", "anchor": "x2"}
