import io
import json
import os
import shutil
import signal
import subprocess
from dataclasses import replace

import pytest
from rich.console import Console

from alloop.campaign.rehearsal import rehearsed
from alloop.campaign.reuse import checked
from alloop.checks.changed_config import science_digest
from alloop.commands import exit_codes, rehearsal_labels, rehearse
from alloop.commands.interruption import STOP_SIGNALS, Interrupted
from alloop.commands.label_timing import LabelTimingError
from alloop.commands.rehearse import run_rehearsal
from alloop.commands.run import run_campaign
from alloop.config import ConfigError
from alloop.config.loading import load_config
from alloop.journal.events import CampaignCreated
from alloop.journal.journal import Journal
from tests.support.campaigns import THREADS, attempts, command, do, folded, left_behind, write_config
from tests.support.waiting import wait_for

TEACHER = {
    "model": {"calculator": "ase.calculators.emt:EMT", "arguments": {"asap_cutoff": True}},
    "rounds": 2,
    "frames": 16,
    "steps": 20,
}


def called(config, **options):
    out = io.StringIO()
    code = run_rehearsal(config, None, Console(file=out, width=200), plain=True, **{"taught_by": "none", **options})
    return code, out.getvalue()


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_config(tmp_path, teacher=TEACHER)


@pytest.fixture
def runs(monkeypatch):
    """Stand in for the loop: what it is asked to run, and the codes that it answers."""
    asked, codes = [], []

    def run_loaded(loaded, root, console, *, plain):
        asked.append((loaded.config, root))
        return codes.pop(0) if codes else exit_codes.OK

    monkeypatch.setattr(rehearse, "run_loaded", run_loaded)
    monkeypatch.setattr(rehearse, "_conclude", lambda *arguments: None)
    return asked, codes


def test_without_a_teacher_the_mend_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"tiny.yaml.*teacher: `alloop rehearse` needs a teacher.*sevennet-l3i5"):
        called(write_config(tmp_path))
    assert not (tmp_path / "runs").exists()


def test_a_teacher_that_cannot_be_used_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    broken = {**TEACHER, "model": {"calculator": "ase.calculators.emt:NoSuch"}}
    with pytest.raises(ConfigError, match=r"tiny.yaml:\d+: teacher.model.calculator"):
        called(write_config(tmp_path, teacher=broken))


def test_who_teaches_the_rehearsal_must_be_usable_and_the_option_is_named(config):
    with pytest.raises(ConfigError, match=r"--taught-by: no teacher has the name `chgnot`.*--taught-by none") as told:
        called(config, taught_by="chgnot")
    assert "teacher: null" not in str(told.value)


def test_the_default_is_another_teacher_that_is_installed_or_a_cold_start(config, runs, monkeypatch, tmp_path):
    monkeypatch.setattr("alloop.labelling.teachers.sys.prefix", str(tmp_path))
    assert "begins cold" in called(config, taught_by=None)[1]
    monkeypatch.setattr(rehearse, "_refuse_unusable_teaching", lambda one: None)
    (tmp_path / "teachers" / "chgnet").mkdir(parents=True)
    assert "taught by chgnet" in called(config, taught_by=None)[1]


def test_every_seed_has_a_folder_and_an_interrupted_one_ends_the_command(config, runs, tmp_path):
    asked, codes = runs
    codes += [exit_codes.OK, exit_codes.INTERRUPTED]
    assert called(config, seeds=3)[0] == exit_codes.INTERRUPTED
    folders = [root.relative_to(tmp_path.resolve()) for _, root in asked]
    assert [str(folder) for folder in folders] == ["runs/tiny.rehearsal", "runs/tiny.rehearsal.2"]
    assert [one.seed for one, _ in asked] == [1, 2]


@pytest.mark.parametrize("knows", [True, False])
def test_a_rehearsal_that_began_before_there_was_a_key_goes_on(config, runs, monkeypatch, tmp_path, knows):
    monkeypatch.setattr(rehearse, "_refuse_unusable_teaching", lambda one: None)
    loaded = load_config(config)
    own = rehearsed(loaded.config, "chgnet")
    far_start = own.fit.far_start if knows else loaded.config.fit.far_start
    begun = replace(loaded, config=own.model_copy(update={"fit": own.fit.model_copy(update={"far_start": far_start})}))
    dumped = begun.config.model_dump(mode="json")
    if not knows:
        del dumped["fit"]["far_start"]
    with Journal(tmp_path / "runs/tiny.rehearsal") as journal:
        journal.append([created("tiny.rehearsal", dumped, science_digest(begun))])
    called(config, taught_by="chgnet")
    ((asked, _),) = runs[0]
    assert asked.fit.far_start == far_start


def created(name, config, digest):
    facts = {"systems": (), "elements": (), "code": {}, "versions": {}, "run_id": "x"}
    return CampaignCreated(name=name, config=config, science_sha256=digest, **facts)


