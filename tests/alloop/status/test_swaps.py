import io

from rich.console import Console

from alloop.report.render import html_of
from alloop.report.sections import frames_section
from alloop.status.summary import summary
from alloop.status.swaps import SwapRow
from alloop.status.table import render
from tests.support.histories import WALKERS, History

WORDS = "Br/Cl 3 of 40 accepted (7.5 %), In/Y 1 of 20 accepted (5 %)"


def count(attempted, accepted):
    return {"attempted": attempted, "accepted": accepted}


def shown(status):
    console = Console(file=io.StringIO(), width=120)
    console.print(render(status))
    return console.file.getvalue()


def test_the_swaps_of_all_walkers_are_told_with_the_share_that_was_accepted():
    history = History().atoms().labelled(6).fitted(rung=6)
    assert "swaps" not in shown(summary(history.state, 0.0))
    for name, swaps in (
        (WALKERS[0], {"In/Y": count(20, 1), "Br/Cl": count(30, 3)}),
        (WALKERS[1], {"Br/Cl": count(10, 0), "Ge/P": count(0, 0)}),
    ):
        history.end(history.explore(name), {"walkers": [{"offers": [], "swaps": swaps}]})
    status = summary(history.state, 0.0)
    assert status.walkers.swaps == (SwapRow("Br/Cl", 40, 3), SwapRow("In/Y", 20, 1))
    assert WORDS in shown(status)
    assert WORDS in html_of(frames_section(history.state, status).blocks)
