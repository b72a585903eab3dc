"""What the study of fits from scratch says: errors, survival times, contacts, and g(r)."""

from dataclasses import replace

import pytest

from alloop.campaign.loop import Campaign
from alloop.outputs.studies import write_studies
from alloop.report.page import build_report
from alloop.studies.scratch import STUDY
from alloop.studies.study import Number, plots, tables
from tests.support.histories import FOUNDATION
from tests.support.loops import STARTED, loop
from tests.support.scratch import fit, parts, wanted, with_rungs
from tests.support.small import config
from tests.support.summaries import produced_walker

TUNED, SCRATCH = "from the foundation", "from scratch"


def rows(history, on):
    """Return the rows about something, by the start of the fits."""
    table = tables(history.state)["scratch"]
    names = [column.name for column in table.columns]
    found = (dict(zip(names, row, strict=True)) for row in table.rows)
    return {row["start"]: row for row in found if row["on"] == on}


def evaluate(history, errors):
    """Let fits be evaluated: with the same error (eV/Å) on every frame, by their start."""
    for task in parts(wanted(history), "errors"):
        error, frames = errors[task.context["start"]], len(task.build().frames)
        of_frames = {"energy_error_eV_per_atom": [error / 10] * frames, "forces_squared_error": [error**2] * frames}
        history.study(task, summary=of_frames)
    return history


def run(history, outcomes, **settings):
    """Let the next segment of runs end, each fit's from scratch as (why, samples, shortest contact) says."""
    for task in parts(wanted(history, **settings), "md"):
        why, samples, contact = ("length", 1001, 0.9)
        if task.context["start"] == SCRATCH:
            why, samples, contact = outcomes[task.context["fit"]]
        walker = produced_walker(why) | {"samples": samples, "min_contact": contact}
        history.study(task, summary={"walkers": [walker]})
    return history


def count(history, **settings):
    """Let pairs be counted; the fits from scratch brought Na atoms close."""
    for task in parts(wanted(history, **settings), "pairs"):
        close_A = {"Cl-Na": 2.4, "Na-Na": 1.1 if task.context["start"] == SCRATCH else 3.5}
        history.study(task, summary={"snapshots": 9, "shortest_A": close_A})
    return history


def test_errors_of_either_start_stand_beside_each_other_with_standard_errors():
    history = evaluate(fit(with_rungs()), {TUNED: 0.02, SCRATCH: 0.05})
    found = rows(history, "4 held-out frames")
    assert list(found) == [TUNED, SCRATCH]
    assert found[TUNED]["force RMSE"] == Number(pytest.approx(20.0), pytest.approx(0.0, abs=1e-9))
    assert found[SCRATCH]["energy RMSE"].value == pytest.approx(5.0)
    assert found[SCRATCH]["note"] == "3 fits of 12 labels"


def test_a_fit_that_failed_is_named():
    history = with_rungs()
    for task in parts(wanted(history), "fit"):
        bad = task.context["start"] == SCRATCH and task.context["fit"] == 1
        history.study(task, **({"reason": "diverged", "detail": "told"} if bad else {}))
    note = rows(evaluate(history, {TUNED: 0.02, SCRATCH: 0.05}), "4 held-out frames")[SCRATCH]["note"]
    assert note == "2 fits of 12 labels; diverged: told"


def test_survival_is_the_mean_time_to_the_end_and_the_shortest_contact_is_of_all_fits():
    history = run(fit(with_rungs()), [("contact", 101, 0.41), ("temperature", 301, 0.6), ("length", 1001, 0.8)], ps=10)
    found = rows(count(history, ps=10), "A")
    assert found[TUNED]["survived"] == Number(10.0), "a bound, without an error"
    assert found[SCRATCH]["survived"].value == pytest.approx((1.0 + 3.0 + 10.0) / 3)
    assert found[SCRATCH]["survived"].error == pytest.approx(2.73, abs=0.01)
    assert found[SCRATCH]["shortest contact"] == Number(0.41)
    assert found[SCRATCH]["shortest distance"] == Number(1.1)
    assert found[SCRATCH]["temperature"] == Number(1000.0)
    broken = "2 of 3 runs broke off (contact at 1 ps, temperature at 3 ps)"
    assert found[SCRATCH]["note"] == f"{broken}; Na-Na closest"
    assert found[TUNED]["note"].startswith("0 of 3 runs broke off; ")


def test_a_run_that_breaks_off_in_its_second_segment_survived_the_first():
    history = run(fit(with_rungs()), [("length", 1001, 0.9)] * 3, ps=20)
    run(history, [("nan", 51, 0.9)] * 3, ps=20)
    assert rows(history, "A")[SCRATCH]["survived"] == Number(pytest.approx(10.5), 0.0)


def test_other_settings_of_the_md_replace_its_rows_and_keep_the_errors():
    history = evaluate(fit(with_rungs()), {TUNED: 0.02, SCRATCH: 0.05})
    run(history, [("contact", 101, 0.4)] * 3, ps=10)
    run(history, [("length", 501, 0.9)] * 3, ps=5, temperatures_K=[600])
    assert rows(history, "A")[SCRATCH]["survived"].value == pytest.approx(5.0)
    assert rows(history, "A")[SCRATCH]["temperature"] == Number(600.0)
    assert len(tables(history.state)["scratch"].rows) == 4


def test_the_loop_makes_the_whole_study_and_report_and_export_show_it(tmp_path):
    foundation = {"potential": {"committee": 3, "foundation": "small"}}
    settings = config(**foundation, studies={"scratch": {"ps": 15, "temperatures_K": [600, 1000]}})
    campaign: Campaign = loop(tmp_path, settings, foundation=FOUNDATION)
    campaign.run(STARTED)
    rungs = {size: dict(rung.models) for size, rung in campaign.state.rungs.items()}
    before = (campaign.state.verdict, campaign.state.labels_spent(), rungs, len(campaign.state.evaluations))
    campaign.study = STUDY.stage()
    campaign.charter = replace(campaign.charter, goal="study")
    campaign.measure(STARTED)
    state = campaign.state
    rungs = {size: dict(rung.models) for size, rung in state.rungs.items()}
    assert (state.verdict, state.labels_spent(), rungs, len(state.evaluations)) == before
    done = [result.context["part"] for result in state.studies["scratch"].values()]
    assert {part: done.count(part) for part in done} == {"fit": 4, "errors": 6, "md": 12, "pairs": 12}
    assert all(result.summary is not None for result in state.studies["scratch"].values())

    table, curves = write_studies(campaign.workspace, state, tmp_path / "studies")
    assert table.read_text().splitlines()[0].startswith("start,on,temperature (K),energy RMSE (meV/atom)")
    first = '"A, Li-Li, 600 K","from the foundation, fit 0",1.0,0.0'
    assert curves.read_text().splitlines()[:2] == ["panel,line,r (Å),g(r)", first]
    drawn = plots(state, campaign.workspace)
    build_report(state, list(campaign.journal.entries()), tmp_path / "report.html", None, drawn)
    page = (tmp_path / "report.html").read_text()
    assert '<div class="plot" id="study-scratch"' in page
    assert "A, Li-Li, 1000 K" in page
