from __future__ import annotations

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from alloop.journal.events import ConfigChanged, DriverStarted, LabelsImported
from alloop.journal.journal import Entry
from alloop.report.page import build_report, page
from alloop.report.render import html_of
from alloop.report.sections import judgement_table
from alloop.state.fold import fold
from tests.support.journals import START_T, play
from tests.support.stories import variant

FIGURES = {"learning-curve", "fits", "frames", "expected-errors", "label-costs", "timeline", "time-split"}
PICTURES = {"structure-0"}
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\u2028&lt;"


class Page(HTMLParser):
    """What a browser would see: tags, text outside of scripts, and scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.html, self.text, self.scripts = html, "", []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._open.pop()

    def handle_data(self, data):
        if not self._open:
            self.text += data
        elif self._open[-1] == "script":
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Page:
    folder = tmp_path_factory.mktemp("campaign")
    entries = play(folder)
    build_report(fold(entries), entries, folder / "report.html")
    return Page((folder / "report.html").read_text())


def test_every_comparison_shows_its_level_and_power(report):
    words = " ".join(report.text.split())
    assert "Tolerance Level Power Finding" in re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)
    assert "at most about 10 % of ladders stop" in words
    shown = html_of(
        judgement_table(SimpleNamespace(judgements=({"metric": "force RMSE", "level": 0.0125, "power": 0.4567},)))
    )
    assert re.findall(r'data-head="(Level|Power)"><div>(.*?)</div>', shown) == [
        ("Level", "1.25 %"),
        ("Power", "45.7 %"),
    ]


def test_judgements_of_earlier_versions_have_no_odds():
    earlier = {"metric": "force RMSE", "unit": "meV/Å", "delta": 1.0, "se_delta": 0.5, "critical": 1.645}
    shown = html_of(judgement_table(SimpleNamespace(judgements=(earlier,))))
    assert "<div>1.645</div>" in shown
    assert shown.count("<div>–</div>") == 2


def test_the_verdict_comes_first_with_numbers_and_error_bars(report):
    words = " ".join(report.text.split())
    order = ["Converged", "From 24 to 48 training labels, no error", "Why", "Contents", "Figure 1."]
    assert [words.index(word) for word in order] == sorted(words.index(word) for word in order)
    assert "|Δ| + 2.433 SE = 5.8 ≤ 8.2" in words
    assert "78.19 ± 0.49 meV/Å" in words
    assert "48 + 12" in words
    assert "gpaw 26.7.0" in words
    assert "cutoff_eV: 340.0" in words
    assert words.count("How:") == 11


def test_the_file_needs_nothing_else(report):
    packed, _ = report.scripts
    assert b"Plotly" in gzip.decompress(base64.b64decode(packed))
    for tag, attributes in report.tags:
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert tag not in ("link", "iframe", "img", "object")
    policy = next(a["content"] for tag, a in report.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def figures_of(report: Page) -> dict:
    return json.loads(re.match(r"const figures = (.*?);\n", report.scripts[1], re.DOTALL).group(1))


def test_no_control_character_is_left_of_an_escape_that_was_meant_for_the_browser(report):
    assert "scroll sideways →" in report.html
    assert {one for one in report.html if ord(one) < 32} <= {"\n", "\t"}


def test_every_section_can_be_linked_to_and_stands_in_the_contents(report):
    links = [attributes["href"] for tag, attributes in report.tags if tag == "a"]
    anchors = [f"#{attributes['id']}" for tag, attributes in report.tags if tag == "section"]
    assert anchors == list(dict.fromkeys(links))
    assert len(set(anchors)) == len(anchors) == 12


def test_every_figure_has_a_number_a_caption_and_words_for_those_who_cannot_see_it(report):
    places = [attributes for tag, attributes in report.tags if attributes.get("class") in ("plot", "scene")]
    assert {place["id"] for place in places} == FIGURES | PICTURES
    assert all(place["role"] == "img" and len(place["aria-label"]) > 20 for place in places)
    numbers = len(FIGURES | PICTURES)
    assert [f"Figure {number}." in report.text for number in range(1, numbers + 2)] == [True] * numbers + [False]


def test_every_figure_has_its_place(report):
    places = {attributes.get("id") for tag, attributes in report.tags if tag == "div"}
    drawn = figures_of(report)
    assert set(drawn) == FIGURES
    assert set(drawn) <= places


def test_hostile_words_stay_words(tmp_path):
    story = variant(host=HOSTILE, failure_reason=HOSTILE, failure_detail=HOSTILE, failing=(3, 10))
    entries = play(tmp_path, story)
    html = page(fold(entries), entries)
    parsed = Page(html)
    assert len(parsed.scripts) == 2
    assert not any(tag == "img" for tag, _ in parsed.tags)
    assert "<img src=x" in parsed.text
    drawn = json.dumps(figures_of(parsed))
    assert "&lt;img src=x" in drawn
    assert "<img" not in drawn


def test_labels_that_were_brought_along_are_part_of_the_provenance(tmp_path):
    entries = play(tmp_path, upto=2)
    entries.append(Entry(3, START_T, LabelsImported(reference="other", source="mine.extxyz", keys=("a" * 40,))))
    words = " ".join(Page(page(fold(entries), entries)).text.split())
    assert "1 label from mine.extxyz, of another reference, used to pre-train on their forces" in words


def test_machines_and_their_set_up_lines_stay_private(tmp_path):
    entries = play(tmp_path)
    state = fold(entries)
    state.config["execution"]["executors"]["local"]["worker_init"] = "export TOKEN=swordfish"
    changes = ("execution.executors.local.worker_init: a -> export TOKEN=swordfish", "budget.hours: 1 -> 2")
    entries += [Entry(9001, START_T, DriverStarted(host="node17", pid=1, version="1"))]
    entries += [Entry(9002, START_T, ConfigChanged(config=state.config, changes=changes))]
    told = page(state, entries)
    assert not [secret for secret in ("swordfish", "node17", "label_timeout_min") if secret in told]
    assert "execution.executors.local.worker_init was changed" in told
    assert "budget.hours: 1 -&gt; 2" in told


def test_every_moment_of_a_campaign_has_a_report(tmp_path):
    entries = play(tmp_path)
    for upto in (0, 1, 2, 10, 60, 200, 350):
        assert "No verdict yet" in page(fold(entries[:upto]), entries[:upto])


def test_a_rung_without_error_bars_says_why(tmp_path):
    entries = play(tmp_path, variant(fits=1, rungs=(12, 24)))
    text = " ".join(Page(page(fold(entries), entries)).text.split())
    assert "Ladder exhausted" in text
    assert "error bar unknown" in text
    assert "fewer than two fits" in text
