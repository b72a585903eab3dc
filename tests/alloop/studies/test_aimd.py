"""The study of molecular dynamics by the label engine: what it asks for, and what its table and curves say."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from alloop.commands.outputs import write_export
from alloop.config.errors import ConfigError
from alloop.config.loading import config_from_text
from alloop.config.studies import AimdConfig, StudiesConfig
from alloop.decisions.next_tasks import plan
from alloop.outputs.errors import UnreadableError
from alloop.outputs.studies import write_studies
from alloop.reading import read
from alloop.report.study_figures import curves_figure
from alloop.studies.aimd import STUDY, Given, wants
from alloop.studies.aimd_findings import COLUMNS, file_name, measurements
from alloop.studies.study import plots, tables
from alloop.tasks.contract.aimd import LiteraturePoint
from alloop.tasks.contract.produce import trajectory_file
from alloop.transport.conductivity import BOLTZMANN_EV_PER_K
from tests.support.histories import History
from tests.support.loops import STARTED, loop
from tests.support.small import SMALL, config

FREE = {"local": 100}
MEASURE = {"mobile": "Na", "temperatures_K": [600, 900]}
ASKED = {"ps": 0.2, "segment_steps": 50, "sample_fs": 10}
PUBLISHED = LiteraturePoint(label="Muster 2020", temperature_K=700.0, conductivity_S_per_cm=0.1, error=0.02)
NAMES = [column.name for column in COLUMNS]


def wanted(history, given=None, **settings):
    studies = StudiesConfig.model_validate({"aimd": {**ASKED, **settings}})
    asked = replace(history.charter, config=history.charter.config.model_copy(update={"studies": studies}))
    study = STUDY if given is None else replace(STUDY, wants=partial(wants, given))
    return plan(history.state, asked, FREE, study.stage())


def begun(**changes):
    return History(measure=MEASURE, **changes).atoms()


def segment(ended="length"):
    walker = {
        "temperature_K": 600.0,
        "ended": ended,
        "samples": 11,
        "mean_kinetic_K": 600.0,
        "drift_meV_per_atom_per_ps": 0.0,
        "min_contact": 0.9,
        "trajectory_sha256": "0" * 64,
        "file": "f",
    }
    return {"walkers": [walker], "single_points": 51, "scf_iterations": 7.0}


def transport(energy_eV=0.3, unmeasured=None):
    """Transport whose D is 1e-3 cm²/s times a Boltzmann factor, with an error of a tenth."""
    temperatures = [
        {
            "temperature_K": kelvin,
            "kinetic_K": kelvin,
            "volume_A3": 200.0,
            "ions": 1,
            "charge_e": 1.0,
            "length_ps": 0.2,
            "replicas": 1,
            "D_tracer_cm2_s": {"value": D, "se": 0.1 * D},
            "sigma_ne_S_per_cm": {"value": 100 * D, "se": 10 * D},
            "se_ln_D": 0.1,
            "msd_end_A2": 4.0,
            "unmeasured": unmeasured,
        }
        for kelvin in (600.0, 900.0)
        for D in (1e-3 * math.exp(-energy_eV / (BOLTZMANN_EV_PER_K * kelvin)),)
    ]
    arrhenius = {"activation_energy_eV": {"value": energy_eV, "se": 0.02}, "used_K": [600.0, 900.0]}
    return {"temperatures": temperatures, "arrhenius": None if unmeasured else arrhenius, "unmeasured": unmeasured}


def through(history, given=None, last=None, **settings):
    """Let segments end until the measurement is asked for, and return its task and the steps of all segments."""
    steps = []
    for _ in range(20):
        tasks = wanted(history, given, **settings)
        if any(task.build().kind == "measureaimd" for task in tasks):
            (task,) = tasks
            return task, steps
        for task in tasks:
            steps.append((task.context["temperature_K"], task.build().steps))
            history.study(task, **(last or {"summary": segment()}))
    raise AssertionError("nothing was measured")


def rows(history):
    return [dict(zip(NAMES, cells, strict=True)) for cells in tables(history.state)["aimd"].rows]


def test_runs_are_chains_of_segments_and_then_measured():
    history = begun()
    first, other = (task.build() for task in wanted(history))
    assert first.slot_kind == "label"
    assert first.start is None
    assert [one.walkers[0].temperature_K for one in (first, other)] == [600.0, 900.0]
    assert first.walkers[0].seed != other.walkers[0].seed
    assert (first.sample_every_steps, first.timestep_fs, first.settings["xc"]) == (5, 2.0, "PBE")
    task, steps = through(history, segment_steps=40)
    assert steps == [(600.0, 40), (900.0, 40), (600.0, 40), (900.0, 40), (600.0, 20), (900.0, 20)]
    assert [(run.temperature_K, len(run.segments)) for run in task.build().runs] == [(600.0, 3), (900.0, 3)]
    history.study(task, summary={"transport": transport()})
    assert wanted(history, segment_steps=40) == []


def test_longer_runs_go_on_after_the_whole_segments_of_the_shorter():
    history = begun()
    task, _ = through(history)
    history.study(task, summary={"transport": transport()})
    again, steps = through(history, ps=0.4)
    assert steps == [(600.0, 50), (900.0, 50)] * 2
    assert again.build().runs[0].segments[:2] == task.build().runs[0].segments


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [({"summary": segment("contact")}, 1), ({"reason": "scf", "detail": "no self-consistency"}, 0)],
)
def test_a_run_that_broke_off_is_not_continued_and_measured_as_far_as_it_went(outcome, kept):
    task, steps = through(begun(), last=outcome)
    assert len(steps) == 2
    assert [len(run.segments) for run in task.build().runs] == [kept, kept]


def test_a_segment_that_failed_is_in_the_table_with_its_reason():
    history = begun()
    through(history, last={"reason": "scf", "detail": "no self-consistency"})
    assert {row["note"] for row in rows(history)} == {"0 of 2 segments done, then scf: no self-consistency"}


@pytest.mark.parametrize("reason", ["lost", "timeout"])
def test_a_run_that_machines_broke_off_goes_on_in_the_next_driver(reason):
    history = begun(step_s=1.0).say(STARTED)
    task, steps = through(history, last={"reason": reason, "detail": "gone"})
    assert [len(run.segments) for run in task.build().runs] == [0, 0]
    history.study(task, summary={"transport": transport()})
    assert wanted(history) == []
    history.say(STARTED)
    again = wanted(history)
    assert [task.purpose.rpartition("/")[2] for task in again] == ["again1"] * 2
    for one in again:
        history.study(one, reason=reason, detail="gone")
    assert wanted(history) == []
    history.say(STARTED)
    task, steps = through(history)
    assert steps == [(600.0, 50), (900.0, 50)] * 2
    assert [len(run.segments) for run in task.build().runs] == [2, 2]
    assert {row["note"] for row in rows(history) if row["note"].startswith("0 of")} == set()


def test_runs_under_way_are_counted():
    history = begun()
    history.study(wanted(history)[0], summary=segment())
    (row,) = rows(history)
    assert row["source"].startswith("AIMD, GPAW PBE")
    assert (row["temperature"].value, row["note"]) == (600.0, "1 of 2 segments done")


def test_the_newest_measurement_of_every_functional_counts():
    history = begun()
    for given, ps in ((None, 0.2), (None, 0.4), (Given(code={"gpaw": "1"}), 0.2)):
        task, _ = through(history, given, ps=ps, **({"xc": "r2SCAN"} if given else {}))
        history.study(task, summary={"transport": transport()})
    found = [(told.method.split(",")[0], len(told.runs[0].segments)) for told, _ in measurements(history.state)]
    assert found == [("GPAW PBE", 4), ("GPAW r2SCAN", 2)]


def test_only_named_systems_and_their_functional():
    history = begun()
    assert wanted(history, systems=["B"]) == []
    code = {"gpaw": "1", "libxc": "7"}
    request = wanted(history, Given(code), xc="r2SCAN", systems=["A"], repeat=[2, 1, 1])[0].build()
    assert (request.settings["xc"], request.code) == ("r2SCAN", code)
    assert len(request.structure.numbers) == 4


def test_engine_models_and_literature_are_in_one_table_and_one_plot():
    history = begun().labelled(12).fitted(rung=12).rung_fits(12)
    task, _ = through(history, Given(literature=(PUBLISHED,)))
    assert task.build().literature == (PUBLISHED,)
    told = {"transport": transport(), "literature": [PUBLISHED.model_dump()]}
    history.study(task, summary=told)
    from alloop.tasks.contract.measure import MeasureSummary

    for fit in (0, 1):
        summary = MeasureSummary.model_validate({"transport": transport(0.35)})
        history.state.transports["r12", fit, "A", 50.0] = summary
    found = rows(history)
    assert [row["source"].partition(",")[0] for row in found[::3]] == [
        "AIMD",
        "models of 12 labels",
        "models of 12 labels",
        "literature: Muster 2020",
    ]
    assert found[2]["activation energy"].value == pytest.approx(0.3)
    assert found[-1]["conductivity"].error == pytest.approx(0.02)
    sigma, D = plots(history.state, None)["aimd"]
    assert (sigma.title, sigma.log_y, D.title) == ("A: conductivity", True, "A: D")
    assert [line.group.partition(",")[0] for line in sigma.lines] == [
        "AIMD",
        "models of 12 labels",
        "models of 12 labels",
        "Muster 2020",
    ]
    fitted = [line for line in D.lines if not line.points]
    assert len(fitted) == 3
    assert fitted[0].y == pytest.approx(D.lines[0].y)
    figure = curves_figure([sigma, D])
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert sum(trace["showlegend"] for trace in figure["data"]) == 3


def test_every_mobile_element_has_rows_and_points_of_its_own():
    history = begun()
    task, _ = through(history)
    both = {**transport(), "element": "Na", "others": {"Cl": {**transport(0.5), "element": "Cl"}}}
    history.study(task, summary={"transport": both})
    energies = {row["source"].rpartition(", ")[2]: row["activation energy"] for row in rows(history)}
    assert {element: energy.value for element, energy in energies.items()} == {"Na": 0.3, "Cl": 0.5}
    (_, plot) = STUDY.plots(history.state, [*history.state.studies["aimd"].values()], lambda result: None)
    assert {line.group.rpartition(", ")[2] for line in plot.lines} == {"Na", "Cl"}


def test_a_number_that_is_not_measured_is_left_out_with_its_reason():
    history = begun()
    task, _ = through(history)
    history.study(task, summary={"transport": transport(unmeasured="too few hops")})
    assert [(row["D"], row["note"]) for row in rows(history)] == [(None, "too few hops")] * 2 + [(None, "too few hops")]
    assert rows(history)[0]["MSD at the end"].value == 4.0
    assert "aimd" not in plots(history.state, None)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"segment_steps": 52}, "no multiple of it; use 50"),
        ({"ps": 1, "skip_ps": 1}, "leaves nothing of runs of 1 ps"),
        ({"temperatures_K": []}, "at least 1 item"),
        ({"timestep_fs": 0}, "greater than 0"),
        ({"ensemble": "npt"}, "'bussi', 'nose_hoover' or 'nve'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, why):
    with pytest.raises(ValidationError, match=why):
        AimdConfig.model_validate(settings)


def test_a_run_has_a_whole_number_of_samples():
    settings = AimdConfig(ps=0.101, timestep_fs=2.0, sample_fs=10.0, segment_steps=5)
    assert (settings.steps, settings.sample_steps) == (55, 5)


def test_without_settings_of_the_measurement_it_is_refused():
    key, what = STUDY.problem(config())
    assert key == ("measure",)
    assert "mobile" in what
    label = {"engine": "ase", "calculator": "ase.calculators.emt:EMT"}
    key, _ = STUDY.problem(config(label=label, measure=MEASURE, studies={"aimd": {"xc": "PBE"}}))
    assert key == ("studies", "aimd", "xc")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"systems": ["a"]}, "no system or composition is `a`; did you mean `A`"),
        ({"literature": "l.csv"}, "no such file"),
    ],
)
def test_names_and_files_that_are_not_there_are_refused_before_anything_is_asked(tmp_path, settings, why):
    text = yaml.safe_dump({**SMALL, "measure": MEASURE, "studies": {"aimd": settings}})
    loaded = config_from_text(text, Path("c.yaml"), tmp_path)
    with pytest.raises(ConfigError, match=why):
        STUDY.prepare(STUDY, loaded, begun().state)


def studied(tmp_path):
    """Run the study in a campaign that has no label."""
    campaign = loop(tmp_path, config(measure=MEASURE, studies={"aimd": ASKED}))
    campaign.study = STUDY.stage()
    campaign.charter = replace(campaign.charter, goal="study")
    campaign.measure(STARTED)
    return campaign


def test_a_campaign_is_studied_by_the_loop_and_its_numbers_are_written(tmp_path):
    campaign = studied(tmp_path)
    results = campaign.state.studies["aimd"]
    assert [result.kind for result in results.values()] == ["aimd"] * 4 + ["measureaimd"]
    assert all(result.summary is not None for result in results.values())
    table, *others = write_studies(campaign.workspace, campaign.state, tmp_path / "studies")
    assert table.read_text().startswith("system,source,temperature (K),")
    method = file_name(measurements(campaign.state)[0][0].method)
    assert method
    assert {path.name for path in others} >= {f"aimd.A.{method}.{kelvin}K.0.npz" for kelvin in (600, 900)}
    key = next(iter(results.values())).key
    for path, what in (
        (campaign.workspace.companion_path("aimd", trajectory_file(key, 0)), "the AIMD of A at 600 K is missing"),
        (campaign.workspace.result_path("aimd", key), "a result of the study aimd is missing"),
    ):
        path.unlink()
        with pytest.raises(UnreadableError, match=what):
            write_studies(campaign.workspace, campaign.state, tmp_path / "studies")


def test_a_campaign_without_a_label_exports_what_its_study_found(tmp_path):
    campaign = studied(tmp_path / "campaign")
    assert not campaign.state.labelled("train")
    campaign.journal.close()
    written = write_export(read(tmp_path / "campaign"), tmp_path / "out")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in written}
    assert "studies/aimd.csv" in names
    assert "dataset.extxyz" not in names
    assert (tmp_path / "out" / "README.json").read_text().startswith('{"status": "UNFINISHED')
