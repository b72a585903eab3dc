from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from alloop.state.fold import fold
from alloop.status.calibration import CalibrationStatus, Fared, calibration_text, newest, usual
from alloop.status.messages import lines, stamped
from alloop.status.summary import summary
from alloop.status.table import render
from alloop.tasks.contract.calibrate import CalibrateSummary
from policies.calibration.reliability import ReliabilityRow
from policies.calibration.scales import Calibration
from tests.support.calibrations import FACTORS, after, calibrated
from tests.support.journals import START_T, play


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    return play(tmp_path_factory.mktemp("campaign"))


def told(entries, summaries) -> str:
    found = after(entries, summaries)
    return "\n".join(lines(found[-1], fold(found)))


def test_a_person_is_told_what_a_disagreement_means(entries):
    summary = calibrated(frames=60, probes=12)
    line = " ".join(told(entries, {3: summary}).split())
    assert line.startswith("calibrated on 60 labels (12 probes): a disagreement of 0.1 eV/Å means an expected error of")
    status = CalibrationStatus.of({3: summary})
    for name, factor in FACTORS.items():
        assert f"{name} {status.expected_error_eV_per_A[name]:.2g}" in line
        assert status.expected_error_eV_per_A[name] == pytest.approx(0.1 * factor, rel=0.3)


def test_a_person_is_told_why_it_cannot_be_trusted_and_what_is_done_instead(entries):
    line = " ".join(told(entries, {1: calibrated(frames=12, probes=2)}).split())
    assert line == (
        "calibrated on 12 labels (2 probes), not trusted: Cl, In, Li: 2 random frames, 5 are needed; "
        "disagreements are taken as expected errors until then"
    )


def test_a_person_is_told_of_held_out_frames():
    summary = calibrated(frames=60, probes=12).model_copy(update={"heldout": 6})
    assert calibration_text(CalibrationStatus.of({3: summary})).startswith("60 labels (12 probes, 6 held out): ")


def test_a_line_about_a_calibration_is_whole_behind_its_time(entries):
    found = after(entries, {3: calibrated(frames=60, probes=12).model_copy(update={"heldout": 6})})
    said = [stamped(line, 793.0) for line in lines(found[-1], fold(found))]
    assert not any(line.endswith("…") for line in said)


def test_a_calibration_of_an_older_committee_is_not_used_where_the_newest_cannot_be_trusted(entries):
    good, doubtful = calibrated(frames=60, probes=12), calibrated(frames=12, probes=2)
    line = " ".join(told(entries, {3: good, 4: doubtful}).split())
    assert line.endswith("disagreements are taken as expected errors until then")
    state = fold(after(entries, {3: good, 4: doubtful}))
    assert state.calibration() is None
    assert newest(state.calibrations).in_use is None


def test_an_element_that_cannot_be_trusted_leaves_the_others_in_use(entries):
    doubtful = calibrated(frames=60, probes=12).model_copy(update={"doubts": {"In": "why"}})
    line = " ".join(told(entries, {3: doubtful}).split())
    assert "not trusted: In: why; disagreements of In are taken as expected errors until then; a disagreement" in line
    assert "Cl 0." in line
    assert "In 0." not in line
    status = CalibrationStatus.of({3: doubtful})
    assert (status.trusted, status.in_use, status.elements_in_use) == (False, 3, ("Cl", "Li"))


def test_a_calibration_without_any_label_is_not_trusted():
    nothing = CalibrateSummary(
        calibration=Calibration(maps={}, dof=6.0), table=(), overall=(), made=(), doubts={}, frames=0, probes=0
    )
    assert "0 labels (0 probes), not trusted: no label came" in calibration_text(CalibrationStatus.of({0: nothing}))
    assert newest({}) is None


def test_the_status_has_the_newest_calibration_in_words_and_as_json(entries):
    old, new = calibrated(frames=30, probes=6, seed=1), calibrated(frames=60, probes=12, seed=2)
    status = summary(fold(after(entries, {2: old, 4: new})), START_T)
    console = Console(file=io.StringIO(), width=120)
    console.print(render(status))
    assert "60 labels (12 probes): a disagreement of 0.1 eV/Å means" in console.file.getvalue()
    content = json.loads(json.dumps(status.to_json(), allow_nan=False))["calibration"]
    assert (content["generation"], content["frames"], content["probes"]) == (4, 60, 12)
    assert content["trusted"] is True
    (probes,) = [row for row in content["fared"] if (row["species"], row["among"]) == ("Li", "probe")]
    (row,) = [row for row in new.overall if (row.species, row.among) == ("Li", "probe")]
    assert probes["ratio"] == row.observed_eV_per_A / row.predicted_eV_per_A
    assert probes["coverage"] == row.coverage
    assert summary(fold(entries), START_T).to_json()["calibration"] is None


def test_labels_are_counted_by_why_their_frame_was_chosen(entries):
    status = summary(fold(entries), START_T)
    assert status.labels_by_why == {"initial": 8, "disagreement": 40}
    assert sum(status.labels_by_why.values()) == status.labels.train
    console = Console(file=io.StringIO(), width=120)
    console.print(render(status))
    assert "40: large expected error; 8: initial structures" in console.file.getvalue()


def test_every_reason_of_a_rejection_is_shown(entries):
    state = fold(entries)
    state.rejections.update({f"reason{number}": 1 for number in range(12)})
    console = Console(file=io.StringIO(), width=120)
    console.print(render(summary(state, START_T)))
    shown = " ".join(console.file.getvalue().split())
    assert all(f"1: reason{number}" in shown for number in range(12)), shown


def test_a_ratio_needs_an_expectation():
    row = ReliabilityRow(
        among="probe",
        species="Li",
        predicted_eV_per_A=0.0,
        observed_eV_per_A=0.1,
        se_observed_eV_per_A=None,
        atoms=1,
        frames=1,
        coverage=1.0,
        se_coverage=None,
    )
    assert (Fared.of(row).ratio, Fared.of(row).se_ratio) == (None, None)
    assert Fared.of(replace(row, predicted_eV_per_A=0.2)).ratio == 0.5


@pytest.mark.parametrize(("values", "found"), [([0.011], 0.01), ([1.9], 2.0), ([80.0], 100.0), ([0.0], 0.1)])
def test_a_usual_number_has_one_digit(values, found):
    assert usual(values) == found
