"""The study of orderings by Monte Carlo: what it asks for, and what its table and curves say."""

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from alloop.config.studies import StudiesConfig
from alloop.decisions.next_tasks import plan
from alloop.outputs.studies import write_studies
from alloop.report.study_figures import curves_figure
from alloop.studies import disorder_findings
from alloop.studies.disorder import STUDY
from alloop.studies.disorder_findings import block_error
from alloop.studies.study import Number, plots, tables
from tests.support.histories import ROCK_SALT, History
from tests.support.loops import STARTED, loop
from tests.support.small import config

FREE = {"local": 100}
MIXED = bulk("NaCl", "rocksalt", 5.64, cubic=True)
MIXED.symbols[[0, 2]] = "K"
ASKED = {"sublattices": [["Na", "K"], ["Br", "Cl"]], "temperatures_K": [300, 600], "sweeps": 25, "every_fs": 20}
COLUMNS = [column.name for column in disorder_findings.COLUMNS]


def with_rungs(**changes):
    return History(systems={"A": MIXED, "B": ROCK_SALT}, **changes).atoms().labelled(12).fitted(rung=12).rung_fits(12)


def wanted(history, **settings):
    """Return the tasks that the study asks for now."""
    studies = StudiesConfig.model_validate({"disorder": {**ASKED, **settings}})
    asked = replace(history.charter, config=history.charter.config.model_copy(update={"studies": studies}))
    return plan(history.state, asked, FREE, STUDY.stage())


def walker(kelvin, blocks, order, ended="length", accepted=1):
    """Blocks whose energies and orders scatter about a mean by one thousandth and one tenth."""
    scatter = np.resize([1.0, -1.0, -1.0, 1.0], blocks)
    return {
        "temperature_K": kelvin,
        "ended": ended,
        "blocks": [
            {
                "energy_eV_per_atom": -3.0 + 0.001 * by,
                "order": {"K–Na": order + 0.1 * by},
                "swaps": {"Na/K": {"attempted": 4, "accepted": accepted}},
            }
            for by in scatter.tolist()
        ],
    }


def pair_of(blocks, order, **changes):
    """The summary of two walkers; the order of the second is half of that of the first."""
    return {"walkers": [walker(300.0, blocks, order), walker(600.0, blocks, order / 2, **changes)]}


def do(history, tasks, orders, **changes):
    """Let segments end, of two walkers each, with an order of the first; that of the second is half of it."""
    for task, order in zip(tasks, orders, strict=True):
        history.study(task, summary=pair_of(task.build().blocks, order, **changes))
    return history


def rows(history):
    return [dict(zip(COLUMNS, cells, strict=True)) for cells in tables(history.state)["disorder"].rows]


def test_every_fit_samples_the_systems_that_hold_two_elements_of_a_sublattice():
    history = with_rungs()
    tasks = wanted(history)
    requests = [task.build() for task in tasks]
    assert [task.context["system"] for task in tasks] == ["A", "A"]
    assert [request.model for request in requests] == list(history.state.rungs[12].models.values())
    first, second = requests
    assert [one.temperature_K for one in first.walkers] == [300.0, 600.0]
    assert first.walkers[0].seed != second.walkers[0].seed != first.walkers[1].seed
    assert first.swaps.sublattices == (("Na", "K"),)
    assert first.swaps.every_steps == 10
    # 25 sweeps of 4 ions in 25 blocks
    assert (first.attempts, first.blocks) == (4, 25)


def test_without_elements_of_its_own_it_takes_those_of_the_walkers_and_without_both_it_is_refused():
    key, what = STUDY.problem(config())
    assert key == ("studies", "disorder", "sublattices")
    assert "explore.swaps" in what
    swaps = {"explore": {"temperatures_K": [600, 1000], "swaps": {"sublattices": [["K", "Na"]]}}}
    assert STUDY.problem(config(**swaps)) is None
    assert [task.build().swaps.sublattices for task in wanted(with_rungs(**swaps), sublattices=None)] == [
        (("K", "Na"),)
    ] * 2


def test_a_long_run_is_a_chain_of_segments_that_ends_with_its_last_block():
    history, lengths = with_rungs(), []
    for _ in range(9):
        tasks = wanted(history, sweeps=750)
        if not tasks:
            break
        requests = [task.build() for task in tasks]
        assert all((request.start is None) == (not lengths) for request in requests)
        lengths.append(requests[0].blocks)
        do(history, tasks, [0.2, 0.2])
    # 120 attempts of 20 fs are 2.4 ps, and a task has 10 ps.
    assert lengths == [4, 4, 4, 4, 4, 4, 1]
    assert {row["note"] for row in rows(history)} == {"rung of 12 labels, 2 of 2 runs done"}


def test_runs_that_all_broke_off_are_not_continued_and_named():
    history = with_rungs()
    (first, second) = wanted(history, sweeps=750)
    broken = {"walkers": [walker(kelvin, 1, 0.1, "contact") for kelvin in (300.0, 600.0)]}
    history.study(first, summary=broken)
    history.study(second, reason="elements", detail="no K")
    assert wanted(history, sweeps=750) == []
    assert {row["note"] for row in rows(history)} == {
        "rung of 12 labels, 0 of 2 runs done; one broke off: contact; elements: no K"
    }
    assert all(row["order"] is None for row in rows(history))