def test_a_rehearsal_that_gave_up_does_not_hide_behind_a_good_one(config, runs):
    runs[1].extend([exit_codes.STOPPED, exit_codes.OK])
    assert called(config, seeds=2)[0] == exit_codes.STOPPED


def test_stopped_while_a_label_is_timed_it_says_so(config, runs, monkeypatch):
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    monkeypatch.setattr(rehearse, "_conclude", lambda *arguments: signal.raise_signal(signal.SIGINT))
    try:
        with pytest.raises(Interrupted, match=r"Stopped while a label was timed; .* --label-s"):
            called(config)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.slow
class TestRehearsed:
    @pytest.fixture(scope="class")
    def home(self, tmp_path_factory):
        return tmp_path_factory.mktemp("rehearsed")

    @pytest.fixture(scope="class")
    def config(self, home):
        return write_config(home, teacher=TEACHER, execution=THREADS)

    @pytest.fixture(scope="class")
    def done(self, config):
        """A rehearsal that was stopped by Ctrl-C once, and went on: code and output."""
        folder = config.parent / "runs" / "tiny.rehearsal"
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        driver = subprocess.Popen(**command("rehearse", config, "--taught-by", "same"), **pipes, start_new_session=True)
        assert wait_for(lambda: attempts(folder, "teach"), 120)
        os.killpg(driver.pid, signal.SIGINT)
        output, _ = driver.communicate(timeout=60)
        assert driver.returncode == 130, output
        assert left_behind(config.parent) == []
        return do("rehearse", config, "--taught-by", "same")

    def test_it_ends_with_a_forecast_in_words_and_in_files(self, done, home):
        code, output = done
        assert code == 0, output
        assert "Continuing with" in output
        for words in ("the least that the campaign can need", "bought", "rung 8", "segments broke", "DFT core-hours"):
            assert words in output
        told = json.loads((home / "runs/tiny.rehearsal/rehearsal.json").read_text())
        assert told["rehearsals"][0]["training"] == 8
        assert told["label_s"]["CuAl"] > 0
        again = load_config(home / "runs/tiny.rehearsal/tiny.rehearsed.yaml").config
        assert again.name == "tiny"
        assert again.label == load_config(home / "tiny.yaml").config.label

    def test_only_the_teacher_labelled_and_the_real_campaign_was_not_begun(self, done, home):
        state = folded(home / "runs/tiny.rehearsal")
        assert state.created.name == "tiny.rehearsal"
        assert state.config["label"]["arguments"] == {"asap_cutoff": True}
        assert not (home / "runs/tiny").exists()

    def test_done_again_nothing_is_computed_or_timed_twice(self, done, config, monkeypatch):
        def refuse(*arguments, **options):
            raise LabelTimingError("timed again")

        monkeypatch.chdir(config.parent)
        monkeypatch.setattr(rehearsal_labels, "time_label", refuse)
        before = folded(config.parent / "runs/tiny.rehearsal").seq
        code, output = called(config, taught_by="same")
        assert code == 0
        assert "timed again" not in output
        assert folded(config.parent / "runs/tiny.rehearsal").seq == before
        assert "timed again" in called_elsewhere(config, monkeypatch)

    def test_a_folder_of_another_config_is_refused(self, done, config, monkeypatch):
        monkeypatch.chdir(config.parent)
        what = r"tiny.rehearsal: holds `tiny.rehearsal`, which is no rehearsal of .*seed: 1 -> 2.*--folder"
        with pytest.raises(ConfigError, match=what):
            called(write_config(config.parent / "other", teacher=TEACHER, seed=2), taught_by="same")
        with pytest.raises(ConfigError, match=r"no rehearsal of .*teacher"):
            called(config, taught_by="none")

    def test_the_campaign_itself_is_not_continued_in_its_folder(self, done, config):
        folder = config.parent / "runs/tiny.rehearsal"
        with pytest.raises(ConfigError, match=r"this would change the science of campaign `tiny.rehearsal`: .*label"):
            run_campaign(config, folder, Console(file=io.StringIO()), plain=True)

    def test_no_label_of_it_is_ever_a_label_of_the_campaign(self, done, config, tmp_path):
        data = {"campaigns": [str(config.parent / "runs/tiny.rehearsal")]}
        (taken,) = checked(load_config(write_config(tmp_path, teacher=TEACHER, data=data)), tmp_path / "campaign")
        assert taken.same == ()
        assert (len(taken.teacher), taken.other) == (11, ())
        assert "asap_cutoff" in taken.why


def called_elsewhere(config, monkeypatch):
    """Return what is told of the same rehearsal where no forecast was written."""
    copy = config.parent / "copy"
    shutil.copytree(config.parent / "runs/tiny.rehearsal", copy)
    (copy / "rehearsal.json").unlink()
    out = io.StringIO()
    run_rehearsal(config, copy, Console(file=out, width=200), plain=True, taught_by="same")
    return out.getvalue()
