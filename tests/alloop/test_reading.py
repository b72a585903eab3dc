import builtins
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import alloop
from alloop.config.errors import ConfigError
from alloop.journal.events import CampaignCreated, Tick
from alloop.journal.journal import JOURNAL_FILE, Journal, JournalError
from alloop.outputs.errors import AbsentError, UnreadableError
from alloop.potential.models import model_files
from alloop.report.transport.by_system import TransportOfSystems
from alloop.report.transport.tables import combine_rungs
from tests.support.campaigns import environment, write_config
from tests.support.journals import START_T, play, script
from tests.support.shared import tiny_campaign
from tests.support.transports import LADDER

ROOT = Path(__file__).parents[2]
SETTINGS_OF_NOTEBOOK = ('"Li3InCl6", 600', '"CuAl", 300')


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The folder of a campaign that is told, with its label files and without models."""
    folder = tmp_path_factory.mktemp("story") / "campaign"
    play(folder, arrays=True)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the config and the campaign of a tiny real run that measures transport."""
    return tiny_campaign(tmp_path_factory)


@pytest.fixture(scope="module")
def campaign(home):
    return alloop.read(home / "runs" / "tiny")


def contents(folder):
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


# -- opening -----------------------------------------------------------------------------------------------------


def test_the_status_is_what_the_command_prints(story):
    printed = subprocess.run(
        [sys.executable, "-m", "alloop", "status", str(story), "--json"], capture_output=True, env=environment()
    )
    assert {**alloop.read(story).status.to_json(), "driver": None} == json.loads(printed.stdout)


def test_a_config_opens_the_campaign_that_it_made(home, campaign, monkeypatch):
    monkeypatch.chdir(home)
    assert alloop.read("tiny.yaml").status.run_id == campaign.status.run_id


def test_reading_changes_no_file_and_makes_none(story, campaign):
    for one in (alloop.read(story), campaign):
        before = contents(one.root)
        again = alloop.read(one.root)
        again.labels()
        str(again)
        if one is campaign:
            again.committee().look(again.labels()[0])
            again.transport()
            again.trajectory("CuAl", 300)
        assert contents(one.root) == before


def test_a_campaign_is_read_while_its_driver_holds_the_journal_and_is_not_disturbed(tmp_path):
    events, _ = script()
    with Journal(tmp_path, clock=lambda: START_T) as journal:
        journal.append([event for _, event in events[:20]])
        before = contents(tmp_path)
        running = alloop.read(tmp_path)
        assert running.driver is not None
        assert f"pid {os.getpid()}" in running.driver
        assert {path.name for path in contents(tmp_path)} == {path.name for path in before}
        assert (tmp_path / JOURNAL_FILE).stat().st_mtime_ns == before[tmp_path / JOURNAL_FILE][1]
        journal.append([event for _, event in events[20:40]])
        assert len(alloop.read(tmp_path).entries) == 40
        assert len(running.entries) == 20


def test_what_a_killed_driver_left_in_its_log_is_read_without_touching_it(tmp_path):
    events, _ = script()
    with Journal(tmp_path / "running", clock=lambda: START_T) as journal:
        journal.append([event for _, event in events[:20]])
        shutil.copytree(tmp_path / "running", tmp_path / "killed")
    before = contents(tmp_path / "killed")
    assert (tmp_path / "killed" / f"{JOURNAL_FILE}-wal").stat().st_size
    assert len(alloop.read(tmp_path / "killed").entries) == 20
    assert contents(tmp_path / "killed") == before


AS_NOBODY = """
import os, sys, alloop
alloop.read(sys.argv[1]).labels()  # imports what the user below may not be able to
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
assert not os.access(sys.argv[1], os.W_OK)
print(len(alloop.read(sys.argv[1]).labels()))
"""


