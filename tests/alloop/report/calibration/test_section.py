from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from alloop.report.calibration.section import calibration_tables, calibration_words
from alloop.report.page import page
from alloop.report.render import html_of
from alloop.state.fold import fold
from alloop.status.calibration import newest
from tests.support.calibrations import after, calibrated
from tests.support.journals import play

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return play(tmp_path_factory.mktemp("campaign"))


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def section(state, entries) -> str:
    html = page(state, entries)
    return html[
        html.index("<h2>What does a disagreement mean?") : html.index(
            "</section>", html.index("<h2>What does a disagreement mean?")
        )
    ]


def test_a_trusted_calibration_says_what_it_means_and_how_it_fared(entries):
    summary = calibrated(frames=60, probes=12)
    found = after(entries, {9: summary})
    state = fold(found)
    html = section(state, found)
    said = words(html)
    assert "Trusted: a disagreement of 0.1 eV/Å means an expected error of Cl" in said
    assert "from 60 labelled frames, 12 of them drawn at random" in said
    assert "not trusted" not in said.partition("How:")[0].lower()
    (row,) = [row for row in summary.overall if (row.species, row.among) == ("Li", "probe")]
    ratio, error = (value / row.predicted_eV_per_A for value in (row.observed_eV_per_A, row.se_observed_eV_per_A))
    assert f"Li random probes {row.frames} {row.atoms} " in said
    assert f"{ratio:.2f} ± {error:.2f} {100 * row.coverage:.1f} ± {100 * row.se_coverage:.1f} %" in said
    one = summary.calibration.maps["Li"]
    assert f"{one.lowest_eV_per_A:.2g} to {one.highest_eV_per_A:.2g} {one.typical_eV_per_A:.3g}" in said
    assert '<div class="plot" id="reliability"' in html
    assert 'id="calibration-history"' not in html


def test_doubts_are_shown_with_their_numbers(entries):
    found = after(entries, {1: calibrated(frames=12, probes=2), 2: calibrated(frames=16, probes=3)})
    html = section(fold(found), found)
    assert "Not trusted Made for generation 2" in words(html)
    assert "Cl, In, Li: 3 random frames, 5 are needed" in words(html)
    assert "As long as there is a doubt, disagreements are taken as expected errors:" in words(html)
    assert 'id="calibration-history"' in html


def test_what_the_elements_that_can_be_trusted_mean_is_said_beside_the_doubt(entries):
    summary = calibrated(frames=60, probes=12).model_copy(update={"doubts": {"In": "why"}})
    state = fold(after(entries, {9: summary}))
    said = words(html_of(calibration_words(state, newest(state.calibrations))))
    assert "As long as there is a doubt, disagreements of In are taken as expected errors: In: why" in said
    assert "In use, with no doubt found: a disagreement of 0.1 eV/Å means an expected error of Cl" in said


def test_frames_beyond_everything_it_was_fitted_on_are_counted(entries):
    summary = calibrated(frames=60, probes=12)
    highest = max(one.highest_eV_per_A for one in summary.calibration.maps.values())
    state = fold(after(entries, {2: summary}))
    offered = [f for f in state.frames.values() if f.generation is not None and f.generation >= 2]
    values = [f.offer.disagreement_eV_per_A for f in offered if f.offer.disagreement_eV_per_A is not None]
    for frame in offered[:3]:
        frame.offer = frame.offer.model_copy(update={"disagreement_eV_per_A": 2 * highest})
    beyond = 3 + sum(value > highest for value in values[3:])
    said = words(html_of(calibration_words(state, newest(state.calibrations))))
    assert f"{beyond} of {len(values)} frames offered since disagree by more than {highest:.3g} eV/Å" in said
    assert "extrapolated" in said


def test_before_the_first_calibration_the_section_says_so(entries):
    for upto in (0, 1, 60, len(entries)):
        html = section(fold(entries[:upto]), entries[:upto])
        assert "No calibration was made yet: disagreements are taken as expected errors." in words(html)
        assert 'class="plot"' not in html


def test_hostile_words_stay_words(entries):
    summary = calibrated()
    hostile = summary.model_copy(
        update={
            "doubts": {HOSTILE: HOSTILE},
            "overall": tuple(replace(row, species=HOSTILE, among=HOSTILE) for row in summary.overall),
        }
    )
    found = after(entries, {1: hostile})
    state = fold(found)
    found_now = newest(state.calibrations)
    html = html_of((*calibration_words(state, found_now), *calibration_tables(state, found_now)))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 2
    assert page(state, found).count("<script") == 2


def test_labels_and_rejections_are_counted_by_reason_in_words(entries):
    state = fold(entries)
    said = words(page(state, entries).partition("<h2>Frames by reason")[2])
    assert "why their frame was chosen: 48 (40: large expected error; 8: initial structures)" in said
    known = f"{state.rejections['known']}: expected error below the window"
    assert f"Not labelled: {sum(state.rejections.values())} ({known};" in said


def test_trust_does_not_stand_above_a_table_that_contradicts_it(entries):
    summary = calibrated(frames=60, probes=12)
    far = tuple(
        replace(row, observed_eV_per_A=2.6 * row.predicted_eV_per_A)
        if (row.species, row.among) == ("Cl", "selected")
        else row
        for row in summary.overall
    )
    state = fold(after(entries, {9: summary.model_copy(update={"overall": far})}))
    said = words(html_of(calibration_words(state, newest(state.calibrations))))
    assert "Trusted:" not in said
    assert "Trusted with reservations" in said
    assert "Cl, selected frames: true / expected error is 2.60" in said
