"""The report as a browser shows it: boxes measured at the width of a desk and of a telephone."""

from __future__ import annotations

import pytest

from alloop.report.heldout.data import heldout_data
from alloop.report.page import build_report
from alloop.report.pictures.data import strange_frames
from alloop.report.transport.sections import TransportData
from alloop.state.fold import fold
from alloop.tasks.workspace import Workspace
from tests.support.browser import CHROMIUM, Browser
from tests.support.calibrations import after, calibrated
from tests.support.journals import play
from tests.support.transports import ERRORS, LADDER, curves_of, rung

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
MEASURE = """(() => {
  const wide = document.documentElement.clientWidth, boxes = [...document.querySelectorAll('body *')];
  const inside = boxes.filter(box => !box.closest('.table, pre, .plot') || box.matches('.table, pre, .plot'));
  const named = box => `${box.tagName} ${box.className} ${box.textContent.slice(0, 40)}`;
  const cells = [...document.querySelectorAll('th, td')].filter(cell => cell.offsetWidth && cell.textContent.trim());
  const tables = [...document.querySelectorAll('.table')].filter(table => table.offsetWidth);
  const wider = table => table.scrollWidth > table.clientWidth + 1;
  const titles = [...document.querySelectorAll('.plot')].flatMap(plot => {
    const words = [...plot.querySelectorAll('.xtitle, .ytitle, .x2title, .y2title, .annotation-text')];
    const all = words.map(word => word.getBoundingClientRect());
    return all.flatMap((a, i) => all.slice(i + 1).filter(b => a.left < b.right - 1 && b.left < a.right - 1
      && a.top < b.bottom - 1 && b.top < a.bottom - 1).map(() => plot.id));
  });
  const cut = [...document.querySelectorAll('.plot')].filter(plot => {
    const own = plot.getBoundingClientRect();
    return [...plot.querySelectorAll('.xtitle, .ytitle, .legendtext, .xtick text, .ytick text')].some(word => {
      const box = word.getBoundingClientRect();
      return box.width && (box.left < own.left - 1 || box.right > own.right + 1);
    });
  }).map(plot => plot.id);
  return {
    overflow: document.documentElement.scrollWidth - wide,
    beyond: inside.filter(box => box.getBoundingClientRect().right > wide + 1).map(named),
    thin: cells.filter(cell => cell.clientWidth < 44).map(named),
    undrawn: [...document.querySelectorAll('.plot, .scene')]
      .filter(place => !place.querySelector('.main-svg') && place.dataset.drawn !== 'yes').map(place => place.id),
    titles, cut,
    unsaid: tables.filter(table => wider(table) !== table.classList.contains('scrolls')).map(named),
    wide: tables.filter(table => wider(table) && table.classList.contains('folds')).map(named),
    folded: cells.filter(cell => cell.closest('.folds') && getComputedStyle(cell).display === 'grid').length,
    ground: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    font: (document.querySelector('.plot .xtitle') || {style: {}}).style.fill,
  };
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    entries = after(
        play(folder, arrays=True), {1: calibrated(frames=12, probes=2), 9: calibrated(frames=60, probes=12)}
    )
    measured = TransportData([*LADDER, rung(50, curves=curves_of(shortest_A=1.2))], [], ERRORS)
    state, workspace = fold(entries), Workspace(folder)
    heldout = heldout_data(state, workspace)
    strange = strange_frames(state, workspace, heldout)
    assert heldout.frames
    assert strange
    build_report(state, entries, folder / "report.html", measured, {}, heldout, strange)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everything_stands_within_the_window_and_can_be_read(browser, page, width, scheme):
    browser.show(page, width, scheme)
    seen = browser.ask(MEASURE)
    assert seen["overflow"] <= 0
    assert [seen[name] for name in ("beyond", "thin", "undrawn", "titles", "cut", "unsaid")] == [[]] * 6
    assert (seen["folded"] > 0) == (width == 390)
    assert width == 1280 or seen["wide"] == []
    assert browser.errors == []
    ground, ink = (sum(map(int, seen[name].removeprefix("rgb(").rstrip(")").split(","))) for name in ("ground", "ink"))
    assert (ground > ink) == (scheme == "light")
    assert abs(ground - ink) > 400
    assert seen["font"] == ("rgb(36, 50, 64)" if scheme == "light" else "rgb(227, 232, 237)")


def test_the_file_is_small(page):
    assert page.stat().st_size < 5_000_000