def test_a_folder_that_cannot_be_written_is_read(story):
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        archive = shutil.copytree(story, Path(home) / "archive")
        archive.chmod(0o555)
        command = [sys.executable, "-c", AS_NOBODY, str(archive)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        archive.chmod(0o755)
    assert done.stderr == ""
    assert int(done.stdout) == len(alloop.read(story).labels())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing", r"no such file or folder; name a campaign's folder or config \(`alloop list runs`"),
        ("empty", "no campaign here .* start one with"),
        ("written", "no campaign here .* name .*written/mine.yaml"),
        ("runs", "no campaign here .* `alloop list .*runs` shows those below it"),
    ],
)
def test_a_place_without_a_campaign_is_one_line(tmp_path, name, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "written").mkdir()
    (tmp_path / "written" / "mine.yaml").touch()
    play(tmp_path / "runs" / "mine", upto=1)
    with pytest.raises((ConfigError, JournalError), match=says) as caught:
        alloop.read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_journal_in_which_nothing_was_created_is_one_line(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append([Tick()])
    with pytest.raises(JournalError, match="no campaign has begun here yet"):
        alloop.read(tmp_path)


# -- labels ------------------------------------------------------------------------------------------------------


def test_labels_come_with_energies_forces_and_where_they_are_from(story):
    told = alloop.read(story)
    frames = told.labels()
    assert len(frames) == told.status.labels.train + told.status.labels.heldout
    for atoms in frames:
        assert np.isfinite(atoms.info["REF_energy"])
        assert atoms.arrays["REF_forces"].shape == (10, 3)
        assert atoms.info["REF_stress"].shape == (6,)
        assert atoms.info["why"]
        assert atoms.info["walker"].startswith("Li3InCl6")


def test_labels_of_one_use(story):
    told = alloop.read(story)
    for use, count in (("train", told.status.labels.train), ("heldout", told.status.labels.heldout)):
        assert {atoms.info["use"] for atoms in told.labels(use)} == {use}
        assert len(told.labels(use)) == count
    with pytest.raises(AbsentError, match="no use of labels `held-out`; did you mean `heldout`"):
        told.labels("held-out")


def test_a_label_whose_file_is_gone_is_one_line_with_the_mend(story, tmp_path):
    shutil.copytree(story, tmp_path / "campaign")
    told = alloop.read(tmp_path / "campaign")
    told.workspace.result_path("label", told.state.labelled_frames("train")[0].label).unlink()
    with pytest.raises(UnreadableError, match=r"is missing or damaged \(no such file\); `alloop run`"):
        told.labels()


# -- committee ---------------------------------------------------------------------------------------------------


def test_the_committee_is_an_ase_calculator_that_knows_what_it_does_not_know(campaign):
    committee, atoms = campaign.committee(), campaign.labels()[0]
    atoms.calc = committee.calculator()
    assert len(committee) == 2
    assert committee.rung == 8
    assert atoms.get_potential_energy() == pytest.approx(atoms.info["REF_energy"], abs=50)
    assert atoms.get_forces().shape == (4, 3)
    assert atoms.get_stress().shape == (6,)
    look = committee.look(atoms)
    assert look.energy_eV == pytest.approx(atoms.get_potential_energy())
    assert look.disagreement_eV_per_A.shape == (4,)
    assert atoms.calc.results["disagreement_eV_per_A"] == pytest.approx(look.disagreement_eV_per_A)


def test_expected_errors_are_those_of_the_calibration_and_unknown_without_one(campaign):
    atoms = campaign.labels()[0]
    trusted, committee = campaign.state.calibration(), campaign.committee()
    assert trusted is None
    assert committee.look(atoms).expected_error_eV_per_A is None
    newest = list(campaign.state.calibrations.values())[-1].calibration
    committee._calibration = newest
    look = committee.look(atoms)
    assert look.expected_error_eV_per_A == pytest.approx(
        newest.expected_error(atoms.get_chemical_symbols(), look.disagreement_eV_per_A)
    )
    (left, *_) = newest.maps
    committee._calibration = replace(newest, maps={name: one for name, one in newest.maps.items() if name != left})
    unknown = np.isnan(committee.look(atoms).expected_error_eV_per_A)
    assert unknown.tolist() == [symbol == left for symbol in atoms.symbols]
    committee._calibration = newest
    atoms.calc = committee.calculator()
    atoms.get_forces()
    assert atoms.calc.results["expected_error_eV_per_A"] == pytest.approx(look.expected_error_eV_per_A)


def test_the_committee_of_a_rung_is_that_rungs(campaign):
    assert (campaign.committee(4).rung, campaign.committee(4).labels) == (4, 4)
    with pytest.raises(AbsentError, match="no rung with a fitted committee `5`; there is 4, 8"):
        campaign.committee(5)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes() + b"x")])
@pytest.mark.parametrize("member", [0, 1])
def test_a_model_that_is_gone_or_changed_is_not_loaded(campaign, tmp_path, monkeypatch, harm, member):
    monkeypatch.setattr(model_files, "_hot", OrderedDict())  # no model is in memory
    harmed = alloop.read(shutil.copytree(campaign.root, tmp_path / "campaign"))
    harm(harmed.workspace.model_path(harmed.state.active().models[member]))
    with pytest.raises(UnreadableError, match="a model of generation 1 is missing or damaged"):
        harmed.committee()


def test_a_foundation_in_a_folder_is_not_opened(tmp_path):
    events, _ = script()
    created = next(event for _, event in events if isinstance(event, CampaignCreated))
    opened = next(event for _, event in events if event.kind == "generation_opened")
    with Journal(tmp_path, clock=lambda: START_T) as journal:
        journal.append([created.model_copy(update={"foundation": "a" * 64})])
        journal.append([opened.model_copy(update={"upto": 0, "missing": (), "foundation": True})])
    with pytest.raises(AbsentError, match="only the foundation is there, which is not opened here"):
        alloop.read(tmp_path).committee()


def test_a_campaign_without_a_fit_says_so(tmp_path):
    play(tmp_path, upto=20)
    early = alloop.read(tmp_path)
    with pytest.raises(AbsentError, match="no committee is fitted yet"):
        early.committee()
    with pytest.raises(AbsentError, match=r"no rung with measured transport `-1`; there is none yet"):
        early.transport()


# -- transport ---------------------------------------------------------------------------------------------------


