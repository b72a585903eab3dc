"""The study of costs: what it asks for, and what its table and curves say."""

from dataclasses import replace

import pytest

from alloop.config.studies import StudiesConfig
from alloop.decisions.next_tasks import plan
from alloop.report.study_figures import curves_figure
from alloop.studies.cost import COLUMNS, STUDY
from alloop.studies.study import plots, tables
from tests.support.histories import History

FREE = {"local": 100}
MACHINE = {"cores": 1, "processor": "a processor", "machine_cores": 4, "versions": {"ase": "3"}}


def wanted(history, **settings):
    studies = StudiesConfig.model_validate({"cost": settings})
    asked = replace(history.charter, config=history.charter.config.model_copy(update={"studies": studies}))
    return plan(history.state, asked, FREE, STUDY.stage())


def with_a_rung():
    return History().atoms().labelled(12).fitted(rung=12).rung_fits(12)


def do(history, tasks, second, exponent):
    """Let probes end that take a time per step of ``second * atoms ** exponent``."""
    for task in tasks:
        atoms = len(task.build().structure.numbers)
        step = second * atoms**exponent
        history.study(task, summary={"atoms": atoms, "step_s": step, "se_s": 0.1 * step, "cpu_s": step, **MACHINE})
    return history


def rows(history):
    return [dict(zip([c.name for c in COLUMNS], cells, strict=True)) for cells in tables(history.state)["cost"].rows]


def test_every_size_is_probed_with_the_model_and_the_label_engine():
    tasks = wanted(with_a_rung(), repeats=[[1, 1, 1], [2, 1, 1]], label_repeats=[[1, 1, 1]])
    assert [(task.build().kind, len(task.build().structure.numbers)) for task in tasks] == [
        ("cost", 2),
        ("cost", 4),
        ("costbylabels", 2),
    ]


def test_without_a_fitted_rung_the_label_engine_is_probed_alone():
    assert not STUDY.of_models
    assert {task.build().kind for task in wanted(History().atoms())} == {"costbylabels"}


def test_core_hours_of_a_picosecond_and_their_power_law():
    history = with_a_rung()
    tasks = wanted(history)
    models, engine = ([t for t in tasks if (t.build().kind == "cost") == of_model] for of_model in (True, False))
    do(do(history, models, 0.01, 1.2), engine, 3.6, 1.0)
    found = rows(history)
    (of_model, one, *_), law = found[:4], found[4]
    assert of_model["cost"].value == pytest.approx(0.01 * 2**1.2 * 500 / 3600)
    assert of_model["cost"].error == pytest.approx(0.1 * of_model["cost"].value)
    assert one["atoms"].value == 4
    assert law["exponent"].value == pytest.approx(1.2)
    assert law["exponent"].error == pytest.approx(0.0, abs=1e-6)
    of_engine = [row for row in found if row["source"].startswith("GPAW")]
    assert [row["exponent"] for row in of_engine] == [None, None]
    assert of_engine[0]["cost"].value == pytest.approx(2 * 3.6 * 500 / 3600)
    assert "a processor, 1 of 4 cores; ase 3" in of_engine[0]["note"]


def test_the_figure_has_logarithmic_axes_points_and_power_laws():
    history = with_a_rung()
    do(history, wanted(history), 0.01, 1.0)
    (plot,) = plots(history.state, None)["cost"]
    assert [line.points for line in plot.lines] == [True, False, True]
    figure = curves_figure([plot])
    assert {figure["layout"][name]["type"] for name in ("xaxis", "yaxis")} == {"log"}
    assert [(trace["mode"], trace["showlegend"]) for trace in figure["data"]] == [
        ("markers", True),
        ("lines", False),
        ("markers", True),
    ]


def test_a_probe_that_failed_says_why():
    history = with_a_rung()
    task = wanted(history, repeats=[[1, 1, 1]])[0]
    history.study(task, reason="unstable", detail="the dynamics broke off")
    assert rows(history)[0]["note"] == "unstable: the dynamics broke off"
    assert "cost" not in plots(history.state, None)


def test_sizes_of_the_label_engine_are_one_source_whatever_their_k_points():
    history = History(label={"engine": "gpaw", "kpts": {"spacing_per_A": 0.5}}).atoms()
    tasks = wanted(history)
    assert len({task.context["source"] for task in tasks}) == 1
    one, other = (task.build().settings["kpts"] for task in tasks)
    assert one != other
