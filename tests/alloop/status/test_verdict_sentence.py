from __future__ import annotations

from types import SimpleNamespace

import pytest

from alloop.status.summary import RungRow
from alloop.status.verdict_sentence import findings, verdict_sentence


def row(size: int, forces: float, se: float | None = 1.0) -> RungRow:
    return RungRow(size, 2.0, 0.1, forces, se, 3, 12, None)


def status(verdict: str | None, *judgements: dict, rungs=None):
    rungs = rungs or (row(24, 60.0), row(48, 50.0))
    return SimpleNamespace(verdict=verdict, next_rung=96, rungs=rungs, judgements=judgements, reason="")


def judged(finding: str, power: float | None = 0.9, **more) -> dict:
    return {"metric": "force RMSE", "unit": "meV/Å", "delta": -10.0, "se_delta": 2.0, "tolerance": 6.0} | {
        "finding": finding,
        "power": power,
        **more,
    }


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (status(None), "not finished; it is heading for 96 training labels"),
        (status("converged"), "From 24 to 48 training labels, no error or property changed by more than its tolerance"),
        (status("ladder_exhausted", judged("different")), "the force RMSE still changed by more than the tolerance"),
        (status("ladder_exhausted", judged("undecided")), "the force RMSE may still have changed"),
        (status("ladder_exhausted", judged("undecided", 0.1)), "too few to tell whether the force RMSE changed"),
        (status("ladder_exhausted", judged("undecided", None)), "the force RMSE may still have changed"),
        (
            status("ladder_exhausted", judged("undecided", 0.1, metric="activation energy", system="A")),
            "production runs are too few or too short to tell whether the activation energy of A changed",
        ),
        (status("ladder_exhausted", judged("different", system="LiCl")), "the force RMSE of LiCl still changed"),
        (status("ladder_exhausted"), "it is not known whether the answer still changes"),
        (status("budget_spent"), "The budget ended before"),
        (status("stopped"), "gave up"),
    ],
)
def test_every_verdict_is_a_sentence(found, words):
    assert words in verdict_sentence(found)


def test_each_metric_says_whether_it_changed_or_that_this_cannot_be_told():
    told = findings(status("ladder_exhausted", judged("different"), judged("undecided", 0.25)))
    change = "Change: -10.0 ± 2.0 meV/Å. Tolerance: 6 meV/Å."
    assert told[0] == f"force RMSE: changed by more than the tolerance. {change}"
    assert told[1] == (
        f"force RMSE: no answer, as the error bar is too wide. {change} With this error bar, rungs that do not differ "
        "pass in 25 of 100 comparisons."
    )
    assert findings(status("ladder_exhausted", judged("undecided", None, delta=None))) == [
        "force RMSE: no answer, as the error bar is too wide. The change could not be measured. Tolerance: 6 meV/Å."
    ]


def test_an_error_that_rises_with_more_labels_is_commented_on():
    sure = findings(status("ladder_exhausted", rungs=(row(12, 50.0), row(24, 60.0))))
    assert sure == ["The force RMSE rose by 10 meV/Å from 12 to 24 labels."]
    assert findings(status("ladder_exhausted", rungs=(row(0, 50.0), row(24, 60.0)))) == []
    assert findings(status("converged")) == []