def test_transport_is_by_system_and_of_the_largest_rung(campaign):
    found = campaign.transport()
    assert list(found) == ["CuAl"]
    assert found["CuAl"].size == 8
    assert [at.temperature_K for at in found["CuAl"].fits[0].summary.temperatures] == [300, 400]
    assert campaign.transport(4)["CuAl"].size == 4
    with pytest.raises(AbsentError, match="no rung with measured transport `6`; there is 4, 8"):
        campaign.transport(6)


def test_transport_makes_tables():
    rungs = [one for one in combine_rungs(LADDER) if (one.kind, one.size) == ("acquired", 100)]
    table = TransportOfSystems(rungs).to_pandas()
    assert list(table["fit"]) == ["0", "1", "2", "all"]
    assert table["activation_energy_eV"].iloc[-1] == pytest.approx(rungs[0].scalars["activation_energy_eV"].value)
    by_temperature = TransportOfSystems(rungs).to_pandas(temperatures=True)
    assert sorted(set(by_temperature["temperature_K"])) == [600, 700, 800]


def test_a_table_without_pandas_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without_pandas(name, *rest):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(ImportError, match=r"pip install 'alloop\[pandas\]'"):
        TransportOfSystems([]).to_pandas()


def test_a_trajectory_is_whole_with_its_cell_and_times(campaign):
    run = campaign.trajectory("CuAl", 300)
    assert run.temperature_K == 300
    assert run.length_ps == pytest.approx(0.2)
    assert run.times_ps[0] == 0
    assert run.times_ps[-1] == pytest.approx(0.2)
    assert run.mobile_A.shape == (len(run.times_ps), 8, 3)
    assert run.snapshots_A.shape == (len(run.snapshot_times_ps), 32, 3)
    assert run.snapshot_times_ps[-1] == pytest.approx(0.2)
    assert run.cell_A.shape == (3, 3)
    other = campaign.trajectory("CuAl", 400, rung=4, fit=1, replica=0)
    assert other.temperature_K == 400


@pytest.mark.parametrize(
    ("asked", "where", "says"),
    [
        (("CuA", 300), {}, "no system `CuA`; did you mean `CuAl`"),
        (("CuAl", 350), {}, "no temperature `350 K`; there is 300 K, 400 K"),
        (("CuAl", 300), {"replica": 9}, "no replica `9`"),
        (("CuAl", 300), {"fit": 7}, "no fit `7`; there is 0, 1"),
        (("CuAl", 300), {"rung": 50}, "no rung with production runs `50`; there is 4, 8"),
    ],
)
def test_a_run_that_is_not_there_is_one_line(campaign, asked, where, says):
    with pytest.raises(AbsentError, match=says) as caught:
        campaign.trajectory(*asked, **where)
    assert "\n" not in str(caught.value)


def test_a_trajectory_that_rotted_is_one_line(campaign, tmp_path):
    shutil.copytree(campaign.root, tmp_path / "campaign")
    for path in (tmp_path / "campaign" / "results" / "produce").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UnreadableError, match="the trajectory of CuAl at 300 K is missing or damaged"):
        alloop.read(tmp_path / "campaign").trajectory("CuAl", 300)


# -- configs -----------------------------------------------------------------------------------------------------


def test_a_config_that_can_run_has_a_cost_and_no_problem(home):
    found = alloop.check(str(home / "tiny.yaml"))
    assert found.problems == ()
    assert found.cost.labels > 0
    assert found.never_converges == ()
    assert found.ladder_decides.startswith("two rungs that do not differ agree at the largest rung in about ")
    assert alloop.load_config(str(home / "tiny.yaml")).config.name == "tiny"


def test_every_problem_of_a_config_is_a_line_with_its_place(tmp_path):
    config = write_config(tmp_path, seed=-1, ladder={"rungs": [4, 8], "fit": 2})
    found = alloop.check(config)
    assert found.cost is None
    assert [problem.split(": ")[1] for problem in found.problems] == ["ladder.fit", "seed"]
    for problem in found.problems:
        assert problem.startswith(f"{config}:")
        assert "\n" not in problem


# -- exports -----------------------------------------------------------------------------------------------------


def test_what_the_package_exports_is_there_and_nothing_else(tmp_path):
    assert {"check", "load_config", "read", "__version__"} == set(alloop.__all__)
    assert all(callable(getattr(alloop, name)) for name in alloop.__all__ if name != "__version__")
    with pytest.raises(AttributeError, match="no attribute 'raed'"):
        alloop.raed  # noqa: B018


def test_exports_cost_nothing_until_they_are_used():
    inside = "import sys, alloop; print({'numpy', 'ase', 'torch', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", inside], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_the_notebook_of_the_docs_runs(campaign, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    for source in code_of(ROOT / "docs" / "reading.ipynb"):
        mine = source.replace(*SETTINGS_OF_NOTEBOOK).replace("FOLDER)", f"{str(campaign.root)!r})")
        exec(compile(mine, "reading.ipynb", "exec"), names)
    assert "CuAl" in names["transport"]
    assert names["found"].problems == ()


def code_of(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