def test_the_table_has_means_over_fits_with_the_larger_of_two_errors():
    history = with_rungs()
    do(history, wanted(history), [-0.2, -0.6])
    cold, warm = rows(history)
    assert (cold["composition"], cold["pair"], cold["sublattice"]) == ("A", "K–Na", "Na/K")
    assert [row["temperature"].value for row in (cold, warm)] == [300.0, 600.0]
    # The fits differ by 0.4: their spread is larger than what the blocks of each scatter by.
    assert cold["order"].value == pytest.approx(-0.4)
    assert cold["order"].error == pytest.approx(0.4 / np.sqrt(2) / np.sqrt(2))
    assert warm["order"].error == pytest.approx(0.1)
    # Their energies are equal: blocks decide, 20 of each.
    assert cold["energy"].value == pytest.approx(-3.0)
    assert 0 < cold["energy"].error < 0.001
    assert cold["acceptance"] == Number(25.0, 0.0)


def test_orderings_of_a_composition_are_one_row_and_other_settings_another_study():
    history = with_rungs(compositions={"A": "salt"})
    do(history, wanted(history), [-0.2, -0.2])
    assert wanted(history) == []
    assert [row["composition"] for row in rows(history)] == ["salt", "salt"]
    again = wanted(history, every_fs=40)
    assert len(again) == 2
    do(history, again, [0.3, 0.3])
    assert rows(history)[0]["order"].value == pytest.approx(0.3)


def test_fits_are_independent_and_orderings_are_not():
    history = with_rungs(compositions={"A": "salt"})
    first, second = wanted(history)
    do(history, (first, second), [-0.2, -0.6])
    alone = rows(history)[0]["order"]
    for task, order in ((first, -0.2), (second, -0.6)):
        request = task.build().model_copy(update={"timestep_fs": 3.0})
        told = {**task.context, "system": "A-1"}
        other = replace(task, purpose=f"{task.purpose}/1", build=lambda request=request: request, context=told)
        history.study(other, summary=pair_of(25, order))
    both = rows(history)[0]["order"]
    assert (both.value, both.error) == (pytest.approx(alone.value), pytest.approx(alone.error))


def test_a_run_that_swaps_nothing_has_no_order_with_an_error():
    history = with_rungs()
    for task in wanted(history):
        pair = [walker(300.0, 25, -0.2, accepted=0), walker(600.0, 25, -0.2)]
        history.study(task, summary={"walkers": pair})
    cold, warm = rows(history)
    assert cold["note"].endswith("; no swap accepted: order unmeasured")
    assert (cold["order"].error, cold["acceptance"]) == (None, Number(0.0))
    assert warm["order"].error > 0
    drawn = plots(history.state, None)["disorder"]
    assert [line.errors[0] for line in drawn[0].lines] == [None, None]
    assert curves_figure(drawn)["data"][0]["error_y"]["array"][0] is None


def test_results_of_a_system_stay_when_the_sublattices_of_another_change():
    history = with_rungs()
    do(history, wanted(history), [-0.2, -0.2])
    (before,) = {row["order"].value for row in rows(history) if row["temperature"].value == 300.0}
    task = wanted(history, sublattices=[["Na", "Cl"]])[0]
    told = {**task.context, "system": "C", "composition": "C"}
    other = [walker(kelvin, 25, 0.3) for kelvin in (300.0, 600.0)]
    history.study(replace(task, context=told), summary={"walkers": other})
    assert [(row["composition"], row["order"].value) for row in rows(history)][::2] == [
        ("A", pytest.approx(before)),
        ("C", pytest.approx(0.3)),
    ]


def test_curves_are_order_against_temperature_of_every_fit_with_error_bars():
    history = with_rungs()
    do(history, wanted(history), [-0.2, -0.6])
    (plot,) = plots(history.state, None)["disorder"]
    assert (plot.title, plot.x, plot.y) == ("A", "temperature (K)", "Warren-Cowley parameter")
    assert [(line.name, line.group, line.x) for line in plot.lines] == [
        ("K–Na, A, fit 0", "K–Na", (300.0, 600.0)),
        ("K–Na, A, fit 1", "K–Na", (300.0, 600.0)),
    ]
    assert plot.lines[0].y == pytest.approx((-0.2, -0.1))
    assert len(curves_figure([plot])["data"][0]["error_y"]["array"]) == 2


def test_blocks_that_follow_each_other_closely_have_a_larger_error():
    random = np.random.default_rng(0)
    free = [block_error(random.normal(size=20)) for _ in range(300)]
    tied = [block_error(np.repeat(random.normal(size=5), 4)) for _ in range(300)]
    assert 1.0 < np.mean(free) / (1 / np.sqrt(20)) < 1.4
    assert np.mean(tied) > 0.8 / np.sqrt(5)
    assert block_error([1.0, 2.0, 3.0, 4.0]) is None


def test_a_finished_campaign_is_sampled_by_the_loop_and_its_structures_are_written(tmp_path):
    asked = {"studies": {"disorder": {**ASKED, "sublattices": [["Na", "Cl"]], "sweeps": 2000}}}
    campaign = loop(tmp_path, config(**asked))
    campaign.run(STARTED)
    campaign.study = STUDY.stage()
    campaign.charter = replace(campaign.charter, goal="study")
    campaign.measure(STARTED)
    results = campaign.state.studies["disorder"]
    assert len(results) > 2
    assert all(result.summary is not None for result in results.values())
    table, curves, structures = write_studies(campaign.workspace, campaign.state, tmp_path / "studies")
    assert "Warren-Cowley" in table.read_text()
    assert "±" in curves.read_text()
    infos = [atoms.info for atoms in ase.io.read(structures, ":")]
    assert len(infos) == 2 * len(results)
    assert {(info["fit"], info["temperature_K"]) for info in infos} == {(f, t) for f in (0, 1) for t in (300.0, 600.0)}
